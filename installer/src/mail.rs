//! The mail server that a site names: is it there, does it let us in, and mail to whom the site says.
//!
//! Attacks and accidents: a server that answers with another certificate or wants the password in the clear; one that is
//! silent, or says a byte now and then. The answers: TLS is required unless site.toml says that there is none, the
//! certificate must be one that the site or the host trusts for that name, and a conversation has a limit as a whole.
//! Nothing is connected to where a site names no mail server.

mod problem;

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::{Address, Message};
use wt_keys::capped;

pub use self::problem::Problem;
use crate::site::{MailAddress, Security, Smtp};
use crate::{Error, Result, resolver};

/// For one answer, and for all of a conversation.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(30);
const CA_LIMIT: u64 = 4 << 20;
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

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
    move |problem| Error::Mail { server: server.clone(), problem }
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
    tls: Option<TlsParameters>,
    credentials: Credentials,
    hello: ClientId,
}

impl Account {
    fn of(smtp: &Smtp) -> Result<Self> {
        let security = smtp.security();
        let name = std::fs::read_to_string(HOST_NAME).unwrap_or_default();
        Ok(Self {
            security,
            tls: (security != Security::None).then(|| tls(smtp)).transpose()?,
            credentials: Credentials::new(smtp.user.to_string(), smtp.password.expose().to_owned()),
            hello: ClientId::Domain(name.trim().to_owned()),
        })
    }

    fn visit(&self, addresses: &[SocketAddr], message: Option<&Message>) -> Result<(), Problem> {
        let mut connection = self.connect(addresses)?;
        connection
            .auth(&[Mechanism::Plain, Mechanism::Login], &self.credentials)
            .map_err(|error| Problem::of_login(&error))?;
        if let Some(message) = message {
            let sent = connection.send(message.envelope(), &message.formatted());
            sent.map_err(|error| Problem::of(&error))?;
        }
        let _ = connection.quit(); // all was said
        Ok(())
    }

    /// The first of the addresses that answers; else what the last one's problem was.
    fn connect(&self, addresses: &[SocketAddr]) -> Result<SmtpConnection, Problem> {
        let mut problem = Problem::Unknown;
        for address in addresses {
            match self.connect_to(*address) {
                Ok(connection) => return Ok(connection),
                Err(found) => problem = found,
            }
        }
        Err(problem)
    }

    fn connect_to(&self, address: SocketAddr) -> Result<SmtpConnection, Problem> {
        let told = |error: SmtpError| Problem::of(&error);
        let at_once = self.tls.as_ref().filter(|_| self.security == Security::Tls);
        let mut connection =
            SmtpConnection::connect(address, Some(ANSWER_LIMIT), &self.hello, at_once, None).map_err(told)?;
        if let Some(tls) = self.tls.as_ref().filter(|_| self.security == Security::StartTls) {
            if !connection.server_info().supports_feature(Extension::StartTls) {
                return Err(Problem::InTheClear);
            }
            connection.starttls(tls, &self.hello).map_err(told)?;
        }
        Ok(connection)
    }
}

/// Whom to believe: who the site says, or else those whom this host knows.
fn tls(smtp: &Smtp) -> Result<TlsParameters> {
    let unusable = |error: SmtpError| failed(smtp)(Problem::of(&error));
    let mut builder = TlsParameters::builder(smtp.host.to_string());
    if let Some(ca) = &smtp.ca {
        let pem = capped::read(ca, "certificates", CA_LIMIT)?;
        let why = "it has no certificate in PEM".to_owned();
        let certificate =
            Certificate::from_pem(&pem).map_err(|_| Error::Certificate { path: ca.clone(), why })?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build().map_err(unusable)
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
