//! A proxy as companies have them: `CONNECT`, and whole addresses.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

pub struct Forward {
    pub port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Forward {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let forward = Self { port: listener.local_addr().unwrap().port(), asked: Arc::default() };
        let asked = forward.asked.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let asked = asked.clone();
                thread::spawn(move || pass_on(client, &asked));
            }
        });
        forward
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The first lines of what it was asked.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// One connection, one server: whatever name is asked for, it is on this machine.
fn pass_on(mut client: TcpStream, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let first = head.lines().next()?.to_owned();
    asked.lock().unwrap().push(first.clone());
    let target = first.split(' ').nth(1)?;
    let authority = target.strip_prefix("http://").unwrap_or(target).split('/').next()?;
    let port: u16 = authority.rsplit_once(':')?.1.parse().ok()?;
    let mut server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    if first.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 x\r\n\r\n").ok()?;
    } else {
        let path = target.strip_prefix("http://")?.strip_prefix(authority)?;
        let head = head.replacen(target, path, 1).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        server.write_all(head.as_bytes()).ok()?;
    }
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    Some(())
}
