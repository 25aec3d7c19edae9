//! Templates of a release: configuration files and the strings of the journey. What they may name is here, and nowhere
//! else. A variable that is not there is an error.

use std::collections::BTreeMap;
use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use semver::Version;
use serde::Serialize;

/// What templates may name.
#[derive(Clone, Debug, Serialize)]
pub struct Variables<'a> {
    pub release: ReleaseVariables<'a>,
    pub site: SiteVariables<'a>,
    pub administrator: AdministratorVariables<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpVariables<'a>>,
    /// Where the site has a certificate: `{% if tls is defined %}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsVariables>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ReleaseVariables<'a> {
    pub product: &'a str,
    pub version: &'a Version,
}

#[derive(Clone, Debug, Serialize)]
pub struct SiteVariables<'a> {
    pub address: String,
    pub domains: BTreeMap<&'a str, &'a str>,
    pub company_domain: &'a str,
    pub data_root: &'a str,
}

#[derive(Clone, Serialize)]
pub struct AdministratorVariables<'a> {
    pub mail: &'a str,
    pub username: &'a str,
    pub name: &'a str,
    /// Only for requests that go to the product itself: a configuration file can be read by services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<&'a str>,
}

/// Without its password, which services have as a secret.
#[derive(Clone, Debug, Serialize)]
pub struct SmtpVariables<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
}

/// The certificate and its key are secrets; a text need not change when they are renewed.
#[derive(Clone, Debug, Serialize)]
pub struct TlsVariables {}

/// Why a text cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: Option<usize>,
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl fmt::Debug for AdministratorVariables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdministratorVariables").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Renders one text.
pub fn render(template: &str, variables: &Variables<'_>) -> Result<String, Problem> {
    const NAME: &str = "template";
    let failed = |error: minijinja::Error| problem(&error, template);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).build().map_err(failed)?);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_template(NAME, template).map_err(failed)?;
    let variables = minijinja::Value::from(minijinja::value::Serde(variables));
    environment.get_template(NAME).and_then(|template| template.render(variables)).map_err(failed)
}

fn problem(error: &minijinja::Error, template: &str) -> Problem {
    let line = error.line();
    let text = line.and_then(|line| template.lines().nth(line.checked_sub(1)?));
    let why = match (error.kind(), error.detail(), text) {
        (ErrorKind::UndefinedError, Some(detail), _) => detail.to_owned(),
        (kind, Some(detail), _) => format!("{kind}: {detail}"),
        (kind, None, Some(text)) => {
            format!("{kind}, in `{}`", text.trim().chars().take(120).collect::<String>())
        }
        (kind, None, None) => kind.to_string(),
    };
    Problem { line, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_not_there_and_a_mistake_say_their_line() {
        let version = Version::new(1, 0, 0);
        let variables = Variables {
            release: ReleaseVariables { product: "p", version: &version },
            site: SiteVariables {
                address: "192.0.2.1".into(),
                domains: BTreeMap::from([("web", "w\"x")]),
                company_domain: "c",
                data_root: "/data",
            },
            administrator: AdministratorVariables { mail: "m", username: "u", name: "n", password: None },
            smtp: None,
            tls: Some(TlsVariables {}),
        };
        let render = |text| render(text, &variables).map_err(|problem| problem.to_string());
        assert_eq!(render("{{ site.domains.web | tojson }}\n").unwrap(), "\"w\\\"x\"\n");
        assert_eq!(render("{% if smtp is defined %}x{% endif %}").unwrap(), "");
        assert_eq!(render("{% if tls is defined %}x{% endif %}").unwrap(), "x");
        for (text, expected) in [
            ("\n{{ nobody }}", "line 2: `nobody` is undefined"),
            ("{{ administrator.password }}", "line 1: `administrator.password` is undefined"),
            ("a\nb\n{{ site.name }}", "line 3: `site.name` is undefined"),
        ] {
            assert_eq!(render(text).unwrap_err(), expected);
        }
        assert!(render("\n{% if %}").unwrap_err().starts_with("line 2: syntax error"));
    }
}
