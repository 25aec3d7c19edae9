//! What bringing a release would change on this host, and what it would cost: bytes, time, and which services restart.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use wt_keys::console::Size;

use crate::deployment::Deployment;
use crate::engine::{Engine, SwarmState};
use crate::measured::Measured;
use crate::{Installation, Result};

#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// What is in service now.
    pub from: Option<String>,
    pub to: String,
    pub images: usize,
    /// What the engine must be sent.
    pub load_bytes: u64,
    pub restarts: Vec<Restart>,
    pub starts: Vec<String>,
    pub ends: Vec<String>,
    pub seconds: u64,
    /// Whether the time was told from earlier runs on this host.
    pub measured: bool,
}

/// A service whose containers are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restart {
    pub service: String,
    pub why: Vec<&'static str>,
    /// It runs more than once, and is replaced one by one.
    pub without_a_gap: bool,
}

impl Forecast {
    pub fn of(installation: &Installation) -> Result<Self> {
        let manifest = installation.manifest();
        let from = installation.installed.as_ref().map(|installed| installed.version.to_string());
        let engine = installation.find_engine()?;
        let (images, load_bytes) = match &engine {
            Some(engine) => {
                let plan = engine.plan_images(manifest, &installation.known_images()?)?;
                (plan.images.len(), plan.bytes)
            }
            None => (manifest.images.len(), manifest.layers().map(|layer| layer.size).sum()),
        };
        let services = installation.release.stack()?.services();
        let changes = match &engine {
            Some(engine) if engine.swarm_state()? == SwarmState::Manager => changes(installation, engine)?,
            _ => Changes { starts: services, ..Changes::default() },
        };
        let Changes { restarts, starts, ends } = changes;
        let measured = Measured::read(&installation.places);
        let deploys = !(restarts.is_empty() && starts.is_empty());
        let seconds = measured.loading(load_bytes) + if deploys { measured.deploying() } else { 0 };
        let to = manifest.version.to_string();
        Ok(Self {
            from,
            to,
            images,
            load_bytes,
            restarts,
            starts,
            ends,
            seconds,
            measured: measured.is_known(),
        })
    }

    fn is_empty(&self) -> bool {
        self.images == 0 && self.restarts.is_empty() && self.starts.is_empty() && self.ends.is_empty()
    }
}

#[derive(Default)]
struct Changes {
    restarts: Vec<Restart>,
    starts: Vec<String>,
    ends: Vec<String>,
}

/// The files on the host are as they are now: configuration that is yet to be written counts by its release.
fn changes(installation: &Installation, engine: &Engine) -> Result<Changes> {
    let running = engine.services(installation.stack_name())?;
    let deployment = Deployment::planned(installation, engine)?;
    let before = match installation.last_release()? {
        Some(last) => Some(Deployment::of(&installation.with(last), engine)?),
        None => None,
    };
    let json =
        |deployment: &Deployment| serde_json::from_str(&deployment.rendered.json).unwrap_or(Value::Null);
    let (new, old) = (json(&deployment), before.as_ref().map_or(Value::Null, json));
    let is_there = |name: &String| running.iter().any(|service| service.name == *name);
    let (there, starts) = deployment.changed(&running).into_iter().partition::<Vec<_>, _>(is_there);
    let restart = |name: String| Restart {
        why: why(&old["services"][&name], &new["services"][&name]),
        without_a_gap: new["services"][&name]["deploy"]["replicas"].as_u64().is_some_and(|count| count > 1),
        service: name,
    };
    let restarts = there.into_iter().map(restart).collect();
    Ok(Changes { restarts, starts, ends: deployment.gone(&running) })
}

/// What a service is told otherwise than before, in words.
fn why(old: &Value, new: &Value) -> Vec<&'static str> {
    let keys =
        [("image", "another image"), ("configs", "other configuration"), ("secrets", "another secret")];
    let mut found: Vec<&str> =
        keys.iter().filter(|(key, _)| old[*key] != new[*key]).map(|(_, words)| *words).collect();
    let rest = |service: &Value| {
        let mut rest = service.clone();
        for (key, _) in keys {
            rest[key] = Value::Null;
        }
        rest["deploy"]["labels"] = Value::Null;
        rest
    };
    if old.is_object() && rest(old) != rest(new) {
        found.push("other settings");
    }
    if old.is_object() { found } else { vec!["it is not as this release has it"] }
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.from {
            Some(from) if *from == self.to => writeln!(f, "{from} is installed")?,
            Some(from) => writeln!(f, "{from} becomes {}", self.to)?,
            None => writeln!(f, "{} is new here", self.to)?,
        }
        if self.is_empty() {
            return writeln!(f, "  no image to load, no service to restart");
        }
        writeln!(f, "  load       {} images, {}", self.images, Size(self.load_bytes))?;
        for Restart { service, why, without_a_gap } in &self.restarts {
            let gap = if *without_a_gap { ", one by one" } else { "" };
            writeln!(f, "  restart    {service}: {}{gap}", why.join(", "))?;
        }
        for (word, services) in [("start", &self.starts), ("remove", &self.ends)] {
            if !services.is_empty() {
                writeln!(f, "  {word:<10} {}", services.join(", "))?;
            }
        }
        let source = if self.measured { "measured here" } else { "a guess: nothing was measured here yet" };
        writeln!(f, "  time       about {} ({source})", Rough(Duration::from_secs(self.seconds)))
    }
}

/// A time in the unit that suits it.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds @ 0..=90 => write!(f, "{} seconds", seconds.max(1)),
            seconds => write!(f, "{} minutes", seconds.div_ceil(60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_restart_says_why() {
        let old = json!({ "image": "a", "configs": [], "deploy": { "labels": { "x": "1" } } });
        let with = |key: &str, value: Value| {
            let mut new = old.clone();
            new[key] = value;
            new
        };
        assert_eq!(why(&old, &with("image", json!("b"))), ["another image"]);
        assert_eq!(why(&old, &with("configs", json!(["c"]))), ["other configuration"]);
        assert_eq!(why(&old, &with("user", json!("1"))), ["other settings"]);
        assert_eq!(why(&old, &with("deploy", json!({ "labels": { "x": "2" } }))), [""; 0]);
        assert_eq!(why(&Value::Null, &old).len(), 1);
    }

    #[test]
    fn times_are_in_the_unit_that_suits_them() {
        let told = |seconds| Rough(Duration::from_secs(seconds)).to_string();
        assert_eq!(
            (told(0), told(90), told(91)),
            ("1 seconds".into(), "90 seconds".into(), "2 minutes".into())
        );
    }
}
