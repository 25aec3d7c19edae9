//! `docker://`: the real program and Debian's registry, over plain HTTP and over TLS with a password.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod check;
mod credentials;
mod downloads;
mod fake;
mod fixture;
mod forward;
mod layout;
mod proxy;
mod reach;
mod tokens;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;
use wt_keys::cli::WtKeys;
use wt_keys::console::Program as _;

use self::fixture::{Kind, PASSWORD, Registry};
use self::layout::Layout;
use self::proxy::Proxy;

const AMD64: &str = "linux/amd64";
const BUNDLE: &str = "test-1.0.0-amd64.tar.zst";

/// A folder with a release of images from a registry, and keys.
struct World(tempfile::TempDir, Arc<tempfile::TempDir>);

impl World {
    fn new(sources: &[String]) -> Self {
        let world = Self(tempfile::tempdir().unwrap(), keys());
        let mut release = "product = \"test\"\nversion = \"1.0.0\"\nplatform = \"linux/amd64\"\n".to_owned();
        let mut services = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            release.extend([
                "[[image]]\nname = \"test/",
                &at.to_string(),
                ":1\"\nsource = \"",
                source,
                "\"\n",
            ]);
            services.push(format!("s{at}: {{image: \"test/{at}:1\"}}"));
        }
        fs::create_dir(world.path("release")).unwrap();
        fs::write(world.path("release/release.toml"), release).unwrap();
        fs::write(world.path("release/stack.yaml"), format!("services: {{{}}}\n", services.join(", ")))
            .unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = self.program();
        command.args(["build", "release", "--key"]).arg(self.key("bundle.key"));
        command
    }

    fn program(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.0.path()).env("SOURCE_DATE_EPOCH", epoch()).env("HOME", self.0.path());
        command.env("XDG_CACHE_HOME", self.path("cache")).env_remove("WT_CACHE_SIZE");
        for variable in ["WT_KEY", "WT_TRUST", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"] {
            command.env_remove(variable);
        }
        for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
            command.env_remove(variable).env_remove(variable.to_lowercase());
        }
        command
    }

    fn key(&self, name: &str) -> PathBuf {
        self.1.path().join("keys").join(name)
    }

    fn build(&self, more: &[&str]) -> Output {
        self.command().args(more).output().unwrap()
    }

    /// What is there beside the release.
    fn leftovers(&self) -> Vec<String> {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| !["cache", "release", "home"].contains(&name.as_str()))
            .collect()
    }

    fn bundle(&self) -> Vec<u8> {
        fs::read(self.path(BUNDLE)).unwrap()
    }

    /// What stands behind the head, which says what was asked for.
    fn body(&self) -> Vec<u8> {
        let bundle = self.bundle();
        let length = u32::from_le_bytes(bundle[13..17].try_into().unwrap());
        bundle[17 + usize::try_from(length).unwrap()..].to_vec()
    }

    /// Where the signed manifest says that the image came from.
    fn source(&self) -> String {
        let inspect = ["inspect", BUNDLE, "--json", "--trust"];
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wt-bundle"));
        command.current_dir(self.0.path()).args(inspect).arg(self.key("trust.json"));
        let said: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        assert_eq!(said["features"], serde_json::json!(["image-source"]));
        said["images"][0]["source"].as_str().unwrap().to_owned()
    }
}

/// One set for all worlds that there are at one time; it goes with the last of them.
fn keys() -> Arc<tempfile::TempDir> {
    static KEYS: Mutex<Weak<tempfile::TempDir>> = Mutex::new(Weak::new());
    let mut kept = KEYS.lock().unwrap();
    kept.upgrade().unwrap_or_else(|| {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["wt-keys", "init", "--quiet", "--no-passphrase", "--dir"].map(PathBuf::from);
        let arguments = arguments.into_iter().chain([folder.path().join("keys")]);
        WtKeys::try_parse_from(arguments).unwrap().run().unwrap();
        let folder = Arc::new(folder);
        *kept = Arc::downgrade(&folder);
        folder
    })
}

/// The time of all builds: the certificate is made before it and good for years.
fn epoch() -> String {
    static EPOCH: LazyLock<u64> =
        LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600);
    EPOCH.to_string()
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a build that failed with `exit` said.
fn said(output: &Output, exit: i32) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(exit), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    said
}

