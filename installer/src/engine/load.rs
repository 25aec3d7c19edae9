//! Feeding images to the engine: what is authenticated goes straight on to it, nothing is staged by us.
//!
//! Attacks: an engine that answers "OK" before it is done, hides a failure in a line of text, closes early, or hangs. So
//! the answer is read to its end, silence has a limit, and success is claimed by [`Engine::compare_images`] alone.

use std::cell::Cell;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::BuildInfo;
use bollard::query_parameters::ImportImageOptions;
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use wt_keys::console::Phase;
use wt_manifests::bundle::Bundle;

use super::layers::ImagePlan;
use super::{Engine, archive, daemon};
use crate::{Error, Result};

const PIECE: usize = 256 << 10;
/// Pieces on their way: 4 MiB.
const QUEUE: usize = 16;
/// How long an engine may neither take a byte nor say a word. A large layer on a slow disk is unpacked in silence.
const SILENCE: Duration = Duration::from_mins(15);
/// How long it may do so and have nothing to do. After a load that was broken off, the containerd store can wait for a lock
/// that nobody holds any more (moby#51623).
const IDLENESS: Duration = Duration::from_mins(2);
/// It is looked at so often.
const LOOK: Duration = Duration::from_secs(5);
/// What an engine uses while it waits, in ticks of a hundredth of a second: a twentieth of one processor.
const IDLE_TICKS_A_SECOND: u64 = 5;
/// bollard's one limit covers a whole upload; [`SILENCE`] is ours.
const UPLOAD: Duration = Duration::from_hours(48);

type Piece = io::Result<Bytes>;

impl Engine {
    /// Sends the engine what the plan says it lacks. Whether it then holds that is for [`Engine::compare_images`].
    pub fn load_images(&self, bundle: &Bundle, plan: &ImagePlan, phase: &Phase) -> Result<()> {
        if plan.is_empty() {
            return Ok(());
        }
        // A runtime of its own: dropping it closes the connection, and with that frees a writer that waits for room.
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(Error::io("start", "tokio"))?;
        let docker = self.docker.clone().with_timeout(UPLOAD);
        let (sender, receiver) = channel(QUEUE);
        let taken = Arc::new(AtomicU64::new(0));
        let body = counted(receiver, Arc::clone(&taken));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| feed(bundle, plan, phase, sender));
            let answered = runtime.block_on(converse(&docker, body, &taken, phase));
            drop(runtime);
            match (writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), answered) {
                (Ok(()), answered) | (Err(Error::EngineClosed), answered @ Err(_)) => answered,
                (Err(own), _) => Err(own),
            }
        })
    }
}

/// Writes the archive into the channel; a failure is passed on, so that the engine never takes a part for the whole.
fn feed(bundle: &Bundle, plan: &ImagePlan, phase: &Phase, sender: Sender<Piece>) -> Result<()> {
    let mut out = Feed { sender, buffer: Vec::with_capacity(PIECE), complete: false };
    let sent = Cell::new(0); // of the file that is being written
    archive::write(bundle, plan, &mut out, |entry, bytes| {
        phase.advance(bytes);
        let is_whole = sent.get() + bytes == entry.size;
        sent.set(if is_whole { 0 } else { sent.get() + bytes });
        if let Some(layer) = plan.layer_in_words(&entry.sha256) {
            phase.detail(layer.as_str());
            if is_whole {
                phase.part(&layer, entry.size);
            }
        }
    })?;
    out.flush().map_err(|_| Error::EngineClosed)?;
    out.complete = true;
    Ok(())
}

/// The sending end of the channel, in pieces worth sending.
struct Feed {
    sender: Sender<Piece>,
    buffer: Vec<u8>,
    complete: bool,
}

impl Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        self.sender.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if !self.complete {
            let _ = self.sender.blocking_send(Err(io::Error::other("the archive was not finished")));
        }
    }
}

/// The receiving end as a request's body; counts what the engine has taken.
fn counted(receiver: Receiver<Piece>, taken: Arc<AtomicU64>) -> impl Stream<Item = Piece> + Send + 'static {
    stream::unfold((receiver, taken), |(mut receiver, taken)| async {
        let piece = receiver.recv().await?;
        taken.fetch_add(piece.as_ref().map_or(0, |bytes| bytes.len() as u64), Ordering::Relaxed);
        Some((piece, (receiver, taken)))
    })
}

/// Reads the answer to its end.
async fn converse(
    docker: &Docker,
    body: impl Stream<Item = Piece> + Send + 'static,
    taken: &AtomicU64,
    phase: &Phase,
) -> Result<()> {
    let mut answer = pin!(docker.import_image_stream(ImportImageOptions::default(), body, None));
    let mut watch = Watch::new(taken.load(Ordering::Relaxed));
    loop {
        match tokio::time::timeout(LOOK, answer.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => {
                watch.heard();
                let line = line.map_err(Error::engine("load the images"))?;
                if let Some(said) = complaint(&line) {
                    return Err(Error::LoadRefused { said });
                }
                if let Some(status) = unpacking(&line) {
                    phase.detail(status);
                }
            }
            Err(_) => watch.look(taken.load(Ordering::Relaxed), daemon::ticks())?,
        }
    }
}

