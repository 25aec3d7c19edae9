//! The stack of a release on this site: every name in it resolved to what this engine has for it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wt_keys::Sha256Digest;
use wt_keys::console::Phase;
use wt_manifests::image::Image;
use wt_manifests::stack::{ConfigFile, Folders, LICENSE, Rendered, Run, Surroundings};

use crate::conf::Conf;
use crate::engine::{Engine, Service, StoreKind};
use crate::wanted::Wanted;
use crate::{Error, Installation, Result, secrets};

/// What the engine takes at most (20.10; later ones take twice as much).
const CONFIG_LIMIT: u64 = 500 << 10;
/// The longest name of an object in the engine.
const NAME_LIMIT: usize = 64;

/// What a release needs of the engine on this site.
#[derive(Debug)]
pub struct Deployment {
    pub rendered: Rendered,
    /// By the name in the engine.
    objects: BTreeMap<String, Vec<u8>>,
    secrets: Vec<String>,
}

impl Deployment {
    pub fn of(installation: &Installation, engine: &Engine) -> Result<Self> {
        Self::with(installation, engine, &Wanted::read(&installation.places)?)
    }

    /// As the files on this host say now.
    pub fn with(installation: &Installation, engine: &Engine, wanted: &Wanted) -> Result<Self> {
        Self::rendered(installation, engine, wanted, BTreeMap::new())
    }

    /// As the files on this host will say when the configuration of the release is written.
    pub fn planned(installation: &Installation, engine: &Engine) -> Result<Self> {
        let last = installation.last_release()?;
        let coming = Conf::render(installation, last.as_ref())?.coming()?;
        Self::rendered(installation, engine, &Wanted::read(&installation.places)?, coming)
    }

    fn rendered(
        installation: &Installation,
        engine: &Engine,
        wanted: &Wanted,
        coming: BTreeMap<PathBuf, String>,
    ) -> Result<Self> {
        let stack = installation.release.stack()?;
        let mut scene = Scene::new(installation, engine.info().store, wanted, coming);
        for name in stack.secrets() {
            scene.secrets.insert(name.clone(), secrets::object(installation, engine, &name)?);
        }
        for name in stack.configs() {
            let files = scene.files(&name)?;
            scene.configs.insert(name, files);
        }
        let rendered = stack.render(installation.manifest(), &scene)?;
        Ok(Self { rendered, objects: scene.objects, secrets: stack.secrets() })
    }

    /// Hands the engine the secrets and the configuration that it lacks, and deploys. Returns before the services are up.
    pub fn deploy(&self, installation: &Installation, engine: &Engine) -> Result<()> {
        let stack = installation.stack_name();
        secrets::ensure(installation, engine, &self.secrets)?;
        for (name, content) in &self.objects {
            engine.ensure_config(stack, name, content)?;
        }
        engine.deploy_stack(stack, &self.rendered)
    }

    /// Waits until what was deployed is well, and is what the engine runs.
    pub fn wait_healthy(
        &self,
        installation: &Installation,
        engine: &Engine,
        before: &[Service],
        limit: Duration,
        phase: &Phase,
    ) -> Result<()> {
        let stack = installation.stack_name();
        engine.wait_healthy(stack, before, limit, phase)?;
        self.require_told(stack, &engine.services(stack)?)
    }

    /// An engine that took an update back runs what was there before, and that may be well.
    fn require_told(&self, stack: &str, running: &[Service]) -> Result<()> {
        let others = self.changed(running);
        if others.is_empty() {
            return Ok(());
        }
        let why = "the engine does not run what it was told".to_owned();
        let services = others.into_iter().map(|name| (name, why.clone())).collect();
        Err(Error::StackUnhealthy { stack: stack.to_owned(), services })
    }

    /// The services that would be told something else than they were, or are not there: their containers are replaced.
    pub fn changed(&self, running: &[Service]) -> Vec<String> {
        let as_told = |name: &str, digest: &str| {
            running.iter().any(|service| service.name == name && service.told == digest)
        };
        let services = self.rendered.services.iter();
        services.filter(|(name, digest)| !as_told(name, digest)).map(|(name, _)| name.clone()).collect()
    }

    /// The services that are there and would be no more.
    pub fn gone(&self, running: &[Service]) -> Vec<String> {
        let names = running.iter().map(|service| service.name.clone());
        names.filter(|name| !self.rendered.services.contains_key(name)).collect()
    }
}

/// Where the names of a stack are looked up.
struct Scene<'a> {
    installation: &'a Installation,
    store: StoreKind,
    wanted: &'a Wanted,
    /// What files will say that say something else now.
    coming: BTreeMap<PathBuf, String>,
    folders: Folders,
    secrets: BTreeMap<String, Option<String>>,
    configs: BTreeMap<String, Vec<ConfigFile>>,
    objects: BTreeMap<String, Vec<u8>>,
}

