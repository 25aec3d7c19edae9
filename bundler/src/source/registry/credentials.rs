//! Credentials, where docker, podman and skopeo keep them. A file that is not there is passed over.
//!
//! In a file, what stands under `auths` comes first, the most specific name first; then the helper that is named for the
//! registry; then the store for all. Those are asked for the registry, as docker does.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::{Access, Failure, Reference, helper};
use crate::{Error, Result};

/// What to say to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    Password(String, String),
    /// To be exchanged for a token.
    Identity(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigFile {
    #[serde(default)]
    auths: HashMap<String, Entry>,
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What to say to the registry, and the files that were looked at.
pub fn find(access: &Access, image: &Reference) -> Result<(Credentials, Vec<PathBuf>)> {
    let mut looked = Vec::new();
    for (path, must_exist) in files(access) {
        let bytes = match File::open(&path) {
            Ok(file) => read(file).map_err(Error::io("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => continue,
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        looked.push(path.clone());
        if let Some(found) = in_file(&bytes, image, access).map_err(told(&path))? {
            return Ok((found, looked));
        }
    }
    Ok((Credentials::None, looked))
}

fn told(path: &Path) -> impl FnOnce(&'static str) -> Error {
    move |why| Failure::Credentials { path: path.to_owned(), why }.into()
}

fn in_file(bytes: &[u8], image: &Reference, access: &Access) -> Result<Option<Credentials>, &'static str> {
    let file: ConfigFile = serde_json::from_slice(bytes).map_err(|_| "it is not a file of credentials")?;
    for name in names(image) {
        let entry = file
            .auths
            .get(&name)
            .or_else(|| file.auths.iter().find(|(key, _)| host_of(key) == name).map(|(_, entry)| entry));
        if let Some(found) = entry.map(Entry::credentials).transpose()?.flatten() {
            return Ok(Some(found));
        }
    }
    let store = file.cred_helpers.get(image.registry()).or(file.creds_store.as_ref());
    let Some(store) = store.filter(|name| !name.is_empty()) else { return Ok(None) };
    let server = if image.is_docker_hub() { "https://index.docker.io/v1/" } else { image.registry() };
    helper::ask(store, server, access.patience)
}

impl Entry {
    /// None where the entry only says that a store has them.
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        if let Some(token) = self.identitytoken.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(Credentials::Identity(token.clone())));
        }
        let said = match (&self.username, &self.password) {
            (Some(user), Some(password)) if !user.is_empty() => {
                Some(Credentials::Password(user.clone(), password.clone()))
            }
            _ => None,
        };
        let Some(auth) = self.auth.as_ref().filter(|auth| !auth.is_empty()) else { return Ok(said) };
        let decoded = decode(auth).ok_or("`auth` is not the Base64 of USER:PASSWORD")?;
        match said {
            Some(said) if said != decoded => Err("`auth` is not what `username` and `password` say"),
            _ => Ok(Some(decoded)),
        }
    }
}

fn decode(auth: &str) -> Option<Credentials> {
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&STANDARD, padding).decode(auth).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Credentials::Password(user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

fn read(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(crate::image::DOCUMENT_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files in the order of podman and skopeo, and whether the user named them.
fn files(access: &Access) -> Vec<(PathBuf, bool)> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = access.authfile.clone().or_else(|| variable("REGISTRY_AUTH_FILE")) {
        return vec![(path, true)];
    }
    let containers = variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
    let own = variable("HOME").map(|home| home.join(".config/containers/auth.json"));
    let docker = variable("DOCKER_CONFIG").or_else(|| Some(variable("HOME")?.join(".docker")));
    let docker = docker.map(|folder| folder.join("config.json"));
    [containers, own, docker].into_iter().flatten().map(|path| (path, false)).collect()
}

/// The names that credentials for an image may stand under in a file, the most specific first.
fn names(image: &Reference) -> Vec<String> {
    let host = image.registry();
    let mut names = Vec::new();
    let mut path = Some(image.repository());
    while let Some(part) = path {
        names.push(format!("{host}/{part}"));
        path = part.rsplit_once('/').map(|(above, _)| above);
    }
    names.push(host.to_owned());
    if image.is_docker_hub() {
        names.extend(["index.docker.io", "registry-1.docker.io"].map(ToOwned::to_owned));
    }
    names
}

/// Docker used to keep credentials under an address: `https://index.docker.io/v1/`.
fn host_of(key: &str) -> &str {
    let address = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    address.map_or("", |rest| rest.split('/').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn find_in(content: &str, image: &str) -> Result<Credentials> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        std::fs::write(&path, content).unwrap();
        let access =
            Access { authfile: Some(path), patience: Duration::from_millis(300), ..Access::default() };
        find(&access, &image.parse().unwrap()).map(|(found, _)| found)
    }

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password(user.to_owned(), password.to_owned())
    }

    #[test]
    fn credentials_for_a_part_of_a_registry_are_looked_for_first() {
        let named = |image: &str| names(&image.parse().unwrap());
        assert_eq!(
            named("r.example:5000/a/b:1"),
            ["r.example:5000/a/b", "r.example:5000/a", "r.example:5000"]
        );
        let both = r#"{"auths":{"r.example":{"auth":"YTpi"},"r.example/a":{"auth":"YzpkOmU="}}}"#;
        assert!(find_in(both, "r.example/a/b").unwrap() == password("c", "d:e"));
        assert!(find_in(both, "r.example/b").unwrap() == password("a", "b"));
        assert!(find_in(both, "other.example/b").unwrap() == Credentials::None);
    }

    #[test]
    fn docker_hub_has_several_names() {
        for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io"] {
            let file = format!(r#"{{"auths":{{"{key}":{{"auth":"YTpi"}}}}}}"#);
            assert!(find_in(&file, "redis").unwrap() == password("a", "b"), "{key}");
        }
        assert!(
            find_in(r#"{"auths":{"https://r.example/v1/":{"auth":"YTpi"}}}"#, "r.example/a").unwrap()
                == password("a", "b")
        );
    }

    #[test]
    fn an_identity_token_is_one() {
        let file = r#"{"auths":{"r.example":{"auth":"AAAA","identitytoken":"t"}}}"#;
        assert!(find_in(file, "r.example/a").unwrap() == Credentials::Identity("t".to_owned()));
    }

    #[test]
    fn a_mistake_in_a_file_of_credentials_is_told_without_its_content() {
        let access = Access { authfile: Some("/nonexistent".into()), ..Access::default() };
        let missing = find(&access, &"r.example/a".parse().unwrap());
        assert!(matches!(missing, Err(Error::Io { .. })), "a file that was named must be there");
        for (content, expected) in [
            ("", "it is not a file"),
            (r#"{"auths":{"r.example":{"auth":"c2VjcmV0"}}}"#, "`auth` is not the Base64"),
            (
                r#"{"auths":{"r.example":{"auth":"YTpi","username":"a","password":"secret"}}}"#,
                "`auth` is not what",
            ),
            (r#"{"credHelpers":{"r.example":"none-such"}}"#, "cannot be started"),
            (r#"{"credHelpers":{"r.example":"../none-such"}}"#, "is no name"),
        ] {
            let error = find_in(content, "r.example/a").err().unwrap().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_the_file_has_is_taken_before_a_store_is_asked() {
        let file = r#"{"auths":{"r.example":{"auth":"YTpi"}},"credsStore":"none-such","credHelpers":{"r.example":"none-such"}}"#;
        assert!(find_in(file, "r.example/a/b/c").unwrap() == password("a", "b"));
        let empty = r#"{"auths":{"r.example":{}},"credsStore":"none-such"}"#;
        assert!(
            find_in(empty, "r.example/a").is_err(),
            "an entry without content says that the store has it"
        );
    }

    #[test]
    fn a_helper_is_a_program_that_need_not_behave() {
        let folder = tempfile::tempdir().unwrap();
        // written by another process: one that a thread of this one starts meanwhile would keep the file open
        let ask_within = |name: &str, script: &str, most| {
            let path = folder.path().join(name);
            let mut write = std::process::Command::new("sh");
            write.args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$2\" && chmod 755 \"$2\"", "sh", script]);
            assert!(write.arg(&path).status().unwrap().success());
            helper::ask_program(&path, "r.example", most)
        };
        let ask = |name: &str, script: &str| ask_within(name, script, Duration::from_secs(30));
        let good = r#"read server; echo "{\"Username\":\"u\",\"Secret\":\"$server\"}""#;
        assert!(ask("good", good).unwrap() == Some(password("u", "r.example")));
        let token = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        assert!(ask("token", token).unwrap() == Some(Credentials::Identity("t".to_owned())));
        let unknown = "echo credentials not found in native keychain; exit 1";
        assert!(ask("unknown", unknown).unwrap().is_none());
        assert!(ask("fails", "echo secret >&2; exit 1").err().unwrap().contains("helper failed"));
        assert!(ask("garbage", "echo '{secret'").err().unwrap().contains("understood"));
        assert!(ask("flood", "exec cat /dev/zero").is_err());
        assert!(ask("deaf", "exec 0<&-; echo '{}'").err().unwrap().contains("understood"));
        let begun = std::time::Instant::now();
        assert!(
            ask_within("hangs", "sleep 60", Duration::from_millis(300))
                .err()
                .unwrap()
                .contains("does not answer")
        );
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
