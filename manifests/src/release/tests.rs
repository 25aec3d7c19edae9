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
