//! The part of the Compose format that a release may use.

use serde_json::{Map, Value};

use crate::{Error, RelativePath, Result};

/// The folders of a host that services may see.
const DATA: &str = "${WT_DATA}";
const RUN: &str = "${WT_RUN}";
const CONF: &str = "${WT_HOME}/conf";
const SECTIONS: &[&str] = &["version", "services", "networks", "secrets", "configs"];
/// What `docker stack deploy` of 20.10 honours and what needs no file beside `stack.yaml`.
const SERVICE_KEYS: &[&str] = &[
    "cap_add",
    "cap_drop",
    "command",
    "configs",
    "deploy",
    "dns",
    "dns_search",
    "entrypoint",
    "environment",
    "extra_hosts",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "logging",
    "networks",
    "ports",
    "read_only",
    "secrets",
    "stdin_open",
    "stop_grace_period",
    "stop_signal",
    "sysctls",
    "tmpfs",
    "tty",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
];

pub(super) fn stack(root: &Map<String, Value>) -> Result<()> {
    if let Some(section) = root.keys().find(|key| !SECTIONS.contains(&key.as_str())) {
        return Err(invalid(format!("the section `{section}` is not supported")));
    }
    let Some(services) =
        root.get("services").and_then(Value::as_object).filter(|services| !services.is_empty())
    else {
        return Err(invalid("it has no services"));
    };
    let known = Declared { secrets: declared(root, "secrets")?, configs: declared(root, "configs")? };
    services.iter().try_for_each(|(name, definition)| service(name, definition, &known))
}

/// What services may ask the engine for.
struct Declared<'a> {
    secrets: Vec<&'a str>,
    configs: Vec<&'a str>,
}

/// Secrets and configurations are made on site: the bundle carries none that the engine could take as they are.
fn declared<'a>(root: &'a Map<String, Value>, section: &str) -> Result<Vec<&'a str>> {
    let Some(found) = root.get(section).filter(|found| !found.is_null()) else {
        return Ok(Vec::new());
    };
    let Value::Object(found) = found else { return Err(invalid(format!("`{section}` is not a mapping"))) };
    for (name, value) in found {
        if *value != serde_json::json!({ "external": true }) {
            return Err(invalid(format!("`{name}` in `{section}` is not just `external: true`")));
        }
    }
    Ok(found.keys().map(String::as_str).collect())
}

fn service(name: &str, definition: &Value, known: &Declared<'_>) -> Result<()> {
    let Value::Object(service) = definition else {
        return Err(invalid(format!("the service `{name}` is not a mapping")));
    };
    if let Some(key) = service.keys().find(|key| !SERVICE_KEYS.contains(&key.as_str())) {
        return Err(invalid(format!("the service `{name}` uses `{key}`, which is not supported")));
    }
    if !service.get("image").is_some_and(Value::is_string) {
        return Err(invalid(format!("the service `{name}` has no image")));
    }
    for (key, expected) in
        [("volumes", "list"), ("secrets", "list"), ("configs", "list"), ("deploy", "mapping")]
    {
        let fits = |value: &Value| if expected == "list" { value.is_array() } else { value.is_object() };
        if service.get(key).is_some_and(|value| !fits(value)) {
            return Err(invalid(format!("`{key}` of the service `{name}` is not a {expected}")));
        }
    }
    for volume in list(service, "volumes") {
        volume_of(name, volume)?;
    }
    for secret in list(service, "secrets") {
        let source =
            secret.as_str().or_else(|| secret.get("source").and_then(Value::as_str)).unwrap_or_default();
        if !known.secrets.contains(&source) {
            return Err(invalid(format!(
                "the service `{name}` uses the secret `{source}`, which is not declared"
            )));
        }
    }
    list(service, "configs").try_for_each(|config| config_of(name, config, &known.configs))
}

/// In the long notation: the short one would put a file into the root folder.
fn config_of(service: &str, config: &Value, known: &[&str]) -> Result<()> {
    let (source, target) = (config["source"].as_str(), config["target"].as_str());
    let (Some(source), Some(target)) = (source, target) else {
        return Err(invalid(format!(
            "a configuration of the service `{service}` has no source or no target"
        )));
    };
    if !known.contains(&source) {
        return Err(invalid(format!(
            "the service `{service}` uses the configuration `{source}`, which is not declared"
        )));
    }
    if target.starts_with('/') { Ok(()) } else { Err(invalid(format!("`{target}` is not an absolute path"))) }
}

fn list<'a>(service: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    service.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Data lies under the data root, where backups find it: no volumes of the engine's own. What else a service may see is
/// the snapshot of the host and the configuration, and change neither. With a folder above these, with `/etc` or with the
/// engine's socket it could be root on the host, or another service.
fn volume_of(service: &str, volume: &Value) -> Result<()> {
    let Some(source) = bind_source(volume) else {
        let is_in_memory = volume.get("type").and_then(Value::as_str) == Some("tmpfs");
        return if is_in_memory { Ok(()) } else { Err(foreign_volume(service, &volume.to_string())) };
    };
    let to_read = source == RUN || below(source, CONF).is_some();
    if below(source, DATA).is_some() || (to_read && is_read_only(volume)) {
        Ok(())
    } else {
        Err(foreign_volume(service, source))
    }
}

/// What of a host's side lies below a folder, with nothing that leads out of it again.
fn below(source: &str, folder: &str) -> Option<RelativePath> {
    source.strip_prefix(folder)?.strip_prefix('/')?.trim_end_matches('/').parse().ok()
}

/// The folder below the data root that a volume is, where it is one.
pub(super) fn data_folder(volume: &Value) -> Option<RelativePath> {
    below(bind_source(volume)?, DATA)
}

fn is_read_only(volume: &Value) -> bool {
    match volume {
        Value::String(short) => {
            short.split(':').nth(2).is_some_and(|words| words.split(',').any(|word| word == "ro"))
        }
        long => long["read_only"] == true,
    }
}

/// The host's side of a volume, in the short or in the long notation.
pub(super) fn bind_source(volume: &Value) -> Option<&str> {
    match volume {
        Value::String(short) => short.split_once(':').map(|(source, _)| source),
        Value::Object(long) if long.get("type")?.as_str()? == "bind" => long.get("source")?.as_str(),
        _ => None,
    }
}

pub(super) fn foreign_volume(service: &str, volume: &str) -> Error {
    invalid(format!(
        "the service `{service}` uses the volume `{volume}`; expected a folder below the data root, such as \
         `${{WT_DATA}}/db:/data`, or to read only (`:ro`) `{RUN}` or a folder in `{CONF}`"
    ))
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Stack { why: why.into() }
}
