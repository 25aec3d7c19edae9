//! What registries send, good and bad, and how a build goes on after it was stopped.

use std::fs;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::fake::{Answer, Fake, honest, place};
use crate::fixture::{Kind, Registry};
use crate::layout::Layout;
use crate::{AMD64, World, done, said};

#[test]
fn images_come_as_tools_push_them_compressed_and_with_the_media_types_of_both() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let image = Layout::new(AMD64, &[(1, 1000), (2, 200_000)]);
    let host = registry.host();
    registry.push(&image, "plain:1");
    registry.push_compressed(&image, "docker:1", "v2s2");
    registry.push_compressed(&image, "oci:1", "oci");
    let built = |name: &str| {
        let world = World::new(&[format!("docker://{host}/{name}:1")]);
        done(&world.build(&["--plain-http", &host]));
        world
    };
    let worlds = ["plain", "docker", "oci"].map(built);
    assert!(worlds[1].bundle() == worlds[0].bundle() && worlds[2].bundle() == worlds[0].bundle());
}

#[test]
fn a_document_that_is_not_what_its_digest_says_is_not_trusted() {
    let image = Layout::new(AMD64, &[(1, 1000)]);
    for changed in ["/manifests/", "/blobs/"] {
        let (folder, digest) = place(&image);
        let registry = Fake::start(move |request| {
            let answer = honest(&folder, &digest, request);
            let is_layer = request.is_for("/blobs/") && answer.len() > 1024;
            if request.is_for(changed) && !is_layer { answer.changed() } else { answer }
        });
        let host = registry.host();
        let pin = World::new(&[format!("docker://{host}/a@sha256:{}", image.digest)]);
        let refused = said(&pin.build(&["--plain-http", &host]), 3);
        assert!(refused.contains("digest mismatch") && refused.contains(&host), "{refused}");
        assert!(pin.leftovers().is_empty());
    }
}

#[test]
fn a_length_beyond_all_numbers_ends_the_build() {
    let image = Layout::new(AMD64, &[(1, 300_000)]);
    let (folder, digest) = place(&image);
    let first = AtomicUsize::new(0);
    let registry = Fake::start(move |request| {
        let answer = honest(&folder, &digest, request);
        if !request.is_for("/blobs/") || answer.len() < 100_000 {
            return answer;
        }
        match (first.fetch_add(1, Ordering::SeqCst), request.header("range")) {
            (0, _) => answer.cut(100_000),
            (_, Some(_)) => Answer::new(206)
                .with("Content-Range", "bytes 100000-")
                .with("Content-Length", &(u64::MAX - 10).to_string()),
            _ => answer,
        }
    });
    let host = registry.host();
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let mut build = world.command();
    build.args(["--plain-http", &host, "--patience", "1"]);
    let mut build = build.stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while build.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            build.kill().unwrap();
            panic!("the build hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    said(&build.wait_with_output().unwrap(), 3);
}

#[test]
fn a_build_that_was_stopped_twice_fetches_only_what_it_had_not_finished() {
    let image = Layout::new(AMD64, &[(1, 2 << 20), (2, 2 << 20), (3, 2 << 20)]);
    let (folder, digest) = place(&image);
    let (layers, line) = (image.layers.clone(), Arc::new(Line::default()));
    let theirs = line.clone();
    let registry = Fake::start(move |request| {
        let answer = honest(&folder, &digest, request);
        let Some(at) = layers.iter().position(|layer| request.is_for(layer)) else { return answer };
        while theirs.open.load(Ordering::SeqCst) <= at {
            std::thread::sleep(Duration::from_millis(2));
        }
        theirs.served.fetch_add(answer.len(), Ordering::SeqCst);
        answer
    });
    let host = registry.host();
    let world = World::new(&[format!("docker://{host}/a:1")]);
    let frames = || {
        let kept = fs::read_dir(world.path("cache/wt-bundle/layers")).into_iter().flatten().flatten();
        kept.filter(|entry| entry.path().extension().is_some_and(|end| end == "frame")).count()
    };
    for run in [1, 2] {
        line.open.store(run, Ordering::SeqCst);
        let mut build = world.command();
        let mut build = build.args(["--plain-http", &host]).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while frames() < run {
            assert!(begun.elapsed() < Duration::from_mins(1), "run {run} finished no layer");
            std::thread::sleep(Duration::from_millis(5));
        }
        build.kill().unwrap();
        build.wait().unwrap();
        assert!(world.leftovers().is_empty());
    }
    line.open.store(3, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(200)); // for what was asked by who is dead
    let before = line.served.load(Ordering::SeqCst);
    done(&world.build(&["--plain-http", &host]));
    let fetched = line.served.load(Ordering::SeqCst) - before;
    assert!((2 << 20..3 << 20).contains(&fetched), "{fetched} bytes, where one layer of 2 MiB was missing");
    let other = World::new(&[format!("docker://{host}/a:1")]);
    done(&other.build(&["--plain-http", &host]));
    assert!(world.bundle() == other.bundle());
}

/// How many layers a registry gives, and the bytes of them that it gave.
#[derive(Default)]
struct Line {
    open: AtomicUsize,
    served: AtomicUsize,
}
