//! HTTP/1.1, as little as a service behind a proxy needs: one request a connection, a thread for each.
//!
//! Told to end (TERM), it goes on answering for a while, since those who know its address know it a little longer; then it
//! takes no more, ends what it has begun, and is gone.
//!
//! Refuses: heads over 16 KiB, bodies over 64 KiB, bodies without a length, clients that take longer than ten seconds,
//! and more than 128 connections at once.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const LARGEST_HEAD: usize = 16 << 10;
const LARGEST_BODY: usize = 64 << 10;
const LARGEST_ANSWER: u64 = 1 << 20;
const MOST_CONNECTIONS: usize = 128;
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// Without the query.
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub struct Response {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Response {
    pub fn html(body: String) -> Self {
        Self { status: 200, content_type: "text/html; charset=utf-8", body: body.into_bytes() }
    }

    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { status, content_type: "application/json", body },
            Err(error) => {
                Self { status: 500, content_type: "text/plain", body: error.to_string().into_bytes() }
            }
        }
    }

    pub fn text(body: String) -> Self {
        Self { status: 200, content_type: "text/plain; charset=utf-8", body: body.into_bytes() }
    }

    /// What another service answered.
    pub fn passed_on(status: u16, body: Vec<u8>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }

    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": message }))
    }
}

/// Serves until it is told to end, and `linger` longer.
pub fn serve<H>(address: &str, linger: Duration, handler: H) -> crate::Outcome
where
    H: Fn(&Request) -> Response + Send + Sync + 'static,
{
    let mut signals = Signals::new([SIGTERM, SIGINT])?; // PID 1 hears only what it asks for
    let listener =
        TcpListener::bind(address).map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let (open, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let port = listener.local_addr()?.port();
    let accepting = {
        let (open, closing) = (Arc::clone(&open), Arc::clone(&closing));
        thread::spawn(move || accept(&listener, &Arc::new(handler), &open, &closing))
    };
    let _ = signals.forever().next();
    println!("told to end");
    thread::sleep(linger);
    closing.store(true, Ordering::SeqCst);
    let _ = TcpStream::connect(("127.0.0.1", port)); // wakes it up
    let _ = accepting.join();
    let ended = Instant::now();
    while open.load(Ordering::SeqCst) > 0 && ended.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn accept<H>(listener: &TcpListener, handler: &Arc<H>, open: &Arc<AtomicUsize>, closing: &AtomicBool)
where
    H: Fn(&Request) -> Response + Send + Sync + 'static,
{
    loop {
        match listener.accept() {
            Ok((stream, _)) => start(stream, handler, open),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(100)); // out of file descriptors, say: let some close
            }
        }
        if closing.load(Ordering::SeqCst) && listener.set_nonblocking(true).is_err() {
            return; // else those that are waiting still get their turn
        }
    }
}

fn start<H>(stream: TcpStream, handler: &Arc<H>, open: &Arc<AtomicUsize>)
where
    H: Fn(&Request) -> Response + Send + Sync + 'static,
{
    let place = Place::take(open);
    let handler = Arc::clone(handler);
    let spawned = thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let answered = if place.is_some() {
            converse(stream, handler.as_ref())
        } else {
            write(stream, &Response::error(503, "too many connections"))
        };
        if let Err(error) = answered {
            eprintln!("connection: {error}");
        }
    });
    if let Err(error) = spawned {
        eprintln!("thread: {error}");
    }
}

/// One of the connections that may be open; given back when dropped, after a panic too.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(open));
        (open.fetch_add(1, Ordering::SeqCst) < MOST_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn converse(mut stream: TcpStream, handler: &impl Fn(&Request) -> Response) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let response = match read_request(&mut stream) {
        Ok(request) => handler(&request),
        Err(Refusal::Http(status, message)) => Response::error(status, message),
        Err(Refusal::Gone) => return Ok(()),
    };
    write(stream, &response)
}

/// Why there is no request: something to answer, or nobody to answer to.
#[derive(Debug)]
enum Refusal {
    Http(u16, &'static str),
    Gone,
}

fn read_request(stream: &mut TcpStream) -> Result<Request, Refusal> {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > LARGEST_HEAD {
            return Err(Refusal::Http(431, "the head is over 16 KiB"));
        }
        read_some(stream, &mut bytes, deadline)?;
    };
    let mut request = parse_head(&bytes[..end])?;
    let length = body_length(&request)?;
    request.body = bytes.split_off(end + 4);
    while request.body.len() < length {
        read_some(stream, &mut request.body, deadline)?;
    }
    request.body.truncate(length);
    Ok(request)
}

fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>, deadline: Instant) -> Result<(), Refusal> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Refusal::Http(408, "too slow"));
    }
    let mut buffer = [0; 4096];
    let read = stream.set_read_timeout(Some(left)).and_then(|()| stream.read(&mut buffer));
    match read {
        Ok(0) => Err(Refusal::Gone),
        Ok(count) => {
            bytes.extend_from_slice(&buffer[..count]);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Err(Refusal::Http(408, "too slow"))
        }
        Err(_) => Err(Refusal::Gone),
    }
}

fn parse_head(bytes: &[u8]) -> Result<Request, Refusal> {
    const BAD: Refusal = Refusal::Http(400, "not an HTTP/1 request");
    let text = std::str::from_utf8(bytes).map_err(|_| BAD)?;
    let mut lines = text.split("\r\n");
    let start: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = start[..] else { return Err(BAD) };
    let path = target.split('?').next().unwrap_or_default();
    if !path.starts_with('/') {
        return Err(BAD);
    }
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<Vec<_>>>().ok_or(BAD)?;
    Ok(Request { method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() })
}

fn body_length(request: &Request) -> Result<usize, Refusal> {
    if request.header("transfer-encoding").is_some() {
        return Err(Refusal::Http(411, "a body needs a content-length"));
    }
    let length = match request.header("content-length") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Refusal::Http(400, "the content-length is not a number"))?,
    };
    if length > LARGEST_BODY {
        return Err(Refusal::Http(413, "the body is over 64 KiB"));
    }
    Ok(length)
}

fn write(mut stream: TcpStream, response: &Response) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: {}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\ncontent-security-policy: default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'\r\n\
         connection: close\r\n\r\n",
        response.status,
        reason(response.status),
        response.content_type,
        response.body.len(),
    );
    stream.write_all(&[head.as_bytes(), &response.body].concat())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Error",
    }
}

/// The client's side, for the health check: the status that `path` is answered with.
pub fn status_of(address: &str, path: &str) -> Result<u16, String> {
    ask(address, "GET", path, b"").map(|(status, _)| status)
}

/// The client's side: the status and the body of an answer.
pub fn ask(address: &str, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
    let ask = || -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let mut answer = Vec::new();
        stream.take(LARGEST_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("`{address}` does not answer: {error}"))?;
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").map(|at| answer[at + 4..].to_vec());
    let status = std::str::from_utf8(answer.get(..12).unwrap_or_default()).ok();
    let status = status.and_then(|start| start.strip_prefix("HTTP/1.1 ")?.parse().ok());
    status.zip(body).ok_or_else(|| format!("`{address}` does not answer in HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> u16 {
        match parse_head(head.as_bytes()).and_then(|request| body_length(&request)) {
            Err(Refusal::Http(status, _)) => status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_taken_apart() {
        let request = parse_head(b"POST /api/login?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 12").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/api/login"));
        assert_eq!(request.header("host"), Some("a"));
        assert_eq!(body_length(&request).unwrap(), 12);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(refused("GET / HTTP/2"), 400);
        assert_eq!(refused("GET http://a/ HTTP/1.1"), 400);
        assert_eq!(refused("GET  / HTTP/1.1"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\nno colon"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\ncontent-length: -1"), 400);
        assert_eq!(refused("GET / HTTP/1.1\r\ncontent-length: 65537"), 413);
        assert_eq!(refused("GET / HTTP/1.1\r\ntransfer-encoding: chunked"), 411);
    }

    #[test]
    fn told_to_end_it_answers_those_who_came_and_then_nobody() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let serving = {
            let address = address.clone();
            let slow = |request: &Request| {
                thread::sleep(Duration::from_millis(if request.path == "/slow" { 800 } else { 0 }));
                Response::text("answered".to_owned())
            };
            thread::spawn(move || serve(&address, Duration::from_millis(300), slow).is_ok())
        };
        while status_of(&address, "/").is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        let under_way = {
            let address = address.clone();
            thread::spawn(move || status_of(&address, "/slow"))
        };
        thread::sleep(Duration::from_millis(100));
        signal_hook::low_level::raise(SIGTERM).unwrap();
        thread::sleep(Duration::from_millis(100));
        assert_eq!(status_of(&address, "/"), Ok(200), "it lingers");
        assert_eq!(under_way.join().unwrap(), Ok(200));
        assert!(serving.join().unwrap());
        assert!(status_of(&address, "/").is_err(), "it is gone");
    }
}