#[test]
fn an_image_comes_by_tag_and_by_digest_and_a_host_without_tls_must_be_named() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let image = Layout::new(AMD64, &[(1, 1000), (2, 2000)]);
    registry.push(&image, "a/b:1");
    let host = registry.host();
    let tag = World::new(&[format!("docker://{host}/a/b:1")]);
    let refused = said(&tag.build(&[]), 1);
    assert!(refused.contains("does not speak TLS"), "{refused}");
    assert!(refused.contains(&format!("`--plain-http {host}`")), "{refused}");
    done(&tag.build(&["--plain-http", &host]));
    // the digest decides, whatever the tag is
    let pin = World::new(&[format!("docker://{host}/a/b:other@sha256:{}", image.digest)]);
    done(&pin.build(&["--plain-http", &host]));
    assert!(tag.body() == pin.body());
    assert_eq!(tag.source(), format!("docker://{host}/a/b:1@sha256:{}", image.digest));
    assert_eq!(pin.source(), format!("docker://{host}/a/b:other@sha256:{}", image.digest));
    done(&pin.build(&["--plain-http", &host, "--verbatim", "-o", "verbatim"]));
    let verbatim = Command::new("tar").args(["--zstd", "-tf"]).arg(pin.path("verbatim")).output().unwrap();
    let listed = String::from_utf8(verbatim.stdout).unwrap();
    assert!(listed.contains(&image.digest) && listed.contains(&image.layers[1]), "{listed}");
    fs::remove_file(pin.path("verbatim")).unwrap();
    assert_eq!(pin.leftovers(), [BUNDLE]);
}

#[test]
fn of_an_index_the_platform_of_the_release_is_taken() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let host = registry.host();
    registry.push(&Layout::index(&["linux/arm64", AMD64]), "good:1");
    registry.push(&Layout::index(&["linux/arm64", "linux/s390x"]), "bad:1");
    done(&World::new(&[format!("docker://{host}/good:1")]).build(&["--plain-http", &host]));
    let bad = said(&World::new(&[format!("docker://{host}/bad:1")]).build(&["--plain-http", &host]), 1);
    assert!(bad.contains("no image for `linux/amd64`") && bad.contains("linux/arm64, linux/s390x"), "{bad}");
}

#[test]
fn what_a_registry_refuses_or_lacks_is_said_with_what_to_do() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a:1");
    let (host, ca) = (registry.host(), registry.ca().display().to_string());
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let unknown = said(&world.build(&[]), 1);
    assert!(
        unknown.contains("authority that is not trusted") && unknown.contains("--registry-ca"),
        "{unknown}"
    );
    let plain = said(&world.build(&["--plain-http", &host]), 1);
    assert!(plain.contains("without `--plain-http"), "{plain}");
    let anonymous = said(&world.build(&["--registry-ca", &ca]), 1);
    assert!(anonymous.contains("who asks") && anonymous.contains("no file of credentials"), "{anonymous}");
    let wrong = registry.authfile(&host, "insecure-wrong").display().to_string();
    let refused = said(&world.build(&["--registry-ca", &ca, "--authfile", &wrong]), 1);
    assert!(refused.contains("does not take the credentials") && refused.contains(&wrong), "{refused}");
    let auth = registry.authfile(&host, PASSWORD).display().to_string();
    let missing = World::new(&[format!("docker://{host}/a:2")]);
    let missing = said(&missing.build(&["--registry-ca", &ca, "--authfile", &auth]), 1);
    assert!(missing.contains(&format!("has no `docker://{host}/a:2`")), "{missing}");
    done(&world.build(&["--registry-ca", &ca, "--authfile", &auth]));
}

#[test]
fn credentials_are_found_where_docker_and_podman_keep_them() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1000)]), "a:1");
    let world = World::new(&[format!("docker://{}/a:1", registry.host())]);
    let auth = registry.authfile(&registry.host(), PASSWORD);
    let build = |variable: &str, value: &Path| {
        let mut command = world.command();
        let _ = fs::remove_file(world.path(BUNDLE));
        done(&command.arg("--registry-ca").arg(registry.ca()).env(variable, value).output().unwrap());
    };
    build("REGISTRY_AUTH_FILE", &auth);
    for (variable, file) in
        [("XDG_RUNTIME_DIR", "run/containers/auth.json"), ("HOME", "home/.docker/config.json")]
    {
        let path = world.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(&auth, &path).unwrap();
        build(variable, path.parent().unwrap().parent().unwrap());
    }
    build("DOCKER_CONFIG", &world.path("home/.docker"));
}

#[test]
fn a_registry_that_is_not_there_is_said_at_once() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = said(&World::new(&[format!("docker://127.0.0.1:{port}/a")]).build(&[]), 1);
    assert!(refused.contains(&format!("`127.0.0.1:{port}` refused the connection")), "{refused}");
    let nowhere = said(&World::new(&["docker://registry.invalid/a".to_owned()]).build(&[]), 1);
    assert!(nowhere.contains("`registry.invalid` cannot be resolved"), "{nowhere}");
}

#[test]
fn a_blob_that_broke_goes_on_where_it_stopped() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let size: u32 = 4 << 20;
    registry.push(&Layout::new(AMD64, &[(7, size as usize)]), "a:1");
    let proxy = Proxy::to(registry.port);
    let world = World::new(&[format!("docker://{}/a:1", proxy.host())]);
    proxy.cut_after(3 << 20);
    done(&world.build(&["--plain-http", &proxy.host()]));
    assert!(proxy.was_cut());
    let passed = proxy.passed();
    assert!(passed < u64::from(size) + (256 << 10), "{passed} bytes for a blob of {size}");
}

