//! What is done to services that stopped by themselves: each is a word to the engine, and nobody waits for what comes of it.

use std::collections::HashMap;

use bollard::query_parameters::ListContainersOptions;

use super::services::SERVICE_NAME_LABEL;
use super::{Engine, STACK_LABEL, client};
use crate::Result;

/// A container that was paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    pub container: String,
    /// Without the stack's name before it.
    pub service: String,
}

impl Engine {
    /// The containers of a stack on this host that are paused.
    pub fn paused(&self, stack: &str) -> Result<Vec<Paused>> {
        let filters = HashMap::from([
            ("label".to_owned(), vec![format!("{STACK_LABEL}={stack}")]),
            ("status".to_owned(), vec!["paused".to_owned()]),
        ]);
        let list = ListContainersOptions { filters: Some(filters), ..ListContainersOptions::default() };
        let found = self.ask("list its containers", self.docker.list_containers(Some(list)))?;
        let prefix = format!("{stack}_");
        let paused = found.into_iter().filter_map(|container| {
            let service = container.labels?.remove(SERVICE_NAME_LABEL)?;
            let service = service.strip_prefix(&prefix).unwrap_or(&service).to_owned();
            Some(Paused { container: container.id?, service })
        });
        Ok(paused.collect())
    }

    /// One that is gone meanwhile needs nothing.
    pub fn unpause(&self, container: &str) -> Result<()> {
        self.ask_for("let a container go on", self.docker.unpause_container(container)).map(drop)
    }

    /// Has a service run so many times, as it was specified last.
    pub fn scale_service(&self, id: &str, replicas: u64) -> Result<()> {
        client::scale(id, replicas)
    }
}
