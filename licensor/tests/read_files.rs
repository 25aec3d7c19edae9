//! Which files a host is read from.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use wt_licensor::fingerprint;

use world::has_strace;

/// Run by itself, below.
#[test]
fn this_host_can_be_read() {
    let found = fingerprint::recorded(Path::new("/"), Path::new("/"), "acme");
    assert_eq!(found.components.len(), 7);
}

/// Libraries fall back on files such as `/tmp/sysinfo/model`, where anybody can say what machine this is. Seen from
/// outside, since it would be their doing.
#[test]
fn no_file_of_a_host_is_looked_for_where_anybody_writes() {
    if !has_strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let calls = folder.path().join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=open,openat,openat2,readlink,readlinkat", "-o"]).arg(&calls);
    strace.arg(std::env::current_exe().unwrap()).args(["--exact", "this_host_can_be_read"]);
    assert!(strace.stdout(Stdio::null()).status().unwrap().success());
    let calls = fs::read_to_string(calls).unwrap();
    let paths: Vec<&str> = calls.lines().filter_map(|call| call.split('"').nth(1)).collect();
    assert!(paths.contains(&"/sys/class/dmi/id/product_uuid"), "{calls}");
    assert!(paths.contains(&"/etc/machine-id"), "{calls}");
    for path in paths {
        assert!(!is_writable_by_anybody(Path::new(path)), "{path}");
    }
}

/// A file, or a folder above it, sticky or not: who can make a file there says what is in it.
fn is_writable_by_anybody(path: &Path) -> bool {
    let is_open = |path: &Path| {
        let found = fs::symlink_metadata(path);
        found
            .is_ok_and(|found| (found.is_file() || found.is_dir()) && found.permissions().mode() & 0o002 != 0)
    };
    path.ancestors().any(is_open)
}