#[test]
fn a_registry_that_knows_no_ranges_gives_a_broken_blob_again() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    registry.push(&Layout::new(AMD64, &[(7, 2 << 20)]), "a:1");
    let proxy = Proxy::to(registry.port);
    proxy.hide_ranges();
    let world = World::new(&[format!("docker://{}/a:1", proxy.host())]);
    proxy.cut_after(1 << 20);
    done(&world.build(&["--plain-http", &proxy.host()]));
    assert!(proxy.was_cut() && proxy.passed() > 5 << 19, "{} bytes", proxy.passed());
}

#[test]
fn several_layers_arrive_at_one_time() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    registry.push(&Layout::new(AMD64, &[(1, 1 << 20), (2, 1 << 20), (3, 1 << 20), (4, 1 << 20)]), "a:1");
    let proxy = Proxy::to(registry.port);
    let world = World::new(&[format!("docker://{}/a:1", proxy.host())]);
    proxy.hold_after(100_000);
    let build = world
        .command()
        .args(["--plain-http", &proxy.host()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    proxy.wait_until_held(3);
    proxy.go_on();
    done(&build.wait_with_output().unwrap());
}

#[test]
fn a_registry_that_is_gone_in_the_middle_of_a_blob_ends_the_build_and_leaves_nothing() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    registry.push(&Layout::new(AMD64, &[(7, 4 << 20)]), "a:1");
    let proxy = Proxy::to(registry.port);
    let world = World::new(&[format!("docker://{}/a:1", proxy.host())]);
    proxy.end_after(2 << 20);
    let gone = said(&world.build(&["--plain-http", &proxy.host(), "--patience", "1"]), 1);
    assert!(gone.contains("the registry is gone") && gone.contains("in 4 tries"), "{gone}");
    assert!(world.leftovers().is_empty());
    let proxy = Proxy::to(registry.port);
    let world = World::new(&[format!("docker://{}/a:1", proxy.host())]);
    proxy.end_after(2 << 20);
    let gone = said(&world.build(&["--plain-http", &proxy.host(), "--patience", "1", "--verbatim"]), 1);
    assert!(gone.contains("\nerror: the registry is gone") && gone.contains("in 4 tries"), "{gone}");
}

#[test]
fn a_blob_that_is_not_what_its_digest_says_is_not_trusted() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let image = Layout::new(AMD64, &[(1, 5000)]);
    registry.push(&image, "a:1");
    let host = registry.host();
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let blob = registry.blob(&image.layers[0]);
    let file = fs::File::options().write(true).open(&blob).unwrap();
    file.write_all_at(b"changed", 1000).unwrap();
    let changed = said(&world.build(&["--plain-http", &host]), 3);
    assert!(changed.contains("digest mismatch") && changed.contains(&image.layers[0]), "{changed}");
    file.set_len(2000).unwrap();
    for more in [&[][..], &["--verbatim"]] {
        let shorter = said(&world.build(&[&["--plain-http", &*host], more].concat()), 3);
        assert!(shorter.contains("error: `docker://") && shorter.contains("of another size"), "{shorter}");
    }
    assert!(world.leftovers().is_empty());
}

#[test]
fn eight_images_give_the_same_bytes_from_two_folders_with_any_threads_and_after_two_kills() {
    let Some(registry) = Registry::start(Kind::TlsAndPassword) else { return };
    let proxy = Proxy::to(registry.port);
    let mut sources = Vec::new();
    for seed in 10..18 {
        registry.push(
            &Layout::new(AMD64, &[(1, 1 << 20), (seed, 300_000), (seed + 100, 200_000)]),
            &format!("i{seed}:1"),
        );
        sources.push(format!("docker://{}/i{seed}:1", proxy.host()));
    }
    let ca = registry.ca().display().to_string();
    let auth = registry.authfile(&proxy.host(), PASSWORD).display().to_string();
    let access = ["--registry-ca", &ca, "--authfile", &auth, "--threads"];
    let [one, two, killed] = [(); 3].map(|()| World::new(&sources));
    done(&one.build(&[&access[..], &["1"]].concat()));
    let fetched = proxy.passed();
    assert!(fetched < 6 << 20, "{fetched} bytes: a layer that is known already was fetched");
    done(&two.build(&[&access[..], &["2"]].concat()));
    assert!(one.bundle() == two.bundle());
    for bytes in [1 << 20, 3 << 20] {
        proxy.hold_after(bytes);
        let mut build = killed.command();
        let mut build = build.args(access).arg("2").stderr(Stdio::null()).spawn().unwrap();
        proxy.wait_until_held(1);
        build.kill().unwrap();
        assert!(!build.wait().unwrap().success());
        assert!(killed.leftovers().is_empty());
        proxy.go_on();
    }
    done(&killed.build(&[&access[..], &["2"]].concat()));
    assert!(killed.bundle() == one.bundle());
}
