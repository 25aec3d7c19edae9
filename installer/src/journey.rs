//! The user journey: HTTP requests to the host itself that prove that a person could work with the product.

use std::time::{Duration, Instant};

use ureq::Agent;
use wt_manifests::Manifest;
use wt_manifests::site::JourneyStep;

use crate::{Error, Result, SiteFile, conf};

const STEP_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: u64 = 4 << 20;
const PAUSE: Duration = Duration::from_millis(300);

/// Walks all steps; each is tried until it succeeds or `patience` is over. Returns how many there were.
pub fn walk(manifest: &Manifest, site: &SiteFile, patience: Duration) -> Result<usize> {
    let agent: Agent = Agent::config_builder()
        .timeout_global(Some(STEP_TIMEOUT))
        .max_redirects(0)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let deadline = Instant::now() + patience;
    for step in &manifest.site.journey {
        loop {
            match take(&agent, step, manifest, site)? {
                Ok(()) => break,
                Err(_) if Instant::now() < deadline => std::thread::sleep(PAUSE),
                Err(why) => {
                    let (stack, step) = (manifest.product.clone(), step.name.clone());
                    return Err(Error::Journey { stack, step, why });
                }
            }
        }
    }
    Ok(manifest.site.journey.len())
}

/// One request. The outer error is a mistake in the release, the inner one an answer that is not the expected one.
fn take(
    agent: &Agent,
    step: &JourneyStep,
    manifest: &Manifest,
    site: &SiteFile,
) -> Result<std::result::Result<(), String>> {
    let render = |text: &str| conf::render_secret(&step.name, text, manifest, site);
    let url = format!("http://127.0.0.1:{}{}", step.port, render(&step.path)?);
    let mut request = ureq::http::Request::builder().method(step.method.as_str()).uri(&url);
    if let Some(host) = &step.host {
        request = request.header("host", render(host)?);
    }
    let body = step.body.as_deref().map(render).transpose()?;
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let answer = match request.body(body.unwrap_or_default()) {
        Ok(request) => agent.run(request),
        Err(error) => return Ok(Err(format!("the request cannot be made: {error}"))),
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(format!("no answer on port {}: {error}", step.port))),
    };
    let status = answer.status().as_u16();
    let text = answer.body_mut().with_config().limit(ANSWER_LIMIT).read_to_string().unwrap_or_default();
    Ok(judge(step, status, &text))
}

fn judge(step: &JourneyStep, status: u16, text: &str) -> std::result::Result<(), String> {
    if status != step.status {
        return Err(format!(
            "{} {}\n  expected status {}\n  found    status {status}",
            step.method.as_str(),
            step.path,
            step.status
        ));
    }
    match &step.contains {
        Some(wanted) if !text.contains(wanted) => {
            let start: String = text.chars().take(200).collect();
            Err(format!(
                "{} {}\n  expected an answer with `{wanted}`\n  found    {start}",
                step.method.as_str(),
                step.path
            ))
        }
        _ => Ok(()),
    }
}
