//! Credentials, where docker, podman and skopeo keep them. A file that is not there is passed over.

use std::env;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use docker_credential::{
    CredentialRetrievalError as Retrieval, DockerCredential, get_credential_from_reader,
};
use oci_client::Reference;
use oci_client::secrets::RegistryAuth;

use super::{Access, Failure};
use crate::{Error, Result};

/// What to say to the registry, and the files that were looked at.
pub fn find(access: &Access, image: &Reference) -> Result<(RegistryAuth, Vec<PathBuf>)> {
    let mut looked = Vec::new();
    for (path, must_exist) in files(access) {
        let bytes = match File::open(&path) {
            Ok(file) => read(file).map_err(Error::io("read", &path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => continue,
            Err(error) => return Err(Error::io("open", &path)(error)),
        };
        looked.push(path.clone());
        for name in names(image) {
            match get_credential_from_reader(&bytes[..], &name) {
                Ok(DockerCredential::UsernamePassword(user, password)) => {
                    return Ok((RegistryAuth::Basic(user, password), looked));
                }
                Ok(DockerCredential::IdentityToken(_)) => {
                    return Err(Failure::IdentityToken { path, host: image.registry().to_owned() }.into());
                }
                Err(Retrieval::NoCredentialConfigured) => {}
                Err(Retrieval::HelperFailure { stdout, stderr, .. }) if is_unknown(&stdout, &stderr) => {}
                Err(error) => return Err(Failure::Credentials { path, why: why(&error) }.into()),
            }
        }
    }
    Ok((RegistryAuth::Anonymous, looked))
}

fn read(file: File) -> io::Result<Vec<u8>> {
    use io::Read as _;
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

/// The names that credentials for an image may stand under, the most specific first.
fn names(image: &Reference) -> Vec<String> {
    let host = image.registry();
    let mut names = Vec::new();
    let mut path = Some(image.repository());
    while let Some(part) = path {
        names.push(format!("{host}/{part}"));
        path = part.rsplit_once('/').map(|(above, _)| above);
    }
    names.push(host.to_owned());
    if host == "docker.io" {
        names.push("https://index.docker.io/v1/".to_owned()); // helpers know it under no other
    }
    names
}

/// A helper that has no credentials for a name fails, and says so in these words.
fn is_unknown(stdout: &str, stderr: &str) -> bool {
    format!("{stdout}{stderr}").contains("credentials not found")
}

/// Without what a helper said: it may be a secret.
fn why(error: &Retrieval) -> &'static str {
    match error {
        Retrieval::HelperCommunicationError => "its credential helper cannot be started",
        Retrieval::MalformedHelperResponse => {
            "its credential helper gave an answer that cannot be understood"
        }
        Retrieval::HelperFailure { .. } => "its credential helper failed",
        Retrieval::CredentialMismatchError => "`auth` is not what `username` and `password` say",
        Retrieval::CredentialDecodingError => "`auth` is not the Base64 of USER:PASSWORD",
        _ => "it is not a file of credentials",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(image: &str) -> Vec<String> {
        names(&image.parse().unwrap())
    }

    #[test]
    fn credentials_for_a_part_of_a_registry_are_looked_for_first() {
        assert_eq!(
            named("r.example:5000/a/b:1"),
            ["r.example:5000/a/b", "r.example:5000/a", "r.example:5000"]
        );
        assert!(named("redis").contains(&"https://index.docker.io/v1/".to_owned()));
    }

    #[test]
    fn a_mistake_in_a_file_of_credentials_is_told_without_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        let access = Access { authfile: Some(path.clone()), ..Access::default() };
        let image: Reference = "r.example/a:1".parse().unwrap();
        assert!(
            matches!(find(&access, &image), Err(Error::Io { .. })),
            "a file that was named must be there"
        );
        for (content, expected) in [
            ("", "it is not a file"),
            (r#"{"auths":{"r.example":{"auth":"c2VjcmV0"}}}"#, "`auth` is not the Base64"),
            (r#"{"credHelpers":{"r.example":"none-such"}}"#, "cannot be started"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = find(&access, &image).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
        std::fs::write(&path, r#"{"auths":{"other.example":{"auth":"YTpi"}}}"#).unwrap();
        assert!(find(&access, &image).unwrap() == (RegistryAuth::Anonymous, vec![path.clone()]));
        std::fs::write(&path, r#"{"auths":{"r.example":{"auth":"YTpi"}}}"#).unwrap();
        assert!(find(&access, &image).unwrap().0 == RegistryAuth::Basic("a".into(), "b".into()));
    }
}
