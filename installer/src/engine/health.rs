//! Whether a service is well, told from what the engine says about it. Pure: no engine here.

use super::services::{ServiceState, TaskState};

const SHOWN: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wellness {
    Well,
    /// It may still become well.
    Waiting(String),
    /// It will not by itself.
    Failed(String),
}

impl ServiceState {
    /// Whether the service runs `image`, as often as it should, and every container is well.
    pub fn wellness(&self, image: &str) -> Wellness {
        if let Some((state, message)) = &self.update {
            match state.as_str() {
                "updating" | "rollback_started" => return Wellness::Waiting(format!("the engine is {}", words(state))),
                "paused" | "rollback_paused" => {
                    return Wellness::Failed(format!("the engine gave up ({}): {message}", words(state)));
                }
                _ => {}
            }
        }
        if self.image != image {
            let said = self.update.as_ref().map_or(String::new(), |(_, message)| format!(" ({message})"));
            return Wellness::Failed(format!("it runs {}, not {image}{said}", self.image));
        }
        let up = |task: &&TaskState| task.is_running() && task.current && task.healthy != Some(false);
        if self.tasks.iter().filter(up).count() as u64 >= self.desired && self.outdated() == 0 {
            return Wellness::Well;
        }
        Wellness::Waiting(self.complaint())
    }

    /// Containers of an earlier specification that still run.
    fn outdated(&self) -> usize {
        self.tasks.iter().filter(|task| task.is_running() && !task.current).count()
    }

    /// What is known about why it is not up.
    fn complaint(&self) -> String {
        let up = self.tasks.iter().filter(|task| task.is_running()).count();
        let mut parts = vec![format!("{up} of {} running", self.desired)];
        if let Some(waiting) = self.tasks.iter().find(|task| task.wanted && task.state != "running") {
            parts.push(format!("one is {}", waiting.state));
        }
        if let Some(error) = self.tasks.iter().find_map(|task| task.error.as_deref()) {
            parts.push(format!("last error: {}", short(error)));
        }
        let unwell = |task: &&TaskState| task.healthy == Some(false);
        if let Some(output) = self.tasks.iter().filter(unwell).find_map(|task| task.health_output.as_deref()) {
            parts.push(format!("last health check: {}", short(output)));
        }
        parts.join("; ")
    }
}

fn words(state: &str) -> String {
    match state {
        "updating" => "updating it".to_owned(),
        "rollback_started" => "taking an update back".to_owned(),
        other => other.replace('_', " "),
    }
}

/// One line, and not all of a long one.
fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(state: &str, healthy: Option<bool>) -> TaskState {
        TaskState { state: state.into(), wanted: true, current: true, healthy, ..TaskState::default() }
    }

    fn service(tasks: Vec<TaskState>) -> ServiceState {
        ServiceState { name: "web".into(), image: "new".into(), desired: 1, tasks, ..ServiceState::default() }
    }

    #[test]
    fn a_service_is_well_when_enough_current_containers_run() {
        assert_eq!(service(vec![task("running", Some(true))]).wellness("new"), Wellness::Well);
        assert_eq!(service(vec![task("running", None)]).wellness("new"), Wellness::Well);
        assert_eq!(ServiceState { desired: 0, ..service(vec![]) }.wellness("new"), Wellness::Well);
        for waiting in [
            vec![],
            vec![task("starting", Some(false))],
            vec![task("running", Some(false))],
            vec![TaskState { current: false, ..task("running", Some(true)) }],
            vec![task("running", None), TaskState { current: false, ..task("running", None) }],
            vec![TaskState { wanted: false, ..task("running", None) }],
        ] {
            assert!(matches!(service(waiting.clone()).wellness("new"), Wellness::Waiting(_)), "{waiting:?}");
        }
    }

    #[test]
    fn the_reason_names_the_last_error_and_the_last_health_check() {
        let failed = TaskState {
            error: Some("task: non-zero exit (1)".into()),
            wanted: false,
            healthy: Some(false),
            health_output: Some("cannot\nreach redis".into()),
            ..task("failed", None)
        };
        assert_eq!(
            service(vec![task("preparing", None), TaskState { healthy: Some(false), ..failed }]).wellness("new"),
            Wellness::Waiting(
                "0 of 1 running; one is preparing; last error: task: non-zero exit (1); \
                 last health check: cannot reach redis"
                    .into()
            )
        );
    }

    #[test]
    fn an_update_that_was_taken_back_or_given_up_is_a_failure() {
        let update = |state: &str, image: &str| ServiceState {
            update: Some((state.into(), "why".into())),
            image: image.into(),
            ..service(vec![task("running", None)])
        };
        assert!(matches!(update("updating", "new").wellness("new"), Wellness::Waiting(_)));
        assert!(matches!(update("rollback_started", "old").wellness("new"), Wellness::Waiting(_)));
        assert!(matches!(update("paused", "new").wellness("new"), Wellness::Failed(_)));
        assert!(matches!(update("rollback_completed", "old").wellness("new"), Wellness::Failed(_)));
        assert_eq!(update("completed", "new").wellness("new"), Wellness::Well);
        // taken back before, and what it went back to is what is wanted now
        assert_eq!(update("rollback_completed", "new").wellness("new"), Wellness::Well);
    }
}
