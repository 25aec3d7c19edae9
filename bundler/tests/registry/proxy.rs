//! A line to the registry that breaks.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub struct Proxy {
    pub port: u16,
    line: Arc<Line>,
}

#[derive(Default)]
struct Line {
    /// Bytes from the registry, of all connections.
    passed: AtomicU64,
    /// The count at which the next connection is cut; 0: none.
    cut_at: AtomicU64,
    /// The count at which all connections stand still; 0: none.
    hold_at: AtomicU64,
    /// Connections that do.
    held: AtomicU64,
    hide_ranges: AtomicBool,
    /// No connection any more.
    gone: AtomicBool,
}

impl Proxy {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), line: Arc::default() };
        let line = proxy.line.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if line.gone.load(Ordering::SeqCst) {
                    continue; // closes it
                }
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (questions, answers) = (line.clone(), line.clone());
                thread::spawn(move || questions.questions(from, to));
                thread::spawn(move || answers.answers(server, client));
            }
        });
        proxy
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn passed(&self) -> u64 {
        self.line.passed.load(Ordering::SeqCst)
    }

    /// Cuts one connection when so many more bytes have passed.
    pub fn cut_after(&self, bytes: u64) {
        self.line.cut_at.store(self.passed() + bytes, Ordering::SeqCst);
    }

    pub fn was_cut(&self) -> bool {
        self.line.cut_at.load(Ordering::SeqCst) == 0
    }

    /// Cuts one connection when so many more bytes have passed, and takes no other.
    pub fn end_after(&self, bytes: u64) {
        self.cut_after(bytes);
        let line = self.line.clone();
        thread::spawn(move || {
            while line.cut_at.load(Ordering::SeqCst) > 0 {
                thread::sleep(Duration::from_millis(1));
            }
            line.gone.store(true, Ordering::SeqCst);
        });
    }

    /// Stands still when so many more bytes have passed.
    pub fn hold_after(&self, bytes: u64) {
        self.line.hold_at.store(self.passed() + bytes, Ordering::SeqCst);
    }

    /// Waits until so many connections stand still.
    pub fn wait_until_held(&self, connections: u64) {
        let begun = Instant::now();
        while self.line.held.load(Ordering::SeqCst) < connections {
            assert!(begun.elapsed() < Duration::from_mins(1), "no {connections} connections at one time");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Lets no request for a part through.
    pub fn hide_ranges(&self) {
        self.line.hide_ranges.store(true, Ordering::SeqCst);
    }

    pub fn go_on(&self) {
        self.line.hold_at.store(0, Ordering::SeqCst);
    }
}

impl Line {
    fn questions(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut buffer = [0; 8 << 10];
        while let Ok(got @ 1..) = client.read(&mut buffer) {
            let hidden = self.hide_ranges.load(Ordering::SeqCst);
            if let (Some(at), true) = (buffer[..got].windows(7).position(|word| word == b"range: "), hidden) {
                buffer[at] = b'x';
            }
            if server.write_all(&buffer[..got]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    }

    fn answers(&self, mut server: TcpStream, mut client: TcpStream) {
        let mut buffer = [0; 8 << 10];
        while let Ok(got @ 1..) = server.read(&mut buffer) {
            let passed = self.passed.fetch_add(got as u64, Ordering::SeqCst) + got as u64;
            let at = self.cut_at.load(Ordering::SeqCst);
            if at > 0 && passed >= at && self.cut_at.swap(0, Ordering::SeqCst) > 0 {
                break;
            }
            let holding = || (1..=passed).contains(&self.hold_at.load(Ordering::SeqCst));
            if holding() {
                self.held.fetch_add(1, Ordering::SeqCst);
                while holding() {
                    thread::sleep(Duration::from_millis(2));
                }
                self.held.fetch_sub(1, Ordering::SeqCst);
            }
            if client.write_all(&buffer[..got]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }
}
