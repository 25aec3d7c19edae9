use wt_keys::console::Failure;

use super::certificate::readable;
use super::{Known, ask, ask_if_any};
use crate::init::question::text;
use crate::init::{Field, Given, Interview};
use crate::site::{self, Domain, Line, MailAddress, Security, Smtp, smtp};
use crate::{Error, SiteFile, mail};

const SUBMISSION: u16 = 587;

/// Asks for the account that mails go out by, and tries it.
pub fn mail_account(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    loop {
        ask_mail_account(interview, given, known)?;
        if !interview.missing.is_empty() || !interview.document.has_table("smtp") {
            return Ok(());
        }
        let site = SiteFile::of_text(&interview.document.text(), &known.path)?;
        let Some(Err(problem)) = site.smtp.as_ref().map(try_account) else { return Ok(()) };
        interview.tell(&problem);
        if interview.person.is_none() || interview.agrees("  keep these answers about mail? [y/N]")? {
            return Ok(());
        }
    }
}

fn try_account(smtp: &Smtp) -> Result<(), String> {
    mail::log_in(smtp).map(drop).map_err(|error| match &error {
        Error::Mail { problem, .. } => format!("  {error}\n  hint: {}", problem.hint()),
        _ => format!("  {error}"),
    })
}

fn ask_mail_account(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    let of = |key| Field::of("smtp", key);
    let host = text(str::parse::<Domain>);
    let some = (!given.no_smtp).then_some(());
    let asked = some.map(|()| {
        ask_if_any(
            interview,
            of("host"),
            "mail server of the site",
            "--smtp-host HOST",
            given.smtp_host.as_ref(),
            &host,
        )
    });
    if asked.transpose()?.flatten().is_none() {
        interview.document.remove_table("smtp");
        return Ok(());
    }
    let port = |text: &str| Ok(i64::from(smtp::port(text)?).into());
    let default = Some(SUBMISSION.to_string());
    let answer =
        ask(interview, of("port"), "its port", "--smtp-port PORT", given.smtp_port.as_ref(), default, &port)?;
    let number = answer.and_then(|answer| answer.parse().ok()).unwrap_or(SUBMISSION);
    let security = text(str::parse::<Security>);
    let words = "how the connection is kept from others: starttls, tls or none";
    let default = Some(Security::of_port(number).to_string());
    ask(
        interview,
        of("security"),
        words,
        "--smtp-security HOW",
        given.smtp_security.as_ref(),
        default,
        &security,
    )?;
    let line = text(str::parse::<Line>);
    let user =
        ask(interview, of("user"), "user there", "--smtp-user NAME", given.smtp_user.as_ref(), None, &line)?;
    let password = given.smtp_password()?;
    interview.secret(&of("password"), "password there", "--smtp-password-file FILE", password.as_ref())?;
    let address = text(str::parse::<MailAddress>);
    let default = user.filter(|user| user.parse::<MailAddress>().is_ok());
    ask(
        interview,
        of("from"),
        "who mails are from",
        "--smtp-from ADDRESS",
        given.smtp_from.as_ref(),
        default,
        &address,
    )?;
    let folder = site::folder_of_site(&known.path)?;
    let file = text(|file: &str| readable(&folder, file));
    let words = "who signed its certificate, a file, where this host does not know them";
    ask_if_any(interview, of("ca"), words, "--smtp-ca FILE", given.smtp_ca.as_ref(), &file)?;
    Ok(())
}
