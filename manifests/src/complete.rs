//! Whether a release is complete: what its stack, its configuration and its hooks can reach is inside.
//!
//! Promises: all that is missing is said at once, each with where it is referenced. An image that no service uses is
//! not missing anything: a hook may run it.

mod render;
mod scripts;
mod shell;

use std::fmt;

use serde_json::Value;
use wt_keys::shown;

use crate::manifest::Mode;
use crate::release::ReleaseFile;
use crate::{ImageName, RelativePath, Stack, stack};

/// What a hook may be written in: what every minimal Debian and Ubuntu has.
const INTERPRETERS: [&str; 4] = ["/bin/sh", "/bin/bash", "/usr/bin/env sh", "/usr/bin/env bash"];

/// Something that is reached and is not inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    pub what: String,
    /// Where it is referenced.
    pub place: String,
}

/// A file of the release itself: `stack.yaml`, what is in `conf/` and in `scripts/`.
#[derive(Clone, Debug)]
pub struct SmallFile {
    pub path: RelativePath,
    pub mode: Mode,
    pub content: Vec<u8>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.place), shown(&self.what).up_to(1000))
    }
}

/// All that is missing, in the order of the rules.
pub fn missing(release: &ReleaseFile, stack: &Stack, files: &[SmallFile]) -> Vec<Missing> {
    let mut all = images(release, stack);
    all.extend(services(release, stack));
    all.extend(ports(release, stack));
    all.extend(templates(release, files));
    all.extend(unnamed_templates(release, files));
    all.extend(render::templates(release, files));
    all.extend(render::journey(release));
    all.extend(folders(release, stack));
    all.extend(variables(stack));
    all.extend(secrets(stack));
    all.extend(configs(release, stack));
    all.extend(hooks(release, files));
    all.extend(scripts::missing(release, files));
    all
}

fn images(release: &ReleaseFile, stack: &Stack) -> Vec<Missing> {
    let known: Vec<_> = release.images.iter().map(|image| image.name.canonical()).collect();
    let is_known =
        |image: &str| image.parse::<ImageName>().is_ok_and(|name| known.contains(&name.canonical()));
    stack
        .definitions()
        .map(|(service, definition)| (service, definition["image"].as_str().unwrap_or_default()))
        .filter(|(_, image)| !is_known(image))
        .map(|(service, image)| in_service(service, format!("the image `{image}` is not in release.toml")))
        .collect()
}

fn services(release: &ReleaseFile, stack: &Stack) -> Vec<Missing> {
    let known = stack.services();
    let license = release.license.iter().map(|place| ("[license]".to_owned(), &place.service));
    let restarted = release
        .conf
        .iter()
        .flat_map(|conf| conf.restart.iter().map(|name| (format!("[[conf]] `{}`", conf.template), name)));
    let held = release.stores.iter().map(|store| ("[[store]]".to_owned(), &store.service));
    license
        .chain(restarted)
        .chain(held)
        .filter(|(_, name)| !known.contains(name))
        .map(|(table, name)| Missing {
            what: format!("stack.yaml has no service `{name}`"),
            place: format!("release.toml, {table}"),
        })
        .collect()
}

/// Every port that the stack publishes is one that preflight looks at.
fn ports(release: &ReleaseFile, stack: &Stack) -> Vec<Missing> {
    let is_known = |port: u64| release.ports.iter().any(|known| u64::from(known.number) == port);
    let all = stack.definitions().flat_map(|(service, definition)| {
        let ports = definition["ports"].as_array().into_iter().flatten();
        ports.flat_map(published).map(move |port| (service, port))
    });
    all.filter(|(_, port)| !is_known(*port))
        .map(|(service, port)| {
            in_service(service, format!("the port {port} has no [[port]] in release.toml"))
        })
        .collect()
}

/// The ports of the host, in the long or in the short notation: `80:80`, `127.0.0.1:80:80/tcp`, `8000-8002:80-82`.
fn published(port: &Value) -> Vec<u64> {
    let Some(short) = port.as_str() else {
        let published = &port["published"];
        let number = published.as_u64().or_else(|| published.as_str()?.parse().ok());
        return number.into_iter().collect();
    };
    let host = short.rsplit_once(':').map_or("", |(host, _)| host);
    let host = host.rsplit_once(':').map_or(host, |(_, host)| host);
    let (first, last) = host.split_once('-').unwrap_or((host, host));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) => (first.into()..=last.into()).collect(),
        _ => Vec::new(),
    }
}

