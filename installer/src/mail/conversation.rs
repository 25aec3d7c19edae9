//! What is said to a mail server, and what is heard: as much of SMTP (RFC 5321, 3207, 4954) as a log-in and a letter need.
//!
//! Attacks: a line or an answer without an end; answers that were sent in the clear before TLS, to be taken for those
//! of the server (they are refused, and what the server said it can do is asked for again); lines of ours in what we
//! send. A reader that cannot be bounded, or keeps what came before TLS, has no place here.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use zeroize::Zeroizing;

use super::problem::Problem;

/// RFC 5321 has 512 bytes for a line of an answer.
const LINE_LIMIT: usize = 4096;
const LINES_LIMIT: usize = 100;

type Result<T> = std::result::Result<T, Problem>;

/// One connection to a mail server.
pub(super) struct Conversation {
    stream: Stream,
    /// What was received and not read yet; never more than a line and what came with its end.
    received: Vec<u8>,
    /// The words of the answer to EHLO, a line each.
    offers: Vec<String>,
    patience: Duration,
    deadline: Instant,
}

enum Stream {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// While it becomes the other.
    Gone,
}

/// An answer: its code, and its words.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

/// How to be sure of the server.
pub(super) struct Tls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
}

impl Conversation {
    /// Connects, by TLS from the first byte where that is given, and greets; `patience` for one answer, `limit` for all.
    pub(super) fn begin(
        address: SocketAddr,
        tls: Option<&Tls>,
        hello: &str,
        patience: Duration,
        limit: Duration,
    ) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, patience).map_err(|error| Problem::of(&error))?;
        let mut conversation = Self {
            stream: Stream::Plain(stream),
            received: Vec::new(),
            offers: Vec::new(),
            patience,
            deadline: Instant::now() + limit,
        };
        if let Some(tls) = tls {
            conversation.secure(tls)?;
        }
        conversation.hear()?.expect(220)?;
        conversation.greet(hello)?;
        Ok(conversation)
    }

    /// What was heard in the clear counts for nothing afterwards.
    pub(super) fn start_tls(&mut self, tls: &Tls, hello: &str) -> Result<()> {
        if self.offer("STARTTLS").is_none() {
            return Err(Problem::InTheClear);
        }
        self.ask("STARTTLS", 220)?;
        if !self.received.is_empty() {
            return Err(Problem::Injected);
        }
        self.secure(tls)?;
        self.greet(hello)
    }

    pub(super) fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        let ways = self.offer("AUTH").ok_or(Problem::NoLogin)?.to_ascii_uppercase();
        let offers = |way: &str| ways.split_whitespace().any(|offered| offered == way);
        let coded = |text: &str| Zeroizing::new(STANDARD.encode(text));
        let refused = |answer: Answer| answer.expect(235).map_err(Problem::into_refused);
        if offers("PLAIN") {
            let line = Zeroizing::new(format!("AUTH PLAIN {}", *login(user, password)));
            self.say(&line)?;
            return refused(self.hear()?);
        }
        if !offers("LOGIN") {
            return Err(Problem::NoLogin);
        }
        self.ask("AUTH LOGIN", 334).map_err(Problem::into_refused)?;
        self.ask(&coded(user), 334).map_err(Problem::into_refused)?;
        self.say(&coded(password))?;
        refused(self.hear()?)
    }

    /// The addresses are without anything that would have to be quoted.
    pub(super) fn hand_over(&mut self, from: &str, to: &[String], letter: &[u8]) -> Result<()> {
        self.ask(&format!("MAIL FROM:<{from}>"), 250)?;
        for to in to {
            self.ask(&format!("RCPT TO:<{to}>"), 250)?;
        }
        self.ask("DATA", 354)?;
        self.write(&with_dots(letter))?;
        self.hear()?.expect(250)
    }

    /// All was said.
    pub(super) fn end(mut self) {
        let _ = self.say("QUIT").and_then(|()| self.hear());
    }

    fn greet(&mut self, hello: &str) -> Result<()> {
        self.say(&format!("EHLO {hello}"))?;
        let answer = self.hear()?;
        answer.expect(250)?;
        self.offers = answer.lines.into_iter().skip(1).collect();
        Ok(())
    }

    /// What the server says behind a word that it offers; some write `AUTH=`.
    fn offer(&self, word: &str) -> Option<&str> {
        self.offers.iter().find_map(|line| {
            let (offered, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            offered.eq_ignore_ascii_case(word).then_some(rest)
        })
    }

    fn secure(&mut self, tls: &Tls) -> Result<()> {
        let Stream::Plain(mut stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Ok(());
        };
        let connection = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone());
        let mut connection = connection.map_err(|error| Problem::Untrusted(error.to_string()))?;
        self.limit(&stream).map_err(|error| Problem::of(&error))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).map_err(|error| Problem::of(&error))?;
        }
        self.stream = Stream::Secure(Box::new(StreamOwned::new(connection, stream)));
        Ok(())
    }

    fn ask(&mut self, line: &str, code: u16) -> Result<()> {
        self.say(line)?;
        self.hear()?.expect(code)
    }

    fn say(&mut self, line: &str) -> Result<()> {
        self.write(&Zeroizing::new(format!("{line}\r\n").into_bytes()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Secure(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        };
        written.map_err(|error| Problem::of(&error))
    }

    /// Reads one answer; its lines have the same code.
    fn hear(&mut self) -> Result<Answer> {
        let mut answer = Answer { code: 0, lines: Vec::new() };
        while answer.lines.len() < LINES_LIMIT {
            let line = self.line()?;
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let code = code.filter(|code| (200..600).contains(code)).ok_or(Problem::NoMailServer)?;
            if !answer.lines.is_empty() && code != answer.code {
                return Err(Problem::NoMailServer);
            }
            answer.code = code;
            answer.lines.push(line.get(4..).unwrap_or_default().to_owned());
            match line.as_bytes().get(3) {
                Some(b'-') => {}
                Some(b' ') | None => return Ok(answer),
                Some(_) => return Err(Problem::NoMailServer),
            }
        }
        Err(Problem::NoMailServer)
    }

    fn line(&mut self) -> Result<String> {
        let mut looked_at = 0;
        loop {
            if let Some(end) = self.received[looked_at..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=looked_at + end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            looked_at = self.received.len();
            if looked_at > LINE_LIMIT {
                return Err(Problem::NoMailServer);
            }
            let mut chunk = [0; 1024];
            match self.read(&mut chunk).map_err(|error| Problem::of(&error))? {
                0 => return Err(Problem::of(&io::ErrorKind::UnexpectedEof.into())),
                count => self.received.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn read(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        match &self.stream {
            Stream::Plain(stream) => self.limit(stream)?,
            Stream::Secure(stream) => self.limit(&stream.sock)?,
            Stream::Gone => return Err(io::ErrorKind::NotConnected.into()),
        }
        match &mut self.stream {
            Stream::Plain(stream) => stream.read(chunk),
            Stream::Secure(stream) => stream.read(chunk),
            Stream::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// What is left of the time for one answer, and of the time for all.
    fn limit(&self, stream: &TcpStream) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now()).min(self.patience);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        stream.set_write_timeout(Some(left))
    }
}

impl Answer {
    fn expect(&self, code: u16) -> Result<()> {
        // 251: it will forward it
        if self.code == code || (code == 250 && self.code == 251) {
            return Ok(());
        }
        Err(Problem::said(self.code, &self.lines.join(" ")))
    }
}

/// Who logs in, as PLAIN has it (RFC 4616).
pub(super) fn login(user: &str, password: &str) -> Zeroizing<String> {
    let both = Zeroizing::new(format!("\0{user}\0{password}"));
    Zeroizing::new(STANDARD.encode(&*both))
}

/// Ended by a dot of its own, so a line that begins with one gets a second; lines end as they must, and nowhere else.
fn with_dots(letter: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(letter.len() + 100);
    let lines = letter.strip_suffix(b"\n").unwrap_or(letter);
    for line in lines.split(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend(line.iter().filter(|byte| **byte != b'\r'));
        bytes.extend(b"\r\n");
    }
    bytes.extend(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_ends_where_it_ends() {
        for (letter, sent) in [
            ("a\r\nb\r\n", "a\r\nb\r\n.\r\n"),
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r.\rb\n", "a.b\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(with_dots(letter.as_bytes())).unwrap(), sent);
        }
    }
}
