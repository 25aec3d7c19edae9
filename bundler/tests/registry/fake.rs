//! A registry or token server that answers as a test says.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::layout::Layout;

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn is_for(&self, part: &str) -> bool {
        self.path.contains(part)
    }
}

pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    endless: bool,
}

impl Answer {
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), endless: false }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body, again and again.
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    /// The whole length is announced, and so much is sent.
    pub fn cut(mut self, length: usize) -> Self {
        let whole = self.body.len().to_string();
        self.body.truncate(length);
        self.with("Content-Length", &whole)
    }

    pub fn changed(mut self) -> Self {
        if let Some(last) = self.body.last_mut() {
            *last = b' ';
        }
        self
    }

    pub fn len(&self) -> usize {
        self.body.len()
    }

    pub fn token(token: &str) -> Self {
        Self::new(200).body(format!(r#"{{"token":"{token}"}}"#))
    }

    pub fn bearer(realm: &str) -> Self {
        Self::new(401).with("WWW-Authenticate", &format!("Bearer realm=\"{realm}\",service=\"fake\""))
    }
}

pub struct Fake {
    pub port: u16,
    log: Arc<Mutex<Vec<Request>>>,
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

impl Fake {
    pub fn start(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::serve(None, Arc::new(handler))
    }

    /// With the certificate in a folder of the fixture.
    pub fn start_tls(tls: &Path, handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificate = CertificateDer::from_pem_file(tls.join("server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(tls.join("server.priv")).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
        Self::serve(Some(Arc::new(config.unwrap())), Arc::new(handler))
    }

    fn serve(tls: Option<Arc<ServerConfig>>, handler: Arc<Handler>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Self { port: listener.local_addr().unwrap().port(), log: Arc::default() };
        let log = fake.log.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                client.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
                let (tls, handler, log) = (tls.clone(), handler.clone(), log.clone());
                thread::spawn(move || match tls {
                    None => converse(client, &*handler, &log),
                    Some(config) => {
                        converse(
                            StreamOwned::new(ServerConnection::new(config).unwrap(), client),
                            &*handler,
                            &log,
                        );
                    }
                });
            }
        });
        fake
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }
}

fn converse(stream: impl Read + Write, handler: &Handler, log: &Mutex<Vec<Request>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        log.lock().unwrap().push(request.clone());
        if write(stream.get_mut(), &handler(&request)).is_none() {
            return;
        }
    }
}

fn read(stream: &mut BufReader<impl Read>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|got| *got > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &String| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<_> = lines[1..].iter().filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body: String::from_utf8(body).unwrap() })
}

/// None where the connection is over.
fn write(stream: &mut impl Write, answer: &Answer) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} x\r\n", answer.status);
    for (name, value) in &answer.headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    let said = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if !answer.endless && !said {
        head = format!("{head}Content-Length: {}\r\n", answer.body.len());
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    stream.write_all(&answer.body).ok()?;
    if answer.endless {
        while stream.write_all(&answer.body).is_ok() {}
        return None;
    }
    stream.flush().ok()?;
    if said { None } else { Some(()) }
}

/// What an honest registry answers that has the images of a layout, under whatever name.
pub fn honest(layout: &Path, digest: &str, request: &Request) -> Answer {
    let last = request.path.rsplit('/').next().unwrap_or_default();
    let name = match last.strip_prefix("sha256:") {
        Some(name) => name.to_owned(),
        None if request.is_for("/manifests/") => digest.to_owned(),
        None => return Answer::new(200),
    };
    let Ok(bytes) = fs::read(layout.join("blobs/sha256").join(name)) else { return Answer::new(404) };
    let answer = Answer::new(200).body(bytes);
    if request.is_for("/manifests/") {
        answer.with("Content-Type", "application/vnd.oci.image.manifest.v1+json")
    } else {
        answer.with("Content-Type", "application/octet-stream")
    }
}

/// Where an image is, for a handler that outlives the test's own variables.
pub fn place(layout: &Layout) -> (PathBuf, String) {
    (layout.folder.path().to_owned(), layout.digest.clone())
}
