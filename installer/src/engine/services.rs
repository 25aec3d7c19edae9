//! The services of a stack as the engine runs them, and waiting until they are well.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::models::{self, Health, HealthStatusEnum, TaskState};
use bollard::query_parameters::{InspectContainerOptions, ListServicesOptions, ListTasksOptions};
use wt_keys::console::Phase;
use wt_keys::time;

use super::health::{self, Wellness};
use super::stuck::MADE_ANEW;
use super::{Engine, of_stack};
use crate::{Error, Result};
use wt_manifests::stack::{DIGEST_LABEL, SERVICE_LABEL};

pub(super) const SERVICE_NAME_LABEL: &str = "com.docker.swarm.service.name";
const POLL: Duration = Duration::from_millis(400);
/// How long a service without a health check must run before it passes for well.
const SETTLE: Duration = Duration::from_secs(2);

/// A service and its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    /// Without the stack's name before it.
    pub name: String,
    /// Of the rendered stack that it was last deployed from.
    pub stack_digest: String,
    /// The digest of what it was told.
    pub told: String,
    pub wanted: u64,
    pub running: u64,
    pub update: Option<Update>,
    /// When the engine was last told of it, or told of its update, as it spells it.
    pub changed: String,
    /// Newest first.
    pub tasks: Vec<Task>,
}

/// The last update of a service that the engine began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// `updating`, `completed`, `paused`, `rollback_completed`, …
    pub state: String,
    pub started: String,
    pub message: String,
}

/// One container of a service, or the attempt at one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    pub id: String,
    /// `running`, `starting`, `failed`, …
    pub state: String,
    /// When it came to that, as the engine spells it: `2026-11-23T08:00:00.123456789Z`.
    pub since: String,
    /// The engine wants it to run.
    pub wanted: bool,
    /// It is as the service is specified now.
    pub current: bool,
    pub error: Option<String>,
    pub container: Option<String>,
    /// `None`: it has no health check, or no container on this node.
    pub healthy: Option<bool>,
    /// What the last health check printed.
    pub health_output: Option<String>,
}

