//! `stack.yaml`: what a release runs, and how it becomes what `docker stack deploy` is given.
//!
//! Promises: every image is one of the bundle, named by its ID; every string means on site what YAML 1.2 says it means,
//! since the engine gets JSON; nothing is left for Docker to substitute. Refuses: what would need a file, an image or a
//! variable from outside the bundle, and every key that it does not know.

mod check;
mod objects;
mod substitute;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use wt_keys::{Sha256Digest, shown};

use crate::image::Image;
use crate::{Error, ImageName, Manifest, RelativePath, Result};

/// What Docker 20.10 and later take.
const VERSION: &str = "3.8";
/// Where a bundle has it.
pub const FILE: &str = "stack.yaml";
pub const LARGEST: u64 = 1 << 20;
/// What a site keeps secret and a stack may ask for. What a site has none of, its services are not given.
pub const SITE_SECRETS: [&str; 4] = ["admin-password", "smtp-password", "tls-certificate", "tls-key"];
/// Among the `configs` of a stack, the licenses of the site, as many as there are.
pub const LICENSE: &str = "license";
/// The label that says which rendered stack a service was deployed from.
pub const DIGEST_LABEL: &str = "wt.stack";
/// The label that says what a service was told: one that is told the same again goes on as it is.
pub const SERVICE_LABEL: &str = "wt.service";
/// The label of a container whose configuration lies in a folder that it sees.
const CONF_LABEL: &str = "wt.conf";

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

/// What a site and its engine make of the names in a stack.
pub trait Surroundings {
    /// What the engine calls an image.
    fn image_id(&self, image: &Image) -> Sha256Digest;

    fn folders(&self) -> &Folders;

    /// What the engine calls a secret; `None` where this site has none of that name.
    fn secret(&self, name: &str) -> Option<String>;

    /// The files behind an entry of `configs`.
    fn configs(&self, name: &str) -> Result<Vec<ConfigFile>>;

    /// Whether a service is to run, for now.
    fn run(&self, service: &str) -> Run;

    /// Changes whenever configuration changes that a service reads from a folder of the host.
    fn conf_mark(&self, service: &str) -> Option<String>;
}

/// What an operator wants of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    AsDescribed,
    /// It is there, and no container of it runs.
    Stopped,
    /// It is not there.
    Removed,
}

/// A file that the engine hands to containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// What it is called where its target is a folder.
    pub name: String,
    /// What the engine calls it.
    pub object: String,
}

