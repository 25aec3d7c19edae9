//! What services write, of several together. First what is there, each line in its place in time; then, where it is to be
//! followed, what comes, as it comes. Containers that are replaced, services that come back and an engine that is started
//! anew are followed on.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::{ListServicesOptions, LogsOptions};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use wt_keys::{Utc, time};

use super::{Engine, of_stack};
use crate::{Error, Result};

/// Lines that are on their way.
const QUEUE: usize = 256;
/// How often it is looked whether a silent service is still the same.
const LOOK: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);
/// A stream may go on for as long as it likes.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);
/// Lines of so many seconds are remembered, so that none is shown twice where a stream is taken up again.
const OVERLAP: i64 = 3;

/// Of which services, and how much.
#[derive(Clone, Debug)]
pub struct LogRequest {
    pub stack: String,
    /// By their names in the stack.
    pub services: Vec<String>,
    pub since: Option<Utc>,
    /// The last lines of each; `None`: all.
    pub tail: Option<u64>,
    pub follow: bool,
    pub now: Utc,
}

/// A line that a service wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its place in [`LogRequest::services`].
    pub service: usize,
    /// As the engine spells it: `2026-11-23T08:00:00.123456789Z`.
    pub at: String,
    /// Without its end.
    pub text: Vec<u8>,
}

impl Engine {
    /// Hands over line after line, until there are no more or `sink` has enough.
    pub fn logs(
        &self,
        request: &LogRequest,
        sink: &mut dyn FnMut(&LogLine) -> ControlFlow<()>,
    ) -> Result<()> {
        let docker = self.docker.clone().with_timeout(FOR_EVER);
        self.runtime.block_on(async {
            let mut seen: Vec<Seen> = request.services.iter().map(|_| Seen::new(request.now)).collect();
            if told(&docker, request, &mut seen, sink).await?.is_break() || !request.follow {
                return Ok(());
            }
            followed(&docker, request, seen, sink).await;
            Ok(())
        })
    }
}

/// What is there, merged by time. (The engine itself puts the replicas of one service together, each in order.)
async fn told(
    docker: &Docker,
    request: &LogRequest,
    seen: &mut [Seen],
    sink: &mut dyn FnMut(&LogLine) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut streams = Vec::new();
    for (number, name) in request.services.iter().enumerate() {
        let found =
            service_id(docker, &request.stack, name).await.map_err(Error::engine("list its services"))?;
        let Some(id) = found else { continue };
        let options = LogsOptions {
            since: request.since.map_or(0, seconds),
            tail: request.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..options()
        };
        streams.push(lines(docker, &id, options, number));
    }
    merged(streams, &mut |line| {
        seen[line.service].is_new(line);
        sink(line)
    })
    .await
}

