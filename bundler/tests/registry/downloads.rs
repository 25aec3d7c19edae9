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
    assert!(worlds[1].body() == worlds[0].body() && worlds[2].body() == worlds[0].body());
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

#[test]
fn a_layer_that_unpacks_to_more_than_is_allowed_is_refused_by_name() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let image = Layout::new(AMD64, &[(1, 3000), (2, 2 << 20)]);
    registry.push(&image, "plain:1");
    registry.push_compressed(&image, "gzip:1", "oci");
    let host = registry.host();
    let access = ["--plain-http", &host, "--largest-layer"];
    for name in ["plain", "gzip"] {
        let world = World::new(&[format!("docker://{host}/{name}:1")]);
        let refused = said(&world.build(&[&access[..], &["2MiB"]].concat()), 1);
        assert!(refused.contains("a layer of the image `test/0:1` is larger than is allowed"), "{refused}");
        assert!(refused.contains(&format!("docker://{host}/{name}@sha256:")), "{refused}");
        assert!(refused.contains("at most 2.00 MiB") && refused.contains("--largest-layer"), "{refused}");
        assert!(world.leftovers().is_empty());
        done(&world.build(&[&access[..], &["3MiB"]].concat()));
    }
}

#[test]
fn blobs_that_are_kept_as_they_are_can_be_unfolded_on_the_way() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let (good, mut bad) = (Layout::new(AMD64, &[(1, 300_000)]), Layout::new(AMD64, &[(2, 300_000)]));
    bad.swap_layer(&good);
    registry.push(&good, "good:1");
    registry.push(&bad, "bad:1");
    let host = registry.host();
    let verbatim = ["--plain-http", &host, "--verbatim"];
    let world = World::new(&[format!("docker://{host}/bad:1")]);
    let refused = said(&world.build(&[&verbatim[..], &["--check-layers"]].concat()), 3);
    assert!(refused.contains("is not what the configuration of its image says"), "{refused}");
    assert!(refused.contains(&format!("docker://{host}/bad:1")), "{refused}");
    assert!(refused.contains(&good.layers[0]) && refused.contains(&bad.layers[0]), "{refused}");
    assert!(world.leftovers().is_empty());
    let unseen = world.build(&verbatim);
    done(&unseen);
    assert!(
        String::from_utf8_lossy(&unseen.stderr).contains("not unpacked"),
        "what was not looked at is said"
    );
    let world = World::new(&[format!("docker://{host}/good:1")]);
    done(&world.build(&verbatim));
    let checked = World::new(&[format!("docker://{host}/good:1")]);
    done(&checked.build(&[&verbatim[..], &["--check-layers"]].concat()));
    assert!(world.bundle() == checked.bundle());
}

#[test]
fn the_next_image_is_fetched_while_one_is_read_and_no_layer_twice() {
    let images = [2, 3, 4, 5, 6].map(|seed| Layout::new(AMD64, &[(1, 2000), (seed, 2000)]));
    let places: Vec<_> = images.iter().map(place).collect();
    let of = |image: usize| images[image].layers[1].clone();
    let (first, next, last) = (of(0), of(1), of(4));
    let asked: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let theirs = asked.clone();
    let has = |asked: &std::sync::Mutex<Vec<String>>, layer: &str| {
        asked.lock().unwrap().iter().any(|path| path.contains(layer))
    };
    let registry = Fake::start(move |request| {
        theirs.lock().unwrap().push(request.path.clone());
        let begun = Instant::now();
        if request.is_for(&first) {
            // the first image waits for the next; a layer is pressed, one waits, one cannot yet, and an image is ahead
            while !has(&theirs, &next) {
                assert!(begun.elapsed() < Duration::from_secs(30), "the next image is not asked for");
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(100));
            assert!(!has(&theirs, &last), "the disk would have to hold all images at once");
        }
        let at = (0..places.len()).find(|image| request.is_for(&format!("/i{image}/"))).unwrap_or(0);
        honest(&places[at].0, &places[at].1, request)
    });
    let host = registry.host();
    let world = World::new(&[0, 1, 2, 3, 4].map(|image| format!("docker://{host}/i{image}:1")));
    done(&world.build(&["--plain-http", &host, "--no-cache"]));
    let layers = images.iter().flat_map(|image| image.layers.iter());
    for layer in layers {
        let times = asked.lock().unwrap().iter().filter(|path| path.contains(layer)).count();
        assert_eq!(times, 1, "{layer}");
    }
}

/// How many layers a registry gives, and the bytes of them that it gave.
#[derive(Default)]
struct Line {
    open: AtomicUsize,
    served: AtomicUsize,
}
