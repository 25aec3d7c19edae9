//! A bundle of 1.2 GiB, and with `./test --all` of 10 GiB with a layer beyond the 8 GiB that a tar's octal size can say:
//! built, inspected, verified and cut into volumes in little memory. Time is no bound here.
//!
//! The layers are noise that comes through a pipe, so that the disk holds two copies at most: `./test` knows how much.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(clippy::print_stdout, reason = "the figures are shown")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use wt_manifests::bundle::tar;
use wt_manifests::manifest::{Entry, Mode};
use wt_tests::program::{Ran, key, shipped};
use wt_tests::repository;
use wt_tests::watched::Watched;

const MIB: u64 = 1 << 20;
const BUILD_MEMORY: u64 = 600 * MIB;
const VERIFY_MEMORY: u64 = 256 * MIB;
/// What `inspect` may read of a bundle of any size.
const INSPECT_READS: u64 = 20 * MIB;

/// The layers in MiB.
fn layers() -> [u64; 2] {
    if all() { [8704, 1536] } else { [1024, 205] }
}

fn all() -> bool {
    std::env::var_os("WT_TEST_ALL").is_some_and(|value| value == "1")
}

/// A tar of one file of noise that goes into a pipe as it is read. It is stopped when nobody reads it any more.
struct Noise(Child);

impl Noise {
    fn start(folder: &Path, name: &str, mib: u64) -> Self {
        let entry = Entry {
            path: "noise".parse().unwrap(),
            size: mib * MIB,
            mode: Mode::Data,
            sha256: wt_keys::Sha256Digest::of(b""),
            frame: 0,
        };
        fs::write(folder.join(format!("{name}.header")), tar::header(&entry)).unwrap();
        Ran::of(Command::new("mkfifo").arg(folder.join(format!("{name}.tar")))).expect(0);
        let noise = format!(
            "exec >{name}.tar; cat {name}.header
             head -c {mib}M /dev/zero | openssl enc -aes-128-ctr -K {mib} -iv 0 2>/dev/null
             head -c {} /dev/zero",
            tar::END.len()
        );
        Self(Command::new("sh").args(["-c", &noise]).current_dir(folder).spawn().unwrap())
    }
}

impl Drop for Noise {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A release whose images are the two pipes.
fn release(folder: &Path) -> Vec<Noise> {
    let release = folder.join("release");
    fs::create_dir(&release).unwrap();
    let mut text = "product = \"test\"\nversion = \"1.0.0\"\nplatform = \"linux/amd64\"\n".to_owned();
    for name in ["one", "two"] {
        writeln!(
            text,
            "[[image]]\nname = \"test/{name}:1\"\nsource = \"rootfs:{name}.tar\"\nentrypoint = [\"/noise\"]"
        )
        .unwrap();
    }
    let stack = "services: {one: {image: \"test/one:1\"}, two: {image: \"test/two:1\"}}\n";
    fs::write(release.join("release.toml"), text).unwrap();
    fs::write(release.join("stack.yaml"), stack).unwrap();
    ["one", "two"].iter().zip(layers()).map(|(name, mib)| Noise::start(&release, name, mib)).collect()
}

/// Runs `wt-bundle` and says what it took.
fn wt_bundle(folder: &Path, words: &str) -> Watched {
    let mut command = Command::new(shipped("wt-bundle"));
    command.args(words.split(' ')).current_dir(folder).env("WT_TRUST", key("trust.json"));
    let watched = Watched::of(&mut command);
    // what took how long is shown, and judged by nobody: the machine has its say
    let (peak, read, took) = (watched.peak / MIB, watched.read / MIB, watched.took.as_secs_f64());
    println!("{took:>8.3} s, {peak:>5} MiB of memory, {read:>6} MiB read: {words}");
    assert_eq!(watched.ran.code, 0, "{words}: {}", watched.ran.stderr);
    watched
}

fn here(folder: &Path, line: &str) -> Ran {
    Ran::of(
        Command::new("bash").args(["-euo", "pipefail", "-c", line]).current_dir(folder).stdin(Stdio::null()),
    )
}

#[test]
#[ignore = "needs the programs as shipped and room on the disk: ./test runs it"]
fn a_large_bundle_is_built_read_and_cut_in_little_memory() {
    // the lab removes it, however the run ends
    let lab = std::env::var_os("WT_LAB").map_or_else(|| repository().join("target"), PathBuf::from);
    let world = tempfile::tempdir_in(lab).unwrap();
    let folder = world.path();
    let noise = release(folder);
    let key = key("bundle.key").display().to_string();
    let built =
        wt_bundle(folder, &format!("build ./release -o b.tar.zst --threads 32 --no-cache --key {key}"));
    drop(noise);
    assert!(built.peak < BUILD_MEMORY, "{} bytes", built.peak);
    let size = fs::metadata(folder.join("b.tar.zst")).unwrap().len();
    assert!(size > layers().iter().sum::<u64>() * MIB, "the noise shrank to {size} bytes");

    let inspected = wt_bundle(folder, "inspect b.tar.zst");
    assert!((tar::BLOCK..INSPECT_READS).contains(&inspected.read), "{} bytes", inspected.read);
    for words in ["verify b.tar.zst", "verify b.tar.zst --full"] {
        let verified = wt_bundle(folder, words);
        assert!(verified.peak < VERIFY_MEMORY, "{words}: {} bytes", verified.peak);
        assert!(verified.read >= size, "{words}: read {} of {size} bytes", verified.read);
    }
    other_tools_read_it(folder);
    volumes(folder);
}

fn other_tools_read_it(folder: &Path) {
    here(folder, "zstd -tq b.tar.zst").expect(0);
    // the layer with its size, beyond what octal digits can say in the large case
    let size = layers()[0] * MIB + tar::BLOCK + tar::END.len() as u64;
    here(folder, "zstd -dc b.tar.zst | tar -tvf - | grep blobs/sha256/").expect(0).says(&format!(" {size} "));
}

/// Cut while the bundle is still there, then read alone.
fn volumes(folder: &Path) {
    fs::create_dir(folder.join("out")).unwrap();
    let size = layers().iter().sum::<u64>() / 3 / 4 * 4;
    let cut = wt_bundle(folder, &format!("split b.tar.zst --size {size}MiB -o out"));
    assert!(cut.peak < VERIFY_MEMORY, "{} bytes", cut.peak);
    fs::remove_file(folder.join("b.tar.zst")).unwrap();
    assert!(folder.join("out/b.tar.zst.004").exists() && !folder.join("out/b.tar.zst.005").exists());
    let verified = wt_bundle(folder, "verify out/b.tar.zst.001");
    assert!(verified.peak < VERIFY_MEMORY, "{} bytes", verified.peak);
    let inspected = wt_bundle(folder, "inspect out/b.tar.zst.001");
    assert!((tar::BLOCK..INSPECT_READS).contains(&inspected.read), "{} bytes", inspected.read);
    here(&folder.join("out"), "sha256sum --check --quiet SHA256SUMS").expect(0);
}
