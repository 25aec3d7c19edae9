//! The README's walk, command by command, in a folder where they are at home.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use wt_tests::program::Ran;
use wt_tests::repository;

const REGISTRY: &str = include_str!("registry.sh");
/// What is otherwise here: keys that were made before, nobody at a terminal, no medium.
const CHANGED: [(&str, &str); 4] = [
    ("wt-keys init --dir vendor", "wt-keys init --no-passphrase --dir made"),
    ("/media/usb", "usb"),
    (
        "wt-bundle sign worktile-5.2.0-amd64.tar.zst.manifest",
        "wt-bundle sign --yes worktile-5.2.0-amd64.tar.zst.manifest",
    ),
    ("wt-license sign", "wt-license sign --yes"),
];

/// The commands of the three programs that run at the vendor's; those on site have stories of their own.
pub fn commands() -> Vec<String> {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines =
        blocks.flat_map(str::lines).filter(|line| line.starts_with("wt-") && !line.starts_with("wt-install"));
    let changed = |line: &str| {
        let line = line.split(" #").next().unwrap().to_owned();
        CHANGED.iter().fold(line, |line, (from, to)| line.replace(from, to))
    };
    lines.map(changed).collect()
}

/// Walks in `folder`, which has `hw.json` and an older bundle.
pub fn walk(folder: &Path) -> Ran {
    let here = repository().canonicalize().unwrap();
    for (name, target) in [("manifests", "manifests"), ("vendor", "target/wt/keys"), ("target", "target")] {
        symlink(here.join(target), folder.join(name)).unwrap();
    }
    fs::create_dir(folder.join("usb")).unwrap();
    let script = format!("set -euo pipefail\n{REGISTRY}\nset -x\n{}\n", commands().join("\n"));
    let path = format!("{}:{}", here.join("target/wt").display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("unshare");
    shell.args(["--mount", "bash", "-c", &script]).current_dir(folder).env("PATH", path);
    shell.env("WT_LEDGER", folder.join("ledger.db"));
    shell.env("XDG_CACHE_HOME", here.join("target/cache")).stdin(Stdio::null());
    for variable in ["WT_KEY", "WT_TRUST", "WT_LICENSE_KEY", "WT_CACHE_SIZE", "SOURCE_DATE_EPOCH"] {
        shell.env_remove(variable);
    }
    Ran::of(&mut shell)
}
