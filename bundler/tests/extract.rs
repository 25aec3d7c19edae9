//! Files taken out of a bundle.
#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod product;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use product::{RELEASE, World, files_below};

#[test]
fn everything_that_is_extracted_is_what_was_signed() {
    let world = World::new();
    world.done("extract 1.tar.zst -o all");
    let mut sums = Command::new("sha256sum");
    let checked = sums.args(["--quiet", "-c", "SHA256SUMS"]).current_dir(world.path("all")).status();
    assert!(checked.unwrap().success());
    let mode = |name: &str| fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("all/scripts/init.sh"), mode("all/stack.yaml")), (0o755, 0o644));
    let before = files_below(&world.path("all"));
    assert_eq!(before.len(), 15);

    fs::remove_file(world.path("all/stack.yaml")).unwrap();
    let again = world.run("extract 1.tar.zst -C all -v");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.ends_with("1 files, 97 B; 14 were there already\nstack.yaml\n"), "{said}");
    assert_eq!(files_below(&world.path("all")), before);

    world.done("extract 1.tar.zst conf ./scripts/ stack.y?ml -o some");
    let some: Vec<String> = files_below(&world.path("some")).into_keys().collect();
    assert_eq!(some, ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
}

#[test]
fn nothing_is_written_over_or_through_a_link_and_nothing_at_all_where_that_would_be_needed() {
    let world = World::new();
    world.write("a/stack.yaml", "mine\n");
    world.refused(
        "extract 1.tar.zst -o a",
        1,
        "error: `a/stack.yaml` is there already, and is not what the bundle has\nhint: name a folder that is new or empty\n",
    );
    assert_eq!(files_below(&world.path("a")).into_keys().collect::<Vec<_>>(), ["stack.yaml"]);

    fs::create_dir_all(world.path("b")).unwrap();
    fs::create_dir_all(world.path("elsewhere")).unwrap();
    symlink(world.path("elsewhere"), world.path("b/conf")).unwrap();
    world.refused(
        "extract 1.tar.zst conf -o b",
        1,
        "error: `b/conf` is not a folder, and nothing is written through a link\nhint: name a folder that is new or empty\n",
    );
    assert!(files_below(&world.path("elsewhere")).is_empty());

    symlink(world.path("target"), world.path("b/stack.yaml")).unwrap();
    assert_eq!(world.run("extract 1.tar.zst stack.yaml -o b").status.code(), Some(1));
    assert!(!world.path("target").exists());
}

#[test]
fn a_full_disk_leaves_whole_files_and_the_next_run_goes_on() {
    let world = World::new();
    let program = assert_cmd::cargo::cargo_bin!("wt-bundle");
    // no file may become larger than 16 KiB: the layers do not fit
    let line = format!("trap '' XFSZ; ulimit -f 16; exec {} extract 1.tar.zst -o out", program.display());
    let mut small = Command::new("bash");
    small.args(["-c", &line]).current_dir(world.folder.path()).env("WT_TRUST", "keys/trust.json");
    let refused = small.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("error: cannot write `out/blobs/sha256/"), "{said}");
    let left: Vec<String> = files_below(&world.path("out")).into_keys().collect();
    assert_eq!(left, ["conf/web/a.conf", "scripts/init.sh", "stack.yaml"]);
    world.done("extract 1.tar.zst -o out");
    assert_eq!(files_below(&world.path("out")).len(), 15);
}

#[test]
fn one_image_becomes_an_archive_of_its_own() {
    let world = World::new();
    world.done("extract 1.tar.zst --image docker.io/test/app:1 -o app.tar");
    let listed =
        Command::new("tar").args(["-tf", "app.tar"]).current_dir(world.folder.path()).output().unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(names.lines().filter(|name| name.starts_with("blobs/sha256/")).count(), 3);
    assert!(names.ends_with("index.json\nmanifest.json\noci-layout\n"), "{names}");
    let from_archive = RELEASE.replace("rootfs:app", "docker-archive:../app.tar");
    world.release("v3", &from_archive.replace("entrypoint = [\"/srv/app/run\"]", ""));
    world.done("build v3 --key keys/bundle.key -o 3.tar.zst");
    let same = world.done("diff 1.tar.zst 3.tar.zst");
    assert!(!same.contains("test/app:1"), "the image came back as it went:\n{same}");
    world.refused(
        "extract 1.tar.zst --image test/ap:1 -o ap.tar",
        1,
        "error: the bundle has no image `test/ap:1`\nhint: it has: test/one:1, test/two:1, test/app:1\n",
    );
    world.refused(
        "extract 1.tar.zst --image test/app:1 -o app.tar",
        1,
        "error: `app.tar` is there already\nhint: name another with `-o`, or remove it\n",
    );
}
