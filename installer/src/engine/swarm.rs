//! The swarm: one manager today, more nodes later by joining it.
//!
//! A swarm of one listens on the loopback address and advertises it: nobody else can reach it, and the host may change its
//! address as it likes. (A manager that advertises an address which is gone does not start again, and nothing brings it
//! back.) When a second node is to join, `--force-new-cluster` gives it an address that others reach; services, secrets and
//! configurations stay.

use std::collections::HashMap;

use bollard::models::{
    LocalNodeState, Node, NodeSpec, SwarmInfo, SwarmInitRequest, SwarmSpec, SwarmSpecOrchestration,
};
use bollard::query_parameters::UpdateNodeOptions;
use wt_manifests::site::NodeRole;

use super::{Engine, client};
use crate::network::Subnet;
use crate::{Error, Result};

/// Where a swarm of one listens, and what it advertises.
const ALONE: &str = "127.0.0.1";
const PORT: u16 = 2377;
/// Of one network out of the pool: 254 containers on it.
const SUBNET: u32 = 24;
/// On a node: `wt.role.db=true`. Placement constraints name it.
const ROLE_LABEL: &str = "wt.role.";
/// On a swarm that we made.
pub(super) const LABEL: &str = "wt.swarm";
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

    /// Makes this engine the manager of a new swarm, if it is not one yet. Its networks come out of `pool`: left to itself, it
    /// takes them out of 10.0.0.0/8, whatever else this host reaches there.
    pub fn init_swarm(&self, pool: Option<Subnet>) -> Result<()> {
        match self.swarm_state()? {
            SwarmState::None => self.become_manager(pool.ok_or(Error::NoNetwork)?)?,
            SwarmState::NewManager => {}
            SwarmState::Manager => return Ok(()),
            SwarmState::Worker => return Err(Error::Swarm { found: "a worker of another swarm".to_owned() }),
            SwarmState::Broken(why) => return Err(Error::Swarm { found: why }),
        }
        client::renew_certificates(CERTIFICATE_HOURS)
    }

    fn become_manager(&self, pool: Subnet) -> Result<()> {
        let request = SwarmInitRequest {
            listen_addr: Some(format!("{ALONE}:{PORT}")),
            advertise_addr: Some(ALONE.to_owned()),
            default_addr_pool: Some(vec![pool.to_string()]),
            subnet_size: Some(SUBNET),
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

impl Engine {
    /// Whether this node has these roles in the swarm, and no others.
    pub fn has_roles(&self, roles: &[NodeRole]) -> Result<bool> {
        let labels = self.this_node()?.1.labels.unwrap_or_default();
        Ok(NodeRole::ALL.iter().all(|role| labels.contains_key(&label(*role)) == roles.contains(role)))
    }

    pub fn give_roles(&self, roles: &[NodeRole]) -> Result<()> {
        let (node, mut spec) = self.this_node()?;
        let labels = spec.labels.get_or_insert_default();
        labels.retain(|name, _| !name.starts_with(ROLE_LABEL));
        labels.extend(roles.iter().map(|role| (label(*role), "true".to_owned())));
        let version = node.version.and_then(|version| version.index).unwrap_or_default();
        let update = UpdateNodeOptions { version: version.cast_signed() };
        let id = node.id.unwrap_or_default();
        self.ask("give the node its roles", self.docker.update_node(&id, spec, update))
    }

    fn this_node(&self) -> Result<(Node, NodeSpec)> {
        let info = self.ask("describe itself", self.docker.info())?;
        let id = info.swarm.and_then(|swarm| swarm.node_id).unwrap_or_default();
        let node = self.ask("describe this node", self.docker.inspect_node(&id))?;
        let spec = node.spec.clone().unwrap_or_default();
        Ok((node, spec))
    }
}

fn label(role: NodeRole) -> String {
    format!("{ROLE_LABEL}{}", role.as_str())
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
