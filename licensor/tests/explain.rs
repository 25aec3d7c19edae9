//! `wt-license explain`, the real one: the words of a verdict, whatever it is, without an exit code that says so.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

#[test]
fn a_license_is_explained_where_it_would_be_refused() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let folder = tempfile::tempdir().unwrap();
    let changed = fs::read_to_string(golden.join("license-1.json")).unwrap().replacen("ey", "fy", 1);
    fs::write(folder.path().join("changed.json"), changed).unwrap();
    // what lies beside it is not asked
    fs::copy(golden.join("license-1.json"), folder.path().join("license.json")).unwrap();
    let run = |verb: &str| {
        let mut command = Command::cargo_bin("wt-license").unwrap();
        command.current_dir(folder.path()).env_remove("WT_TRUST");
        command.args([verb, "changed.json", "--trust"]).arg(golden.join("trust.json")).output().unwrap()
    };
    let (verified, explained) = (run("verify"), run("explain"));
    assert_eq!((verified.status.code(), explained.status.code()), (Some(3), Some(0)));
    assert_eq!(verified.stdout, explained.stdout);
    let words = String::from_utf8(explained.stdout).unwrap();
    assert!(
        words.starts_with("UNTRUSTED (SIG_BAD): this is not a license of the vendor\n  because     "),
        "{words}"
    );
    assert!(words.ends_with(
        "\nnext: copy the license again as it came from the vendor; an editor or a mail program may have changed it\n"
    ));
    assert!(explained.stderr.is_empty());
}
