//! The secrets of a site: what they are, and what the engine calls them. The engine never shows a value again, so the
//! name of an object tells one value from another: another value is another object, and nothing is ever overwritten.

use wt_keys::{Sha256Digest, capped};
use wt_licensor::install_key;
use zeroize::Zeroizing;

use crate::engine::Engine;
use crate::{Installation, Places, Result, init_data};

/// The administrator's first password.
pub const ADMIN_PASSWORD: &str = "admin-password";
const MARK_CONTEXT: &[u8] = b"wt.secret.v1";
const MARK_SHOWN: usize = 12;
const KEY_LIMIT: u64 = 1 << 16;

type Value = Zeroizing<Vec<u8>>;

/// The value of a secret that a stack may name; `None` where the site has none.
pub fn value(installation: &Installation, name: &str) -> Result<Option<Value>> {
    let site = &installation.site;
    let text = |text: &str| Some(Zeroizing::new(text.as_bytes().to_vec()));
    Ok(match name {
        ADMIN_PASSWORD => text(site.administrator.password.expose()),
        "smtp-password" => site.smtp.as_ref().and_then(|smtp| text(smtp.password.expose())),
        _ => None,
    })
}

/// What the engine calls it. Once the administrator is made, the password lives in the product: what services were given
/// stays as it was, whatever the answers say now.
pub fn object(installation: &Installation, engine: &Engine, name: &str) -> Result<Option<String>> {
    if name == ADMIN_PASSWORD && init_data::was_done(installation)? {
        let given = engine.secrets(installation.stack_name())?;
        if let Some((_, object)) = given.into_iter().find(|(found, _)| found == name) {
            return Ok(Some(object));
        }
    }
    let Some(value) = value(installation, name)? else { return Ok(None) };
    let mark = mark(&installation.places, name, &value)?;
    Ok(Some(format!("{}-{name}-{}", installation.stack_name(), &mark[..MARK_SHOWN])))
}

/// Hands the engine those that it lacks.
pub fn ensure(installation: &Installation, engine: &Engine, names: &[String]) -> Result<usize> {
    let mut count = 0;
    for name in names {
        let Some(object) = object(installation, engine, name)? else { continue };
        count += 1;
        if !engine.has_secret(&object)?
            && let Some(value) = value(installation, name)?
        {
            engine.create_secret(installation.stack_name(), name, &object, &value)?;
        }
    }
    Ok(count)
}

/// Tells values apart without telling them: a digest that nobody can compute who cannot read the installation key. All
/// parts are digests, so each has its place.
fn mark(places: &Places, name: &str, value: &[u8]) -> Result<String> {
    install_key::load_or_make(&places.installation_key())?;
    let key = Zeroizing::new(capped::read(&places.installation_key(), "an installation key", KEY_LIMIT)?);
    let parts = [MARK_CONTEXT, &key, name.as_bytes(), value].map(|part| *Sha256Digest::of(part).as_bytes());
    Ok(Sha256Digest::of(&parts.concat()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_this_key_this_name_and_this_value() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let mark = |name: &str, value: &str| mark(&places, name, value.as_bytes()).unwrap();
        let first = mark("a", "secret");
        assert_eq!(first, mark("a", "secret"));
        assert_ne!(first, mark("a", "other"));
        assert_ne!(first, mark("b", "secret"));
        std::fs::remove_file(places.installation_key()).unwrap();
        assert_ne!(first, mark("a", "secret"));
    }
}
