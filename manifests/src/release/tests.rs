use wt_keys::console::Explain as _;

use super::*;

const HEAD: &str = "product = \"p\"\nversion = \"1.0.0\"\nplatform = \"linux/amd64\"\n";

fn read(rest: &str) -> (String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RELEASE_FILE);
    fs::write(&path, format!("{HEAD}{rest}")).unwrap();
    let error = ReleaseFile::read(&path).unwrap_err();
    (error.to_string(), error.hint())
}

#[test]
fn a_misspelled_field_of_an_image_is_shown_with_what_was_meant() {
    let (message, hint) = read("[[image]]\nname = \"a/b:1\"\nsource = \"rootfs:r\"\nentrypont = [\"/a\"]\n");
    assert!(message.contains("line 7, column 1"), "{message}");
    assert!(message.contains("entrypont = [\"/a\"]") && message.contains("^^^^^^^^^"), "{message}");
    assert_eq!(hint.as_deref(), Some("did you mean `entrypoint`?"), "{message}");
}

#[test]
fn a_misspelled_table_is_shown_with_what_was_meant() {
    let (message, hint) = read("[[imgae]]\nname = \"a/b:1\"\n");
    assert!(message.contains("line 4, column 3"), "{message}");
    assert_eq!(hint.as_deref(), Some("did you mean `image`?"), "{message}");
}

#[test]
fn a_misspelled_transport_is_shown_with_what_was_meant() {
    let (message, hint) = read("[[image]]\nname = \"a/b:1\"\nsource = \"docker-demon:a/b:1\"\n");
    assert!(message.contains("line 6, column 10"), "{message}");
    assert_eq!(hint.as_deref(), Some("did you mean `docker-daemon`?"), "{message}");
}

#[test]
fn a_platform_that_is_none_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RELEASE_FILE);
    fs::write(&path, HEAD.replace("linux/amd64", "amd64")).unwrap();
    let message = ReleaseFile::read(&path).unwrap_err().to_string();
    assert!(message.contains("line 3, column 12"), "{message}");
    assert!(message.contains("`amd64` is not like `linux/amd64`"), "{message}");
}

#[test]
fn a_value_of_the_wrong_type_is_shown_where_it_is() {
    let (message, _) = read("[[image]]\nname = \"a/b:1\"\nsource = \"rootfs:r\"\nentrypoint = \"/a\"\n");
    assert!(message.contains("line 7, column 14"), "{message}");
    assert!(message.contains("expected a sequence"), "{message}");
}

#[test]
fn a_relative_keyring_belongs_to_the_release_folder() {
    let here = tempfile::tempdir().unwrap();
    let packages = "[[packages]]\ntarget = \"ubuntu-24.04\"\nsuites = [\"noble\"]\ncomponents = [\"main\"]\nkeyring = \"keys/u.gpg\"\ninstall = ['docker.io']\n";
    fs::write(here.path().join(RELEASE_FILE), format!("{HEAD}image = []\n{packages}")).unwrap();
    let release = Release::find(".", here.path()).unwrap();
    assert_eq!(release.file.packages[0].keyring, release.folder.join("keys/u.gpg"));
}

const IMAGE: &str = "[[image]]\nname = \"a/b:1\"\nsource = \"rootfs:r\"\n";
const TARGET: &str = "[[packages]]\ntarget = \"debian-12\"\nsuites = [\"bookworm\"]\ncomponents = [\"main\"]\nkeyring = \"k.gpg\"\nmirror = \"http://h/d\"\ninstall = [\"docker.io\"]\n";

fn parsed(text: &str) -> Result<ReleaseFile> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RELEASE_FILE);
    fs::write(&path, text).unwrap();
    ReleaseFile::read(&path)
}

/// What becomes a line of apt's configuration could be two, or options of one.
#[test]
fn what_apt_is_told_is_one_plain_word() {
    let good = format!("{HEAD}{IMAGE}{TARGET}");
    parsed(&good).unwrap();
    for (from, to) in [
        ("\"main\"", r#""main\ndeb [trusted=yes] copy:/x ./""#),
        ("\"main\"", r#""main contrib""#),
        ("\"bookworm\"", r#""bookworm\nTrusted: yes""#),
        ("\"bookworm\"", r#""-bookworm""#),
        ("\"bookworm\"", r#""./""#),
        ("\"bookworm\"", r#""../other""#),
        ("\"bookworm\"", r#""""#),
        ("\"docker.io\"", r#""-oAPT::X=1""#),
        ("\"docker.io\"", r#""/tmp/a.deb""#),
        ("\"docker.io\"", r#""doc?er""#),
        ("http://h/d", "http://h/d x"),
        ("http://h/d", "[trusted=yes] http://h/d"),
        ("http://h/d", "http://h/d\\nTrusted: yes"),
        ("http://h/d", "copy:/srv"),
        ("http://h/d", "file:"),
        ("debian-12", "../x"),
        ("debian-12", "-x"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good);
        let message = parsed(&text).unwrap_err().to_string();
        assert!(message.contains("is not ") && message.contains(" line "), "{to}: {message}");
    }
    for mirror in ["https://user:word@h:8443/a%20b/~c?d=e", "file:/srv/mirror"] {
        parsed(&good.replace("http://h/d", mirror)).unwrap();
    }
}

#[test]
fn a_day_is_written_as_a_day() {
    let with = |day: &str| parsed(&format!("{HEAD}{IMAGE}{TARGET}not-before = {day}\n"));
    let start = with("\"2026-11-23\"").unwrap().packages[0].not_before.unwrap();
    assert_eq!(start.to_string(), "2026-11-23T00:00:00Z");
    for day in ["\"2026-11-31\"", "\"yesterday\"", "\"2026-11-23T00:00:00Z\""] {
        let message = with(day).unwrap_err().to_string();
        assert!(message.contains("is not a day such as `2026-11-23`"), "{message}");
    }
}

#[test]
fn a_mistake_of_meaning_is_shown_with_its_line() {
    let twice = format!("{IMAGE}{IMAGE}");
    let foreign = IMAGE.replace("rootfs:r", "oci:r") + "user = \"1\"\n";
    let nothing = format!("{IMAGE}{}", TARGET.replace("install = [\"docker.io\"]\n", ""));
    let snapshot = format!("{IMAGE}{}snapshot = true\n", TARGET.replace("mirror = \"http://h/d\"\n", ""));
    for (rest, line, why) in [
        (twice, 4, "the image `a/b:1` is named twice"),
        (foreign, 4, "brings its own configuration"),
        (nothing, 7, "has neither `install` nor `files`"),
        (snapshot, 7, "is from a snapshot and has no `mirror`"),
        (format!("{IMAGE}{TARGET}{TARGET}"), 7, "is described twice"),
    ] {
        let message = parsed(&format!("{HEAD}{rest}")).unwrap_err().to_string();
        assert!(message.contains(&format!("line {line}")) && message.contains(why), "{message}");
    }
    let message = parsed(&HEAD.replace("\"p\"", "\"P P\"")).unwrap_err().to_string();
    assert!(message.contains("line 1, column 11") && message.contains("the product `P P`"), "{message}");
}
