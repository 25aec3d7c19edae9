//! What only Docker's own client does: stacks. Also what it does without a secret passing through strings of ours.

use std::time::Duration;

use super::objects::{MADE_FOR_LABEL, NAME_LABEL};
use super::{Engine, SOCKET, Service};
use crate::command::Command;
use crate::{Error, Result};
use wt_manifests::stack::Rendered;

const LIMIT: Duration = Duration::from_mins(10);
/// A folder that does not exist: root's own client configuration may name a context, that is, another engine.
const NO_CONFIGURATION: &str = "/nonexistent";

impl Engine {
    /// Deploys a rendered stack. Images are named by ID, so the engine has no registry to ask.
    pub fn deploy_stack(&self, name: &str, stack: &Rendered) -> Result<()> {
        let args = ["stack", "deploy", "--resolve-image", "never", "--prune", "--compose-file", "-", name];
        client("deploy the stack", &args, stack.json.as_bytes()).map(drop)
    }

    /// Creates a secret; its value goes to the client's input and nowhere else.
    pub fn create_secret(&self, stack: &str, name: &str, object: &str, value: &[u8]) -> Result<()> {
        let (stack, name) = (format!("{MADE_FOR_LABEL}={stack}"), format!("{NAME_LABEL}={name}"));
        let args = ["secret", "create", "--label", &stack, "--label", &name, object, "-"];
        client("create a secret", &args, value).map(drop)
    }

    /// Replaces a service's tasks by new ones of the same kind. Returns before they are up.
    pub fn restart_service(&self, service: &Service) -> Result<()> {
        let args = ["service", "update", "--force", "--detach", "--quiet", &service.id];
        client("restart a service", &args, b"").map(drop)
    }

    /// Has a service run so many times, as it was specified last. Returns before its tasks are up.
    pub fn scale_service(&self, id: &str, replicas: u64) -> Result<()> {
        let args = ["service", "update", "--detach", "--quiet", "--replicas", &replicas.to_string(), id];
        client("start a service", &args, b"").map(drop)
    }
}

/// Gives the nodes new certificates, which live as long as the swarm now says: the first ones live 90 days whatever was
/// asked for.
pub(super) fn renew_certificates(life_hours: i64) -> Result<()> {
    let life = format!("{life_hours}h");
    client("renew its certificates", &["swarm", "ca", "--rotate", "--quiet", "--cert-expiry", &life], b"")
        .map(drop)
}

fn client(action: &'static str, args: &[&str], input: &[u8]) -> Result<String> {
    Command::new("docker", LIMIT)
        .args(["--config", NO_CONFIGURATION, "--host", &format!("unix://{SOCKET}")])
        .args(args)
        .succeed(input)
        .map_err(|source| Error::Client { action, source: Box::new(source) })
}