impl<'a> Scene<'a> {
    fn new(
        installation: &'a Installation,
        store: StoreKind,
        wanted: &'a Wanted,
        coming: BTreeMap<PathBuf, String>,
    ) -> Self {
        let folders = Folders {
            home: installation.home(),
            data: installation.site.data_root.clone(),
            run: installation.places.run(installation.product()),
        };
        let (secrets, configs, objects) = Default::default();
        Self { installation, store, wanted, coming, folders, secrets, configs, objects }
    }

    /// The files behind an entry of `configs`, as they lie on the host.
    fn files(&mut self, name: &str) -> Result<Vec<ConfigFile>> {
        let files = match name {
            LICENSE => self.installation.licenses()?,
            template => {
                vec![Conf::folder(&self.installation.site, self.installation.product()).join(template)]
            }
        };
        files.iter().filter_map(|path| self.file(path).transpose()).collect()
    }

    fn content(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        if let Some(coming) = self.coming.get(path) {
            return Ok(Some(coming.clone().into_bytes()));
        }
        match fs::read(path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    /// A file that is not there yet (only `plan` looks that early) is left out.
    fn file(&mut self, path: &Path) -> Result<Option<ConfigFile>> {
        let Some(content) = self.content(path)? else { return Ok(None) };
        if content.len() as u64 > CONFIG_LIMIT {
            let found = content.len() as u64;
            return Err(Error::ConfTooLarge { path: path.to_owned(), limit: CONFIG_LIMIT, found });
        }
        if content.is_empty() {
            return Err(Error::ConfEmpty { path: path.to_owned() });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let object = object_name(self.installation.stack_name(), &name, &content);
        self.objects.insert(object.clone(), content);
        Ok(Some(ConfigFile { name, object }))
    }
}

/// One name for one content: `worktile-independence.js-0123456789ab`.
fn object_name(stack: &str, file: &str, content: &[u8]) -> String {
    let digest = Sha256Digest::of(content).to_string();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let file: String = file.chars().map(plain).collect();
    let room = NAME_LIMIT.saturating_sub(stack.len() + 14);
    format!("{stack}-{}-{}", &file[..file.len().min(room)], &digest[..12])
}

impl Surroundings for Scene<'_> {
    fn image_id(&self, image: &Image) -> Sha256Digest {
        self.store.image_id(image)
    }

    fn folders(&self) -> &Folders {
        &self.folders
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).cloned().flatten()
    }

    fn configs(&self, name: &str) -> wt_manifests::Result<Vec<ConfigFile>> {
        Ok(self.configs.get(name).cloned().unwrap_or_default())
    }

    fn run(&self, service: &str) -> Run {
        self.wanted.run(service)
    }

    /// Of the files that the release says a service reads from its folder.
    fn conf_mark(&self, service: &str) -> Option<String> {
        let conf = &self.installation.manifest().site.conf;
        let folder = Conf::folder(&self.installation.site, self.installation.product());
        let read = conf.iter().filter(|conf| conf.restart.iter().any(|name| name == service));
        let digests: Vec<String> = read
            .filter_map(|conf| self.content(&folder.join(conf.template.as_str())).ok()?)
            .map(|content| Sha256Digest::of(&content).to_string())
            .collect();
        (!digests.is_empty()).then(|| Sha256Digest::of(digests.concat().as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_must_be_what_was_told() {
        let services = [("web", "new"), ("redis", "same")].map(|(name, told)| (name.into(), told.into()));
        let rendered = Rendered {
            json: String::new(),
            digest: String::new(),
            services: services.into(),
            images: BTreeMap::new(),
            bind_sources: std::collections::BTreeSet::new(),
        };
        let deployment = Deployment { rendered, objects: BTreeMap::new(), secrets: Vec::new() };
        let service = |name: &str, told: &str| Service {
            name: name.to_owned(),
            told: told.to_owned(),
            ..Service::default()
        };
        let judged = |running: &[Service]| deployment.require_told("acme", running);
        judged(&[service("web", "new"), service("redis", "same")]).unwrap();
        for running in [vec![service("web", "old"), service("redis", "same")], vec![service("redis", "same")]]
        {
            let Err(Error::StackUnhealthy { services, .. }) = judged(&running) else { panic!("{running:?}") };
            assert_eq!(services.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["web"]);
        }
    }

    #[test]
    fn an_object_has_a_name_of_its_content_that_the_engine_takes() {
        let one = object_name("worktile", "independence.js", b"one");
        assert!(one.starts_with("worktile-independence.js-"), "{one}");
        assert_ne!(one, object_name("worktile", "independence.js", b"two"));
        let long = object_name(&"p".repeat(40), &"ü/x".repeat(50), b"");
        assert!(long.len() <= NAME_LIMIT && long.is_ascii(), "{long}");
    }
}
