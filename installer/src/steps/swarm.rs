use wt_keys::console::Progress;
use wt_keys::{Sha256Digest, capped};
use wt_licensor::install_key;
use wt_manifests::Stack;
use zeroize::Zeroizing;

use super::{Need, Step, init_data};
use crate::engine::{Engine, SwarmState};
use crate::{Error, Installation, Places, Result};

/// The name of the secret with the administrator's first password.
pub const ADMIN_PASSWORD: &str = "admin-password";
const MARK_CONTEXT: &[u8] = b"wt.secret.v1";
const KEY_LIMIT: u64 = 1 << 16;

/// Makes this host a Swarm of one, and hands the engine the secrets that the stack asks for.
#[derive(Debug)]
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
            if engine.secret_mark(&secret_name(installation, &name))?.is_none() {
                return work();
            }
        }
        Ok(Need::Nothing)
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        engine.init_swarm(installation.site.node().address)?;
        let secrets = Stack::of(&installation.bundle)?.secrets();
        install_key::load_or_make(&installation.places.installation_key())?;
        for name in &secrets {
            let value = secret_value(installation, name)?;
            let mark = mark(&installation.places, name, value)?;
            engine.ensure_secret(&secret_name(installation, name), value, &mark)?;
        }
        Ok(format!("a Swarm of this host, {} secret(s)", secrets.len()))
    }
}

/// Refuses answers whose secrets are not those that the engine was given: the product has long made them its own.
pub fn check_secrets(installation: &Installation, engine: &Engine) -> Result<()> {
    let manages = matches!(engine.swarm_state()?, SwarmState::Manager | SwarmState::NewManager);
    if !manages || !installation.places.installation_key().exists() {
        return Ok(());
    }
    for name in Stack::of(&installation.bundle)?.secrets() {
        // once the administrator is made, the password lives in the product; the answers follow it there
        if name == ADMIN_PASSWORD && installation.journal.was_done(init_data::NAME)? {
            continue;
        }
        let Some(found) = engine.secret_mark(&secret_name(installation, &name))? else { continue };
        if found != mark(&installation.places, &name, secret_value(installation, &name)?)? {
            return Err(Error::SecretChanged { name });
        }
    }
    Ok(())
}

/// Tells values apart without telling them: a digest that nobody can compute who cannot read the installation key. All
/// parts are digests, so each has its place.
fn mark(places: &Places, name: &str, value: &[u8]) -> Result<String> {
    let key = Zeroizing::new(capped::read(&places.installation_key(), "an installation key", KEY_LIMIT)?);
    let parts = [MARK_CONTEXT, &key, name.as_bytes(), value].map(|part| *Sha256Digest::of(part).as_bytes());
    Ok(Sha256Digest::of(&parts.concat()).to_string())
}

/// What a secret of the stack is called in the engine.
pub fn secret_name(installation: &Installation, name: &str) -> String {
    format!("{}-{name}", installation.stack_name())
}

fn secret_value<'a>(installation: &'a Installation, name: &str) -> Result<&'a [u8]> {
    let value = match name {
        ADMIN_PASSWORD => Some(installation.site.administrator.password.expose()),
        "smtp-password" => installation.site.smtp.as_ref().map(|smtp| smtp.password.expose()),
        _ => None,
    };
    value.map(str::as_bytes).ok_or_else(|| Error::NoSecret { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_this_key_this_name_and_this_value() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let mark = |name: &str, value: &str| {
            install_key::load_or_make(&places.installation_key()).unwrap();
            mark(&places, name, value.as_bytes()).unwrap()
        };
        let first = mark("a", "secret");
        assert_eq!(first, mark("a", "secret"));
        assert_ne!(first, mark("a", "other"));
        assert_ne!(first, mark("b", "secret"));
        std::fs::remove_file(places.installation_key()).unwrap();
        assert_ne!(first, mark("a", "secret"));
    }
}
