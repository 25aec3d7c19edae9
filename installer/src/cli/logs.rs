use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::ops::ControlFlow;
use std::str::FromStr;

use wt_keys::Utc;
use wt_keys::console::{Done, Output, escaped, now};

use crate::engine::{Engine, LogLine, LogRequest};
use crate::{Error, Installation, Places, services};

/// Where nothing is said about how much.
const TAIL: u64 = 200;
/// One after another; those that are hard to read on black or white are not among them.
const COLOURS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];

/// Show what services write, of one or several together, in the order of time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install logs web nginx -f\n  wt-install logs --since 10m --tail all > logs.txt"
)]
pub struct Logs {
    /// Left out: all of them
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
    /// Go on with what they write from now on
    #[arg(short, long)]
    follow: bool,
    /// Nothing from before that: `90s`, `10m`, `2h`, `3d`, or a time like `2026-11-24T08:00:00Z`
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// The last lines of each service, or `all` (left out: 200, and all with `--since`)
    #[arg(long, value_name = "N")]
    tail: Option<Tail>,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Ago { seconds: i64 },
    At(Utc),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    All,
    Lines(u64),
}

impl Logs {
    pub fn run(self, _: Output, places: &Places) -> Done {
        super::require_root()?;
        let installation = Installation::current(places, now)?;
        let names: Vec<String> = services::named(&installation, &self.services)?.into_iter().collect();
        let now = now();
        let tail = match (self.tail, self.since) {
            (Some(Tail::Lines(lines)), _) => Some(lines),
            (Some(Tail::All), _) | (None, Some(_)) => None,
            (None, None) => Some(TAIL),
        };
        let request = LogRequest {
            stack: installation.stack_name().to_owned(),
            since: self.since.map(|since| since.at(now)),
            tail,
            follow: self.follow,
            now,
            services: names,
        };
        let page = Page::new(&request.services, self.timestamps);
        let mut out = io::stdout().lock();
        let mut failed = None;
        Engine::connect()?.logs(&request, &mut |line| match page.write(line, &mut out) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        match failed {
            // whoever read has seen enough
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::io("write to", "stdout")(error).into())
            }
            _ => Ok(()),
        }
    }
}

/// How lines are shown.
struct Page {
    prefixes: Vec<String>,
    timestamps: bool,
    /// Then nothing in a line may steer it.
    terminal: bool,
}

impl Page {
    fn new(services: &[String], timestamps: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = services.iter().map(String::len).max().unwrap_or(0);
        let prefix = |(number, name): (usize, &String)| match COLOURS[number % COLOURS.len()] {
            colour if colours => format!("\u{1b}[{colour}m{name:width$} |\u{1b}[0m "),
            _ => format!("{name:width$} | "),
        };
        Self { prefixes: services.iter().enumerate().map(prefix).collect(), timestamps, terminal }
    }

    fn write(&self, line: &LogLine, out: &mut impl io::Write) -> io::Result<()> {
        let mut bytes = self.prefixes[line.service].clone().into_bytes();
        if self.timestamps {
            bytes.extend_from_slice(line.at.as_bytes());
            bytes.push(b' ');
        }
        if self.terminal {
            bytes.extend_from_slice(shown(&line.text).as_bytes());
        } else {
            bytes.extend_from_slice(&line.text);
        }
        bytes.push(b'\n');
        out.write_all(&bytes)?;
        out.flush()
    }
}

/// With everything made visible that could steer a terminal, but for tabs.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.split('\t').enumerate().fold(String::new(), |mut shown, (number, part)| {
        let tab = if number == 0 { "" } else { "\t" };
        let _ = write!(shown, "{tab}{}", escaped(part));
        shown
    })
}

impl Since {
    fn at(self, now: Utc) -> Utc {
        match self {
            Self::At(at) => at,
            Self::Ago { seconds } => Utc::from_unix(now.unix() - seconds).unwrap_or(Utc::START),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let units = [('s', 1), ('m', 60), ('h', 3600), ('d', 86400)];
        let found = units.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(*unit)?.parse::<u32>().ok()?;
            i64::from(number).checked_mul(*seconds)
        });
        let seconds = found
            .ok_or("expected a number with s, m, h or d behind it, or a time like 2026-11-24T08:00:00Z")?;
        Ok(Self::Ago { seconds })
    }
}

impl FromStr for Tail {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        text.parse().map(Self::Lines).map_err(|_| "expected a number of lines, or `all`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now: Utc = "2026-11-24T08:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Since>().unwrap().at(now).to_string();
        assert_eq!(at("90s"), "2026-11-24T07:58:30Z");
        assert_eq!(at("10m"), "2026-11-24T07:50:00Z");
        assert_eq!(at("2d"), "2026-11-22T08:00:00Z");
        assert_eq!(at("2026-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
        for wrong in ["10", "m", "-5m", "10 m", "yesterday", "99999999999m"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
        assert_eq!("all".parse(), Ok(Tail::All));
        assert_eq!("7".parse(), Ok(Tail::Lines(7)));
        assert!("-1".parse::<Tail>().is_err());
    }

    #[test]
    fn a_line_has_its_service_before_it_and_cannot_steer_a_terminal() {
        let line = LogLine { service: 1, at: "T".into(), text: b"a\tb\x1b[31m\xff".to_vec() };
        let mut page = Page::new(&["redis".into(), "web".into()], true);
        page.terminal = false;
        let mut out = Vec::new();
        page.write(&line, &mut out).unwrap();
        assert_eq!(out, b"web   | T a\tb\x1b[31m\xff\n");
        assert_eq!(shown(&line.text), "a\tb\\u{1b}[31m\u{fffd}");
    }
}
