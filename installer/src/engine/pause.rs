//! Containers that are held still: frozen as they are. Swarm takes a frozen container for a running one, and the engine
//! checks no health meanwhile.

use std::collections::BTreeSet;

use bollard::models::ContainerSummaryStateEnum;
use bollard::query_parameters::ListContainersOptions;

use super::services::SERVICE_NAME_LABEL;
use super::{Engine, of_stack};
use crate::Result;

/// A container that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpContainer {
    pub id: String,
    /// Without the stack's name before it.
    pub service: String,
    pub paused: bool,
}

impl Engine {
    /// The containers of a stack on this host that are up, frozen or not.
    pub fn up_containers(&self, stack: &str) -> Result<Vec<UpContainer>> {
        let mut filters = of_stack(stack);
        filters.insert("status".to_owned(), vec!["running".to_owned(), "paused".to_owned()]);
        let list = ListContainersOptions { filters: Some(filters), ..ListContainersOptions::default() };
        let found = self.ask("list its containers", self.docker.list_containers(Some(list)))?;
        let prefix = format!("{stack}_");
        let up = found.into_iter().filter_map(|container| {
            let service = container.labels?.remove(SERVICE_NAME_LABEL)?;
            Some(UpContainer {
                id: container.id?,
                service: service.strip_prefix(&prefix).unwrap_or(&service).to_owned(),
                paused: container.state == Some(ContainerSummaryStateEnum::PAUSED),
            })
        });
        Ok(up.collect())
    }

    /// Those of some services that are up and not frozen.
    pub fn moving_containers(&self, stack: &str, services: &BTreeSet<String>) -> Result<Vec<UpContainer>> {
        let up = self.up_containers(stack)?.into_iter();
        Ok(up.filter(|container| !container.paused && services.contains(&container.service)).collect())
    }

    pub fn pause(&self, container: &str) -> Result<()> {
        self.ask("pause a container", self.docker.pause_container(container))
    }

    /// One that is gone meanwhile needs nothing.
    pub fn unpause(&self, container: &str) -> Result<()> {
        self.ask_for("let a paused container go on", self.docker.unpause_container(container)).map(drop)
    }
}
