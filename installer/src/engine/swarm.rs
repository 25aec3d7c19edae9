//! The swarm: one manager today, more nodes later by joining it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use bollard::models::{LocalNodeState, SwarmInfo, SwarmInitRequest, SwarmSpec, SwarmSpecOrchestration};

use super::{Engine, client};
use crate::{Error, Result};

const PORT: u16 = 2377;
/// On a swarm that we made.
const LABEL: &str = "wt.swarm";
/// Dead tasks that are kept for each slot, and so the containers that are: enough to say why the last one ended.
const TASK_HISTORY: i64 = 2;
/// Nodes renew their certificates while they run. One that was off for longer than this could not come back.
const CERTIFICATE_HOURS: i64 = 10 * 365 * 24;
const HOUR: i64 = 3600 * 1_000_000_000; // nanoseconds

/// What this engine is in a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwarmState {
    None,
    Manager,
    /// A manager of a swarm that we made, whose first certificates were not replaced yet.
    NewManager,
    Worker,
    /// Neither in nor out: locked, or what it says itself.
    Broken(String),
}

impl Engine {
    pub fn swarm_state(&self) -> Result<SwarmState> {
        let info = self.ask("describe itself", self.docker.info())?;
        match SwarmState::new(info.swarm.unwrap_or_default()) {
            SwarmState::Manager if self.has_first_certificates()? => Ok(SwarmState::NewManager),
            state => Ok(state),
        }
    }

    /// The life of certificates is set when they are replaced; a swarm of somebody else's is left as it is.
    fn has_first_certificates(&self) -> Result<bool> {
        let swarm = self.ask("describe its swarm", self.docker.inspect_swarm())?;
        let spec = swarm.spec.unwrap_or_default();
        let ours = spec.labels.is_some_and(|labels| labels.contains_key(LABEL));
        let life = spec.ca_config.and_then(|ca| ca.node_cert_expiry).unwrap_or_default();
        Ok(ours && life < CERTIFICATE_HOURS * HOUR)
    }

    /// Makes this engine the manager of a new swarm that listens on `address` alone, if it is not one yet.
    pub fn init_swarm(&self, address: IpAddr) -> Result<()> {
        match self.swarm_state()? {
            SwarmState::None => self.become_manager(address)?,
            SwarmState::NewManager => {}
            SwarmState::Manager => return Ok(()),
            SwarmState::Worker => return Err(Error::Swarm { found: "a worker of another swarm".to_owned() }),
            SwarmState::Broken(why) => return Err(Error::Swarm { found: why }),
        }
        client::renew_certificates(CERTIFICATE_HOURS)
    }

    fn become_manager(&self, address: IpAddr) -> Result<()> {
        let request = SwarmInitRequest {
            listen_addr: Some(SocketAddr::new(address, PORT).to_string()),
            advertise_addr: Some(address.to_string()),
            spec: Some(SwarmSpec {
                orchestration: Some(SwarmSpecOrchestration {
                    task_history_retention_limit: Some(TASK_HISTORY),
                }),
                labels: Some(HashMap::from([(LABEL.to_owned(), "1".to_owned())])),
                ..SwarmSpec::default()
            }),
            ..SwarmInitRequest::default()
        };
        self.ask("become a swarm manager", self.docker.init_swarm(request)).map(drop)
    }
}

impl SwarmState {
    fn new(info: SwarmInfo) -> Self {
        let said = info.error.filter(|error| !error.is_empty());
        match info.local_node_state {
            None | Some(LocalNodeState::EMPTY | LocalNodeState::INACTIVE) => Self::None,
            Some(LocalNodeState::ACTIVE) if said.is_none() && info.control_available == Some(true) => {
                Self::Manager
            }
            Some(LocalNodeState::ACTIVE) if said.is_none() => Self::Worker,
            Some(state) => Self::Broken(said.unwrap_or_else(|| state.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_as_docker_writes_it() {
        let state = |json: &str| SwarmState::new(serde_json::from_str(json).unwrap());
        assert_eq!(
            state(r#"{"NodeID":"","LocalNodeState":"inactive","ControlAvailable":false}"#),
            SwarmState::None
        );
        assert_eq!(
            state(r#"{"NodeAddr":"10.0.0.1","LocalNodeState":"active","ControlAvailable":true,"Nodes":3}"#),
            SwarmState::Manager
        );
        assert_eq!(
            state(r#"{"NodeAddr":"10.0.0.2","LocalNodeState":"active","ControlAvailable":false}"#),
            SwarmState::Worker
        );
        assert_eq!(state(r#"{"LocalNodeState":"locked"}"#), SwarmState::Broken("locked".into()));
        assert_eq!(
            state(r#"{"LocalNodeState":"error","Error":"certificate has expired"}"#),
            SwarmState::Broken("certificate has expired".into())
        );
    }
}
