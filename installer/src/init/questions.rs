//! All that a site is asked, in order.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml_edit::Value;
use wt_keys::Utc;
use wt_keys::console::Failure;
use wt_manifests::site::NodeRole;

use super::interview::wrong;
use super::question::{Question, text};
use super::{Document, Field, Given, Interview};
use crate::certificate::Pair;
use crate::mail;
use crate::preflight::certificate::examine;
use crate::preflight::{Row, Table, Verdict, is_ours};
use crate::site::{
    self, DATA_ROOT, Domain, Line, MailAddress, Security, ShortName, Smtp, default_home, node, path, smtp,
};
use crate::{SiteFile, network, resolver};

const SUBMISSION: u16 = 587;
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
    certificate(interview, given, known)?;
    folders(interview, given, known)?;
    administrator(interview, given)?;
    mail_account(interview, given, known)
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
    let roles = |text: &str| Ok(Value::from_iter(node::roles(text)?.into_iter().map(NodeRole::as_str)));
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

fn certificate(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    if given.no_certificate {
        interview.document.remove_table("certificate");
        return Ok(());
    }
    let folder = site::folder_of_site(&known.path)?;
    let domains = known_domains(&interview.document);
    loop {
        let file = text(|file: &str| readable(&folder, file));
        let field = Field::of("certificate", "file");
        let words = "certificate of these names, a file";
        let flag = "--certificate FILE";
        let Some(chain) = ask_if_any(interview, field, words, flag, given.certificate.as_ref(), &file)?
        else {
            interview.document.remove_table("certificate");
            return Ok(());
        };
        let pair = |key: &str| {
            Pair::read(&folder.join(&chain), &folder.join(path::file(key)?))
                .map_err(|error| error.to_string())
        };
        let field = Field::of("certificate", "key");
        let fits = text(|key: &str| pair(key)?.check_key());
        let Some(key) =
            ask(interview, field, "its key, a file", "--key FILE", given.key.as_ref(), None, &fits)?
        else {
            return Ok(()); // it is missing
        };
        let rows = examine(&pair(&key).map_err(|why| wrong("--key FILE", &why))?, &domains, known.now);
        let bad: Vec<&Row> = rows.iter().filter(|row| row.verdict != Verdict::Ok).collect();
        let failed = bad.iter().find(|row| row.verdict == Verdict::Fail);
        if let Some(row) = failed
            && (interview.person.is_none() || given.certificate.is_some())
        {
            return Err(wrong("--certificate FILE", &row.sentence()));
        }
        if !bad.is_empty() {
            interview.tell(Table(&bad).to_string().trim_end());
        }
        if failed.is_none() {
            return Ok(());
        }
    }
}

fn readable(folder: &Path, file: &str) -> Result<(), String> {
    let file = folder.join(path::file(file)?);
    fs::File::open(&file).map(drop).map_err(|error| format!("`{}`: {error}", file.display()))
}

