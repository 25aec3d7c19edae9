use super::*;

fn collection(site: &str) -> Collection {
    let redactor = Redactor::of_site(&site.parse().unwrap());
    Collection { redactor, items: Vec::new(), left_out: Vec::new() }
}

#[test]
fn a_list_says_what_is_there_and_what_is_not() {
    let mut found = collection("[smtp]\npassword = \"hidden words\"\n");
    found.add("conf/a.js", "configuration", "x hidden words\n");
    found.add("../a", "no path", "");
    found.leave_out("logs", &"no engine:\n  hidden words");
    found.list("worktile", Utc::START);
    let names: Vec<&str> = found.items.iter().map(|item| item.path.as_str()).collect();
    assert_eq!(names, ["CONTENTS", "conf/a.js"]);
    let list = found.items[0].text.text();
    assert!(list.contains("conf/a.js  configuration\n") && list.contains("left out: ../a: "), "{list}");
    assert!(list.ends_with("left out: logs: no engine:; [removed]"), "{list}");
    assert_eq!(found.items[1].text.text(), "x [removed]\n");
}

#[test]
fn of_a_long_text_the_end_is_taken_from_a_line_on() {
    let long = format!("first\n{}\nlast\n", "é".repeat(TEXT_LIMIT / 2));
    assert_eq!(end_of(&long), "last\n");
    assert_eq!(end_of("short"), "short");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, &long).unwrap();
    assert_eq!(read_end(&path).unwrap(), "last\n");
}

#[test]
fn an_archive_is_roots_alone_opens_with_tar_and_replaces_nothing() {
    use std::os::unix::fs::PermissionsExt as _;

    let mut found = collection("");
    found.add("logs/web.log", "what it wrote", "a\nb\n");
    let Collection { items, left_out, .. } = found;
    let support = Support { product: "worktile".into(), at: Utc::START, items, left_out };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(support.file_name());
    let size = write(&support, &path).unwrap();
    let found = std::fs::metadata(&path).unwrap();
    assert_eq!((found.len(), found.permissions().mode() & 0o777), (size, 0o600));
    let tar = std::process::Command::new("tar")
        .args(["--zstd", "-xOf"])
        .arg(&path)
        .arg("worktile-support/logs/web.log")
        .output()
        .unwrap();
    assert_eq!(tar.stdout, b"a\nb\n", "{}", String::from_utf8_lossy(&tar.stderr));
    assert!(write(&support, &path).is_err());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
}

#[test]
fn where_the_secrets_are_not_known_nothing_that_may_hold_one_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let places = Places::below(root.path());
    wt_keys::durable::create_folder(&places.state(), 0o700).unwrap();
    assert!(matches!(gather(&places, Utc::START, 1), Err(Error::NotInstalled)));
    let scope = serde_json::json!({
        "product": "worktile", "home": root.path().join("opt"), "data_root": "/data", "data_folders": [],
        "packages": false, "data": false, "began": "2026-11-24T08:00:00Z", "phase": "begun",
    });
    std::fs::write(places.uninstall(), scope.to_string()).unwrap();
    std::fs::write(places.site_file(), "password = \"hidden words").unwrap();
    let conf = root.path().join("opt/conf/apps/web/a.js");
    std::fs::create_dir_all(conf.parent().unwrap()).unwrap();
    std::fs::write(conf, "hidden words").unwrap();
    let support = gather(&places, Utc::START, 1).unwrap();
    assert!(support.items.iter().all(|item| !item.text.text().contains("hidden")));
    assert!(support.items.iter().any(|item| item.path.as_str() == "uninstall.json"));
    let conf = support.left_out.iter().find(|left_out| left_out.what == "conf").unwrap();
    assert!(conf.why.contains("not TOML"), "{conf:?}");
}
