//! Names of images.

use std::fmt;
use std::str::FromStr;

use wt_keys::written_as_string;

use crate::{Error, Result};

/// A repository with a tag, as people write it: `worktile/web:5.2.0`, `registry.example.com:5000/web:1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    repository: String,
    tag: String,
}

impl ImageName {
    /// With the registry that Docker implies: `docker.io/library/redis:7`.
    pub fn canonical(&self) -> String {
        let first = self.repository.split('/').next().unwrap_or_default();
        let names_registry =
            self.repository.contains('/') && (first.contains(['.', ':']) || first == "localhost");
        match (names_registry, self.repository.contains('/')) {
            (true, _) => self.to_string(),
            (false, true) => format!("docker.io/{self}"),
            (false, false) => format!("docker.io/library/{self}"),
        }
    }
}

impl FromStr for ImageName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::ImageName { found: text.to_owned() };
        let (repository, tag) = text.rsplit_once(':').ok_or_else(refuse)?;
        let tag_ok = !tag.is_empty()
            && tag.len() <= 128
            && !tag.starts_with(['.', '-'])
            && tag.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
        let part_ok = |part: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(part.chars().next())
                && edge(part.chars().last())
                && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c))
        };
        let mut parts = repository.split('/');
        let first = parts.next().unwrap_or_default();
        let first_ok = match first.split_once(':') {
            Some((host, port)) => repository.contains('/') && part_ok(host) && port.parse::<u16>().is_ok(),
            None => part_ok(first),
        };
        if !(tag_ok && first_ok && parts.all(part_ok) && repository.len() <= 255) {
            return Err(refuse());
        }
        Ok(Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl fmt::Debug for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

written_as_string!(ImageName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_read_as_docker_reads_them() {
        for (name, canonical) in [
            ("redis:7", "docker.io/library/redis:7"),
            ("worktile/web:5.2.0", "docker.io/worktile/web:5.2.0"),
            ("localhost/web:1", "localhost/web:1"),
            ("registry.example.com:5000/a/b:1_2", "registry.example.com:5000/a/b:1_2"),
        ] {
            assert_eq!(name.parse::<ImageName>().unwrap().canonical(), canonical);
        }
        for wrong in [
            "",
            "redis",
            "Redis:7",
            "redis:",
            ":7",
            "a//b:1",
            "-a:1",
            "a:-1",
            "a b:1",
            "a@sha256:1",
            "../a:1",
        ] {
            assert!(wrong.parse::<ImageName>().is_err(), "{wrong}");
        }
    }
}
