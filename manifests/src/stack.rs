//! `stack.yaml`: what a release runs, and how it becomes what `docker stack deploy` is given.
//!
//! Promises: every image is one of the bundle, named by its ID; every string means on site what YAML 1.2 says it means,
//! since the engine gets JSON; nothing is left for Docker to substitute. Refuses: what would need a file, an image or a
//! variable from outside the bundle, and every key that it does not know.

mod check;
mod substitute;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use wt_keys::{Sha256Digest, shown};

use crate::bundle::Bundle;
use crate::image::Image;
use crate::{Error, ImageName, Manifest, Result};

/// What Docker 20.10 and later take.
const VERSION: &str = "3.8";
const FILE: &str = "stack.yaml";
const LARGEST: u64 = 1 << 20;
/// What `site.toml` has to keep secret and a stack may ask for.
pub const SITE_SECRETS: [&str; 2] = ["admin-password", "smtp-password"];
/// The label that says which rendered stack a service was deployed from.
pub const DIGEST_LABEL: &str = "wt.stack";

/// A checked `stack.yaml`.
#[derive(Clone, Debug)]
pub struct Stack {
    pub(crate) root: Map<String, Value>,
}

/// The folders that a stack may name.
#[derive(Clone, Debug)]
pub struct Folders {
    /// `${WT_HOME}`: the product's.
    pub home: PathBuf,
    /// `${WT_DATA}`: the data root.
    pub data: PathBuf,
    /// `${WT_RUN}`: where the snapshot of the host is.
    pub run: PathBuf,
}

/// What `docker stack deploy` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub json: String,
    /// Of the JSON; every service carries it as the label [`DIGEST_LABEL`].
    pub digest: String,
    /// What each service runs: `sha256:…`.
    pub images: BTreeMap<String, String>,
    /// The folders and files of the host that containers see; Swarm does not create them.
    pub bind_sources: BTreeSet<PathBuf>,
}

impl Stack {
    pub fn parse(yaml: &[u8]) -> Result<Self> {
        let invalid = |why: &str| Error::Stack { why: why.to_owned() };
        let text = std::str::from_utf8(yaml).map_err(|_| invalid("it is not UTF-8 text"))?;
        // `mode: 0400` is octal to everybody who writes it; `yes` and `on` are words.
        let options = serde_saphyr::options! { legacy_octal_numbers: true, strict_booleans: true };
        let value: Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| Error::StackYaml { source: Box::new(shown(error).up_to(1000)) })?;
        let Value::Object(mut root) = value else { return Err(invalid("it is not a mapping")) };
        root.retain(|key, _| !key.starts_with("x-")); // they were there for their anchors
        check::stack(&root)?;
        Ok(Self { root })
    }

    /// The stack of a bundle.
    pub fn of(bundle: &Bundle) -> Result<Self> {
        Self::parse(&bundle.read_entry(FILE, LARGEST)?)
    }

    pub fn services(&self) -> Vec<String> {
        self.names_in("services")
    }

    /// The secrets that must be there before the stack is deployed.
    pub fn secrets(&self) -> Vec<String> {
        self.names_in("secrets")
    }

    fn names_in(&self, section: &str) -> Vec<String> {
        self.root.get(section).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// Makes of the stack what an engine can run. `image_id` and `secret_name` tell what it calls an image and a secret.
    pub fn render(
        &self,
        manifest: &Manifest,
        image_id: &dyn Fn(&Image) -> Sha256Digest,
        folders: &Folders,
        secret_name: &dyn Fn(&str) -> String,
    ) -> Result<Rendered> {
        let mut root = Value::Object(self.root.clone());
        substitute::strings(&mut root, &folders.variables())?;
        root["version"] = json!(VERSION);
        let (mut images, mut sources) = (BTreeMap::new(), BTreeSet::new());
        for (name, service) in section(&mut root, "services") {
            let image = image_of(&manifest.images, name, service["image"].as_str().unwrap_or_default())?;
            let id = image_id(image).to_oci();
            service["image"] = json!(id);
            images.insert(name.clone(), id);
            sources.extend(bind_sources(name, service)?);
            label(service, "wt.product", &manifest.product);
            label(service, "wt.version", &manifest.version.to_string());
        }
        for (name, secret) in section(&mut root, "secrets") {
            *secret = json!({ "external": true, "name": secret_name(name) });
        }
        let digest = Sha256Digest::of(root.to_string().as_bytes()).to_string();
        for (_, service) in section(&mut root, "services") {
            label(service, DIGEST_LABEL, &digest);
        }
        Ok(Rendered { json: root.to_string(), digest, images, bind_sources: sources })
    }
}

/// What is wrong with the variables in the strings of `value`.
#[cfg(feature = "templates")]
pub(crate) fn unknown_variables(value: &Value) -> Vec<String> {
    let folders = Folders { home: "/home".into(), data: "/data".into(), run: "/run".into() };
    substitute::problems(value, &folders.variables())
}

impl Folders {
    fn variables(&self) -> [(&'static str, String); 3] {
        [("WT_HOME", &self.home), ("WT_DATA", &self.data), ("WT_RUN", &self.run)]
            .map(|(name, folder)| (name, folder.display().to_string()))
    }
}

fn section<'a>(root: &'a mut Value, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    root.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten()
}

/// Which of the bundle's images a service names.
fn image_of<'a>(images: &'a [Image], service: &str, image: &str) -> Result<&'a Image> {
    let wanted = image.parse::<ImageName>().ok().map(|name| name.canonical());
    images
        .iter()
        .find(|image| Some(image.name.canonical()) == wanted)
        .ok_or_else(|| Error::StackImage { service: service.to_owned(), image: image.to_owned() })
}

/// Labels the service, not its containers: a new version restarts only what really changed.
fn label(service: &mut Value, key: &str, value: &str) {
    let labels = &mut service["deploy"]["labels"];
    if let Some(list) = labels.as_array() {
        let pairs = list.iter().filter_map(Value::as_str);
        *labels = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    }
    labels[key] = json!(value);
}

/// The host's side of a service's volumes; all are absolute after substitution.
fn bind_sources(service: &str, definition: &Value) -> Result<Vec<PathBuf>> {
    let volumes = definition["volumes"].as_array().into_iter().flatten();
    volumes
        .filter_map(check::bind_source)
        .map(|source| {
            let plain = source.starts_with('/') && !source.split('/').any(|name| name == "..");
            // Docker still reads `$$` as `$`
            if plain {
                Ok(source.replace("$$", "$").into())
            } else {
                Err(check::foreign_volume(service, source))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