/// What `docker stack deploy` is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub json: String,
    /// Of the JSON; every service carries it as the label [`DIGEST_LABEL`].
    pub digest: String,
    /// Of what each service is told, without its own labels; it carries it as the label [`SERVICE_LABEL`].
    pub services: BTreeMap<String, String>,
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

    pub fn services(&self) -> Vec<String> {
        self.names_in("services")
    }

    /// The secrets that must be there before the stack is deployed.
    pub fn secrets(&self) -> Vec<String> {
        self.names_in("secrets")
    }

    /// The names in `configs`: templates of the release, or [`LICENSE`].
    pub fn configs(&self) -> Vec<String> {
        self.names_in("configs")
    }

    /// The services that see a folder below the data root.
    pub fn data_services(&self) -> Vec<String> {
        self.data_folders().into_keys().collect()
    }

    /// What those services see of it: folders below the data root, an empty name for all of it.
    pub fn data_folders(&self) -> BTreeMap<String, Vec<String>> {
        let folders = |definition: &Value| -> Vec<String> {
            let volumes = definition["volumes"].as_array().into_iter().flatten();
            let sources = volumes.filter_map(check::bind_source);
            let below = sources.filter_map(|source| source.strip_prefix("${WT_DATA}"));
            below.map(|folder| folder.trim_matches('/').to_owned()).collect()
        };
        let services = self.root["services"].as_object().into_iter().flatten();
        let seen = services.map(|(name, definition)| (name.clone(), folders(definition)));
        seen.filter(|(_, folders)| !folders.is_empty()).collect()
    }

    fn names_in(&self, section: &str) -> Vec<String> {
        self.root.get(section).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// What services see below the data root that is in none of these folders: each with its service.
    pub fn undeclared_folders(&self, declared: &[&RelativePath]) -> Vec<(String, RelativePath)> {
        let is_declared = |path: &RelativePath| {
            declared.iter().any(|known| *known == path || path.starts_with(known.as_str()))
        };
        let services = self.root["services"].as_object().into_iter().flatten();
        let seen = services.flat_map(|(name, definition)| {
            let volumes = definition["volumes"].as_array().into_iter().flatten();
            volumes.filter_map(check::data_folder).map(move |folder| (name.clone(), folder))
        });
        seen.filter(|(_, folder)| !is_declared(folder)).collect()
    }

    /// Makes of the stack what an engine can run.
    pub fn render(&self, manifest: &Manifest, surroundings: &impl Surroundings) -> Result<Rendered> {
        if let Some((service, folder)) = self.undeclared_folders(&manifest.site.folders()).first() {
            return Err(check::foreign_volume(service, &format!("${{WT_DATA}}/{folder}")));
        }
        let mut root = Value::Object(self.root.clone());
        substitute::strings(&mut root, &surroundings.folders().variables())?;
        root["version"] = json!(VERSION);
        let secrets = objects::secrets(&mut root, surroundings);
        let configs = objects::configs(&mut root, surroundings)?;
        let (mut images, mut sources) = (BTreeMap::new(), BTreeSet::new());
        let mut services = BTreeMap::new();
        leave_out(&mut root, surroundings);
        for (name, service) in section(&mut root, "services") {
            let image = image_of(&manifest.images, name, service["image"].as_str().unwrap_or_default())?;
            let id = surroundings.image_id(image).to_oci();
            service["image"] = json!(id);
            images.insert(name.clone(), id);
            sources.extend(bind_sources(name, service)?);
            objects::name_secrets(service, &secrets);
            objects::name_configs(service, &configs)?;
            if let Some(mark) = surroundings.conf_mark(name) {
                label(&mut service["labels"], CONF_LABEL, &mark);
            }
            services.insert(name.clone(), Sha256Digest::of(service.to_string().as_bytes()).to_string());
            label(&mut service["deploy"]["labels"], "wt.product", &manifest.product);
            label(&mut service["deploy"]["labels"], "wt.version", &manifest.version.to_string());
        }
        let digest = Sha256Digest::of(root.to_string().as_bytes()).to_string();
        for (name, service) in section(&mut root, "services") {
            label(&mut service["deploy"]["labels"], SERVICE_LABEL, &services[name]);
            label(&mut service["deploy"]["labels"], DIGEST_LABEL, &digest);
        }
        Ok(Rendered { json: root.to_string(), digest, services, images, bind_sources: sources })
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

/// Takes out what is not to be there, and lets run none of what is to stand still. The engine has no number for a service
/// that runs once on every node, so that is taken out as well.
fn leave_out(root: &mut Value, surroundings: &impl Surroundings) {
    let Some(services) = root.get_mut("services").and_then(Value::as_object_mut) else { return };
    let is_global = |service: &Value| service["deploy"]["mode"] == "global";
    services.retain(|name, service| match surroundings.run(name) {
        Run::AsDescribed => true,
        Run::Stopped => !is_global(service),
        Run::Removed => false,
    });
    for (name, service) in services {
        if surroundings.run(name) == Run::Stopped {
            service["deploy"]["replicas"] = json!(0);
        }
    }
}

/// Which of the bundle's images a service names.
fn image_of<'a>(images: &'a [Image], service: &str, image: &str) -> Result<&'a Image> {
    let wanted = image.parse::<ImageName>().ok().map(|name| name.canonical());
    images
        .iter()
        .find(|image| Some(image.name.canonical()) == wanted)
        .ok_or_else(|| Error::StackImage { service: service.to_owned(), image: image.to_owned() })
}

/// Adds a label. Those of a service are not those of its containers: where only they change, nothing is restarted.
fn label(labels: &mut Value, key: &str, value: &str) {
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
