//! An image of each kind that public tools write goes into a bundle, and comes out of `docker load` as it was: on
//! Docker 20.10 (the lab's own engine) and on both stores of Docker 26.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use wt_tests::lab::Host;
use wt_tests::program::{Ran, key, run, shipped};
use wt_tests::repository;

const HEAD: &str = "product = \"test\"\nversion = \"1.0.0\"\nplatform = \"linux/amd64\"\n";
const CONTAINERD: &str = "echo '{\"features\": {\"containerd-snapshotter\": true}}' >/etc/docker/daemon.json
    systemctl reset-failed docker docker.socket; systemctl restart docker; docker info | grep io.containerd.snapshotter";
const CONFIG: &str = "{{json .Config.Healthcheck}}{{json .Config.OnBuild}}{{json .Config.Shell}}{{.Config.StopSignal}}\
    {{json .Config.Volumes}}{{json .Config.Labels}}{{json .Config.ExposedPorts}}{{json .Config.Env}}{{json .RootFS}}";
/// What layers can hold, seen from inside.
const FILES: &str = "find /bin /data /etc/ready /tmp -exec busybox stat -c '%n %A %u %g %Y' {} + | busybox sort; \
    find /bin /data /etc/ready -type f -exec busybox sha256sum {} + | busybox sort; readlink /data/etc; \
    busybox stat -c %h /data/hard /bin/ls";

struct Kind {
    name: String,
    source: String,
}

/// Every kind, as `tests/images/make` wrote it.
fn kinds(folder: &Path) -> Vec<Kind> {
    let script = repository().join("tests/images/make");
    Ran::of(Command::new(script).arg(folder)).expect(0);
    let list = fs::read_to_string(folder.join("kinds")).unwrap();
    let kind = |line: &str| {
        let (name, source) = line.split_once(' ').unwrap();
        let (transport, place) = source.split_once(':').unwrap();
        let place = if transport == "docker-daemon" { place.into() } else { folder.join(place) };
        Kind { name: name.to_owned(), source: format!("{transport}:{}", place.display()) }
    };
    list.lines().map(kind).collect()
}

fn build(folder: &Path, images: &[Kind], more: &[&str]) -> Ran {
    let mut release = HEAD.to_owned();
    for Kind { name, source } in images {
        writeln!(release, "[[image]]\nname = \"kind/{name}:1\"\nsource = \"{source}\"").unwrap();
    }
    let stack = format!("services: {{one: {{image: \"kind/{}:1\"}}}}\n", images[0].name);
    fs::create_dir_all(folder.join("release")).unwrap();
    fs::write(folder.join("release/release.toml"), release).unwrap();
    fs::write(folder.join("release/stack.yaml"), stack).unwrap();
    let key = key("bundle.key");
    let arguments = ["build", "./release", "-o", "b.tar.zst", "--key", key.to_str().unwrap()];
    run("wt-bundle", folder, arguments.iter().chain(more))
}

fn here(folder: &Path, line: &str) -> Ran {
    Ran::of(Command::new("bash").args(["-o", "pipefail", "-c", line]).current_dir(folder))
}

/// The image id that a classic store gives it: the digest of the configuration that the tool wrote, byte for byte.
fn expected_id(folder: &Path, kind: &Kind) -> String {
    let line = format!(
        "skopeo inspect --config --raw --daemon-host \"$DOCKER_HOST\" '{}' | sha256sum | cut -c1-64",
        kind.source
    );
    format!("sha256:{}", here(folder, &line).expect(0).stdout)
}

/// Loads the bundle by hand. Says what the engine thinks of the image, what a container finds in it, and its health.
fn loaded(engine: &dyn Fn(&str) -> Ran, images: &[Kind]) -> Vec<String> {
    let load = engine("zstd -dc b.tar.zst | docker load").expect(0);
    let mut seen = Vec::new();
    for Kind { name, .. } in images {
        assert!(load.stdout.contains(&format!("kind/{name}:1\n")), "{}", load.stdout);
        let inspect = format!("docker image inspect --format '{CONFIG}' kind/{name}:1");
        let files = format!("docker run --rm --network none kind/{name}:1 sh -c \"{FILES}\"");
        seen.push(engine(&inspect).expect(0).stdout + &engine(&files).expect(0).stdout);
    }
    healthy(engine, images, &seen);
    seen
}