/// Whether an engine is still at work.
struct Watch {
    taken: u64,
    /// Since when it has neither taken a byte nor said a word, and what it had worked till then.
    silent: Instant,
    ticks: Option<u64>,
}

impl Watch {
    fn new(taken: u64) -> Self {
        Self { taken, silent: Instant::now(), ticks: None }
    }

    fn heard(&mut self) {
        *self = Self::new(self.taken);
    }

    fn look(&mut self, taken: u64, ticks: u64) -> Result<()> {
        if taken != self.taken {
            *self = Self { taken, ..Self::new(taken) };
        }
        let since = *self.ticks.get_or_insert(ticks);
        let silent = self.silent.elapsed();
        let idle = ticks.saturating_sub(since) <= IDLE_TICKS_A_SECOND * silent.as_secs();
        if silent > SILENCE || (idle && silent > IDLENESS) {
            return Err(Error::EngineSilent { minutes: silent.as_secs() / 60 });
        }
        Ok(())
    }
}

/// A failure that the engine reports within a 200 answer. On the containerd store it is only a line of text (moby#48293).
fn complaint(line: &BuildInfo) -> Option<String> {
    if let Some(detail) = &line.error_detail {
        return Some(detail.message.clone().unwrap_or_else(|| "an error without a message".to_owned()));
    }
    let said = [&line.stream, &line.status].into_iter().flatten();
    said.map(|text| text.trim())
        .find(|text| text.to_ascii_lowercase().starts_with("error"))
        .map(str::to_owned)
}

/// What the engine does with what it got, in percent of a layer.
fn unpacking(line: &BuildInfo) -> Option<String> {
    let detail = line.progress_detail.as_ref()?;
    let (current, total) = (detail.current?, detail.total.filter(|total| *total > 0)?);
    Some(format!("unpacking {} {}%", line.id.as_deref().unwrap_or_default(), 100 * current / total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(json: &str) -> BuildInfo {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn failures_are_found_in_every_form_that_engines_use() {
        for (json, found) in [
            (
                r#"{"errorDetail":{"message":"invalid tar header"},"error":"invalid tar header"}"#,
                "invalid tar header",
            ),
            (
                r#"{"stream":"Error unpacking image acme/web:1: no space left\n"}"#,
                "Error unpacking image acme/web:1: no space left",
            ),
            (r#"{"status":"error: x"}"#, "error: x"),
            (r#"{"errorDetail":{}}"#, "an error without a message"),
        ] {
            assert_eq!(complaint(&line(json)).as_deref(), Some(found));
        }
    }

    #[test]
    fn ordinary_answers_are_no_failures() {
        for json in [
            r#"{"stream":"Loaded image: acme/error:1\n"}"#,
            r#"{"stream":"The image acme/web:1 already exists, renaming the old one with ID sha256:00 to empty string\n"}"#,
            r#"{"status":"Loading layer","progressDetail":{"current":32768,"total":65536},"progress":"[==> ]","id":"1b3ee35aacca"}"#,
            "{}",
        ] {
            assert_eq!(complaint(&line(json)), None, "{json}");
        }
        let loading = r#"{"status":"Loading layer","progressDetail":{"current":1,"total":4},"id":"1b3e"}"#;
        assert_eq!(unpacking(&line(loading)).as_deref(), Some("unpacking 1b3e 25%"));
    }

    #[test]
    fn an_engine_that_works_may_be_silent_longer_than_one_that_does_nothing() {
        let ago = |silence: Duration| Watch {
            taken: 7,
            silent: Instant::now().checked_sub(silence).unwrap(),
            ticks: Some(1000),
        };
        let second = Duration::from_secs(1);
        assert!(ago(second).look(7, 1000).is_ok());
        assert!(matches!(ago(IDLENESS + second).look(7, 1100), Err(Error::EngineSilent { minutes: 2 })));
        assert!(ago(IDLENESS + second).look(7, 9000).is_ok(), "it works");
        assert!(ago(SILENCE + second).look(7, 99_000).is_err());
        assert!(ago(SILENCE + second).look(8, 1000).is_ok(), "it took a byte");
    }

    #[test]
    fn a_feed_that_breaks_off_says_so_to_the_engine() {
        let (sender, mut receiver) = channel(QUEUE);
        let mut feed = Feed { sender, buffer: Vec::new(), complete: false };
        feed.write_all(&vec![7; PIECE + 1]).unwrap();
        drop(feed);
        assert_eq!(receiver.blocking_recv().unwrap().unwrap().len(), PIECE);
        assert!(receiver.blocking_recv().unwrap().is_err());
        assert!(receiver.blocking_recv().is_none());
    }

    #[test]
    fn a_feed_nobody_reads_fails() {
        let (sender, receiver) = channel(QUEUE);
        drop(receiver);
        let mut feed = Feed { sender, buffer: Vec::new(), complete: false };
        assert!(feed.write_all(&vec![7; 2 * PIECE]).is_err());
    }
}
