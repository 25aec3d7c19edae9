use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::Size;

/// How work that takes longer than a second is shown.
#[derive(Clone, Debug)]
pub struct Progress(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Bars(MultiProgress),
    Lines,
    Silent,
}

/// One piece of work; dropping it ends it.
#[derive(Debug)]
pub struct Phase {
    kind: PhaseKind,
    label: String,
    started: Instant,
    done: AtomicU64,
}

#[derive(Debug)]
enum PhaseKind {
    Bar(ProgressBar),
    Line,
    Silent,
}

impl Progress {
    pub fn bars() -> Self {
        Self(Kind::Bars(MultiProgress::new()))
    }

    pub fn lines() -> Self {
        Self(Kind::Lines)
    }

    pub fn silent() -> Self {
        Self(Kind::Silent)
    }

    /// Begins a piece of work of `total` bytes, or of unknown length.
    pub fn phase(&self, label: impl Into<String>, total: Option<u64>) -> Phase {
        let label = label.into();
        let kind = match &self.0 {
            Kind::Bars(bars) => PhaseKind::Bar(bars.add(bar(&label, total))),
            Kind::Lines => {
                let size = total.map_or_else(String::new, |total| format!(" ({})", Size(total)));
                let _ = writeln!(std::io::stderr(), "{label}{size}…");
                PhaseKind::Line
            }
            Kind::Silent => PhaseKind::Silent,
        };
        Phase { kind, label, started: Instant::now(), done: AtomicU64::new(0) }
    }
}

impl Phase {
    pub fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        if let PhaseKind::Bar(bar) = &self.kind {
            bar.inc(bytes);
        }
    }

    /// What is being worked on right now.
    pub fn detail(&self, text: impl Into<String>) {
        if let PhaseKind::Bar(bar) = &self.kind {
            bar.set_message(super::escaped(&text.into()));
        }
    }

    /// A part of it is done: a line of its own where there are no bars, which show it by themselves.
    pub fn part(&self, label: &str, bytes: u64) {
        if matches!(self.kind, PhaseKind::Line) {
            let _ = writeln!(std::io::stderr(), "  {}, {}", super::escaped(label), Size(bytes));
        }
    }

    /// Something that happened on the way and is worth a line of its own.
    pub fn note(&self, text: &str) {
        let text = super::escaped(text);
        match &self.kind {
            PhaseKind::Bar(bar) => bar.println(format!("  {text}")),
            PhaseKind::Line => {
                let _ = writeln!(std::io::stderr(), "  {text}");
            }
            PhaseKind::Silent => {}
        }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        match &self.kind {
            PhaseKind::Bar(bar) => bar.finish_and_clear(),
            PhaseKind::Line if self.started.elapsed() > Duration::from_secs(1) => {
                let seconds = self.started.elapsed().as_secs_f32();
                let done = match self.done.load(Ordering::Relaxed) {
                    0 => String::new(),
                    bytes => format!(", {}", Size(bytes)),
                };
                let _ = writeln!(std::io::stderr(), "{}: {seconds:.1} s{done}", self.label);
            }
            PhaseKind::Line | PhaseKind::Silent => {}
        }
    }
}

fn bar(label: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{prefix:<28} {bar:24} {binary_bytes:>11}/{binary_total_bytes:<11} {binary_bytes_per_sec:>13} {eta:>4} {wide_msg}",
        ),
        None => {
            (ProgressBar::new_spinner(), "{prefix:<28} {spinner} {binary_bytes:>11} {elapsed:>5} {wide_msg}")
        }
    };
    bar.enable_steady_tick(Duration::from_millis(120));
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_prefix(label.to_owned())
}
