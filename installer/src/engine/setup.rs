//! How an engine was set up by whoever installed it: what a product of ours may stumble over.

use bollard::models::SystemInfo;

use super::Engine;
use crate::Result;

/// What an engine says about itself beyond its version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Containers outlive the engine. A swarm cannot be made then.
    pub live_restore: bool,
    /// It runs as an ordinary user.
    pub rootless: bool,
    /// Users in containers are other users on the host.
    pub remapped: bool,
    /// How many nodes its swarm has; 0 where it is in none, or is no manager of it.
    pub nodes: i64,
}

impl Engine {
    pub fn setup(&self) -> Result<Setup> {
        Ok(Setup::of(&self.ask("describe itself", self.docker.info())?))
    }
}

impl Setup {
    fn of(info: &SystemInfo) -> Self {
        let says = |option: &str| {
            let mut options = info.security_options.iter().flatten();
            options.any(|found| found.split(',').any(|part| part == format!("name={option}")))
        };
        Self {
            live_restore: info.live_restore_enabled == Some(true),
            rootless: says("rootless"),
            remapped: says("userns"),
            nodes: info.swarm.as_ref().and_then(|swarm| swarm.nodes).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_read_as_docker_writes_it() {
        let of = |json: &str| Setup::of(&serde_json::from_str(json).unwrap());
        let plain =
            r#"{"SecurityOptions":["name=apparmor","name=seccomp,profile=default"],"Swarm":{"Nodes":3}}"#;
        assert_eq!(of(plain), Setup { nodes: 3, ..Setup::default() });
        let odd = r#"{"SecurityOptions":["name=rootless","name=userns"],"LiveRestoreEnabled":true}"#;
        assert_eq!(of(odd), Setup { live_restore: true, rootless: true, remapped: true, nodes: 0 });
    }
}
