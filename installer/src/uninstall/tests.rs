use std::fs;

use super::*;
use crate::restore::record;

struct Host {
    root: tempfile::TempDir,
    places: Places,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let host = Self { root, places };
        for file in [
            "opt/worktile/bin/wt-install",
            "opt/worktile/conf/apps/web/independence.js",
            "opt/worktile/conf/apps/web/license.json",
            "opt/worktile/hw.json",
            "data/redis/standalone/db/appendonly.aof",
            "data/.worktile-initialised.json",
            "var/lib/wt-install/site.toml",
            "var/lib/wt-install/installation.key",
            "var/lib/wt-install/journal.jsonl",
            "var/lib/wt-install/trust.json",
            "var/lib/wt-install/floors.json",
            "var/lib/wt-install/check.json",
            "var/lib/wt-install/releases/x/kept/chain",
            "var/log/wt-worktile/check.log",
            "run/wt/worktile/host.json",
        ] {
            host.put(file);
        }
        crate::wrappers::write(&host.home()).unwrap();
        host.render("web/independence.js");
        host
    }

    fn home(&self) -> std::path::PathBuf {
        self.root.path().join("opt/worktile")
    }

    fn put(&self, file: &str) {
        let path = self.root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }

    /// A release has written this file, and nobody has edited it since.
    fn render(&self, name: &str) {
        let release = self.places.release_state(&wt_keys::Sha256Digest::of(b"x"));
        for path in [self.home().join("conf/apps").join(name), release.join("rendered").join(name)] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "rendered").unwrap();
        }
    }

    fn scope(&self, data: bool) -> Scope {
        let data_root = self.root.path().join("data");
        Scope {
            product: "worktile".into(),
            home: self.home(),
            data_folders: vec![
                data_root.join(".worktile-initialised.json"),
                data_root.join("redis/standalone/db"),
            ],
            data_root,
            packages: false,
            data,
            began: wt_keys::Utc::START,
            stage: Stage::Begun,
        }
    }

    /// The parts that are about files.
    fn run(&self, data: bool) -> Vec<Left> {
        let mut scope = self.scope(data);
        scope.begin(&self.places).unwrap();
        let mut left = Vec::new();
        traces::folders(&self.places, &scope, &mut left).unwrap();
        traces::data(&scope, &mut left).unwrap();
        traces::state(&self.places, &mut scope, &mut left).unwrap();
        left
    }

    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(self.root.path(), &mut found);
        let root = self.root.path();
        let mut names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect();
        names.sort();
        names
    }
}

fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn data_and_what_belongs_to_it_stays_unless_it_is_told() {
    let host = Host::new();
    let left = host.run(false);
    assert_eq!(
        host.files(),
        [
            "data/.worktile-initialised.json",
            "data/redis/standalone/db/appendonly.aof",
            "opt/worktile/conf/apps/web/license.json",
            "var/lib/wt-install/floors.json",
            "var/lib/wt-install/installation.key",
            "var/lib/wt-install/journal.jsonl",
            "var/lib/wt-install/site.toml",
            "var/lib/wt-install/trust.json",
            "var/lib/wt-install/uninstall.json",
        ]
    );
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(!Scope::is_pending(&host.places).unwrap());
    let again = find_scope(&host.places, wt_keys::Utc::START).unwrap().unwrap();
    assert_eq!(again.stage, Stage::Done, "what is left can still be taken away");
    host.run(true);
    assert_eq!(
        host.files(),
        [
            "opt/worktile/conf/apps/web/license.json",
            "var/lib/wt-install/floors.json",
            "var/lib/wt-install/trust.json"
        ]
    );
}

#[test]
fn configuration_goes_unless_somebody_else_wrote_it() {
    let host = Host::new();
    for name in ["im/independence.js", "nginx/nginx.conf", "box/a.js"] {
        host.render(name);
    }
    let conf = host.home().join("conf/apps");
    fs::write(conf.join("im/independence.js"), "edited").unwrap();
    fs::write(conf.join("im/independence.js.new"), "rendered").unwrap();
    fs::write(conf.join("box/a.js.new"), "somebody's").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", conf.join("link")).unwrap();
    let left = host.run(true);
    let files = host.files();
    let names: Vec<&str> =
        files.iter().filter_map(|name| name.strip_prefix("opt/worktile/conf/apps/")).collect();
    assert_eq!(names, ["box/a.js.new", "im/independence.js", "link", "web/license.json"]);
    assert!(left[0].ends_with(
        "not ours: conf/apps/box/a.js.new, conf/apps/im/independence.js, conf/apps/link, conf/apps/web/license.json"
    ), "{left:?}");
}

#[test]
fn what_is_not_ours_stays_and_is_named() {
    let host = Host::new();
    host.put("opt/worktile/notes.txt");
    host.put("data/redis/backup.rdb");
    let left = host.run(true);
    assert_eq!(
        host.files(),
        [
            "data/redis/backup.rdb",
            "opt/worktile/conf/apps/web/license.json",
            "opt/worktile/notes.txt",
            "var/lib/wt-install/floors.json",
            "var/lib/wt-install/trust.json",
        ]
    );
    assert!(left[0].contains("opt/worktile") && left[1].contains("/data"), "{left:?}");
}

#[test]
fn a_restore_that_is_not_finished_comes_first() {
    let host = Host::new();
    let backup = "/srv/x.backup".into();
    let list = wt_keys::Sha256Digest::of(b"");
    let mut restore =
        record::RestoreRecord { backup, list, stage: record::Stage::Swapped, swaps: Vec::new() };
    restore.enter(&host.places, record::Stage::Swapped).unwrap();
    let refused = check(&host.places, &host.scope(true)).unwrap_err();
    assert!(matches!(refused, Error::RestorePending { .. }), "{refused}");
}

#[test]
fn a_run_that_was_killed_is_run_again() {
    let host = Host::new();
    let mut scope = host.scope(false);
    scope.begin(&host.places).unwrap();
    assert!(Scope::is_pending(&host.places).unwrap());
    traces::folders(&host.places, &scope, &mut Vec::new()).unwrap();
    assert_eq!(find_scope(&host.places, wt_keys::Utc::START).unwrap(), Some(scope));
    host.run(false);
    assert!(host.files().contains(&"opt/worktile/conf/apps/web/license.json".to_owned()));
}
