//! `stack.yaml`: what a release runs, and how it becomes what `docker stack deploy` is given.
//!
//! Promises: every image is one of the bundle, named by its ID; every string means on site what YAML 1.2 says it means,
//! since the engine gets JSON; nothing is left for Docker to substitute. Refuses: what would need a file, an image or a
//! variable from outside the bundle, and every key that it does not know.

mod check;
mod substitute;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use wt_keys::Sha256Digest;
use wt_manifests::ImageName;

use crate::{Error, Result};

/// What Docker 20.10 and later take.
const VERSION: &str = "3.8";
const LARGEST: usize = 1 << 20;

/// A checked `stack.yaml`.
#[derive(Clone, Debug)]
pub struct Stack {
    root: Map<String, Value>,
}

/// What a stack is rendered with.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    pub product: &'a str,
    pub version: &'a str,
    /// `${WT_HOME}`, `${WT_DATA}`, `${WT_RUN}`
    pub home: &'a Path,
    pub data: &'a Path,
    pub run: &'a Path,
    /// The ID that each of the bundle's images has in this engine.
    pub images: &'a BTreeMap<ImageName, Sha256Digest>,
    /// The engine's name for each secret that the stack declares.
    pub secrets: &'a BTreeMap<String, String>,
}

/// What `docker stack deploy` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedStack {
    pub json: String,
    /// What each service runs: `sha256:…`.
    pub images: BTreeMap<String, String>,
    /// The folders and files of the host that containers see; Swarm does not create them.
    pub bind_sources: BTreeSet<PathBuf>,
}

impl Stack {
    pub fn parse(yaml: &[u8]) -> Result<Self> {
        let invalid = |why: &str| Error::Stack { why: why.to_owned() };
        if yaml.len() > LARGEST {
            return Err(invalid("it is larger than 1 MiB"));
        }
        let text = std::str::from_utf8(yaml).map_err(|_| invalid("it is not UTF-8 text"))?;
        // `mode: 0400` is octal to everybody who writes it; `yes` and `on` are words.
        let options = serde_saphyr::options! { legacy_octal_numbers: true, strict_booleans: true };
        let value: Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|source| Error::StackYaml { source: Box::new(source) })?;
        let Value::Object(mut root) = value else { return Err(invalid("it is not a mapping")) };
        root.retain(|key, _| !key.starts_with("x-")); // they were there for their anchors
        check::stack(&root)?;
        Ok(Self { root })
    }

    pub fn services(&self) -> Vec<&str> {
        self.root.get("services").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    /// The secrets that must be there before the stack is deployed.
    pub fn secrets(&self) -> Vec<&str> {
        self.root.get("secrets").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str).collect()
    }

    pub fn render(&self, rendering: &Rendering<'_>) -> Result<RenderedStack> {
        let mut root = Value::Object(self.root.clone());
        substitute::strings(&mut root, &rendering.folders())?;
        let mut rendered = RenderedStack { json: String::new(), images: BTreeMap::new(), bind_sources: BTreeSet::new() };
        root["version"] = json!(VERSION);
        for (name, service) in root["services"].as_object_mut().into_iter().flatten() {
            let id = rendering.image_id(name, service["image"].as_str().unwrap_or_default())?;
            service["image"] = json!(id);
            rendered.images.insert(name.clone(), id);
            rendering.label(service);
            rendered.bind_sources.extend(bind_sources(name, service)?);
        }
        for (name, secret) in root.get_mut("secrets").and_then(Value::as_object_mut).into_iter().flatten() {
            let Some(real) = rendering.secrets.get(name) else {
                return Err(Error::Stack { why: format!("nobody provides the secret `{name}`") });
            };
            *secret = json!({ "external": true, "name": real });
        }
        rendered.json = root.to_string();
        Ok(rendered)
    }
}

impl Rendering<'_> {
    fn folders(&self) -> [(&'static str, String); 3] {
        let text = |path: &Path| path.display().to_string();
        [("WT_HOME", text(self.home)), ("WT_DATA", text(self.data)), ("WT_RUN", text(self.run))]
    }

    fn image_id(&self, service: &str, image: &str) -> Result<String> {
        let wanted = image.parse::<ImageName>().ok().map(|name| name.canonical());
        self.images
            .iter()
            .find(|(name, _)| Some(name.canonical()) == wanted)
            .map(|(_, id)| id.to_oci())
            .ok_or_else(|| Error::StackImage { service: service.to_owned(), image: image.to_owned() })
    }

    /// Labels of the service, not of its containers: a new version restarts only what really changed.
    fn label(&self, service: &mut Value) {
        let labels = &mut service["deploy"]["labels"];
        if let Some(list) = labels.as_array() {
            let pair = |item: &Value| {
                let (key, value) = item.as_str()?.split_once('=').unwrap_or((item.as_str()?, ""));
                Some((key.to_owned(), json!(value)))
            };
            *labels = Value::Object(list.iter().filter_map(pair).collect());
        }
        labels["wt.product"] = json!(self.product);
        labels["wt.version"] = json!(self.version);
    }
}

/// The host's side of a service's volumes; all are absolute after substitution.
fn bind_sources(service: &str, definition: &Value) -> Result<Vec<PathBuf>> {
    let volumes = definition["volumes"].as_array().into_iter().flatten();
    volumes
        .filter_map(check::bind_source)
        .map(|source| {
            let plain = source.starts_with('/') && !source.split('/').any(|name| name == "..");
            // Docker still reads `$$` as `$`
            if plain { Ok(source.replace("$$", "$").into()) } else { Err(check::foreign_volume(service, source)) }
        })
        .collect()
}

#[cfg(test)]
mod tests;