/// Every kind that has a health check is run until it is healthy. OCI's own documents know none, so tools drop it there.
fn healthy(engine: &dyn Fn(&str) -> Ran, images: &[Kind], seen: &[String]) {
    let checked = images.iter().zip(seen).filter(|(_, seen)| !seen.starts_with("null"));
    let names: Vec<&str> = checked.map(|(kind, _)| kind.name.as_str()).collect();
    for name in ["engine", "old", "new-classic", "new-containerd", "skopeo-archive", "kaniko"] {
        assert!(names.contains(&name), "{name} has lost its health check");
    }
    let script = format!(
        "for name in {}; do docker run --detach --network none --name health-$name kind/$name:1; done
         healthy() {{ docker ps --filter name=health- --filter health=healthy --format '{{{{.Names}}}}' | sort; }}
         for i in $(seq 100); do test $(healthy | wc -l) -eq {} && break; sleep 0.3; done
         healthy
         docker export health-old | grep --text --max-count 1 --only-matching SCHILY.xattr.security.capability
         docker rm --force $(docker ps --all --quiet --filter name=health-) >/dev/null",
        names.join(" "),
        names.len()
    );
    let said = engine(&script).expect(0).says("SCHILY.xattr.security.capability").stdout;
    for name in names {
        assert!(said.lines().any(|line| line == format!("health-{name}")), "{name} is not healthy: {said}");
    }
}

/// What containerd's store calls an image: the digest of its manifest, as the tar itself has it.
fn same_manifests(engine: &dyn Fn(&str) -> Ran, folder: &Path, images: &[Kind]) {
    let names = "\"org.opencontainers.image.ref.name\"";
    let list = format!(
        "zstd -dc b.tar.zst | tar -xOf - index.json | jq -r '.manifests[] | .annotations[{names}] + \" \" + .digest'"
    );
    let list = here(folder, &list).expect(0).stdout;
    for Kind { name, .. } in images {
        let line = list.lines().find_map(|line| line.strip_prefix(&format!("kind/{name}:1 "))).unwrap();
        let id = format!("docker image inspect --format '{{{{.Id}}}}' kind/{name}:1");
        assert_eq!(engine(&id).expect(0).stdout.trim(), line, "{name}");
    }
}

const FROM_ENGINE: &str = "[[image]]\nname = \"kind/one:1\"\nsource = \"docker-daemon:test/image:1\"\n";

