//! Services that the swarm never comes to begin, though nothing is in their way.
//!
//! An engine that stands still for a quarter of a minute (a slow disk, a suspended machine) misses its own heartbeats, takes
//! its own node for lost and begins every service anew. Its scheduler then counts the ports of the containers that ended as
//! used for as long as it remembers them, and what is to follow them waits for ever; or it loses a task, and says nothing of
//! it. Both are forgotten with their service: so that is made anew, from what the engine itself knows of it.

use std::time::{Duration, Instant};

use bollard::models::{EndpointPortConfigPublishModeEnum, NodeSpecAvailabilityEnum, NodeState, ServiceSpec};
use bollard::query_parameters::{
    InspectServiceOptions, ListContainersOptions, ListNodesOptions, ListServicesOptions,
};
use wt_keys::time;

use super::discard::is_conflict;
use super::services::{Service, Task, Update};
use super::{Engine, STACK_LABEL};
use crate::{Error, Result};

/// What the scheduler says of a port.
const PORT_IN_USE: &str = "host-mode port already in use";
/// Of the time when it took the node for lost; it looks at such a task no more.
const NODE_LOST: &str = "not available for new tasks";
/// What is said of a service that was made anew, behind its name.
pub const MADE_ANEW: &str = "made anew: the engine did not begin it, and nothing was in its way";
/// A container that is just going has its port a moment longer.
const SETTLE: Duration = Duration::from_secs(5);
/// What is removed for a moment is made again for as long as this.
const PATIENCE: Duration = Duration::from_mins(5);
/// In thousandths of a second: the scheduler looks at a task at once, and says what it lacks where it does not begin it.
const LOST: i64 = 20_000;

impl Engine {
    /// Makes the services of a stack anew that the engine does not come to begin. Returns their names; in nearly every case
    /// there are none.
    pub fn make_stuck_anew(&self, stack: &str) -> Result<Vec<String>> {
        let before = self.stuck(stack)?;
        if before.is_empty() || !self.has_ready_node()? {
            return Ok(Vec::new());
        }
        std::thread::sleep(SETTLE);
        let mut made = Vec::new();
        for (service, task, spec) in self.stuck(stack)? {
            if before.iter().any(|(_, waited, _)| *waited == task) {
                self.ask_for("remove a service", self.docker.delete_service(&service.id))?;
                self.create_at_last(&spec)?;
                made.push(service.name);
            }
        }
        Ok(made)
    }

    /// What was removed must come back, however slow the engine is.
    fn create_at_last(&self, spec: &ServiceSpec) -> Result<()> {
        let started = Instant::now();
        loop {
            match self.ask("make a service anew", self.docker.create_service(spec.clone(), None)) {
                Ok(_) => return Ok(()),
                // an attempt before this one was not answered in time
                Err(Error::Engine { source, .. }) if is_conflict(&source) => return Ok(()),
                Err(error) if started.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(SETTLE),
            }
        }
    }

    /// With the task that waits, and what the engine knows of the service.
    fn stuck(&self, stack: &str) -> Result<Vec<(Service, String, ServiceSpec)>> {
        let (services, mut found) = (self.services(stack)?, Vec::new());
        if !services.iter().any(Service::is_pending) {
            return Ok(found);
        }
        let (now, up) = (self.now()?, self.up_containers(stack)?);
        let is_up = |service: &Service| up.iter().any(|container| container.service == service.name);
        for service in services.into_iter().filter(|service| !is_up(service)) {
            let Some((task, wait)) = waiting(&service, now) else { continue };
            let task = task.id.clone();
            let question = self.docker.inspect_service(&service.id, None::<InspectServiceOptions>);
            let Some(spec) = self.ask_for("describe a service", question)?.and_then(|service| service.spec)
            else {
                continue;
            };
            let in_vain = match wait {
                Wait::ForNothing => true,
                Wait::ForPort => {
                    let (ports, used) = (host_ports(&spec), self.ports_of_others(stack)?);
                    !ports.is_empty() && !used.iter().any(|port| ports.contains(port))
                }
            };
            if in_vain {
                found.push((service, task, spec));
            }
        }
        Ok(found)
    }

    /// Without one the swarm is right to wait.
    fn has_ready_node(&self) -> Result<bool> {
        let nodes = self.ask("list the nodes", self.docker.list_nodes(None::<ListNodesOptions>))?;
        Ok(nodes.into_iter().any(|node| {
            node.status.and_then(|status| status.state) == Some(NodeState::READY)
                && node.spec.and_then(|spec| spec.availability) == Some(NodeSpecAvailabilityEnum::ACTIVE)
        }))
    }

