//! What only Docker's own client does: stacks. Also what it does without a secret passing through strings of ours.

use std::time::Duration;

use super::{Engine, SOCKET};
use crate::command::Command;
use crate::{Error, Result};

const LIMIT: Duration = Duration::from_secs(10 * 60);
/// A folder that does not exist: root's own client configuration may name a context, that is, another engine.
const NO_CONFIGURATION: &str = "/nonexistent";

impl Engine {
    /// Deploys a rendered stack. Images are named by ID, so the engine has no registry to ask.
    pub fn deploy_stack(&self, name: &str, stack: &str) -> Result<()> {
        let args = ["stack", "deploy", "--resolve-image", "never", "--prune", "--compose-file", "-", name];
        client("deploy the stack", &args, stack.as_bytes()).map(drop)
    }

    /// Creates a secret where there is none of that name. Tells whether it did; an existing one is not looked into.
    pub fn ensure_secret(&self, name: &str, value: &[u8], labels: &[(&str, &str)]) -> Result<bool> {
        if self.ask_for("inspect a secret", self.docker.inspect_secret(name))?.is_some() {
            return Ok(false);
        }
        let labels: Vec<String> = labels.iter().map(|(key, value)| format!("--label={key}={value}")).collect();
        let mut args = vec!["secret", "create"];
        args.extend(labels.iter().map(String::as_str));
        args.extend([name, "-"]);
        client("create a secret", &args, value)?;
        Ok(true)
    }

    /// Replaces a service's tasks by new ones of the same kind. Returns before they are up.
    pub fn restart_service(&self, name: &str) -> Result<()> {
        client("restart a service", &["service", "update", "--force", "--detach", "--quiet", name], b"").map(drop)
    }
}

fn client(action: &'static str, args: &[&str], input: &[u8]) -> Result<String> {
    Command::new("docker", LIMIT)
        .args(["--config", NO_CONFIGURATION, "--host", &format!("unix://{SOCKET}")])
        .args(args)
        .succeed(input)
        .map_err(|source| Error::Client { action, source: Box::new(source) })
}