/// Every folder that a service fills is one that is made on site, given to its owner and backed up.
fn folders(release: &ReleaseFile, stack: &Stack) -> Vec<Missing> {
    let declared: Vec<&RelativePath> =
        release.data.iter().chain(&release.logs).map(|folder| &folder.path).collect();
    let missing = stack.undeclared_folders(&declared).into_iter().map(|(service, folder)| {
        in_service(&service, format!("`{folder}` is in no [[data]] or [[log]] of release.toml"))
    });
    missing.collect()
}

fn variables(stack: &Stack) -> Vec<Missing> {
    let problems = |(service, definition): (&String, &Value)| {
        let problems = stack::unknown_variables(definition);
        problems.into_iter().map(|why| in_service(service, why)).collect::<Vec<_>>()
    };
    stack.definitions().flat_map(problems).collect()
}

fn secrets(stack: &Stack) -> Vec<Missing> {
    let known = stack::SITE_SECRETS;
    let unknown = stack.secrets().into_iter().filter(|name| !known.contains(&name.as_str()));
    let missing = unknown.map(|name| Missing {
        what: format!("no site has the secret `{name}`; there are {}", known.join(", ")),
        place: "stack.yaml, secrets".to_owned(),
    });
    missing.collect()
}

fn templates(release: &ReleaseFile, files: &[SmallFile]) -> Vec<Missing> {
    let paths = release.conf.iter().map(|conf| format!("conf/{}", conf.template));
    paths
        .filter(|path| !files.iter().any(|file| file.path.as_str() == path))
        .map(|path| Missing { what: format!("no file `{path}`"), place: "release.toml, [[conf]]".to_owned() })
        .collect()
}

/// A template that nobody renders would never reach the site.
fn unnamed_templates(release: &ReleaseFile, files: &[SmallFile]) -> Vec<Missing> {
    let is_named = |path: &str| release.conf.iter().any(|conf| conf.template.as_str() == path);
    files
        .iter()
        .filter(|file| file.path.as_str().strip_prefix("conf/").is_some_and(|path| !is_named(path)))
        .map(|file| Missing {
            what: "no [[conf]] in release.toml names it".to_owned(),
            place: file.path.to_string(),
        })
        .collect()
}

fn configs(release: &ReleaseFile, stack: &Stack) -> Vec<Missing> {
    let is_template = |name: &str| release.conf.iter().any(|conf| conf.template.as_str() == name);
    let is_license = |name: &str| name == stack::LICENSE && release.license.is_some();
    let unknown = stack.configs().into_iter().filter(|name| !is_template(name) && !is_license(name));
    let missing = unknown.map(|name| Missing {
        what: format!(
            "`{name}` is neither the template of a [[conf]] nor, with a [license], `{}`",
            stack::LICENSE
        ),
        place: "stack.yaml, configs".to_owned(),
    });
    missing.collect()
}

fn hooks(release: &ReleaseFile, files: &[SmallFile]) -> Vec<Missing> {
    release.hooks.named().flat_map(|(name, script)| hook(name, script.as_str(), files)).collect()
}

fn hook(name: &str, path: &str, files: &[SmallFile]) -> Vec<Missing> {
    let Some(file) = files.iter().find(|file| file.path.as_str() == path) else {
        let place = format!("release.toml, [hooks] {name}");
        return vec![Missing { what: format!("no file `{path}`"), place }];
    };
    let in_hook = |what: String| Missing { what, place: path.to_owned() };
    let executable = (file.mode != Mode::Program).then(|| in_hook("it is not executable".to_owned()));
    executable.into_iter().chain(foreign_interpreter(&file.content).map(in_hook)).collect()
}

fn foreign_interpreter(content: &[u8]) -> Option<String> {
    let first = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let Some(line) = first.strip_prefix("#!") else {
        return Some("its first line is not `#!/bin/sh`".to_owned());
    };
    let line = line.trim();
    let fits =
        |known: &str| line == known || line.strip_prefix(known).is_some_and(|rest| rest.starts_with(' '));
    (!INTERPRETERS.iter().any(|known| fits(known)))
        .then(|| format!("a minimal host has no interpreter `{line}`; expected /bin/sh or /bin/bash"))
}

fn in_service(service: &str, what: String) -> Missing {
    Missing { what, place: format!("stack.yaml, service `{service}`") }
}

impl Stack {
    fn definitions(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.root["services"].as_object().into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
