//! Redis, spoken to in RESP2: a connection, commands, replies, all of limited size.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longer than a backup of little data holds Redis still.
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_LINE: u64 = 4 << 10;
const LARGEST_VALUE: usize = 1 << 20;
const LONGEST_LIST: usize = 1000;

#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    address: String,
}

#[derive(Debug, PartialEq)]
enum Reply {
    Text(String),
    Number(u64),
    Value(Option<Vec<u8>>),
    List(Vec<Reply>),
}

impl Client {
    /// `address` is `HOST:PORT`; the name is looked up each time, since its task may have moved.
    pub fn connect(address: &str) -> Result<Self, String> {
        let connect = || -> io::Result<TcpStream> {
            let mut found = address.to_socket_addrs()?;
            let first = found.next().ok_or_else(|| io::Error::other("the name has no address"))?;
            let stream = TcpStream::connect_timeout(&first, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error| format!("cannot reach Redis at `{address}`: {error}"))?;
        Ok(Self { stream: BufReader::new(stream), address: address.to_owned() })
    }

    pub fn ping(&mut self) -> Result<(), String> {
        self.text(&[b"PING"], "PONG")
    }

    pub fn get(&mut self, key: &str) -> Result<Option<Vec<u8>>, String> {
        match self.command(&[b"GET", key.as_bytes()])? {
            Reply::Value(value) => Ok(value),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Sets `key` unless it is there; says whether it was set.
    pub fn set_new(&mut self, key: &str, value: &[u8]) -> Result<bool, String> {
        match self.command(&[b"SET", key.as_bytes(), value, b"NX"])? {
            Reply::Text(text) if text == "OK" => Ok(true),
            Reply::Value(None) => Ok(false),
            other => Err(self.unexpected(&other)),
        }
    }

    pub fn set_for(&mut self, key: &str, value: &[u8], lifetime: Duration) -> Result<(), String> {
        let seconds = lifetime.as_secs().to_string();
        self.text(&[b"SET", key.as_bytes(), value, b"EX", seconds.as_bytes()], "OK")
    }

    pub fn push(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        match self.command(&[b"RPUSH", key.as_bytes(), value])? {
            Reply::Number(_) => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    /// How many values a list has.
    pub fn count(&mut self, key: &str) -> Result<u64, String> {
        match self.command(&[b"LLEN", key.as_bytes()])? {
            Reply::Number(count) => Ok(count),
            other => Err(self.unexpected(&other)),
        }
    }

    /// The last `count` values of a list.
    pub fn last(&mut self, key: &str, count: usize) -> Result<Vec<Vec<u8>>, String> {
        let first = format!("-{count}");
        match self.command(&[b"LRANGE", key.as_bytes(), first.as_bytes(), b"-1"])? {
            Reply::List(replies) => replies
                .into_iter()
                .map(|reply| match reply {
                    Reply::Value(Some(value)) => Ok(value),
                    other => Err(self.unexpected(&other)),
                })
                .collect(),
            other => Err(self.unexpected(&other)),
        }
    }

    fn text(&mut self, words: &[&[u8]], expected: &str) -> Result<(), String> {
        match self.command(words)? {
            Reply::Text(text) if text == expected => Ok(()),
            other => Err(self.unexpected(&other)),
        }
    }

    fn command(&mut self, words: &[&[u8]]) -> Result<Reply, String> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        let answer =
            self.stream.get_mut().write_all(&bytes).and_then(|()| read_reply(&mut self.stream, true));
        answer.map_err(|error| format!("Redis at `{}`: {error}", self.address))
    }

    fn unexpected(&self, reply: &Reply) -> String {
        format!("Redis at `{}` gave an answer of the wrong kind: {reply:?}", self.address)
    }
}

fn read_reply(stream: &mut impl BufRead, lists: bool) -> io::Result<Reply> {
    let line = read_line(stream)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| malformed(&line))?;
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Err(io::Error::other(rest.to_owned())),
        ":" => rest.parse().map(Reply::Number).map_err(|_| malformed(&line)),
        "$" if rest == "-1" => Ok(Reply::Value(None)),
        "$" => read_value(stream, length(rest, LARGEST_VALUE)?).map(|value| Reply::Value(Some(value))),
        "*" if lists => {
            let count = length(rest, LONGEST_LIST)?;
            (0..count).map(|_| read_reply(stream, false)).collect::<io::Result<_>>().map(Reply::List)
        }
        _ => Err(malformed(&line)),
    }
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.take(LONGEST_LINE).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(content) => Ok(content.to_owned()),
        None => Err(malformed(&line)),
    }
}

fn read_value(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut value = vec![0; length + 2];
    stream.read_exact(&mut value)?;
    if !value.ends_with(b"\r\n") {
        return Err(malformed("a value without its end"));
    }
    value.truncate(length);
    Ok(value)
}

fn length(text: &str, most: usize) -> io::Result<usize> {
    text.parse().ok().filter(|length| *length <= most).ok_or_else(|| malformed(text))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not RESP: {what:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_every_kind_are_read() {
        let read = |bytes: &str| read_reply(&mut bytes.as_bytes(), true).unwrap();
        assert_eq!(read("+OK\r\n"), Reply::Text("OK".to_owned()));
        assert_eq!(read(":7\r\n"), Reply::Number(7));
        assert_eq!(read("$-1\r\n"), Reply::Value(None));
        let value = |text: &str| Reply::Value(Some(text.as_bytes().to_vec()));
        assert_eq!(read("*2\r\n$3\r\na\r\n\r\n$0\r\n\r\n"), Reply::List(vec![value("a\r\n"), value("")]));
    }

    #[test]
    fn what_is_too_long_cut_or_nested_is_refused() {
        for wrong in [
            "",
            "+OK",
            "$5\r\nab\r\n",
            "$1048577\r\n",
            "*1001\r\n",
            "*1\r\n*0\r\n",
            "$1\r\nabc",
            "é\r\n",
            "-ERR no\r\n",
        ] {
            assert!(read_reply(&mut wrong.as_bytes(), true).is_err(), "{wrong:?}");
        }
    }
}