impl Engine {
    /// The services of a stack, by name. None where there is no swarm.
    pub fn services(&self, stack: &str) -> Result<Vec<Service>> {
        let filters = Some(of_stack(stack));
        let list = ListServicesOptions { filters: filters.clone(), status: Some(true) };
        let services = match self.runtime.block_on(self.docker.list_services(Some(list))) {
            Err(bollard::errors::Error::DockerResponseServerError { status_code: NO_SWARM, .. }) => {
                return Ok(Vec::new());
            }
            answer => answer.map_err(Error::engine("list its services"))?,
        };
        let mut tasks =
            self.ask("list its tasks", self.docker.list_tasks(Some(ListTasksOptions { filters })))?;
        tasks.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        let mut found = Vec::new();
        for service in &services {
            let own = tasks.iter().filter(|task| task.service_id == service.id);
            let own = own.map(|task| self.task(task, service)).collect::<Result<_>>()?;
            found.push(Service::new(stack, service, own));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn task(&self, task: &models::Task, service: &models::Service) -> Result<Task> {
        let mut state = Task::new(task, service);
        if let Some(container) = &state.container {
            let question = self.docker.inspect_container(container, None::<InspectContainerOptions>);
            let found = self.ask_for("inspect a container", question)?;
            if let Some(health) = found.and_then(|found| found.state).and_then(|state| state.health) {
                state.see_health(&health);
            }
        }
        Ok(state)
    }

    /// Waits until every service of a stack is well. An update that the engine took back since `before` is a failure; a
    /// service that it does not come to begin is made anew.
    pub fn wait_healthy(
        &self,
        stack: &str,
        before: &[Service],
        limit: Duration,
        phase: &Phase,
    ) -> Result<()> {
        let started = Instant::now();
        let mut settled: Option<(Vec<String>, Instant)> = None;
        let mut reasons = Reasons::default();
        loop {
            let services = self.services(stack)?;
            reasons.note(&services);
            let ill = reasons.add(health::ailments(&services, before));
            phase.detail(ill.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "));
            if ill.iter().any(|(_, wellness)| !matches!(wellness, Wellness::Waiting(_))) {
                return Err(unhealthy(stack, ill));
            }
            for name in if ill.is_empty() { Vec::new() } else { self.make_stuck_anew(stack)? } {
                phase.note(&format!("{name} {MADE_ANEW}"));
            }
            if ill.is_empty() {
                let tasks = running(&services);
                match &settled {
                    Some((same, since)) if *same == tasks && since.elapsed() >= SETTLE => return Ok(()),
                    Some((same, _)) if *same == tasks => {}
                    _ if self.have_settled(&services)? => return Ok(()),
                    _ => settled = Some((tasks, Instant::now())),
                }
            } else {
                settled = None;
            }
            if started.elapsed() > limit {
                return Err(unhealthy(stack, ill));
            }
            std::thread::sleep(POLL);
        }
    }

    /// No update is still to begin, and all that runs says that it is well, or has run for a while.
    fn have_settled(&self, services: &[Service]) -> Result<bool> {
        let Some(now) = self.now()? else { return Ok(false) };
        Ok(services.iter().all(|service| service.has_settled(now)))
    }

    /// Waits until no container is left of a service that is not to run, or is no more.
    pub fn wait_gone(&self, stack: &str, limit: Duration, phase: &Phase) -> Result<()> {
        let started = Instant::now();
        loop {
            let running: Vec<String> =
                self.services(stack)?.into_iter().filter(|s| s.wanted > 0).map(|s| s.name).collect();
            let left = self
                .up_containers(stack)?
                .into_iter()
                .map(|container| container.service)
                .filter(|name| !running.contains(name));
            let left: Vec<String> = left.collect();
            if left.is_empty() {
                return Ok(());
            }
            phase.detail(left.join(", "));
            if started.elapsed() > limit {
                return Err(Error::NotGone { stack: stack.to_owned(), services: left });
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Why services failed while they were waited for. The engine forgets the containers of an update that it takes back.
#[derive(Default)]
struct Reasons(HashMap<String, Vec<String>>);

impl Reasons {
    fn note(&mut self, services: &[Service]) {
        for service in services {
            let found = service.reasons();
            if !found.is_empty() {
                self.0.insert(service.name.clone(), found);
            }
        }
    }

    /// With what is known of those that failed and do not say why any more.
    fn add(&self, ill: Vec<(String, Wellness)>) -> Vec<(String, Wellness)> {
        let known = |name: &str| self.0.get(name).map_or(&[][..], Vec::as_slice);
        ill.into_iter()
            .map(|(name, wellness)| {
                let told = wellness.because(known(&name));
                (name, told)
            })
            .collect()
    }
}

/// What the engine answers where it is no swarm manager.
const NO_SWARM: u16 = 503;

fn unhealthy(stack: &str, ill: Vec<(String, Wellness)>) -> Error {
    let services = ill.into_iter().map(|(name, wellness)| (name, wellness.to_string())).collect();
    Error::StackUnhealthy { stack: stack.to_owned(), services }
}

fn running(services: &[Service]) -> Vec<String> {
    let tasks = services.iter().flat_map(|service| &service.tasks).filter(|task| task.is_running());
    let mut ids: Vec<String> = tasks.map(|task| task.id.clone()).collect();
    ids.sort();
    ids
}

impl Service {
    fn new(stack: &str, service: &models::Service, tasks: Vec<Task>) -> Self {
        let spec = service.spec.clone().unwrap_or_default();
        let name = spec.name.unwrap_or_default();
        let count = service.service_status.clone().unwrap_or_default();
        let mut labels = spec.labels.unwrap_or_default();
        Self {
            id: service.id.clone().unwrap_or_default(),
            name: name.strip_prefix(&format!("{stack}_")).unwrap_or(&name).to_owned(),
            stack_digest: labels.remove(DIGEST_LABEL).unwrap_or_default(),
            told: labels.remove(SERVICE_LABEL).unwrap_or_default(),
            wanted: count.desired_tasks.unwrap_or_default(),
            running: count.running_tasks.unwrap_or_default(),
            update: service.update_status.as_ref().and_then(Update::new),
            changed: service.updated_at.clone().unwrap_or_default(),
            tasks,
        }
    }

    /// What is wrong with it; `None` where nothing is.
    pub fn ailment(&self) -> Option<String> {
        Some(self.wellness())
            .filter(|wellness| *wellness != Wellness::Well)
            .map(|wellness| wellness.to_string())
    }

    /// Since when all its containers run, as the engine spells it.
    pub fn since(&self) -> Option<&str> {
        self.tasks.iter().filter(|task| task.is_running()).map(|task| task.since.as_str()).max()
    }

    /// The engine is replacing its containers.
    pub fn is_updating(&self) -> bool {
        self.update.as_ref().is_some_and(Update::is_under_way)
    }

    /// It runs as often as it should, as it is specified now, and no health check says otherwise.
    pub fn is_healthy(&self) -> bool {
        self.wellness() == Wellness::Well
    }

    /// Nothing more is to come of what the engine was last told, and its containers say that they are well, or have run for a
    /// while. An engine that was told something a moment ago may not have begun.
    fn has_settled(&self, now: i64) -> bool {
        let long_ago = |at: &str| {
            let waited = |at: i64| Duration::from_millis(u64::try_from(now - at).unwrap_or(0));
            time::millis(at).is_some_and(|at| waited(at) >= SETTLE)
        };
        let mut running = self.tasks.iter().filter(|task| task.is_running());
        let is_done = self.update.as_ref().is_some_and(Update::is_done) || long_ago(&self.changed);
        is_done && (self.is_checked() || running.all(|task| long_ago(&task.since)))
    }

    /// Every running container has a health check that says so.
    fn is_checked(&self) -> bool {
        self.tasks.iter().filter(|task| task.is_running()).all(|task| task.healthy == Some(true))
    }
}

impl Update {
    fn new(status: &models::ServiceUpdateStatus) -> Option<Self> {
        let state = status.state?.to_string();
        (!state.is_empty()).then(|| Self {
            state,
            started: status.started_at.clone().unwrap_or_default(),
            message: status.message.clone().unwrap_or_default(),
        })
    }
}

impl Task {
    fn new(task: &models::Task, service: &models::Service) -> Self {
        let spec = task.spec.clone().unwrap_or_default();
        let template = service.spec.as_ref().and_then(|spec| spec.task_template.clone()).unwrap_or_default();
        let status = task.status.clone().unwrap_or_default();
        let current = spec.container_spec == template.container_spec
            && spec.force_update.unwrap_or_default() == template.force_update.unwrap_or_default();
        let container = status.container_status.and_then(|container| container.container_id);
        Self {
            id: task.id.clone().unwrap_or_default(),
            state: status.state.map(|state| state.to_string()).unwrap_or_default(),
            since: status.timestamp.unwrap_or_default(),
            wanted: matches!(task.desired_state, Some(TaskState::READY | TaskState::RUNNING)),
            current,
            error: status.err.filter(|error| !error.is_empty()),
            container: container.filter(|id| !id.is_empty()),
            healthy: None,
            health_output: None,
        }
    }

    fn see_health(&mut self, health: &Health) {
        self.healthy = match health.status {
            None | Some(HealthStatusEnum::EMPTY | HealthStatusEnum::NONE) => None,
            Some(status) => Some(status == HealthStatusEnum::HEALTHY),
        };
        let last = health.log.as_ref().and_then(|log| log.last()).and_then(|check| check.output.clone());
        self.health_output = last.map(|output| output.trim().to_owned()).filter(|output| !output.is_empty());
    }

    /// The engine wants it, and it is up.
    pub fn is_running(&self) -> bool {
        self.wanted && self.state == "running"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_run_for_a_while_has_settled() {
        let task = |since: &str| Task {
            wanted: true,
            state: "running".into(),
            since: format!("2026-11-24T08:00:{since}Z"),
            ..Task::default()
        };
        let told = |at: &str, update: Option<&str>, tasks: Vec<Task>| {
            let update = update.map(|state| Update { state: state.into(), ..Update::default() });
            let changed = format!("2026-11-24T08:00:{at}Z");
            let service = Service { update, changed, tasks, ..Service::default() };
            service.has_settled(time::millis("2026-11-24T08:00:10.5Z").unwrap())
        };
        let settled = |tasks: Vec<Task>| told("00", None, tasks);
        assert!(settled(vec![task("08.5"), task("01")]));
        assert!(!settled(vec![task("08.501"), task("01")]));
        assert!(!settled(vec![task("12")]), "a clock that was set back");
        assert!(!settled(vec![task("x")]));
        assert!(settled(vec![Task { wanted: false, ..task("12") }]));
        let healthy = || vec![Task { healthy: Some(true), ..task("10") }];
        assert!(settled(healthy()));
        assert!(!told("09", None, healthy()), "it may be about to be updated");
        assert!(!told("09", Some("updating"), healthy()));
        assert!(told("09", Some("completed"), healthy()));
    }
}
