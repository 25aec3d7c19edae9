//! The swarm: one manager today, more nodes later by joining it.

use std::net::{IpAddr, SocketAddr};

use bollard::models::{
    LocalNodeState, SwarmInfo, SwarmInitRequest, SwarmSpec, SwarmSpecCaConfig, SwarmSpecOrchestration,
};

use super::Engine;
use crate::{Error, Result};

const PORT: u16 = 2377;
/// Dead tasks that are kept for each slot, and so the containers that are: enough to say why the last one ended.
const TASK_HISTORY: i64 = 2;
/// Nodes renew their certificates while they run. One that was off for longer than this could not come back.
const CERTIFICATE_LIFE: i64 = 10 * 365 * 24 * 3600 * 1_000_000_000; // ten years, in nanoseconds

/// What this engine is in a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwarmState {
    None,
    Manager { address: String, nodes: u32 },
    Worker { address: String },
    /// Neither in nor out: locked, or with an error of its own words.
    Broken { why: String },
}

impl Engine {
    pub fn swarm_state(&self) -> Result<SwarmState> {
        let info = self.ask("describe itself", self.docker.info())?;
        Ok(SwarmState::new(info.swarm.unwrap_or_default()))
    }

    /// Makes this engine the manager of a new swarm that listens on `address` alone.
    pub fn init_swarm(&self, address: IpAddr) -> Result<()> {
        let request = SwarmInitRequest {
            listen_addr: Some(SocketAddr::new(address, PORT).to_string()),
            advertise_addr: Some(address.to_string()),
            spec: Some(SwarmSpec {
                orchestration: Some(SwarmSpecOrchestration { task_history_retention_limit: Some(TASK_HISTORY) }),
                ca_config: Some(SwarmSpecCaConfig {
                    node_cert_expiry: Some(CERTIFICATE_LIFE),
                    ..SwarmSpecCaConfig::default()
                }),
                ..SwarmSpec::default()
            }),
            ..SwarmInitRequest::default()
        };
        self.ask("become a swarm manager", self.docker.init_swarm(request))?;
        match self.swarm_state()? {
            SwarmState::Manager { .. } => Ok(()),
            other => Err(Error::EngineAnswer { expected: "a swarm manager", found: format!("{other:?}") }),
        }
    }
}

impl SwarmState {
    fn new(info: SwarmInfo) -> Self {
        let address = info.node_addr.unwrap_or_default();
        let said = info.error.filter(|error| !error.is_empty());
        match info.local_node_state {
            None | Some(LocalNodeState::EMPTY | LocalNodeState::INACTIVE) => Self::None,
            Some(LocalNodeState::ACTIVE) if said.is_none() && info.control_available == Some(true) => {
                Self::Manager { address, nodes: info.nodes.and_then(|n| n.try_into().ok()).unwrap_or(1) }
            }
            Some(LocalNodeState::ACTIVE) if said.is_none() => Self::Worker { address },
            Some(state) => Self::Broken { why: said.unwrap_or_else(|| state.to_string()) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_as_docker_writes_it() {
        let state = |json: &str| SwarmState::new(serde_json::from_str(json).unwrap());
        assert_eq!(state(r#"{"NodeID":"","LocalNodeState":"inactive","ControlAvailable":false}"#), SwarmState::None);
        assert_eq!(
            state(r#"{"NodeAddr":"10.0.0.1","LocalNodeState":"active","ControlAvailable":true,"Nodes":3}"#),
            SwarmState::Manager { address: "10.0.0.1".into(), nodes: 3 }
        );
        assert_eq!(
            state(r#"{"NodeAddr":"10.0.0.2","LocalNodeState":"active","ControlAvailable":false}"#),
            SwarmState::Worker { address: "10.0.0.2".into() }
        );
        assert_eq!(state(r#"{"LocalNodeState":"locked"}"#), SwarmState::Broken { why: "locked".into() });
        assert_eq!(
            state(r#"{"LocalNodeState":"error","Error":"certificate has expired"}"#),
            SwarmState::Broken { why: "certificate has expired".into() }
        );
    }
}
