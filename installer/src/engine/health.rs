//! Whether a service is well, told from what the engine says about it. Pure: no engine here.

use std::fmt;

use super::services::{Service, Task, Update};

const SHOWN: usize = 300;
/// The state of an update that is being taken back.
const GOING_BACK: &str = "rollback_started";
/// Of one that was.
const ROLLED_BACK: &str = "rollback_completed";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wellness {
    Well,
    /// It may still become well.
    Waiting(String),
    /// It will not by itself.
    Failed(String),
    /// It runs as it did before, since the engine took its update back.
    RolledBack(String),
}

impl Wellness {
    /// With these reasons, where it says none of them.
    pub(super) fn because(self, reasons: &[String]) -> Self {
        let add = |why: String| {
            let new = reasons.iter().filter(|reason| !why.contains(reason.as_str())).cloned();
            [why.clone()].into_iter().chain(new).collect::<Vec<_>>().join("; ")
        };
        match self {
            Self::Failed(why) => Self::Failed(add(why)),
            Self::RolledBack(why) => Self::RolledBack(add(why)),
            other => other,
        }
    }
}

impl fmt::Display for Wellness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Well => f.write_str("it is well"),
            Self::Waiting(why) | Self::Failed(why) | Self::RolledBack(why) => f.write_str(why),
        }
    }
}

/// The services that are not well, and why. What the engine gave up since `before` is a failure.
pub(super) fn ailments(now: &[Service], before: &[Service]) -> Vec<(String, Wellness)> {
    let update_before = |name: &str| before.iter().find(|service| service.name == name)?.update.as_ref();
    let given_up = |service: &Service| {
        let update =
            service.update.as_ref().filter(|update| update_before(&service.name) != Some(*update))?;
        let what = update.given_up()?;
        let told = [vec![format!("{what}: {}", update.message)], service.reasons()].concat();
        let verdict = if update.state == ROLLED_BACK { Wellness::RolledBack } else { Wellness::Failed };
        Some(verdict(told.join("; ")))
    };
    now.iter()
        .map(|service| (service.name.clone(), given_up(service).unwrap_or_else(|| service.wellness())))
        .filter(|(_, wellness)| *wellness != Wellness::Well)
        .collect()
}

impl Update {
    fn given_up(&self) -> Option<&'static str> {
        match self.state.as_str() {
            ROLLED_BACK => Some("the engine took its update back"),
            "paused" => Some("the engine gave its update up"),
            "rollback_paused" => Some("the engine could not take its update back"),
            _ => None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way().is_some()
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == "completed"
    }

    pub(super) fn is_going_back(&self) -> bool {
        self.state == GOING_BACK
    }

    fn under_way(&self) -> Option<Wellness> {
        let what = match self.state.as_str() {
            "updating" => "it is being updated",
            GOING_BACK => "its update is being taken back",
            _ => return None,
        };
        Some(Wellness::Waiting(what.to_owned()))
    }
}

impl Service {
    /// Whether as many containers as wanted are up and well, all of them as the service is specified now.
    pub(super) fn wellness(&self) -> Wellness {
        let up = |task: &&Task| task.is_running() && task.current && task.healthy != Some(false);
        let outdated = self.tasks.iter().any(|task| task.is_running() && !task.current);
        let enough = self.tasks.iter().filter(up).count() as u64 >= self.wanted;
        let update = self.update.as_ref().and_then(Update::under_way);
        match update {
            None if enough && !outdated => Wellness::Well,
            Some(update) if enough && !outdated => update,
            _ => Wellness::Waiting(self.complaint()),
        }
    }

    /// What is known about why it is not up.
    fn complaint(&self) -> String {
        let up = self.tasks.iter().filter(|task| task.is_running()).count();
        let mut parts = vec![format!("{up} of {} running", self.wanted)];
        if let Some(waiting) = self.tasks.iter().find(|task| task.wanted && task.state != "running") {
            parts.push(format!("one is {}", waiting.state));
        }
        parts.extend(self.reasons());
        parts.join("; ")
    }

