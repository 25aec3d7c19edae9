//! The services of a stack as the engine runs them, and waiting until they are well.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bollard::models::{Health, HealthStatusEnum, Service, Task, TaskState as State};
use bollard::query_parameters::{InspectContainerOptions, ListServicesOptions, ListTasksOptions};
use wt_keys::console::Phase;

use super::Engine;
use super::health::Wellness;
use crate::{Error, Result};

const STACK_LABEL: &str = "com.docker.stack.namespace";
const POLL: Duration = Duration::from_millis(400);
/// How long a service without a health check must run before it passes for well.
const SETTLE: Duration = Duration::from_secs(2);

/// A service and its tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceState {
    /// Without the stack's name before it.
    pub name: String,
    /// `sha256:…`, as deployed.
    pub image: String,
    pub desired: u64,
    pub running: u64,
    /// An update of it that the engine began: its state (`updating`, `paused`, …) and what it says about it.
    pub update: Option<(String, String)>,
    /// Newest first.
    pub tasks: Vec<TaskState>,
}

/// One container of a service, or the attempt at one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskState {
    pub id: String,
    /// `running`, `starting`, `failed`, …
    pub state: String,
    /// Whether the engine still wants it, and as the service is specified now.
    pub wanted: bool,
    pub current: bool,
    pub error: Option<String>,
    pub container: Option<String>,
    pub image: String,
    /// `None`: it has no health check, or no container on this node.
    pub healthy: Option<bool>,
    /// What the last health check printed.
    pub health_output: Option<String>,
}

impl Engine {
    /// The services of a stack, by name.
    pub fn services(&self, stack: &str) -> Result<Vec<ServiceState>> {
        let filters = Some(HashMap::from([("label".to_owned(), vec![format!("{STACK_LABEL}={stack}")])]));
        let list = ListServicesOptions { filters: filters.clone(), status: Some(true) };
        let services = self.ask("list its services", self.docker.list_services(Some(list)))?;
        let mut tasks = self.ask("list its tasks", self.docker.list_tasks(Some(ListTasksOptions { filters })))?;
        tasks.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        let mut states = services
            .iter()
            .map(|service| {
                let own = tasks.iter().filter(|task| task.service_id == service.id);
                let own = own.map(|task| self.task(task, service)).collect::<Result<_>>()?;
                Ok(ServiceState::new(stack, service, own))
            })
            .collect::<Result<Vec<_>>>()?;
        states.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(states)
    }

    fn task(&self, task: &Task, service: &Service) -> Result<TaskState> {
        let mut state = TaskState::new(task, service);
        if let Some(container) = &state.container {
            let question = self.docker.inspect_container(container, None::<InspectContainerOptions>);
            let found = self.ask_for("inspect a container", question)?;
            if let Some(health) = found.and_then(|found| found.state).and_then(|state| state.health) {
                state.see_health(&health);
            }
        }
        Ok(state)
    }

    /// Waits until every service in `images` runs that image and is well; what it runs besides does not matter.
    pub fn wait_healthy(
        &self,
        stack: &str,
        images: &BTreeMap<String, String>,
        limit: Duration,
        phase: &Phase,
    ) -> Result<()> {
        let started = Instant::now();
        let mut settled: Option<(Vec<String>, Instant)> = None;
        loop {
            let states = self.services(stack)?;
            let ill = ailments(&states, images);
            phase.detail(ill.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "));
            if ill.iter().any(|(_, wellness)| matches!(wellness, Wellness::Failed(_))) {
                return Err(unhealthy(stack, ill));
            }
            if ill.is_empty() {
                let tasks = running(&states);
                match &settled {
                    Some((before, since)) if *before == tasks && since.elapsed() >= SETTLE => return Ok(()),
                    Some((before, _)) if *before == tasks => {}
                    _ if states.iter().all(ServiceState::is_checked) => return Ok(()),
                    _ => settled = Some((tasks, Instant::now())),
                }
            } else {
                settled = None;
                if started.elapsed() > limit {
                    return Err(unhealthy(stack, ill));
                }
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The services that are not well, and why.
fn ailments(states: &[ServiceState], images: &BTreeMap<String, String>) -> Vec<(String, Wellness)> {
    let wellness = |name: &String, image: &String| match states.iter().find(|state| state.name == *name) {
        Some(state) => state.wellness(image),
        None => Wellness::Waiting("the engine does not have it".to_owned()),
    };
    let all = images.iter().map(|(name, image)| (name.clone(), wellness(name, image)));
    all.filter(|(_, wellness)| *wellness != Wellness::Well).collect()
}

fn unhealthy(stack: &str, ill: Vec<(String, Wellness)>) -> Error {
    let why = |wellness| match wellness {
        Wellness::Well => String::new(),
        Wellness::Waiting(why) | Wellness::Failed(why) => why,
    };
    let services = ill.into_iter().map(|(name, wellness)| (name, why(wellness))).collect();
    Error::Unhealthy { stack: stack.to_owned(), services }
}

fn running(states: &[ServiceState]) -> Vec<String> {
    let tasks = states.iter().flat_map(|state| &state.tasks).filter(|task| task.is_running());
    let mut ids: Vec<String> = tasks.map(|task| task.id.clone()).collect();
    ids.sort();
    ids
}

impl ServiceState {
    fn new(stack: &str, service: &Service, tasks: Vec<TaskState>) -> Self {
        let spec = service.spec.clone().unwrap_or_default();
        let name = spec.name.unwrap_or_default();
        let count = service.service_status.clone().unwrap_or_default();
        let update = service.update_status.as_ref().and_then(|update| {
            let state = update.state?.to_string();
            Some((state, update.message.clone().unwrap_or_default())).filter(|(state, _)| !state.is_empty())
        });
        Self {
            name: name.strip_prefix(&format!("{stack}_")).unwrap_or(&name).to_owned(),
            image: spec.task_template.and_then(|task| task.container_spec).and_then(|c| c.image).unwrap_or_default(),
            desired: count.desired_tasks.unwrap_or_default(),
            running: count.running_tasks.unwrap_or_default(),
            update,
            tasks,
        }
    }

    /// Every running container has a health check that says so.
    fn is_checked(&self) -> bool {
        self.tasks.iter().filter(|task| task.is_running()).all(|task| task.healthy == Some(true))
    }
}

impl TaskState {
    fn new(task: &Task, service: &Service) -> Self {
        let spec = task.spec.clone().unwrap_or_default();
        let template = service.spec.as_ref().and_then(|spec| spec.task_template.clone()).unwrap_or_default();
        let status = task.status.clone().unwrap_or_default();
        let current = spec.container_spec == template.container_spec
            && spec.force_update.unwrap_or_default() == template.force_update.unwrap_or_default();
        let container = status.container_status.and_then(|container| container.container_id);
        Self {
            id: task.id.clone().unwrap_or_default(),
            state: status.state.map(|state| state.to_string()).unwrap_or_default(),
            wanted: matches!(task.desired_state, Some(State::READY | State::RUNNING)),
            current,
            error: status.err.filter(|error| !error.is_empty()),
            container: container.filter(|id| !id.is_empty()),
            image: spec.container_spec.and_then(|container| container.image).unwrap_or_default(),
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
