//! A mail server for the site hosts: takes mail from the one account that it knows, over TLS, and keeps each in a file.
//!
//!     mail-server FOLDER
//!
//! FOLDER has `mail.crt`, `mail.key` and `account`, which is `USER:PASSWORD`. Its port is in FOLDER/port once it listens. A
//! letter, with the envelope before it, is FOLDER/letters/NUMBER. As long as there is FOLDER/busy it takes none, for now.
//!
//! Refuses: a log-in in the clear, another account, mail of whoever did not log in.
#![allow(clippy::print_stderr)] // it is a program of tests

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: mail-server FOLDER");
        return ExitCode::from(2);
    };
    match serve(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mail-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: &Path) -> Outcome<()> {
    let chain = CertificateDer::pem_file_iter(folder.join("mail.crt"))?
        .collect::<Result<Vec<CertificateDer<'_>>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("mail.key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let account = fs::read_to_string(folder.join("account"))?;
    let account = format!("\0{}", account.trim_end().replacen(':', "\0", 1)); // RFC 4616
    let office = Arc::new(Office {
        folder: folder.to_owned(),
        tls: Arc::new(config),
        account: STANDARD.encode(account),
        letters: Mutex::new(0),
    });
    fs::create_dir_all(folder.join("letters"))?;
    let listener = TcpListener::bind(("0.0.0.0", 0))?;
    fs::write(folder.join(".port"), listener.local_addr()?.port().to_string())?;
    fs::rename(folder.join(".port"), folder.join("port"))?;
    for stream in listener.incoming() {
        let (stream, office) = (stream?, Arc::clone(&office));
        thread::spawn(move || {
            if let Err(error) = office.receive(stream) {
                eprintln!("mail-server: {error}");
            }
        });
    }
    Ok(())
}

struct Office {
    folder: PathBuf,
    tls: Arc<ServerConfig>,
    /// As it is said.
    account: String,
    /// How many there are.
    letters: Mutex<usize>,
}

/// One that was not left before its end.
#[derive(Default)]
struct Visit {
    logged_in: bool,
    envelope: String,
}

impl Office {
    fn receive(&self, stream: TcpStream) -> Outcome<()> {
        let mut talk = BufReader::new(stream);
        say(&mut talk, "220 mail.example.com ESMTP")?;
        while let Some(line) = hear(&mut talk)? {
            match verb(&line).as_str() {
                "EHLO" => say(&mut talk, "250-mail.example.com\r\n250-STARTTLS\r\n250 8BITMIME")?,
                "STARTTLS" => {
                    say(&mut talk, "220 go on")?;
                    let tls = ServerConnection::new(Arc::clone(&self.tls))?;
                    return self.converse(BufReader::new(StreamOwned::new(tls, talk.into_inner())));
                }
                "QUIT" => return say(&mut talk, "221 bye"),
                _ => say(&mut talk, "530 5.7.0 STARTTLS first")?,
            }
        }
        Ok(())
    }

    fn converse(&self, mut talk: BufReader<impl Read + Write>) -> Outcome<()> {
        let mut visit = Visit::default();
        while let Some(line) = hear(&mut talk)? {
            match verb(&line).as_str() {
                "EHLO" => say(&mut talk, "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 8BITMIME")?,
                "AUTH" => {
                    visit.logged_in = line.split(' ').nth(2) == Some(&self.account);
                    say(
                        &mut talk,
                        if visit.logged_in { "235 welcome" } else { "535 5.7.8 no such account" },
                    )?;
                }
                "QUIT" => return say(&mut talk, "221 bye"),
                _ if !visit.logged_in => say(&mut talk, "530 5.7.0 log in first")?,
                "MAIL" if self.folder.join("busy").exists() => say(&mut talk, "451 4.3.2 not just now")?,
                "MAIL" | "RCPT" => {
                    visit.envelope.extend([line.as_str(), "\n"]);
                    say(&mut talk, "250 well")?;
                }
                "DATA" => {
                    say(&mut talk, "354 go on")?;
                    self.keep(&std::mem::take(&mut visit.envelope), &letter(&mut talk)?)?;
                    say(&mut talk, "250 taken")?;
                }
                _ => say(&mut talk, "250 well")?,
            }
        }
        Ok(())
    }

    fn keep(&self, envelope: &str, letter: &str) -> Outcome<()> {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        *letters += 1;
        let path = self.folder.join("letters").join(format!("{:04}", *letters));
        Ok(fs::write(path, format!("{envelope}{letter}"))?)
    }
}

/// Its lines, up to the dot.
fn letter(talk: &mut BufReader<impl Read + Write>) -> Outcome<String> {
    let mut letter = String::new();
    loop {
        match hear(talk)? {
            Some(line) if line == "." => return Ok(letter),
            Some(line) => letter.extend([line.as_str(), "\n"]),
            None => return Err("a letter without an end".into()),
        }
    }
}

fn say(talk: &mut BufReader<impl Read + Write>, answer: &str) -> Outcome<()> {
    talk.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
    Ok(talk.get_mut().flush()?)
}

/// The next line; `None` where there will be no more.
fn hear(talk: &mut BufReader<impl Read + Write>) -> Outcome<Option<String>> {
    let mut line = String::new();
    let read = talk.read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn verb(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_ascii_uppercase()
}