    /// The newest failure, and what the health check of it printed.
    pub(super) fn reasons(&self) -> Vec<String> {
        let error = self.tasks.iter().find_map(|task| task.error.as_deref());
        let mut unwell = self
            .tasks
            .iter()
            .filter(|task| task.healthy == Some(false) && (task.wanted || task.error.is_some()));
        let output = unwell.find_map(|task| task.health_output.as_deref());
        let error = error.map(|error| format!("last error: {}", short(error)));
        let output = output.map(|output| format!("last health check: {}", short(output)));
        error.into_iter().chain(output).collect()
    }
}

/// One line, and not all of a long one.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: &str, healthy: Option<bool>) -> Task {
        Task { state: state.into(), wanted: true, current: true, healthy, ..Task::default() }
    }

    fn service(tasks: Vec<Task>) -> Service {
        Service { name: "web".into(), wanted: 1, tasks, ..Service::default() }
    }

    #[test]
    fn a_service_is_well_when_enough_current_containers_run() {
        assert!(service(vec![task("running", Some(true))]).is_healthy());
        assert!(service(vec![task("running", None)]).is_healthy());
        assert!(Service { wanted: 0, ..service(vec![]) }.is_healthy());
        for waiting in [
            vec![],
            vec![task("starting", Some(false))],
            vec![task("running", Some(false))],
            vec![Task { current: false, ..task("running", Some(true)) }],
            vec![task("running", None), Task { current: false, ..task("running", None) }],
            vec![Task { wanted: false, ..task("running", None) }],
        ] {
            assert!(matches!(service(waiting.clone()).wellness(), Wellness::Waiting(_)), "{waiting:?}");
        }
    }

    #[test]
    fn the_reason_names_the_last_error_and_the_last_health_check() {
        let failed = Task {
            error: Some("task: non-zero exit (1)".into()),
            wanted: false,
            health_output: Some("cannot\nreach redis".into()),
            ..task("failed", Some(false))
        };
        assert_eq!(
            service(vec![task("preparing", None), failed]).wellness().to_string(),
            "0 of 1 running; one is preparing; last error: task: non-zero exit (1); \
             last health check: cannot reach redis"
        );
    }

    #[test]
    fn a_reason_that_was_seen_earlier_is_added_once() {
        let reasons = ["last error: a".to_owned(), "last health check: b".to_owned()];
        let told = Wellness::Failed("gone; last error: a".into()).because(&reasons);
        assert_eq!(told, Wellness::Failed("gone; last error: a; last health check: b".into()));
        assert_eq!(Wellness::Waiting("x".into()).because(&reasons), Wellness::Waiting("x".into()));
    }

    #[test]
    fn an_update_is_waited_for_and_one_given_up_is_a_failure_unless_it_is_an_old_story() {
        let with = |state: &str, started: &str| {
            let update = Update { state: state.into(), started: started.into(), message: "why".into() };
            [Service { update: Some(update), ..service(vec![task("running", None)]) }]
        };
        let waiting = |ill: Vec<(String, Wellness)>| matches!(&ill[..], [(_, Wellness::Waiting(_))]);
        let failed = |ill: Vec<(String, Wellness)>| matches!(&ill[..], [(_, Wellness::Failed(_))]);
        let rolled_back = |ill: Vec<(String, Wellness)>| matches!(&ill[..], [(_, Wellness::RolledBack(_))]);
        let before = with("completed", "1");
        assert!(ailments(&with("completed", "2"), &before).is_empty());
        assert!(waiting(ailments(&with("updating", "2"), &before)));
        assert!(waiting(ailments(&with("rollback_started", "2"), &before)));
        for state in [ROLLED_BACK, "paused", "rollback_paused"] {
            let ill = ailments(&with(state, "2"), &before);
            assert!(if state == ROLLED_BACK { rolled_back(ill) } else { failed(ill) }, "{state}");
            assert!(ailments(&with(state, "2"), &with(state, "2")).is_empty(), "{state}");
        }
    }
}
