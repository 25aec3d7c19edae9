//! Packages and programs that get in the way of the engine: another one under its name, or another maker's parts of it.

use std::path::Path;
use std::time::Duration;

use super::{Row, Scene, Verdict};
use crate::command::Command;
use crate::{Result, packages};

const LIMIT: Duration = Duration::from_mins(1);

/// A package, and those that cannot be on a host with it; none: it stands in the way of every engine.
const CLASHES: [(&str, &[&str]); 8] = [
    ("podman-docker", &[]),
    ("containerd.io", &["containerd", "runc"]),
    ("docker-ce", &["docker.io"]),
    ("docker-ce-cli", &["docker.io", "docker-cli"]),
    ("moby-engine", &["docker.io", "docker-ce"]),
    ("docker.io", &["docker-ce"]),
    ("containerd", &["containerd.io"]),
    ("runc", &["containerd.io"]),
];
/// What other ways of installing leave; dpkg knows nothing of it.
const SIGNS: [(&str, &str); 2] =
    [("snap/bin/docker", "the snap `docker`"), ("var/lib/snapd/snaps/docker", "the snap `docker`")];

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let root = installation.places.root();
    let coming: Vec<&str> = match &scene.engine {
        // what is there stays as it is
        Some(_) => Vec::new(),
        None => packages::for_host(installation.manifest(), root)
            .map(|set| set.packages.iter().map(|package| package.name.as_str()).collect())
            .unwrap_or_default(),
    };
    let mut found = clashes(&installed()?, &coming);
    if scene.engine.is_none() {
        found.extend(signs(root));
    }
    Ok(vec![row(&found)])
}

fn row(found: &[String]) -> Row {
    let said = if found.is_empty() { "nothing that conflicts".to_owned() } else { found.join(", ") };
    Row::new(
        "other engines",
        Verdict::or_fail(found.is_empty()),
        said,
        "none beside the product's, under its name or in its place",
        "remove it, or make it run and let the product use it, if it is Docker 20.10 or later",
    )
}

fn clashes(installed: &[String], coming: &[&str]) -> Vec<String> {
    let stands_in_the_way =
        |others: &[&str]| others.is_empty() || others.iter().any(|name| coming.contains(name));
    CLASHES
        .iter()
        .filter(|(name, others)| installed.iter().any(|found| found == name) && stands_in_the_way(others))
        .map(|(name, _)| format!("the package `{name}`"))
        .collect()
}

/// Those of the packages above that are on this host.
fn installed() -> Result<Vec<String>> {
    let names = CLASHES.iter().map(|(name, _)| *name);
    let arguments = ["--show", "--showformat", "${Package}\t${db:Status-Status}\n"].into_iter().chain(names);
    // it also fails where one of them is not known to it
    let said = Command::new("dpkg-query", LIMIT).args(arguments).run(b"")?.stdout;
    let there = |line: &str| line.strip_suffix("\tinstalled").map(str::to_owned);
    Ok(said.lines().filter_map(there).collect())
}

fn signs(root: &Path) -> Vec<String> {
    let mut found: Vec<String> = SIGNS
        .iter()
        .filter(|(path, _)| root.join(path).symlink_metadata().is_ok())
        .map(|(_, what)| (*what).to_owned())
        .collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_in_the_way_of_what_it_cannot_be_with() {
        let installed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let debian = ["docker.io", "containerd", "runc"];
        assert_eq!(clashes(&installed(&["containerd.io"]), &debian), ["the package `containerd.io`"]);
        assert!(clashes(&installed(&["containerd", "runc"]), &debian).is_empty(), "they are the same");
        assert_eq!(clashes(&installed(&["containerd"]), &["docker-ce", "containerd.io"]).len(), 1);
        assert_eq!(clashes(&installed(&["podman-docker"]), &[]).len(), 1, "its `docker` is no Docker");
        assert!(clashes(&installed(&["docker-ce"]), &[]).is_empty(), "it is used as it is");
    }

    #[test]
    fn a_snap_is_known_by_its_files() {
        let root = tempfile::tempdir().unwrap();
        assert!(signs(root.path()).is_empty());
        std::fs::create_dir_all(root.path().join("snap/bin")).unwrap();
        std::os::unix::fs::symlink("/usr/bin/snap", root.path().join("snap/bin/docker")).unwrap();
        assert_eq!(signs(root.path()), ["the snap `docker`"]);
        assert_eq!(row(&signs(root.path())).verdict, Verdict::Fail);
    }
}