    /// Those of this host that containers have, whoever runs them, or services of others want.
    fn ports_of_others(&self, stack: &str) -> Result<Vec<i64>> {
        let list = None::<ListContainersOptions>;
        let containers = self.ask("list its containers", self.docker.list_containers(list))?;
        let had = containers.into_iter().filter_map(|container| container.ports).flatten();
        let had = had.filter_map(|port| port.public_port).map(i64::from);
        let services =
            self.ask("list its services", self.docker.list_services(None::<ListServicesOptions>))?;
        let of_others = services.iter().filter_map(|service| service.spec.as_ref()).filter(|spec| {
            spec.labels.as_ref().and_then(|labels| labels.get(STACK_LABEL)).is_none_or(|of| of != stack)
        });
        Ok(had.chain(of_others.flat_map(host_ports)).collect())
    }
}

impl Service {
    /// The engine has still to begin something of it.
    fn is_pending(&self) -> bool {
        self.tasks.iter().any(|task| task.wanted && task.state == "pending")
    }
}

/// Why a task is not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    ForPort,
    /// Nothing is said of it for a long time, or what was so once.
    ForNothing,
}

impl Wait {
    fn of(task: &Task, now: Option<i64>) -> Option<Self> {
        let for_long = || Some(time::millis(&task.since)? + LOST < now?);
        match task.error.as_deref().unwrap_or_default() {
            _ if task.state != "pending" => None,
            said if said.contains(PORT_IN_USE) => Some(Self::ForPort),
            said if said.is_empty() || said.contains(NODE_LOST) => for_long()?.then_some(Self::ForNothing),
            _ => None,
        }
    }
}

/// The task of a service that is not begun. None where another one is on its way or there, and none while the engine takes an
/// update back: made anew, it would be what it was before, and nobody could tell.
fn waiting(service: &Service, now: Option<i64>) -> Option<(&Task, Wait)> {
    if service.update.as_ref().is_some_and(Update::is_going_back) {
        return None;
    }
    let wanted = || service.tasks.iter().filter(|task| task.wanted);
    let waits: Vec<_> = wanted().filter_map(|task| Some((task, Wait::of(task, now)?))).collect();
    waits.first().copied().filter(|_| waits.len() == wanted().count())
}

fn host_ports(spec: &ServiceSpec) -> Vec<i64> {
    let ports = spec.endpoint_spec.iter().flat_map(|endpoint| endpoint.ports.iter().flatten());
    ports
        .filter(|port| port.publish_mode == Some(EndpointPortConfigPublishModeEnum::HOST))
        .filter_map(|port| port.published_port)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: &str, error: &str) -> Task {
        let error = Some(error.to_owned()).filter(|error| !error.is_empty());
        let since = "2026-11-24T08:00:07.123Z".into();
        Task { id: state.into(), state: state.into(), wanted: true, error, since, ..Task::default() }
    }

    #[test]
    fn a_service_waits_where_nothing_of_it_is_on_its_way() {
        let at = |tasks: Vec<Task>, later: i64| {
            let now = time::millis("2026-11-24T08:00:07.123Z").map(|since| since + later);
            waiting(&Service { tasks, ..Service::default() }, now).map(|(task, wait)| (task.clone(), wait))
        };
        let of = |tasks: Vec<Task>| at(tasks, LOST + 1);
        let waits = task("pending", "no suitable node (host-mode port already in use on 1 node)");
        let ended = Task { wanted: false, ..task("shutdown", "") };
        assert_eq!(at(vec![waits.clone(), ended.clone()], 0), Some((waits.clone(), Wait::ForPort)));
        let late = task("pending", "no suitable node (1 node not available for new tasks)");
        assert_eq!(of(vec![late.clone(), ended.clone()]), Some((late.clone(), Wait::ForNothing)));
        assert_eq!(at(vec![late], 0), None);
        let lost = task("pending", "");
        assert_eq!(of(vec![lost.clone(), ended.clone()]), Some((lost.clone(), Wait::ForNothing)));
        assert_eq!(of(vec![lost.clone(), task("running", "")]), None);
        assert_eq!(at(vec![lost], LOST), None);
        let update = Some(Update { state: "rollback_started".into(), ..Update::default() });
        let going_back = Service { tasks: vec![waits.clone()], update, ..Service::default() };
        assert_eq!(waiting(&going_back, None), None);
        assert_eq!(of(vec![]), None);
        assert_eq!(of(vec![ended]), None);
        assert_eq!(of(vec![waits, task("starting", "")]), None);
        assert_eq!(of(vec![task("pending", "no suitable node (insufficient resources on 1 node)")]), None);
        assert_eq!(of(vec![task("running", "")]), None);
    }

    #[test]
    fn only_ports_of_the_host_can_be_held() {
        let spec = r#"{"EndpointSpec": {"Mode": "dnsrr", "Ports": [
            {"Protocol": "tcp", "TargetPort": 8080, "PublishedPort": 80, "PublishMode": "host"},
            {"Protocol": "tcp", "TargetPort": 8443, "PublishedPort": 443, "PublishMode": "ingress"},
            {"Protocol": "tcp", "TargetPort": 9000, "PublishMode": "host"}]}}"#;
        assert_eq!(host_ports(&serde_json::from_str(spec).unwrap()), [80]);
        assert_eq!(host_ports(&ServiceSpec::default()), [0_i64; 0]);
    }
}
