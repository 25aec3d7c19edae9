//! The releases in this folder are read as a build would read them.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;

use wt_manifests::Stack;
use wt_manifests::release::Release;

#[test]
fn every_release_here_is_understood_with_its_stack() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["v5.2", "worktile.example"] {
        let release = Release::find(name, &here.join("..")).unwrap();
        assert_eq!(release.name, name);
        let stack = Stack::parse(&fs::read(release.folder.join("stack.yaml")).unwrap()).unwrap();
        stack.check(&release.file).unwrap_or_else(|error| panic!("{name}: {error}"));
        for conf in &release.file.conf {
            assert!(release.folder.join("conf").join(&conf.template).is_file(), "{name}: {}", conf.template);
        }
    }
}
