//! Credential helpers, as the program calls them: found on the `PATH`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use crate::fixture::{Kind, PASSWORD, Registry, USER};
use crate::layout::Layout;
use crate::{AMD64, World, done, said};

const HANGS: &str = "sleep 60";

/// A build with a file of credentials and with `docker-credential-test` on the path.
fn build(registry: &Registry, world: &World, file: &str, helper: &str) -> Output {
    let folder = world.path("home");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("docker-credential-test");
    fs::write(
        &path,
        format!("#!/bin/sh\necho \"$1\" >>{0}/asked; cat >>{0}/asked\n{helper}\n", folder.display()),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("auth.json"), file.replace("HOST", &registry.host())).unwrap();
    let mut command = world.command();
    let paths = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{paths}", folder.display()))
        .arg("--authfile")
        .arg(folder.join("auth.json"));
    command
        .arg("--registry-ca")
        .arg(registry.ca())
        .args(["--patience", if helper == HANGS { "1" } else { "30" }])
        .output()
        .unwrap()
}

#[test]
fn a_helper_is_asked_for_the_registry_and_what_it_says_is_in_no_message() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a/b/c:1");
    let world = World::new(&[format!("docker://{}/a/b/c:1", registry.host())]);
    let good = format!(r#"echo '{{"Username":"{USER}","Secret":"{PASSWORD}"}}'"#);
    for file in [r#"{"credsStore":"test"}"#, r#"{"auths":{"HOST":{}},"credHelpers":{"HOST":"test"}}"#] {
        done(&build(&registry, &world, file, &good));
        let asked = fs::read_to_string(world.path("home/asked")).unwrap();
        assert_eq!(asked, format!("get\n{}\n", registry.host()), "the host, and once");
        fs::remove_file(world.path("home/asked")).unwrap();
    }
    let unknown = "echo credentials not found in native keychain; exit 1";
    let refused = said(&build(&registry, &world, r#"{"credsStore":"test"}"#, unknown), 1);
    assert!(refused.contains("who asks"), "{refused}");
    for (helper, expected) in [
        ("echo insecure-secret; exit 1", "helper failed"),
        ("echo insecure-secret", "cannot be understood"),
        (HANGS, "does not answer"),
    ] {
        let refused = said(&build(&registry, &world, r#"{"credsStore":"test"}"#, helper), 1);
        assert!(refused.contains(expected) && refused.contains("auth.json"), "{refused}");
        assert!(!refused.contains("insecure-secret"), "{refused}");
    }
}

#[test]
fn what_the_file_has_is_taken_whatever_a_helper_would_say() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a/b/c:1");
    let world = World::new(&[format!("docker://{}/a/b/c:1", registry.host())]);
    let entry = format!(r#"{{"username":"{USER}","password":"{PASSWORD}"}}"#);
    let file = format!(r#"{{"auths":{{"HOST":{entry}}},"credsStore":"test"}}"#);
    done(&build(&registry, &world, &file, "echo other words >&2; exit 1"));
    assert!(!world.path("home/asked").exists());
}
