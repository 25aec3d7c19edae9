//! How a registry is reached: names, proxies, and authorities where engines keep them.

use std::fs;
use std::process::Command;

use crate::fake::{Fake, honest, place};
use crate::fixture::{Kind, PASSWORD, Registry, all_there};
use crate::forward::Forward;
use crate::layout::Layout;
use crate::{AMD64, World, done, said};

#[test]
fn a_name_is_resolved_without_glibc_which_would_load_modules_of_the_machine() {
    if !all_there(&["strace"]) {
        return;
    }
    let image = Layout::new(AMD64, &[(1, 1000)]);
    let (folder, digest) = place(&image);
    let registry = Fake::start(move |request| honest(&folder, &digest, request));
    let host = format!("localhost:{}", registry.port);
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let mut build = world.command();
    build.args(["--plain-http", &host]);
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-e", "trace=openat,open", "-o"])
        .arg(world.path("home"))
        .arg(build.get_program());
    traced.args(build.get_args()).current_dir(world.path(""));
    for (name, value) in build.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    done(&traced.output().unwrap());
    let opened = fs::read_to_string(world.path("home")).unwrap();
    assert!(opened.contains("/etc/hosts"), "{opened}");
    for of_glibc in ["nsswitch.conf", "libnss", "gconv", "ld.so.cache"] {
        assert!(!opened.contains(of_glibc), "{of_glibc}: {opened}");
    }
}

#[test]
fn proxies_are_taken_from_the_environment() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a:1");
    let (host, forward) = (registry.host(), Forward::start());
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let build = |variables: &[(&str, &str)]| {
        let mut command = world.command();
        command
            .arg("--registry-ca")
            .arg(registry.ca())
            .arg("--authfile")
            .arg(registry.authfile(&host, PASSWORD));
        done(&command.envs(variables.iter().copied()).output().unwrap());
    };
    build(&[("HTTPS_PROXY", &forward.address())]);
    let tunnels = forward.asked();
    assert!(!tunnels.is_empty());
    assert!(tunnels.iter().all(|asked| asked.starts_with(&format!("CONNECT {host} "))), "{tunnels:?}");
    build(&[("HTTPS_PROXY", &forward.address()), ("NO_PROXY", "127.0.0.0/8")]);
    build(&[("HTTP_PROXY", &forward.address())]);
    assert_eq!(forward.asked().len(), tunnels.len());
}

#[test]
fn a_proxy_for_plain_http_is_given_whole_addresses() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a:1");
    let (host, forward) = (format!("registry.invalid:{}", registry.port), Forward::start());
    // the proxy knows the name, this machine does not
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let mut command = world.command();
    command.args(["--plain-http", &host]).env("http_proxy", forward.address());
    done(&command.output().unwrap());
    let asked = forward.asked();
    assert!(
        asked.iter().any(|asked| asked.starts_with(&format!("GET http://{host}/v2/a/manifests/1 "))),
        "{asked:?}"
    );
}

#[test]
fn authorities_are_found_where_engines_keep_them() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a:1");
    let host = registry.host();
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let auth = registry.authfile(&host, PASSWORD);
    let refused = said(&world.command().arg("--authfile").arg(&auth).output().unwrap(), 1);
    assert!(refused.contains("authority that is not trusted"), "{refused}");
    let own = world.path("home/.config/containers/certs.d").join(&host);
    fs::create_dir_all(&own).unwrap();
    fs::copy(registry.ca(), own.join("ca.crt")).unwrap();
    done(&world.command().env("HOME", world.path("home")).arg("--authfile").arg(&auth).output().unwrap());

    // the machine's own, in a mount namespace where this user may have one
    for folder in ["/etc/containers/certs.d", "/etc/docker/certs.d"] {
        let over = tempfile::tempdir().unwrap();
        let script = r#"mount -t tmpfs tmpfs "$OVER" && mkdir "$OVER/upper" "$OVER/work"
            mount -t overlay -o "lowerdir=/etc,upperdir=$OVER/upper,workdir=$OVER/work" overlay /etc || exit 77
            mkdir -p "$FOLDER" && cp "$CA" "$FOLDER/ca.crt" && exec "$@""#;
        let mut build = world.command();
        build.arg("--authfile").arg(&auth);
        let mut inside = Command::new("unshare");
        inside.args(["--mount", "sh", "-ec", script, "sh"]).arg(build.get_program()).args(build.get_args());
        inside.current_dir(world.path("")).env("OVER", over.path()).env("CA", registry.ca());
        inside.env("FOLDER", format!("{folder}/{host}")).env("SOURCE_DATE_EPOCH", crate::epoch());
        let ran =
            inside.env("HOME", world.path("")).env("XDG_CACHE_HOME", world.path("cache")).output().unwrap();
        if ran.status.code() == Some(77)
            || String::from_utf8_lossy(&ran.stderr).contains("Operation not permitted")
        {
            let root = rustix::process::geteuid().is_root();
            let whole = std::env::var_os("WT_TEST_WHOLE").is_some();
            assert!(!(root && whole), "root has no mount namespaces, and WT_TEST_WHOLE is set");
            return;
        }
        done(&ran);
    }
}
