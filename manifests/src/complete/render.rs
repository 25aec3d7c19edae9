//! Every template is rendered for sample sites: with and without mail, with names of their own and with none.

use std::collections::BTreeMap;

use super::{Missing, SmallFile};
use crate::release::ReleaseFile;
use crate::template::{
    self, AdministratorVariables, Problem, ReleaseVariables, SiteVariables, SmtpVariables, Variables,
};

const ADDRESS: &str = "192.0.2.10";

pub(super) fn templates(release: &ReleaseFile, files: &[SmallFile]) -> Vec<Missing> {
    let mut all = Vec::new();
    for conf in &release.conf {
        let path = format!("conf/{}", conf.template);
        let Some(file) = files.iter().find(|file| file.path.as_str() == path) else { continue };
        let problem = match std::str::from_utf8(&file.content) {
            Ok(text) => first_problem(text, release, None),
            Err(_) => Some(Problem { line: None, why: "it is not UTF-8 text".to_owned() }),
        };
        all.extend(problem.map(|problem| Missing { what: problem.to_string(), place: path }));
    }
    all
}

pub(super) fn journey(release: &ReleaseFile) -> Vec<Missing> {
    let mut all = Vec::new();
    for step in &release.journey {
        let strings =
            [("path", Some(&step.path)), ("host", step.host.as_ref()), ("body", step.body.as_ref())];
        for (field, text) in strings {
            let problem = text.and_then(|text| first_problem(text, release, Some("password")));
            let place = || format!("release.toml, [[journey]] `{}`, {field}", step.name);
            all.extend(problem.map(|problem| Missing { what: problem.why, place: place() }));
        }
    }
    all
}

fn first_problem(text: &str, release: &ReleaseFile, password: Option<&str>) -> Option<Problem> {
    let sites = [(true, true), (false, true), (true, false), (false, false)];
    sites.into_iter().find_map(|(mail, names)| {
        let hosts: Vec<String> = release.domains.iter().map(|name| format!("{name}.example.com")).collect();
        let hosts = hosts.iter().map(|host| if names { host.as_str() } else { ADDRESS });
        let domains = release.domains.iter().map(String::as_str).zip(hosts).collect();
        template::render(text, &sample(release, domains, mail, password)).err()
    })
}

fn sample<'a>(
    release: &'a ReleaseFile,
    domains: BTreeMap<&'a str, &'a str>,
    mail: bool,
    password: Option<&'a str>,
) -> Variables<'a> {
    Variables {
        release: ReleaseVariables { product: &release.product, version: &release.version },
        site: SiteVariables {
            address: ADDRESS.to_owned(),
            domains,
            company_domain: "example.com",
            data_root: "/data",
        },
        administrator: AdministratorVariables {
            mail: "admin@example.com",
            username: "admin",
            name: "Administrator",
            password,
        },
        smtp: mail.then_some(SmtpVariables { host: "mail.example.com", port: 25, user: "user" }),
    }
}
