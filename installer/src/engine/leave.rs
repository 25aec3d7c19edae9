//! Leaving an engine as it was found: the stack goes, the swarm where it was ours, and nothing of anybody else's.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bollard::errors::Error as DockerError;
use bollard::query_parameters::{
    LeaveSwarmOptions, ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListServicesOptions,
    ListVolumesOptions, RemoveContainerOptions,
};
use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::ImageName;
use wt_manifests::image::Image;

use super::discard::is_name;
use super::services::SERVICE_NAME_LABEL;
use super::swarm::{LABEL, SwarmState};
use super::{Engine, STACK_LABEL, of_stack};
use crate::{Error, Result};

const PATIENCE: Duration = Duration::from_mins(5);
const POLL: Duration = Duration::from_millis(400);
/// A network that still has somebody on it.
const IN_USE: [u16; 3] = [400, 403, 409];
/// Made with a swarm, and left when it ends.
const GATEWAY: &str = "docker_gwbridge";

impl Engine {
    /// Takes a stack away: services, containers, networks, secrets and configurations. Returns when they are gone.
    pub fn remove_stack(&self, stack: &str, phase: &Phase) -> Result<()> {
        for service in self.services(stack)? {
            self.ask_for("remove a service", self.docker.delete_service(&service.id))?;
        }
        self.wait_gone(stack, PATIENCE, phase)?;
        self.remove_containers(stack)?;
        self.remove_networks(stack)?;
        if matches!(self.swarm_state()?, SwarmState::Manager | SwarmState::NewManager) {
            self.prune_objects(stack)?;
        }
        Ok(())
    }

    /// Takes away the containers of services that are no more. The swarm does so with those that ended, too, but in its own
    /// time.
    pub fn remove_containers(&self, stack: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let services: Vec<String> =
                self.services(stack)?.iter().map(|service| format!("{stack}_{}", service.name)).collect();
            let filters = of_stack(stack);
            let list = ListContainersOptions {
                all: true,
                filters: Some(filters),
                ..ListContainersOptions::default()
            };
            let mut found = self.ask("list its containers", self.docker.list_containers(Some(list)))?;
            let of = |labels: &HashMap<String, String>| {
                labels.get(SERVICE_NAME_LABEL).is_some_and(|name| services.contains(name))
            };
            found.retain(|container| !container.labels.as_ref().is_some_and(of));
            if found.is_empty() {
                return Ok(());
            }
            for container in found.into_iter().filter_map(|container| container.id) {
                let question = self.docker.remove_container(&container, None::<RemoveContainerOptions>);
                match self.ask_for("remove a container", question) {
                    Err(Error::Engine { source, .. })
                        if is_one_of(&source, &IN_USE) && started.elapsed() < PATIENCE => {}
                    answer => {
                        answer?;
                    }
                }
            }
            std::thread::sleep(POLL);
        }
    }

    /// A container that has just ended holds on to its network a little longer; that of a swarm may go by itself just then.
    fn remove_networks(&self, stack: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let filters = of_stack(stack);
            let list = ListNetworksOptions { filters: Some(filters) };
            let found = self.ask("list its networks", self.docker.list_networks(Some(list)))?;
            if found.is_empty() {
                return Ok(());
            }
            for network in found.into_iter().filter_map(|network| network.id) {
                match self.ask_for("remove a network", self.docker.remove_network(&network)) {
                    Err(Error::Engine { source, .. })
                        if (is_one_of(&source, &IN_USE) || is_going(&source))
                            && started.elapsed() < PATIENCE => {}
                    answer => {
                        answer?;
                    }
                }
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends a swarm that we made and nobody else uses; takes our roles off the node of another. Tells whether it ended.
    pub fn leave_swarm(&self) -> Result<bool> {
        if !matches!(self.swarm_state()?, SwarmState::Manager | SwarmState::NewManager) {
            return Ok(false);
        }
        let swarm = self.ask("describe its swarm", self.docker.inspect_swarm())?;
        let ours = swarm.spec.and_then(|spec| spec.labels).is_some_and(|labels| labels.contains_key(LABEL));
        let list = None::<ListServicesOptions>;
        if !ours || !self.ask("list its services", self.docker.list_services(list))?.is_empty() {
            if !self.has_roles(&[])? {
                self.give_roles(&[])?;
            }
            return Ok(false);
        }
        let force = LeaveSwarmOptions { force: true };
        self.ask("leave the swarm", self.docker.leave_swarm(Some(force)))?;
        match self.ask_for("remove a network", self.docker.remove_network(GATEWAY)) {
            Err(Error::Engine { source, .. }) if is_one_of(&source, &IN_USE) => {}
            answer => {
                answer?;
            }
        }
        Ok(true)
    }

    /// What others keep in it: containers that are not of this stack, volumes, and images that are none of `ours`, or have
    /// a name of others as well.
    pub fn others(&self, stack: &str, ours: &[Image]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let all = ListContainersOptions { all: true, ..ListContainersOptions::default() };
        for container in self.ask("list its containers", self.docker.list_containers(Some(all)))? {
            if container
                .labels
                .as_ref()
                .and_then(|labels| labels.get(STACK_LABEL))
                .is_none_or(|of| of != stack)
            {
                let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
                found.push(format!("the container {}", name.trim_start_matches('/')));
            }
        }
        for image in self.ask("list its images", self.docker.list_images(None::<ListImagesOptions>))? {
            let id = Sha256Digest::from_oci(&image.id).ok();
            let is_ours = ours.iter().any(|our| Some(self.info.store.image_id(our)) == id);
            let named = image.repo_tags.iter().filter(|tag| tag.parse::<ImageName>().is_ok());
            let mut of_others =
                named.filter(|tag| !is_ours || !ours.iter().any(|our| is_name(tag, &our.name)));
            match of_others.next() {
                Some(name) => found.push(format!("the image {name}")),
                None if !is_ours => found.push(format!("the image {}", image.id)),
                None => {}
            }
        }
        let volumes = self.ask("list its volumes", self.docker.list_volumes(None::<ListVolumesOptions>))?;
        let volumes = volumes.volumes.unwrap_or_default();
        let of_stack =
            |labels: &HashMap<String, String>| labels.get(STACK_LABEL).is_some_and(|of| of == stack);
        let volumes = volumes.into_iter().filter(|volume| !of_stack(&volume.labels));
        found.extend(volumes.map(|volume| format!("the volume {}", volume.name)));
        Ok(found)
    }
}

/// A network that was there, and was gone before it could be removed.
fn is_going(error: &DockerError) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code: 500, message } if message.ends_with("not found"))
}

fn is_one_of(error: &DockerError, codes: &[u16]) -> bool {
    matches!(error, DockerError::DockerResponseServerError { status_code, .. } if codes.contains(status_code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_goes_by_itself_is_no_failure_of_the_engine() {
        let said = |status_code, message: &str| {
            is_going(&DockerError::DockerResponseServerError { status_code, message: message.into() })
        };
        assert!(said(500, "network mt5s7a53eycbv3jrsrs5k8hvx not found"));
        assert!(!said(500, "could not write to the disk"));
        assert!(!said(403, "network x not found"));
    }
}
