//! What only Docker's own client does: stacks. Also what it does without a secret passing through strings of ours.

use std::time::Duration;

use super::{Engine, SOCKET, Service};
use crate::command::Command;
use crate::{Error, Result};
use wt_manifests::stack::Rendered;

const LIMIT: Duration = Duration::from_mins(10);
const MARK_LABEL: &str = "wt.mark";
/// A folder that does not exist: root's own client configuration may name a context, that is, another engine.
const NO_CONFIGURATION: &str = "/nonexistent";

impl Engine {
    /// Deploys a rendered stack. Images are named by ID, so the engine has no registry to ask.
    pub fn deploy_stack(&self, name: &str, stack: &Rendered) -> Result<()> {
        let args = ["stack", "deploy", "--resolve-image", "never", "--prune", "--compose-file", "-", name];
        client("deploy the stack", &args, stack.json.as_bytes()).map(drop)
    }

    /// Creates a secret where there is none of that name; an existing one is left alone. The engine never shows a value
    /// again, so the secret carries a mark that tells whether two are the same.
    pub fn ensure_secret(&self, name: &str, value: &[u8], mark: &str) -> Result<()> {
        if self.secret_mark(name)?.is_some() {
            return Ok(());
        }
        let label = format!("{MARK_LABEL}={mark}");
        client("create a secret", &["secret", "create", "--label", &label, name, "-"], value).map(drop)
    }

    /// The mark of a secret, empty where somebody else made it; `None` where there is none of that name.
    pub fn secret_mark(&self, name: &str) -> Result<Option<String>> {
        let found = self.ask_for("inspect a secret", self.docker.inspect_secret(name))?;
        let spec = found.and_then(|secret| secret.spec).filter(|spec| spec.name.as_deref() == Some(name));
        Ok(spec.map(|spec| spec.labels.and_then(|mut labels| labels.remove(MARK_LABEL)).unwrap_or_default()))
    }

    /// Replaces a service's tasks by new ones of the same kind. Returns before they are up.
    pub fn restart_service(&self, service: &Service) -> Result<()> {
        let args = ["service", "update", "--force", "--detach", "--quiet", &service.id];
        client("restart a service", &args, b"").map(drop)
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
