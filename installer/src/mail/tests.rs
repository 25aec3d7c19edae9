use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::{ServerConnection, StreamOwned};

use super::*;
use crate::certificate::Pair;
use crate::certificate::tests::{make, server};

/// A mail server for one visitor, and what it was told.
struct Server {
    port: u16,
    told: JoinHandle<String>,
}

impl Server {
    fn start(pair: Option<&Pair>, extensions: &'static str, login: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = pair.map(|pair| Arc::new(server(pair)));
        let told = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            match config {
                None => talk(stream, extensions, login),
                Some(config) => {
                    let tls = ServerConnection::new(config).unwrap();
                    talk(StreamOwned::new(tls, stream), extensions, login)
                }
            }
        });
        Self { port, told }
    }

    /// An account there.
    fn account(&self, host: &str, security: &str, ca: Option<&Path>) -> Smtp {
        let ca = ca.map(|ca| format!("ca = {:?}\n", ca.to_str().unwrap())).unwrap_or_default();
        let port = self.port;
        let text = format!(
            "host = \"{host}\"\nport = {port}\nsecurity = \"{security}\"\nuser = \"a@example.com\"\npassword = \"secret\"\n{ca}"
        );
        toml::from_str(&text).unwrap()
    }

    fn told(self) -> String {
        self.told.join().unwrap()
    }
}

fn talk(stream: impl Read + Write, extensions: &str, login: &str) -> String {
    let mut stream = BufReader::new(stream);
    let mut told = String::new();
    let mut answer = "220 here ESMTP".to_owned();
    let mut is_letter = false;
    loop {
        if !answer.is_empty() && stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).is_err() {
            return told;
        }
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return told;
        }
        told.push_str(&line);
        answer = match line.split([' ', '\r']).next().unwrap() {
            "." if is_letter => {
                is_letter = false;
                "250 taken".to_owned()
            }
            _ if is_letter => String::new(),
            "EHLO" => format!("250-here\r\n{extensions}250 8BITMIME"),
            "AUTH" => login.to_owned(),
            "DATA" => {
                is_letter = true;
                "354 go on".to_owned()
            }
            "QUIT" => "221 bye".to_owned(),
            _ => "250 well".to_owned(),
        };
    }
}

/// A server that says these things, one for each line that it is told, and first of all the first.
fn parrot(answers: Vec<Vec<u8>>) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut told = String::new();
        for answer in answers {
            if stream.get_mut().write_all(&answer).is_err() || stream.read_line(&mut told).unwrap_or(0) == 0 {
                break;
            }
        }
        told
    });
    Server { port, told }
}

fn parrot_of(answers: &[&str]) -> Server {
    parrot(answers.iter().map(|answer| answer.as_bytes().to_vec()).collect())
}

const LOGIN: &str = "250-AUTH PLAIN LOGIN\r\n";
const WELCOME: &str = "235 welcome";

