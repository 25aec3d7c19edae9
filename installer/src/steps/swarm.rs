use wt_keys::console::Progress;

use super::{Need, Step};
use crate::engine::SwarmState;
use wt_manifests::Stack;

use crate::{Error, Installation, Result};

/// Makes this host a Swarm of one, and hands the engine the secrets that the stack asks for.
pub struct PrepareSwarm;

impl Step for PrepareSwarm {
    fn name(&self) -> &'static str {
        "swarm"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let work = || Ok(Need::Work("start a Swarm of this host and store the secrets".to_owned()));
        let Some(engine) = installation.find_engine()? else { return work() };
        if engine.swarm_state()? != SwarmState::Manager {
            return work();
        }
        for name in Stack::of(&installation.bundle)?.secrets() {
            if engine.secret_id(&secret_name(installation, &name))?.is_none() {
                return work();
            }
        }
        Ok(Need::Nothing)
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        engine.init_swarm(installation.site.node().address)?;
        let secrets = Stack::of(&installation.bundle)?.secrets();
        for name in &secrets {
            engine.ensure_secret(&secret_name(installation, name), secret_value(installation, name)?)?;
        }
        Ok(format!("a Swarm of this host, {} secret(s)", secrets.len()))
    }
}

/// What a secret of the stack is called in the engine.
pub fn secret_name(installation: &Installation, name: &str) -> String {
    format!("{}-{name}", installation.stack_name())
}

fn secret_value<'a>(installation: &'a Installation, name: &str) -> Result<&'a [u8]> {
    let value = match name {
        "admin-password" => Some(installation.site.administrator.password.expose()),
        "smtp-password" => installation.site.smtp.as_ref().map(|smtp| smtp.password.expose()),
        _ => None,
    };
    value.map(str::as_bytes).ok_or_else(|| Error::NoSecret { name: name.to_owned() })
}
