//! Secrets and configurations in the engine. Each has one content for ever; what no service uses any more can go.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::models::{ConfigSpec, Service};
use bollard::query_parameters::{ListConfigsOptions, ListSecretsOptions, ListServicesOptions};

use super::Engine;
use crate::Result;

/// On what we made for a stack.
pub(super) const MADE_FOR_LABEL: &str = "wt.for";
/// What the stack calls it.
pub(super) const NAME_LABEL: &str = "wt.name";

/// By its name in the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unused {
    Secret(String),
    Config(String),
}

impl Engine {
    /// The secrets that were made for a stack: what it calls them, and what the engine does; newest first.
    pub fn secrets(&self, stack: &str) -> Result<Vec<(String, String)>> {
        let list = ListSecretsOptions { filters: Some(made_for(stack)) };
        let mut found = self.ask("list its secrets", self.docker.list_secrets(Some(list)))?;
        found.sort_by(|a, b| b.created_at.cmp(&a.created_at));
        let name = |labels: Option<HashMap<String, String>>| labels?.remove(NAME_LABEL);
        let specs = found.into_iter().filter_map(|secret| secret.spec);
        Ok(specs.filter_map(|spec| Some((name(spec.labels)?, spec.name?))).collect())
    }

    pub fn has_secret(&self, object: &str) -> Result<bool> {
        Ok(self.ask_for("inspect a secret", self.docker.inspect_secret(object))?.is_some())
    }

    /// Creates a configuration where there is none of that name, which stands for its content.
    pub fn ensure_config(&self, stack: &str, object: &str, content: &[u8]) -> Result<()> {
        if self.ask_for("inspect a configuration", self.docker.inspect_config(object))?.is_some() {
            return Ok(());
        }
        let spec = ConfigSpec {
            name: Some(object.to_owned()),
            labels: Some(HashMap::from([(MADE_FOR_LABEL.to_owned(), stack.to_owned())])),
            data: Some(STANDARD.encode(content)),
            ..ConfigSpec::default()
        };
        self.ask("create a configuration", self.docker.create_config(spec)).map(drop)
    }

    /// What was made for a stack and no service uses.
    pub fn unused_objects(&self, stack: &str) -> Result<Vec<Unused>> {
        let services =
            self.ask("list its services", self.docker.list_services(None::<ListServicesOptions>))?;
        let used: BTreeSet<String> = services.iter().flat_map(objects).collect();
        let secrets = self.secrets(stack)?.into_iter().map(|(_, secret)| secret);
        let list = ListConfigsOptions { filters: Some(made_for(stack)) };
        let configs = self.ask("list its configurations", self.docker.list_configs(Some(list)))?;
        let configs = configs.into_iter().filter_map(|config| config.spec?.name);
        let unused = |name: &String| !used.contains(name);
        let secrets = secrets.filter(unused).map(Unused::Secret);
        Ok(secrets.chain(configs.filter(unused).map(Unused::Config)).collect())
    }

    /// Removes them. Returns how many there were.
    pub fn prune_objects(&self, stack: &str) -> Result<usize> {
        let unused = self.unused_objects(stack)?;
        for object in &unused {
            match object {
                Unused::Secret(name) => {
                    self.ask_for("remove a secret", self.docker.delete_secret(name))?;
                }
                Unused::Config(name) => {
                    self.ask_for("remove a configuration", self.docker.delete_config(name))?;
                }
            }
        }
        Ok(unused.len())
    }
}

fn made_for(stack: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{MADE_FOR_LABEL}={stack}")])])
}

/// The names of what a service is given.
fn objects(service: &Service) -> Vec<String> {
    let spec = service.spec.as_ref().and_then(|spec| spec.task_template.as_ref());
    let Some(container) = spec.and_then(|template| template.container_spec.as_ref()) else {
        return Vec::new();
    };
    let secrets = container.secrets.iter().flatten().filter_map(|secret| secret.secret_name.clone());
    let configs = container.configs.iter().flatten().filter_map(|config| config.config_name.clone());
    secrets.chain(configs).collect()
}