/// The host names that were answered.
fn known_domains(document: &Document) -> BTreeMap<String, Domain> {
    let host = |name: String| {
        let domain = document.get(&Field::of("domains", &name))?.parse().ok()?;
        Some((name, domain))
    };
    document.keys("domains").into_iter().filter_map(host).collect()
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

fn mail_account(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
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
        crate::Error::Mail { problem, .. } => format!("  {error}\n  hint: {}", problem.hint()),
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

/// What a site file says, without its passwords.
#[derive(Debug)]
pub struct Summary<'a>(pub &'a SiteFile);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let site = self.0;
        let mut line = |what: &str, said: &dyn fmt::Display| writeln!(f, "  {what:<16} {said}");
        line("company domain", &site.company_domain)?;
        for node in &site.nodes {
            let roles: Vec<&str> = node.roles.iter().map(|role| role.as_str()).collect();
            line("node", &format_args!("{}, {}, for {}", node.name, node.address, roles.join(", ")))?;
        }
        for (name, domain) in &site.domains {
            line(name, domain)?;
        }
        match &site.certificate {
            Some(files) => {
                line("certificate", &format_args!("{} and {}", files.file.display(), files.key.display()))?
            }
            None => line("certificate", &"none: plain HTTP")?,
        }
        line("data", &site.data_root.display())?;
        if let Some(home) = &site.home {
            line("product", &home.display())?;
        }
        let administrator = &site.administrator;
        line(
            "administrator",
            &format_args!("{}, {}, {}", administrator.name, administrator.username, administrator.mail),
        )?;
        match &site.smtp {
            Some(smtp) => line(
                "mail",
                &format_args!("{} at {}:{}, {}", smtp.user, smtp.host, smtp.port, smtp.security()),
            )?,
            None => line("mail", &"none")?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::person::tests::Script;
    use super::*;

    fn known(folder: &Path) -> Known {
        Known {
            domains: Some(vec!["web".to_owned(), "im".to_owned()]),
            product: Some("worktile".to_owned()),
            path: folder.join("site.toml"),
            now: Utc::from_unix(1_795_420_800).unwrap(),
        }
    }

    fn ask_script(known: &Known, document: Document, given: &Given, answers: &[&str]) -> (String, String) {
        let mut script = Script::of(answers);
        let mut interview = Interview { document, person: Some(&mut script), missing: Vec::new() };
        ask_all(&mut interview, given, known).unwrap();
        assert!(interview.missing.is_empty());
        let text = interview.document.text().to_string();
        assert!(script.answers.is_empty(), "not asked for: {:?}", script.answers);
        (text, script.said)
    }

    #[test]
    fn a_site_is_asked_for_and_wrong_answers_are_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let (text, said) = ask_script(
            &known(folder.path()),
            Document::new(),
            &Given::default(),
            &[
                "a b",
                "acme",
                "node1",
                "192.0.2.77",
                "127.0.0.1",
                "lb app dbx",
                "lb app",
                "web_",
                "127.0.0.1",
                "",
                "nothing.crt",
                "-",
                "data",
                "/data",
                "",
                "root",
                "root@example.com",
                "root",
                "The Root",
                "secret",
                "secrets",
                "secret",
                "secret",
                "",
            ],
        );
        let site = SiteFile::parse(&text).unwrap();
        assert_eq!(site.company_domain.as_str(), "acme");
        assert_eq!(site.domains["im"].as_str(), "127.0.0.1", "the default");
        assert_eq!(site.home.as_deref(), Some(Path::new("/opt/worktile")));
        assert_eq!(site.administrator.password.expose(), "secret");
        assert!(site.certificate.is_none() && site.smtp.is_none());
        for expected in [
            "no: `a b` is not a short name",
            "no: `192.0.2.77` is not an address of this host",
            "no: `dbx` is not a role",
            "no: `web_` is not a host name",
            "nothing.crt`: No such file",
            "no: `data` is not the absolute path",
            "no: `root` is not a mail address",
            "no: they are not the same",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        assert!(!said.contains("secret"), "{said}");
    }

    #[test]
    fn what_a_file_says_is_the_default_and_its_comments_stay() {
        let folder = tempfile::tempdir().unwrap();
        let known = known(folder.path());
        let file = "# ours\ncompany-domain = 'acme' # short\n\n[domains]\nweb = '127.0.0.1'\nim = '127.0.0.1'\nbox = 'x'\n\n\
            [administrator] # me\nmail = 'a@b'\nusername = 'a'\nname = 'A'\npassword = 'p'\n\n\
            [[node]]\nname = 'n'\naddress = '127.0.0.1'\nroles = ['db'] # alone\n";
        wt_keys::durable::write(&known.path, file.as_bytes(), 0o600).unwrap();
        let document = Document::read(&known.path).unwrap();
        let answers = ["other"].iter().chain(&[""; 14]).copied().collect::<Vec<_>>();
        let (text, said) = ask_script(&known, document, &Given::default(), &answers);
        assert!(said.contains("the release knows no `box`"), "{said}");
        let wanted = file.replace("'acme'", "\"other\"").replace("box = 'x'\n", "");
        let (head, rest) = wanted.split_once("# short\n").unwrap();
        assert_eq!(text, format!("{head}# short\ndata-root = \"/data\"\nhome = \"/opt/worktile\"\n{rest}"));
    }

    #[test]
    fn without_a_terminal_all_that_is_missing_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let known = known(folder.path());
        let mut interview = Interview { document: Document::new(), person: None, missing: Vec::new() };
        let given = Given {
            smtp_host: Some("m".to_owned()),
            company_domain: Some("acme".to_owned()),
            ..Given::default()
        };
        ask_all(&mut interview, &given, &known).unwrap();
        let missing = [
            "--domain web=HOST",
            "--domain im=HOST",
            "--admin-mail ADDRESS",
            "--admin-username NAME",
            "--admin-name NAME",
            "--admin-password-file FILE",
            "--smtp-user NAME",
            "--smtp-password-file FILE",
            "--smtp-from ADDRESS",
        ];
        let found: Vec<&str> = interview
            .missing
            .iter()
            .map(String::as_str)
            .filter(|flag| *flag != "--address ADDRESS")
            .collect();
        assert_eq!(found, missing);
    }

    #[test]
    fn a_certificate_must_be_for_these_names() {
        use crate::certificate::tests::make;
        let folder = tempfile::tempdir().unwrap();
        let known = Known {
            domains: Some(vec!["web".to_owned()]),
            now: wt_keys::console::now(),
            ..known(folder.path())
        };
        make(folder.path(), "good", "DNS:a.example", &["-days", "90"]);
        make(folder.path(), "other", "DNS:b.example", &["-days", "90"]);
        let base = ["acme", "n", "127.0.0.1", "db", "a.example"];
        let tail = ["/data", "/opt/x", "a@b", "a", "A", "p", "p", "-"];
        let certificate = ["other.crt", "good.key", "other.key", "good.crt", "good.key"];
        let answers: Vec<&str> = base.iter().chain(&certificate).chain(&tail).copied().collect();
        let (text, said) = ask_script(&known, Document::new(), &Given::default(), &answers);
        assert!(said.contains("no: it belongs to another certificate"), "{said}");
        assert!(said.contains("b.example, not a.example"), "{said}");
        assert!(text.contains("[certificate]\nfile = \"good.crt\"\nkey = \"good.key\"\n"), "{text}");
    }
}
