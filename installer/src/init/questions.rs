//! All that a site is asked, in order.

mod certificate;
mod mail;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml_edit::Value;
use wt_keys::Utc;
use wt_keys::console::Failure;
use wt_manifests::site::NodeRole;

use super::interview::wrong;
use super::question::{Question, text};
use super::{Field, Given, Interview};
use crate::preflight::is_ours;
use crate::site::{DATA_ROOT, Domain, Line, MailAddress, ShortName, default_home, node, path};
use crate::{network, resolver};

const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// What is known beside the answers.
#[derive(Debug)]
pub struct Known {
    /// The host names that the release asks for; none: whatever the file has.
    pub domains: Option<Vec<String>>,
    pub product: Option<String>,
    /// Where the site file is, or will be.
    pub path: PathBuf,
    pub now: Utc,
}

/// Asks everything. What nobody said is missing afterwards.
pub fn ask_all(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    company(interview, given)?;
    this_node(interview, given)?;
    domains(interview, given, known)?;
    certificate::certificate(interview, given, known)?;
    folders(interview, given, known)?;
    administrator(interview, given)?;
    mail::mail_account(interview, given, known)
}

fn ask(
    interview: &mut Interview<'_>,
    field: Field,
    words: &str,
    flag: &str,
    given: Option<&String>,
    default: Option<String>,
    check: &dyn Fn(&str) -> Result<Value, String>,
) -> Result<Option<String>, Failure> {
    let (words, flag) = (words.to_owned(), flag.to_owned());
    let may_be_none = false;
    interview.answer(&Question { field, words, flag, given: given.cloned(), default, may_be_none, check })
}

/// As [`ask`], where a site may have none.
fn ask_if_any(
    interview: &mut Interview<'_>,
    field: Field,
    words: &str,
    flag: &str,
    given: Option<&String>,
    check: &dyn Fn(&str) -> Result<Value, String>,
) -> Result<Option<String>, Failure> {
    let (words, flag, default) = (words.to_owned(), flag.to_owned(), None);
    let may_be_none = true;
    interview.answer(&Question { field, words, flag, given: given.cloned(), default, may_be_none, check })
}

fn company(interview: &mut Interview<'_>, given: &Given) -> Result<(), Failure> {
    let check = text(str::parse::<ShortName>);
    let field = Field::of("", "company-domain");
    let words = "company domain, a short name like `acme`";
    ask(interview, field, words, "--company-domain NAME", given.company_domain.as_ref(), None, &check)?;
    Ok(())
}

fn this_node(interview: &mut Interview<'_>, given: &Given) -> Result<(), Failure> {
    let of = |key| Field::of("node", key);
    let host = fs::read_to_string(HOST_NAME).ok().filter(|name| name.trim().parse::<ShortName>().is_ok());
    let host = host.map(|name| name.trim().to_owned());
    let name = text(str::parse::<ShortName>);
    let words = "name of this host at the site";
    ask(interview, of("name"), words, "--node-name NAME", given.node_name.as_ref(), host, &name)?;
    let mine = network::addresses(Path::new("/")).first().map(ToString::to_string);
    let address = text(own_address);
    ask(
        interview,
        of("address"),
        "its address",
        "--address ADDRESS",
        given.address.as_ref(),
        mine,
        &address,
    )?;
    let all = [NodeRole::Lb, NodeRole::App, NodeRole::Cache, NodeRole::Db].map(NodeRole::as_str).join(",");
    let roles = |text: &str| Ok(node::roles(text)?.into_iter().map(NodeRole::as_str).collect::<Value>());
    let words = "its roles, of ha, lb, app, cache, db";
    ask(interview, of("roles"), words, "--roles ROLE,…", given.roles.as_ref(), Some(all), &roles)?;
    Ok(())
}

fn own_address(text: &str) -> Result<IpAddr, String> {
    let address = node::address(text)?;
    if is_ours(address) {
        Ok(address)
    } else {
        Err(format!("`{text}` is not an address of this host; `ip address` lists them"))
    }
}

fn domains(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    let said = given.domains();
    let present = interview.document.keys("domains");
    let names = match &known.domains {
        Some(names) => names.clone(),
        None if present.is_empty() => said.keys().map(|name| (*name).to_owned()).collect(),
        None => present.clone(),
    };
    if let Some(unknown) = said.keys().find(|name| !names.iter().any(|known| known == *name)) {
        return Err(wrong(
            "--domain NAME=HOST",
            &format!("no name `{unknown}`; the release knows {}", names.join(", ")),
        ));
    }
    for name in present.iter().filter(|name| !names.contains(name)) {
        interview.tell(&format!("the release knows no `{name}`: it goes out of `[domains]`"));
        interview.document.remove(&Field::of("domains", name));
    }
    let own = interview.document.get(&Field::of("node", "address"));
    for name in &names {
        let given = said.get(name.as_str()).map(|host| (*host).to_owned());
        let words = format!("host name of {name}, or an address where the site has no names");
        let (field, flag) = (Field::of("domains", name), format!("--domain {name}=HOST"));
        // without anybody to ask, an address is not guessed
        let default = own.clone().filter(|_| interview.person.is_some());
        let check = text(str::parse::<Domain>);
        let answer = ask(interview, field, &words, &flag, given.as_ref(), default, &check)?;
        if let Some(note) =
            answer.filter(|_| interview.person.is_some()).and_then(|answer| leads_elsewhere(&answer))
        {
            interview.tell(&note);
        }
    }
    Ok(())
}

/// A note, not a refusal: a name may be added later, and a load balancer may stand before this host.
fn leads_elsewhere(host: &str) -> Option<String> {
    match resolver::addresses(&host.parse().ok()?) {
        Ok(found) if found.is_empty() => Some(format!("  note: nobody knows {host} yet")),
        Ok(found) if !found.iter().any(|address| is_ours(*address)) => {
            Some(format!("  note: {host} is {}, which is not this host", found[0]))
        }
        _ => None,
    }
}

fn folders(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    let check = text(path::folder);
    let (field, flag) = (Field::of("", "data-root"), "--data-root DIR");
    let default = Some(DATA_ROOT.to_owned());
    ask(
        interview,
        field,
        "folder of data and logs, on an SSD if there is one",
        flag,
        given.data_root.as_ref(),
        default,
        &check,
    )?;
    let default = known.product.as_deref().map(|product| default_home(product).display().to_string());
    let field = Field::of("", "home");
    // left out, it is where the product's name says
    if given.home.is_some()
        || interview.document.get(&field).is_some()
        || (interview.person.is_some() && default.is_some())
    {
        ask(interview, field, "folder of the product", "--home DIR", given.home.as_ref(), default, &check)?;
    }
    Ok(())
}

fn administrator(interview: &mut Interview<'_>, given: &Given) -> Result<(), Failure> {
    let of = |key| Field::of("administrator", key);
    let mail = text(str::parse::<MailAddress>);
    let line = text(str::parse::<Line>);
    let words = "mail address of the administrator";
    ask(interview, of("mail"), words, "--admin-mail ADDRESS", given.admin_mail.as_ref(), None, &mail)?;
    let words = "name that the administrator logs in with";
    ask(
        interview,
        of("username"),
        words,
        "--admin-username NAME",
        given.admin_username.as_ref(),
        None,
        &line,
    )?;
    let words = "name of the administrator, for people";
    ask(interview, of("name"), words, "--admin-name NAME", given.admin_name.as_ref(), None, &line)?;
    let password = given.admin_password()?;
    let words = "first password of the administrator";
    interview.secret(&of("password"), words, "--admin-password-file FILE", password.as_ref())
}

#[cfg(test)]
mod tests;