/// Builds where an engine has the image; the digest of the bundle.
fn built_from(engine: &dyn Fn(&str) -> Ran, program: &str, key: &str, epoch: &str) -> String {
    let build = format!("{program} build ./from-engine -o e.tar.zst --no-cache --key {key}");
    engine(&format!("SOURCE_DATE_EPOCH={epoch} {build}")).expect(0);
    engine("sha256sum e.tar.zst").expect(0).stdout
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_image_of_each_kind_comes_out_of_docker_load_as_it_went_in() {
    let world = tempfile::tempdir_in(repository().join("target")).unwrap();
    let folder = world.path();
    let new = Host::start_as("new", "debian-13-docker");
    let images = kinds(folder);
    assert!(images.len() >= 14, "a kind is missing");
    build(folder, &images, &[]).expect(0);
    new.put(&folder.join("b.tar.zst"), "/root/b.tar.zst");

    let old_docker = |line: &str| here(folder, line);
    let new_docker = |line: &str| new.sh(&format!("set -o pipefail; cd /root; {line}"));
    let epoch = here(folder, "date +%s").expect(0).stdout.trim().to_owned();
    from_engine(folder, &new);
    let (program, own_key) =
        (shipped("wt-bundle").display().to_string(), key("bundle.key").display().to_string());
    let from_old = built_from(&old_docker, &program, &own_key, &epoch);
    let from_new = || built_from(&new_docker, "./wt-bundle", "keys/bundle.key", &epoch);

    let expected = loaded(&old_docker, &images);
    // the unchanged image, and what the tools themselves dropped on the way to OCI
    assert!(expected[0].contains("/bin/busybox -rwsr-xr-x") && expected[0].contains("echo built"));
    assert!(!expected[0].contains("/data/old/one") && !expected[0].contains("/data/two"), "{}", expected[0]);
    same_ids(&old_docker, folder, &images);
    similar(&images, &expected, &loaded(&new_docker, &images));
    same_ids(&new_docker, folder, &images);
    new_docker("docker load --quiet <old.tar").expect(0);
    assert_eq!(from_new(), from_old, "Docker 26, classic store");
    new.sh(CONTAINERD).expect(0);
    similar(&images, &expected, &loaded(&new_docker, &images));
    same_manifests(&new_docker, folder, &images);
    new_docker("docker load --quiet <old.tar").expect(0);
    assert_eq!(from_new(), from_old, "Docker 26, containerd's store");
    new.down();
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_verbatim_bundle_loads_and_the_containerd_store_has_the_digests_that_the_registry_had() {
    let world = tempfile::tempdir_in(repository().join("target")).unwrap();
    let folder = world.path();
    let new = Host::start_as("new", "debian-13-docker");
    let mut images = kinds(folder);
    images.retain(|kind| kind.name != "skopeo-zstd"); // kept as it is, and Docker 20.10 loads no layer in zstd
    build(folder, &images, &["--verbatim"]).expect(0);
    new.put(&folder.join("b.tar.zst"), "/root/b.tar.zst");

    let old_docker = |line: &str| here(folder, line);
    let new_docker = |line: &str| new.sh(&format!("set -o pipefail; cd /root; {line}"));
    let expected = loaded(&old_docker, &images);
    same_ids(&old_docker, folder, &images);
    similar(&images, &expected, &loaded(&new_docker, &images));
    new.sh(CONTAINERD).expect(0);
    similar(&images, &expected, &loaded(&new_docker, &images));
    same_manifests(&new_docker, folder, &images);
    let kind = images.iter().find(|kind| kind.name == "skopeo-oci").unwrap();
    let manifest =
        here(folder, &format!("skopeo inspect --raw '{}' | sha256sum | cut -c1-64", kind.source)).expect(0);
    let id = new_docker("docker image inspect --format '{{.Id}}' kind/skopeo-oci:1").expect(0);
    assert_eq!(id.stdout, format!("sha256:{}", manifest.stdout));
    new.down();
}

/// A release of one image that an engine has, here and on `host`, with what builds it there.
fn from_engine(folder: &Path, host: &Host) {
    fs::create_dir_all(folder.join("from-engine")).unwrap();
    fs::write(folder.join("from-engine/release.toml"), format!("{HEAD}{FROM_ENGINE}")).unwrap();
    fs::write(folder.join("from-engine/stack.yaml"), "services: {one: {image: \"kind/one:1\"}}\n").unwrap();
    host.put(&folder.join("from-engine"), "/root/from-engine");
    host.put(&shipped("wt-bundle"), "/root/wt-bundle");
    host.put(&repository().join("target/wt/keys"), "/root/keys");
}

fn same_ids(engine: &dyn Fn(&str) -> Ran, folder: &Path, images: &[Kind]) {
    for kind in images {
        let id = format!("docker image inspect --format '{{{{.Id}}}}' kind/{}:1", kind.name);
        assert_eq!(engine(&id).expect(0).stdout, expected_id(folder, kind), "{}", kind.name);
    }
}

#[track_caller]
fn similar(images: &[Kind], expected: &[String], found: &[String]) {
    for ((kind, expected), found) in images.iter().zip(expected).zip(found) {
        assert_eq!(expected, found, "{}", kind.name);
    }
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn a_layer_that_is_to_be_fetched_from_elsewhere_is_refused_by_name() {
    let world = tempfile::tempdir_in(repository().join("target")).unwrap();
    let folder = world.path();
    Ran::of(Command::new(repository().join("tests/images/make")).arg(folder).arg("foreign")).expect(0);
    let source = format!("oci:{}", folder.join("foreign").display());
    build(folder, &[Kind { name: "foreign".to_owned(), source }], &[])
        .expect(1)
        .says("is to be fetched from elsewhere: `http://x.example/`");
    assert!(!folder.join("b.tar.zst").exists());
}

#[test]
#[ignore = "needs root and a lab of site hosts: ./test runs it"]
fn an_image_of_the_engine_that_did_not_change_is_not_exported_again() {
    let world = tempfile::tempdir_in(repository().join("target")).unwrap();
    let folder = world.path();
    let images = ["same", "other"].map(|name| {
        make(folder, name, name);
        Kind { name: name.to_owned(), source: format!("docker-daemon:kind/{name}:1") }
    });
    let without = built(folder, &images, &["--no-cache"]);
    assert_eq!(built(folder, &images, &[]), without);
    assert_eq!(without.0, 2, "exports");
    assert_eq!(built(folder, &images, &[]), (0, without.1));
    make(folder, "other", "changed");
    let changed = built(folder, &images, &[]);
    assert_eq!(changed.0, 1, "exports");
    assert_eq!(built(folder, &images, &["--no-cache"]).1, changed.1);
}

/// An image with one file, in the lab's engine.
fn make(folder: &Path, name: &str, content: &str) {
    let line = format!("echo {content} >file; tar -cf - --mtime @0 file | docker import - kind/{name}:1");
    here(folder, &line).expect(0);
}

/// Builds; how many images the engine exported for it, and the digest of what is in the bundle.
fn built(folder: &Path, images: &[Kind], more: &[&str]) -> (usize, String) {
    let since = here(folder, "date +%s.%N").expect(0).stdout;
    build(folder, images, more).expect(0);
    let events = format!("docker events --since {} --until $(date +%s.%N) --filter event=save", since.trim());
    let exports = here(folder, &events).expect(0).stdout.lines().count();
    (exports, here(folder, "zstd -dc b.tar.zst | sha256sum").expect(0).stdout)
}
