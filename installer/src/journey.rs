//! The user journey: HTTP requests to the host itself that prove that a person could work with the product. Where the site
//! has a certificate, they are taken over TLS, under the product's names and with no certificate but the site's own.

mod tls;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ureq::Agent;
use wt_manifests::site::JourneyStep;

use crate::conf::Values;
use crate::site::Administrator;
use crate::{Error, Installation, Result, certificate};

const STEP_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: u64 = 4 << 20;
const PAUSE: Duration = Duration::from_millis(300);

/// Walks all steps; each is tried until it succeeds or `patience` is over. Returns how many there were.
/// With the site's own account for it, once the product can know it. A log-in that is refused is not tried again: a product
/// may lock whoever tries too often.
pub fn walk(installation: &Installation, patience: Duration) -> Result<usize> {
    let manifest = installation.manifest();
    let who = who(installation);
    let traveller = Traveller::of(installation, &who)?;
    let deadline = Instant::now() + patience;
    for step in &manifest.site.journey {
        loop {
            match traveller.take(step)? {
                Ok(()) => break,
                Err(Miss { last: false, .. }) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(Miss { last: true, why }) => {
                    return Err(Error::LogInRefused { step: step.name.clone(), why });
                }
                Err(Miss { why, .. }) => {
                    return Err(Error::Journey { step: step.name.clone(), why });
                }
            }
        }
    }
    Ok(manifest.site.journey.len())
}

fn who(installation: &Installation) -> Administrator {
    let mut who = installation.site.administrator.clone();
    if let (Some(account), Some(_)) = (&installation.site.check.account, &installation.installed) {
        (who.username, who.password) = (account.username.clone(), account.password.clone());
    }
    who
}

/// An answer that is not the expected one.
#[derive(Debug, PartialEq, Eq)]
struct Miss {
    why: String,
    /// It would be the same again.
    last: bool,
}

/// Who walks.
struct Traveller<'a> {
    values: Values<'a>,
    address: IpAddr,
    plain: Agent,
    /// Where the site has a certificate.
    secure: Option<Agent>,
}

impl<'a> Traveller<'a> {
    fn of(installation: &'a Installation, who: &'a Administrator) -> Result<Self> {
        let config = || {
            Agent::config_builder()
                .timeout_global(Some(STEP_TIMEOUT))
                .max_redirects(0)
                .http_status_as_error(false)
                .proxy(None)
                .build()
        };
        let pair = certificate::installed(&installation.places)?;
        Ok(Self {
            values: Values::of(installation)?.logging_in_as(who),
            address: installation.site.node().address,
            plain: config().into(),
            secure: pair.map(|pair| tls::agent(config(), &pair)).transpose()?,
        })
    }

    /// One request. The outer error is a mistake in the release, the inner one an answer that is not the expected one.
    fn take(&self, step: &JourneyStep) -> Result<std::result::Result<(), Miss>> {
        let render = |text: &str| self.values.render_secret(&step.name, text);
        let host = step.host.as_deref().map(render).transpose()?;
        let path = render(&step.path)?;
        let (agent, port, url) = match (&self.secure, step.tls_port) {
            (Some(agent), Some(port)) => {
                let name = host.clone().unwrap_or_else(|| self.address.to_string());
                (agent, port, format!("https://{}:{port}{path}", in_url(&name)))
            }
            _ => (&self.plain, step.port, format!("http://127.0.0.1:{}{path}", step.port)),
        };
        let mut request = ureq::http::Request::builder().method(step.method.as_str()).uri(&url);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let body = step.body.as_deref().map(render).transpose()?;
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let answer = match request.body(body.unwrap_or_default()) {
            Ok(request) => agent.run(request),
            Err(error) => {
                return Ok(Err(Miss { why: format!("the request cannot be made: {error}"), last: false }));
            }
        };
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                return Ok(Err(Miss { why: format!("no answer on port {port}: {error}"), last: false }));
            }
        };
        let status = answer.status().as_u16();
        let text = answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string().unwrap_or_default();
        Ok(judge(step, status, &text))
    }
}

/// An IPv6 address has brackets there.
fn in_url(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

fn judge(step: &JourneyStep, status: u16, text: &str) -> std::result::Result<(), Miss> {
    if status != step.status {
        let why = format!(
            "{} {}\n  expected status {}\n  found    status {status}",
            step.method.as_str(),
            step.path,
            step.status
        );
        return Err(Miss { why, last: matches!(status, 401 | 403) });
    }
    match &step.contains {
        Some(wanted) if !text.contains(wanted) => {
            // not the answer itself, in which a token may stand: this goes into logs and mail
            let why = format!(
                "{} {}\n  expected an answer with `{wanted}`\n  found    {} bytes without it",
                step.method.as_str(),
                step.path,
                text.len()
            );
            Err(Miss { why, last: false })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_the_last_word_and_no_answer_is_repeated_to_anybody() {
        let step: JourneyStep = serde_json::from_str(
            r#"{"name": "log in", "method": "POST", "port": 80, "path": "/login", "status": 200, "contains": "code"}"#,
        )
        .unwrap();
        assert_eq!(judge(&step, 200, r#"{"code":1}"#), Ok(()));
        for (status, last) in [(401, true), (403, true), (404, false), (500, false), (503, false)] {
            let miss = judge(&step, status, "code").unwrap_err();
            assert_eq!(miss.last, last, "{status}");
            assert!(
                miss.why.contains("expected status 200") && miss.why.contains(&status.to_string()),
                "{}",
                miss.why
            );
        }
        let miss = judge(&step, 200, "token=secret").unwrap_err();
        assert!(!miss.last && !miss.why.contains("secret"), "{}", miss.why);
    }
}
