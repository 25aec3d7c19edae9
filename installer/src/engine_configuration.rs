//! `/etc/docker/daemon.json` on a host whose engine we install: what an engine in daily use needs, added to what the
//! customer wrote, and never over it. An engine that was here before is left as it is.

use std::fs;
use std::io::ErrorKind;

use serde_json::{Map, Value, json};
use wt_keys::{Sha256Digest, capped, durable, folder_of};

use crate::{Error, Places, Result};

const LIMIT: u64 = 1 << 20;
/// In the copy of what was there before, where nothing was.
const NOTHING: &[u8] = b"";

/// What is set where the customer set nothing: containers' logs must not fill the disk.
fn ours() -> [(&'static str, Value); 2] {
    [("log-driver", json!("json-file")), ("log-opts", json!({ "max-size": "10m", "max-file": "3" }))]
}

/// Adds what is missing, before the engine starts for the first time. What was there before is kept beside our state.
/// Returns what was added.
pub fn complete(places: &Places) -> Result<Vec<&'static str>> {
    let (path, before) = (places.engine_configuration(), read(places)?);
    let mut found = parse(places, &before)?;
    let missing: Vec<_> = ours().into_iter().filter(|(key, _)| !is_set(&found, key)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let names = missing.iter().map(|(key, _)| *key).collect();
    found.extend(missing.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let mut bytes = serde_json::to_vec_pretty(&found).unwrap_or_default(); // it was parsed: cannot fail
    bytes.push(b'\n');
    let copy = places.engine_configuration_before();
    if !copy.exists() {
        durable::create_folder(&places.state(), 0o700)?;
        durable::write(&copy, &before, 0o600)?;
        durable::write(
            &places.engine_configuration_ours(),
            Sha256Digest::of(&bytes).to_string().as_bytes(),
            0o600,
        )?;
    }
    durable::create_folder(&folder_of(&path), 0o755)?;
    durable::write(&path, &bytes, 0o644)?;
    Ok(names)
}

/// Whether what is there can be read, and so completed.
pub fn check(places: &Places) -> Result<()> {
    parse(places, &read(places)?).map(drop)
}

/// Options of one logging driver say nothing to another.
fn is_set(found: &Map<String, Value>, key: &str) -> bool {
    found.contains_key(key) || (key == "log-opts" && found.contains_key("log-driver"))
}

/// Puts back what was there before, unless somebody has changed it since. Tells whether it did.
pub fn restore(places: &Places) -> Result<bool> {
    let copy = places.engine_configuration_before();
    if !copy.exists() {
        return Ok(false);
    }
    let before = capped::read(&copy, "the engine's former configuration", LIMIT)?;
    let written = fs::read_to_string(places.engine_configuration_ours()).unwrap_or_default();
    let path = places.engine_configuration();
    let unchanged = Sha256Digest::of(&read(places)?).to_string() == written;
    if unchanged && before == NOTHING {
        durable::remove_file(&path)?;
    } else if unchanged {
        durable::write(&path, &before, 0o644)?;
    }
    durable::remove_file(&copy)?;
    durable::remove_file(&places.engine_configuration_ours())?;
    Ok(unchanged)
}

/// Before the engine's packages are removed: their scripts take away what a customer wrote there, too.
pub fn set_aside(places: &Places) -> Result<()> {
    let found = read(places)?;
    if found != NOTHING {
        durable::write(&places.engine_configuration_aside(), &found, 0o600)?;
    }
    Ok(())
}

/// When they are gone.
pub fn bring_back(places: &Places) -> Result<()> {
    let (aside, path) = (places.engine_configuration_aside(), places.engine_configuration());
    if !aside.exists() {
        return Ok(());
    }
    if fs::symlink_metadata(&path).is_err() {
        let found = capped::read(&aside, "the engine's configuration", LIMIT)?;
        durable::create_folder(&folder_of(&path), 0o755)?;
        durable::write(&path, &found, 0o644)?;
    }
    Ok(durable::remove_file(&aside)?)
}

fn read(places: &Places) -> Result<Vec<u8>> {
    let path = places.engine_configuration();
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(NOTHING.to_vec()),
        _ => Ok(capped::read(&path, "the engine's configuration", LIMIT)?),
    }
}

/// A file that the engine itself would not understand is the customer's to mend.
fn parse(places: &Places, bytes: &[u8]) -> Result<Map<String, Value>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes)
        .map_err(|source| Error::EngineConfiguration { path: places.engine_configuration(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(content: Option<&str>) -> (tempfile::TempDir, Places) {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        fs::create_dir_all(root.path().join("etc/docker")).unwrap();
        fs::create_dir_all(root.path().join("var/lib")).unwrap();
        if let Some(content) = content {
            fs::write(places.engine_configuration(), content).unwrap();
        }
        (root, places)
    }

    #[test]
    fn what_the_customer_wrote_stays_and_comes_back() {
        for (content, added) in [
            (None, &["log-driver", "log-opts"][..]),
            (Some(""), &["log-driver", "log-opts"]),
            (Some("{\"data-root\": \"/srv/docker\"}"), &["log-driver", "log-opts"]),
            (Some("{\"log-opts\": {\"max-size\": \"1g\"}}"), &["log-driver"]),
            (Some("{\"log-driver\": \"journald\"}"), &[]),
        ] {
            let (_root, places) = host(content);
            assert_eq!(complete(&places).unwrap(), added, "{content:?}");
            assert_eq!(complete(&places).unwrap(), [""; 0], "once is enough");
            let now: Value = serde_json::from_slice(&read(&places).unwrap()).unwrap();
            let before: Value =
                serde_json::from_str(content.filter(|text| !text.is_empty()).unwrap_or("{}")).unwrap();
            for (key, value) in before.as_object().unwrap() {
                assert_eq!(&now[key], value);
            }
            assert_eq!(restore(&places).unwrap(), !added.is_empty());
            let back = fs::read_to_string(places.engine_configuration()).ok();
            assert_eq!(back.unwrap_or_default(), content.unwrap_or_default());
        }
    }

    #[test]
    fn what_the_packages_take_away_comes_back_also_where_a_run_was_killed_in_between() {
        let content = "{\"debug\": true}";
        let (_root, places) = host(Some(content));
        fs::create_dir_all(places.state()).unwrap();
        for killed in [false, true] {
            set_aside(&places).unwrap();
            fs::remove_dir_all(folder_of(&places.engine_configuration())).unwrap();
            if killed {
                set_aside(&places).unwrap();
            }
            bring_back(&places).unwrap();
            assert_eq!(fs::read_to_string(places.engine_configuration()).unwrap(), content);
            assert!(!places.engine_configuration_aside().exists());
        }
        bring_back(&places).unwrap();
    }

    #[test]
    fn what_was_changed_since_is_not_put_back_and_what_is_no_json_is_not_touched() {
        let (_root, places) = host(None);
        complete(&places).unwrap();
        fs::write(places.engine_configuration(), "{\"debug\": true}").unwrap();
        assert!(!restore(&places).unwrap());
        assert_eq!(read(&places).unwrap(), b"{\"debug\": true}");
        let (_root, places) = host(Some("{ debug: true }"));
        assert!(matches!(complete(&places), Err(Error::EngineConfiguration { .. })));
        assert_eq!(read(&places).unwrap(), b"{ debug: true }");
    }
}
