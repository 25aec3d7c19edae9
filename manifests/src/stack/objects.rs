//! Secrets and configurations, which the engine hands to containers on whatever node they run. In a stack they have the
//! names that the release gave them, in the engine those of one content each: another content is another object.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ConfigFile, Surroundings, section};
use crate::{Error, Result};

/// What the engine calls the secrets; one that the site does not have is not here.
pub(super) fn secrets(root: &mut Value, surroundings: &impl Surroundings) -> BTreeMap<String, String> {
    let names = section(root, "secrets").map(|(name, _)| name.clone());
    let known: BTreeMap<_, _> =
        names.filter_map(|name| surroundings.secret(&name).map(|object| (name, object))).collect();
    declare(root, "secrets", known.values());
    known
}

/// The files behind every entry of `configs`.
pub(super) fn configs(
    root: &mut Value,
    surroundings: &impl Surroundings,
) -> Result<BTreeMap<String, Vec<ConfigFile>>> {
    let names: Vec<String> = section(root, "configs").map(|(name, _)| name.clone()).collect();
    let mut known = BTreeMap::new();
    for name in names {
        let files = surroundings.configs(&name)?;
        known.insert(name, files);
    }
    declare(root, "configs", known.values().flatten().map(|file| &file.object));
    Ok(known)
}

fn declare<'a>(root: &mut Value, name: &str, objects: impl Iterator<Item = &'a String>) {
    if root.get(name).is_none() {
        return;
    }
    let declared: Map<String, Value> =
        objects.map(|object| (object.clone(), json!({ "external": true, "name": object }))).collect();
    root[name] = Value::Object(declared);
}

/// Names a service's secrets as the engine does; where it sees them stays as it is.
pub(super) fn name_secrets(service: &mut Value, known: &BTreeMap<String, String>) {
    let Some(list) = service.get("secrets").and_then(Value::as_array) else { return };
    let named = list.iter().filter_map(|secret| {
        let mut long = if secret.is_object() { secret.clone() } else { json!({ "source": secret }) };
        let source = long["source"].as_str()?.to_owned();
        if long.get("target").is_none() {
            long["target"] = json!(source);
        }
        long["source"] = json!(known.get(&source)?);
        Some(long)
    });
    service["secrets"] = named.collect();
}

/// Names a service's configurations as the engine does, one for each file.
pub(super) fn name_configs(service: &mut Value, known: &BTreeMap<String, Vec<ConfigFile>>) -> Result<()> {
    let Some(list) = service.get("configs").and_then(Value::as_array) else { return Ok(()) };
    let mut named = Vec::new();
    for config in list {
        let source = config["source"].as_str().unwrap_or_default();
        let target = config["target"].as_str().unwrap_or_default();
        let files = known.get(source).map_or(&[][..], Vec::as_slice);
        if files.len() > 1 && !target.ends_with('/') {
            let why = format!(
                "`{source}` is {} files, and `{target}` is no folder: it does not end with `/`",
                files.len()
            );
            return Err(Error::Stack { why });
        }
        for file in files {
            let mut long = config.clone();
            long["source"] = json!(file.object);
            if target.ends_with('/') {
                long["target"] = json!(format!("{target}{}", file.name));
            }
            named.push(long);
        }
    }
    service["configs"] = Value::Array(named);
    Ok(())
}