/// The next line of all is always the earliest of the next lines of each.
async fn merged(
    mut streams: Vec<BoxStream<'_, Result<LogLine, DockerError>>>,
    sink: &mut dyn FnMut(&LogLine) -> ControlFlow<()>,
) -> Result<ControlFlow<()>> {
    let mut heads = Vec::new();
    for stream in &mut streams {
        heads.push(next(stream).await?);
    }
    loop {
        let earliest = heads.iter().enumerate().filter_map(|(at, head)| Some((&head.as_ref()?.at, at))).min();
        let Some((_, at)) = earliest else { return Ok(ControlFlow::Continue(())) };
        let following = next(&mut streams[at]).await?;
        let Some(line) = std::mem::replace(&mut heads[at], following) else { continue };
        if sink(&line).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
}

async fn next(stream: &mut BoxStream<'_, Result<LogLine, DockerError>>) -> Result<Option<LogLine>> {
    stream.next().await.transpose().map_err(Error::engine("hand out its logs"))
}

/// What comes.
async fn followed(
    docker: &Docker,
    request: &LogRequest,
    seen: Vec<Seen>,
    sink: &mut dyn FnMut(&LogLine) -> ControlFlow<()>,
) {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    for (number, (name, seen)) in request.services.iter().zip(seen).enumerate() {
        let follower = Follower {
            docker: docker.clone(),
            stack: request.stack.clone(),
            name: name.clone(),
            number,
            seen,
            sender: sender.clone(),
        };
        tokio::spawn(follower.run());
    }
    drop(sender);
    while let Some(line) = receiver.recv().await {
        if sink(&line).is_break() {
            return; // those who send notice that nobody listens
        }
    }
}

/// Of one service.
struct Follower {
    docker: Docker,
    stack: String,
    name: String,
    number: usize,
    seen: Seen,
    sender: mpsc::Sender<LogLine>,
}

impl Follower {
    async fn run(mut self) {
        while !self.sender.is_closed() {
            // an engine that does not answer may be back soon
            if let Ok(Some(id)) = service_id(&self.docker, &self.stack, &self.name).await {
                let _ = self.follow(&id).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Until the stream ends, the service is another one, or nobody listens.
    async fn follow(&mut self, id: &str) -> Option<()> {
        let options = LogsOptions { follow: true, since: self.seen.since(), ..options() };
        let mut stream = lines(&self.docker, id, options, self.number);
        loop {
            match tokio::time::timeout(LOOK, stream.next()).await {
                Ok(line) => {
                    let line = line?.ok()?;
                    if self.seen.is_new(&line) {
                        self.sender.send(line).await.ok()?;
                    }
                }
                Err(_) if self.sender.is_closed() => return None,
                Err(_) => {
                    let now = service_id(&self.docker, &self.stack, &self.name).await.ok()?;
                    now.filter(|now| now == id)?;
                }
            }
        }
    }
}

async fn service_id(docker: &Docker, stack: &str, name: &str) -> Result<Option<String>, DockerError> {
    let mut filters = of_stack(stack);
    filters.insert("name".to_owned(), vec![format!("{stack}_{name}")]);
    let list = ListServicesOptions { filters: Some(filters), status: None };
    let full = format!("{stack}_{name}"); // the filter takes what begins like it as well
    let found = docker.list_services(Some(list)).await?.into_iter().find(|service| {
        service.spec.as_ref().and_then(|spec| spec.name.as_ref()).is_some_and(|name| *name == full)
    });
    Ok(found.and_then(|service| service.id))
}

fn options() -> LogsOptions {
    LogsOptions { stdout: true, stderr: true, timestamps: true, ..LogsOptions::default() }
}

fn seconds(at: Utc) -> i32 {
    i32::try_from(at.unix()).unwrap_or(i32::MAX)
}

fn lines(
    docker: &Docker,
    id: &str,
    options: LogsOptions,
    number: usize,
) -> BoxStream<'static, Result<LogLine, DockerError>> {
    let docker = docker.clone();
    let id = id.to_owned();
    // the library's stream borrows what it was made from
    let stream = async move { docker.service_logs(&id, Some(options)).boxed() };
    let lines = futures_util::stream::once(stream).flatten();
    lines.map(move |piece| piece.map(|piece| line(number, piece))).boxed()
}

fn line(service: usize, piece: LogOutput) -> LogLine {
    let bytes = piece.into_bytes();
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let space = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (at, text) = bytes.split_at(space);
    LogLine {
        service,
        at: String::from_utf8_lossy(at).into_owned(),
        text: text.strip_prefix(b" ").unwrap_or(text).to_vec(),
    }
}

/// The last lines of a service, so that a stream that is taken up again a little earlier shows none twice.
struct Seen {
    /// Nothing from before this second is missing.
    latest: i64,
    order: VecDeque<(i64, (String, Vec<u8>))>,
    lines: HashSet<(String, Vec<u8>)>,
}

impl Seen {
    fn new(now: Utc) -> Self {
        Self { latest: now.unix(), order: VecDeque::new(), lines: HashSet::new() }
    }

    fn since(&self) -> i32 {
        i32::try_from(self.latest - OVERLAP).unwrap_or(i32::MAX)
    }

    fn is_new(&mut self, line: &LogLine) -> bool {
        let second = time::millis(&line.at).map_or(self.latest, |at| at.div_euclid(1000));
        self.latest = self.latest.max(second);
        while self.order.front().is_some_and(|(second, _)| *second < self.latest - 2 * OVERLAP) {
            if let Some((_, old)) = self.order.pop_front() {
                self.lines.remove(&old);
            }
        }
        if second < self.latest - 2 * OVERLAP {
            return true; // a container that is late; it will not be told again
        }
        let key = (line.at.clone(), line.text.clone());
        let new = self.lines.insert(key.clone());
        if new {
            self.order.push_back((second, key));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(at: &str, text: &str) -> LogLine {
        LogLine { service: 0, at: at.to_owned(), text: text.as_bytes().to_vec() }
    }

    #[test]
    fn a_line_has_its_time_before_it() {
        let piece = |message: &'static str| LogOutput::StdOut { message: message.into() };
        assert_eq!(
            line(0, piece("2026-11-24T08:00:00.123456789Z a b\n")),
            logged("2026-11-24T08:00:00.123456789Z", "a b")
        );
        assert_eq!(line(0, piece("2026-11-24T08:00:00Z \n")), logged("2026-11-24T08:00:00Z", ""));
        assert_eq!(line(0, piece("odd")), logged("odd", ""));
    }

    #[test]
    fn lines_of_several_services_come_in_the_order_of_time() {
        let of = |service: usize, seconds: &[u32]| {
            let line =
                |second: &u32| LogLine { service, ..logged(&format!("2026-11-24T08:00:{second:02}Z"), "x") };
            let lines: Vec<_> = seconds.iter().map(line).map(Ok).collect();
            futures_util::stream::iter(lines).boxed()
        };
        let streams = || vec![of(0, &[1, 4, 9]), of(1, &[]), of(2, &[2, 3, 10]), of(3, &[5])];
        let shown = |most: usize| {
            let mut shown = Vec::new();
            let mut sink = |line: &LogLine| {
                shown.push((line.at[17..19].parse::<u32>().unwrap(), line.service));
                if shown.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let ended = runtime.block_on(merged(streams(), &mut sink)).unwrap();
            (shown, ended.is_break())
        };
        let all = [(1, 0), (2, 2), (3, 2), (4, 0), (5, 3), (9, 0), (10, 2)];
        assert_eq!(shown(usize::MAX), (all.to_vec(), false));
        assert_eq!(shown(3), (all[..3].to_vec(), true));
    }

    #[test]
    fn a_stream_that_is_taken_up_again_shows_no_line_twice_and_leaves_none_out() {
        let mut seen = Seen::new("2026-11-24T08:00:00Z".parse().unwrap());
        assert!(seen.is_new(&logged("2026-11-24T08:00:10.1Z", "a")));
        assert!(seen.is_new(&logged("2026-11-24T08:00:10.3Z", "c")));
        assert_eq!(i64::from(seen.since()), "2026-11-24T08:00:07Z".parse::<Utc>().unwrap().unix());
        assert!(!seen.is_new(&logged("2026-11-24T08:00:10.1Z", "a")));
        assert!(seen.is_new(&logged("2026-11-24T08:00:10.2Z", "b")), "of another container");
        assert!(!seen.is_new(&logged("2026-11-24T08:00:10.3Z", "c")));
        assert!(seen.is_new(&logged("2026-11-24T08:00:10.3Z", "d")));
        for second in 11..60 {
            assert!(seen.is_new(&logged(&format!("2026-11-24T08:00:{second}.5Z"), "x")));
        }
        assert!(seen.lines.len() < 10 && seen.order.len() == seen.lines.len());
    }
}
