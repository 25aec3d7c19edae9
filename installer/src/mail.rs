//! The mail server that a site names: is it there, does it let us in, and mail to whom the site says.
//!
//! Attacks and accidents: a server that answers with another certificate or wants the password in the clear; one that is
//! silent, or says a byte now and then, or never ends a line; one that repeats the password in what it says. The answers: TLS
//! is required unless site.toml says that there is none, the certificate must be one that the site or the host trusts for
//! that name, a conversation has a limit as a whole, `conversation.rs` bounds what is heard, and no problem is told with a
//! secret in it. Nothing is connected to where a site names no mail server.

mod conversation;
mod problem;

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, Message};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use wt_keys::capped;

use self::conversation::{Conversation, Tls};
pub use self::problem::Problem;
use crate::redact::Redactor;
use crate::site::{MailAddress, Secret, Security, Smtp, is_host_name};
use crate::{Error, Result, resolver};

/// For one answer, and for all of a conversation.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(30);
const CA_LIMIT: u64 = 4 << 20;
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// What a host calls itself that has none (RFC 5321, section 4.1.3).
const NO_NAME: &str = "[127.0.0.1]";

/// A mail in plain text.
#[derive(Clone, Debug)]
pub struct Email<'a> {
    pub to: &'a [MailAddress],
    pub subject: &'a str,
    pub text: &'a str,
}

/// Connects and logs in, and says how the connection was kept from others.
pub fn log_in(smtp: &Smtp) -> Result<Security> {
    converse(smtp, None)
}

/// Hands the server a letter for everybody whom it is for.
pub fn send(smtp: &Smtp, letter: &Email<'_>) -> Result<()> {
    let message = message(smtp, letter).map_err(|why| failed(smtp)(Problem::Said(why)))?;
    converse(smtp, Some(message)).map(drop)
}

fn failed(smtp: &Smtp) -> impl Fn(Problem) -> Error {
    let server = format!("{}:{}", smtp.host, smtp.port);
    let login = conversation::login(smtp.user.as_str(), smtp.password.expose());
    let secrets = Redactor::knowing([smtp.password.expose(), &login]);
    move |problem| Error::Mail { server: server.clone(), problem: problem.without(&secrets) }
}

/// In a thread of its own, which is left behind where the server takes too long.
fn converse(smtp: &Smtp, message: Option<Message>) -> Result<Security> {
    let failed = failed(smtp);
    let addresses = resolver::addresses(&smtp.host)?;
    if addresses.is_empty() {
        return Err(failed(Problem::Unknown));
    }
    let addresses: Vec<SocketAddr> = addresses.iter().map(|address| (*address, smtp.port).into()).collect();
    let account = Account::of(smtp)?;
    let security = smtp.security();
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || {
        let _ = sender.send(account.visit(&addresses, message.as_ref())); // nobody waits any more
    });
    match answer.recv_timeout(LIMIT) {
        Ok(answer) => answer.map(|()| security).map_err(failed),
        Err(_) => Err(failed(Problem::Silent)),
    }
}

/// All that a conversation needs.
struct Account {
    security: Security,
    tls: Option<Tls>,
    user: String,
    password: Secret,
    hello: String,
}

impl Account {
    fn of(smtp: &Smtp) -> Result<Self> {
        let security = smtp.security();
        let name = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
        let name = name.trim();
        Ok(Self {
            security,
            tls: (security != Security::None).then(|| tls(smtp)).transpose()?,
            user: smtp.user.to_string(),
            password: smtp.password.clone(),
            hello: if is_host_name(name) { name } else { NO_NAME }.to_owned(),
        })
    }

    fn visit(&self, addresses: &[SocketAddr], message: Option<&Message>) -> Result<(), Problem> {
        let mut conversation = self.connect(addresses)?;
        conversation.log_in(&self.user, self.password.expose())?;
        if let Some(message) = message {
            let envelope = message.envelope();
            let from = envelope.from().map(ToString::to_string).unwrap_or_default();
            let to: Vec<String> = envelope.to().iter().map(ToString::to_string).collect();
            conversation.hand_over(&from, &to, &message.formatted())?;
        }
        conversation.end();
        Ok(())
    }

    /// The first of the addresses that answers; else what the last one's problem was.
    fn connect(&self, addresses: &[SocketAddr]) -> Result<Conversation, Problem> {
        let mut problem = Problem::Unknown;
        for address in addresses {
            match self.connect_to(*address) {
                Ok(conversation) => return Ok(conversation),
                Err(found) => problem = found,
            }
        }
        Err(problem)
    }

    fn connect_to(&self, address: SocketAddr) -> Result<Conversation, Problem> {
        let at_once = self.tls.as_ref().filter(|_| self.security == Security::Tls);
        let mut conversation = Conversation::begin(address, at_once, &self.hello, ANSWER_LIMIT, LIMIT)?;
        if let Some(tls) = self.tls.as_ref().filter(|_| self.security == Security::StartTls) {
            conversation.start_tls(tls, &self.hello)?;
        }
        Ok(conversation)
    }
}

/// Whom to believe: who the site says, or else those whom this host knows.
fn tls(smtp: &Smtp) -> Result<Tls> {
    let untrusted = |why: String| failed(smtp)(Problem::Untrusted(why));
    let mut roots = RootCertStore::empty();
    if let Some(ca) = &smtp.ca {
        let pem = capped::read(ca, "certificates", CA_LIMIT)?;
        let unusable = |why: &str| Error::Certificate { path: ca.clone(), why: why.to_owned() };
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| unusable("it is no PEM"))?;
            roots.add(certificate).map_err(|_| unusable("it has a certificate that cannot be read"))?;
        }
        if roots.is_empty() {
            return Err(unusable("it has no certificate in PEM"));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| untrusted(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(smtp.host.to_string()).map_err(|error| untrusted(error.to_string()))?;
    Ok(Tls { config: Arc::new(config), name })
}

/// The error says what of it cannot be written.
fn message(smtp: &Smtp, letter: &Email<'_>) -> Result<Message, String> {
    let mailbox = |address: &MailAddress| -> Result<Mailbox, String> {
        Ok(Mailbox::new(None, address.as_str().parse::<Address>().map_err(|error| error.to_string())?))
    };
    let from = smtp.from().ok_or("no `from`")?;
    let mut builder = Message::builder().from(mailbox(&from)?).subject(letter.subject);
    for to in letter.to {
        builder = builder.to(mailbox(to)?);
    }
    let text = letter.text.to_owned();
    builder.header(ContentType::TEXT_PLAIN).body(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