fn problem(answer: Result<Security>) -> Problem {
    match answer {
        Err(Error::Mail { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_lets_us_in_takes_a_letter() {
    let server = Server::start(None, LOGIN, WELCOME);
    let smtp = server.account("127.0.0.1", "none", None);
    let to = ["b@example.com".parse().unwrap()];
    send(&smtp, &Email { to: &to, subject: "Disk full", text: "hello\n.\n" }).unwrap();
    let told = server.told();
    for expected in
        ["MAIL FROM:<a@example.com>", "RCPT TO:<b@example.com>", "Subject: Disk full", "hello\r\n..\r\n"]
    {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn what_is_wrong_with_a_server_is_told_apart() {
    let server = parrot_of(&["SSH-2.0-OpenSSH\r\n"]);
    assert_eq!(problem(log_in(&server.account("127.0.0.1", "none", None))), Problem::NoMailServer);
    let server = Server::start(None, LOGIN, "535 5.7.8 no such account");
    let found = problem(log_in(&server.account("127.0.0.1", "none", None)));
    assert!(matches!(&found, Problem::Refused(why) if why.contains("no such account")), "{found:?}");
    let server = Server::start(None, "", WELCOME);
    assert_eq!(problem(log_in(&server.account("127.0.0.1", "none", None))), Problem::NoLogin);
    let server = Server::start(None, LOGIN, WELCOME);
    let smtp = server.account("127.0.0.1", "starttls", None);
    assert_eq!(problem(log_in(&smtp)), Problem::InTheClear);
    assert!(!server.told().contains("AUTH"), "no password in the clear");
    let found = problem(log_in(&smtp));
    assert!(matches!(found, Problem::Unreachable(_)), "nobody listens any more: {found:?}");
}

#[test]
fn a_certificate_is_believed_where_the_site_says_so_and_for_that_name() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["-days", "9", "-addext", "basicConstraints=critical,CA:FALSE"];
    let pair = make(folder.path(), "mail", "DNS:localhost", &more);
    let ca = folder.path().join("mail.crt");
    let server = Server::start(Some(&pair), LOGIN, WELCOME);
    assert_eq!(log_in(&server.account("localhost", "tls", Some(&ca))).unwrap(), Security::Tls);
    assert!(server.told().contains("AUTH PLAIN"));
    for (host, ca) in [("127.0.0.1", Some(ca.as_path())), ("localhost", None)] {
        let server = Server::start(Some(&pair), LOGIN, WELCOME);
        let found = problem(log_in(&server.account(host, "tls", ca)));
        assert!(matches!(found, Problem::Untrusted(_)), "{host}: {found:?}");
        assert!(!server.told().contains("AUTH"));
    }
}

#[test]
fn an_answer_without_an_end_is_not_read_to_its_end() {
    let endless = [b"220 ".to_vec(), vec![b'x'; 64 << 20]].concat();
    let lines = b"220-x\r\n".repeat(1 << 20);
    for answer in [endless, lines] {
        let server = parrot(vec![answer]);
        assert_eq!(problem(log_in(&server.account("127.0.0.1", "none", None))), Problem::NoMailServer);
    }
}

#[test]
fn what_was_said_in_the_clear_counts_for_nothing_under_tls() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("mail.crt");
    make(folder.path(), "mail", "DNS:localhost", &["-days", "9"]);
    let offer = "250-here\r\n250 STARTTLS\r\n";
    let injected = "220 go on\r\n250-here\r\n250 AUTH PLAIN\r\n235 welcome\r\n";
    let server = parrot_of(&["220 here\r\n", offer, injected]);
    assert_eq!(problem(log_in(&server.account("localhost", "starttls", Some(&ca)))), Problem::Injected);
    assert!(!server.told().contains("AUTH"));
}

#[test]
fn tls_begins_where_it_was_offered_and_what_is_offered_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["-days", "9", "-addext", "basicConstraints=critical,CA:FALSE"];
    let pair = make(folder.path(), "mail", "DNS:localhost", &more);
    let ca = folder.path().join("mail.crt");
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut line = String::new();
        for answer in ["220 here\r\n", "250-here\r\n250 STARTTLS\r\n", "220 go on\r\n"] {
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if !answer.contains("go on") {
                stream.read_line(&mut line).unwrap();
            }
        }
        let tls = ServerConnection::new(Arc::new(server(&pair))).unwrap();
        let mut stream = BufReader::new(StreamOwned::new(tls, stream.into_inner()));
        for answer in [
            "250-here\r\n250 AUTH LOGIN\r\n",
            "334 VXNlcm5hbWU6\r\n",
            "334 UGFzc3dvcmQ6\r\n",
            "235 welcome\r\n",
        ] {
            stream.read_line(&mut line).unwrap();
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
        line
    });
    let server = Server { port, told };
    assert_eq!(log_in(&server.account("localhost", "starttls", Some(&ca))).unwrap(), Security::StartTls);
    let told = server.told();
    assert_eq!(told.matches("EHLO").count(), 2, "{told}");
    assert!(told.contains("AUTH LOGIN") && told.contains("c2VjcmV0"), "{told}");
}

#[test]
fn a_server_that_repeats_the_password_is_not_repeated() {
    for said in ["secret", "c2VjcmV0", "AGFAZXhhbXBsZS5jb20Ac2VjcmV0"] {
        let server = Server::start(None, LOGIN, Box::leak(format!("535 not {said}").into_boxed_str()));
        let found = problem(log_in(&server.account("127.0.0.1", "none", None)));
        assert_eq!(found, Problem::Refused("535 not [removed]".to_owned()));
    }
}
