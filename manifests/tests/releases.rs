//! The releases in this folder are read as a build would read them.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;

use wt_manifests::Stack;
use wt_manifests::complete::{self, SmallFile};
use wt_manifests::manifest::Mode;
use wt_manifests::release::Release;

#[test]
fn every_release_here_is_complete() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["v5.2", "worktile.example"] {
        let release = Release::find(name, &here.join("..")).unwrap();
        assert_eq!(release.name, name);
        let stack = Stack::parse(&fs::read(release.folder.join("stack.yaml")).unwrap()).unwrap();
        let files: Vec<_> =
            ["conf", "scripts"].iter().flat_map(|name| files(&release.folder, name)).collect();
        let files: Vec<_> = files
            .into_iter()
            .map(|(path, content)| {
                let mode = if path.starts_with("scripts/") { Mode::Program } else { Mode::Data };
                SmallFile { path: path.parse().unwrap(), mode, content }
            })
            .collect();
        let missing: Vec<_> =
            complete::missing(&release.file, &stack, &files).iter().map(ToString::to_string).collect();
        assert_eq!(missing, [""; 0], "{name}");
    }
}

fn files(release: &Path, name: &str) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(release.join(name)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            all.extend(files(release, &name));
        } else {
            all.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    all
}
