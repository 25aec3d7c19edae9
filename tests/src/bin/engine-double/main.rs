//! Stands between the installer and the real engine, and lets it fail where no real engine can be made to.
//!
//!     engine-double REAL SOCKET lie            answer that images were loaded, and give the engine none of them
//!     engine-double REAL SOCKET wedge BYTES    take so many bytes of the first load, and neither take one more nor answer
//!     engine-double REAL SOCKET at BYTES CMD   run `sh -c CMD` when so many bytes of images have gone to the engine
//!
//! REAL is the engine's socket, SOCKET the one to listen on. Everything else passes unchanged.
#![allow(clippy::print_stderr)] // it is a program of tests

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const LARGEST_HEAD: usize = 64 << 10;
const LIE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n\
    {\"stream\":\"Loaded image: worktile/web:5.2.0\\n\"}\r\n";

enum Fault {
    Lie,
    Wedge { bytes: u64, is_over: AtomicBool },
    At { bytes: u64, command: String, gone: AtomicU64 },
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (real, socket, fault) = match words[..] {
        [real, socket, "lie"] => (real, socket, Fault::Lie),
        [real, socket, "wedge", bytes] => {
            let bytes = bytes.parse().unwrap_or_default();
            (real, socket, Fault::Wedge { bytes, is_over: AtomicBool::new(false) })
        }
        [real, socket, "at", bytes, command] => {
            let bytes = bytes.parse().unwrap_or_default();
            (real, socket, Fault::At { bytes, command: command.to_owned(), gone: AtomicU64::new(0) })
        }
        _ => {
            eprintln!("usage: engine-double REAL SOCKET lie | wedge BYTES | at BYTES CMD");
            return ExitCode::from(2);
        }
    };
    match serve(real, socket, fault) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine-double: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(real: &str, socket: &str, fault: Fault) -> io::Result<()> {
    let (listener, fault) = (UnixListener::bind(socket)?, Arc::new(fault));
    for client in listener.incoming() {
        let (client, fault, real) = (client?, Arc::clone(&fault), real.to_owned());
        thread::spawn(move || {
            if let Err(error) = converse(client, &real, &fault) {
                eprintln!("engine-double: {error}");
            }
        });
    }
    Ok(())
}

/// One connection. Clients of the engine open one for an upload, so its first request says what it is.
fn converse(mut client: UnixStream, real: &str, fault: &Fault) -> io::Result<()> {
    let head = head(&mut client)?;
    let is_load =
        String::from_utf8_lossy(&head).lines().next().is_some_and(|line| line.contains("/images/load"));
    if is_load && matches!(fault, Fault::Lie) {
        // to the end of the upload, as an engine would
        let mut rest = client.try_clone()?;
        thread::spawn(move || io::copy(&mut rest, &mut io::sink()));
        thread::sleep(std::time::Duration::from_secs(1));
        client.write_all(LIE)?;
        return client.shutdown(Shutdown::Both);
    }
    if let (true, Fault::Wedge { bytes, is_over }) = (is_load, fault)
        && !is_over.swap(true, Ordering::SeqCst)
    {
        io::copy(&mut (&client).take(*bytes), &mut io::sink())?;
        loop {
            thread::park(); // for as long as the double runs
        }
    }
    let engine = UnixStream::connect(real)?;
    let (mut back, mut answers) = (client.try_clone()?, engine.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let mut engine = engine;
    engine.write_all(&head)?;
    forward(&mut client, &mut engine, is_load.then_some(fault))?;
    engine.shutdown(Shutdown::Write)
}

fn forward(from: &mut UnixStream, to: &mut UnixStream, fault: Option<&Fault>) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count])?;
        if let Some(Fault::At { bytes, command, gone }) = fault {
            let before = gone.fetch_add(count as u64, Ordering::SeqCst);
            if before < *bytes && before + count as u64 >= *bytes {
                Command::new("sh").args(["-c", command]).status()?;
            }
        }
    }
}

fn head(client: &mut UnixStream) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") && bytes.len() < LARGEST_HEAD {
        match client.read(&mut buffer)? {
            0 => break,
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(bytes)
}
