//! What is no bundle, or is one no more: told apart, and refused by every verb.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod product;

use std::fs;

use product::{RELEASE, World, files_below, noise};

#[test]
fn what_is_named_instead_of_a_bundle_is_told_apart() {
    let world = World::new();
    let bundle = world.read("1.tar.zst");
    let length = bundle.len();
    world.write("cut", &bundle[..length - 1]);
    world.write("head", &bundle[..100]);
    world.write("long", [&bundle[..], b"more"].concat());
    world.write("empty", "");
    world.write("plain.zst", [0x28, 0xB5, 0x2F, 0xFD, 0x24, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    world.write("gzip", [&[0x1F, 0x8B][..], &[8; 30]].concat());
    let not = |found: &str| {
        format!(
            "is not a bundle\n  expected a bundle's head\n  found    {found}\nhint: is it the `.tar.zst` file that the vendor sent?"
        )
    };
    for (name, code, expected) in [
        ("keys", 1, "is a folder\n  expected the name of a bundle\nhint: name the `.tar.zst` file that the vendor sent; there is none in this folder".to_owned()),
        (".", 1, "is a folder\n  expected the name of a bundle\nhint: name the bundle in it: there is `1.tar.zst`".to_owned()),
        ("cut", 3, format!("is cut short at {} of {length} bytes\nhint: copy it again, and compare the sizes", length - 1)),
        ("head", 3, "is cut short at 100 bytes; its head alone has 65536\nhint: copy it again, and compare the sizes".to_owned()),
        ("long", 3, format!("is too long: 4 bytes follow the end of the bundle, which has {length}\nhint: copy it again, and compare the sizes")),
        ("empty", 3, not("an empty file")),
        ("plain.zst", 3, not("a plain zstd file (a `.tar.zst`, perhaps) without a signed head")),
        ("gzip", 3, not("a gzip file")),
        ("v1/stack.yaml", 3, not("text")),
        ("keys/trust.json", 3, not("a signed document of wt (a certificate, a trust document or a license)")),
    ] {
        for verb in ["inspect", "verify"] {
            world.refused(&format!("{verb} {name}"), code, &format!("error: `{name}` {expected}\n"));
        }
    }
    world.refused("inspect none.tar.zst", 1, "error: no bundle `none.tar.zst`\nhint: there is `1.tar.zst`\n");
}

#[test]
fn wrong_keys_releases_and_variables_are_told_apart() {
    let world = World::new();
    world.refused(
        "build v1 --key keys/root-1.key",
        1,
        "error: `keys/root-1.key` is a root key: it has no certificate, and signs nothing but certificates\n\
         hint: name the key that the roots certified, such as `--key keys/bundle.key`\n",
    );
    world.refused(
        "build v1/release.toml --key keys/bundle.key",
        1,
        "error: no release `v1/release.toml` here\n  expected a folder `./manifests/v1/release.toml` with a release.toml\n\
         hint: name the folder that it is in: `v1`\n",
    );
    let unset = world.command("inspect 1.tar.zst").env("WT_TRUST", "").output().unwrap();
    assert_eq!(unset.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&unset.stderr)
            .starts_with("error: no trust document to check the bundle with\n")
    );
    world.write("keys/bundle.cert", "{}");
    let refused = world.run("build v1 --key keys/bundle.key");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.starts_with("error: `keys/bundle.cert` is not a certificate that can be used\n  because: "),
        "{said}"
    );
    assert_eq!(refused.status.code(), Some(3));
}

/// No truncation and no flipped bit gets past any verb, makes it panic, or leaves a file that was not signed.
#[test]
fn a_bundle_that_was_cut_or_changed_anywhere_is_refused_by_every_verb() {
    let world = World::with_both();
    let good = world.read("1.tar.zst");
    world.done("extract 1.tar.zst -o genuine");
    let genuine = files_below(&world.path("genuine"));
    let cuts = (0..12).map(|n| good[..good.len() * n / 12].to_vec());
    let flips = (0..36).map(|n| {
        let at = (good.len() - 1) * n / 35;
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (n % 8);
        bytes
    });
    for (number, bytes) in cuts.chain(flips).enumerate() {
        world.write("bad.tar.zst", &bytes);
        for (line, may_pass) in [
            ("inspect bad.tar.zst", true), // it reads the head alone
            ("verify bad.tar.zst --full", false),
            ("diff bad.tar.zst 2.tar.zst", true), // and this the layers that differ
            ("extract bad.tar.zst -o out", false),
        ] {
            let output = world.run(line);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!said.contains("panicked"), "{number} {line}: {said}");
            match output.status.code() {
                Some(0) => assert!(may_pass, "{number} {line}"),
                code => assert_eq!(code, Some(3), "{number} {line}: {said}"),
            }
        }
        let written = files_below(&world.path("out"));
        assert!(written.iter().all(|(name, content)| genuine.get(name) == Some(content)), "{number}");
        let _ = fs::remove_dir_all(world.path("out"));
    }
}

/// What is wrong is the chunk, though it was met in the middle of a layer; in volumes the volume.
#[test]
fn a_diff_of_a_bundle_that_is_damaged_within_a_layer_names_what_is_damaged() {
    let world = World::new();
    world.release("v2", &RELEASE.replace("1.2.3", "1.3.0"));
    world.write("v2/app/srv/app/large", noise(9 << 20));
    world.done("build v2 --key keys/bundle.key -o 2.tar.zst");
    world.done("split 2.tar.zst --size 4MiB -o .");
    let (bundle, volume) = (world.read("2.tar.zst"), world.read("2.tar.zst.002"));
    for (name, mut bytes, at, line, expected) in [
        ("bad", bundle.clone(), 4_500_000, "diff 1.tar.zst bad", "error: chunk 1 of the bundle is damaged"),
        ("bad", bundle, 4_500_000, "diff bad 1.tar.zst", "error: chunk 1 of the bundle is damaged"),
        ("2.tar.zst.002", volume, 5000, "diff 1.tar.zst 2.tar.zst.001", "  volume 2 is damaged"),
    ] {
        bytes[at] ^= 1;
        world.write(name, bytes);
        let output = world.run(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected) && said.contains("hint: "), "{line}: {said}");
        assert_eq!(output.status.code(), Some(3), "{line}: {said}");
    }
}
