use std::fmt;
use std::str::FromStr;

use wt_keys::Sha256Digest;

const LONGEST: usize = 255;
const DOCKER_HUB: &str = "docker.io";
/// Where the registry of that name really is.
const DOCKER_HUB_ADDRESS: &str = "registry-1.docker.io";

/// An image in a registry as people write it, with what Docker implies: `redis` is `docker.io/library/redis:latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Sha256Digest>,
}

#[derive(Debug)]
pub struct Malformed;

impl Reference {
    /// As it is written, `HOST[:PORT]`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `HOST[:PORT]` to connect to.
    pub fn address(&self) -> &str {
        if self.registry == DOCKER_HUB { DOCKER_HUB_ADDRESS } else { &self.registry }
    }

    pub fn is_docker_hub(&self) -> bool {
        self.registry == DOCKER_HUB
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn digest(&self) -> Option<Sha256Digest> {
        self.digest
    }

    /// What to ask for: the digest where there is one, and then the tag says nothing.
    pub fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for Reference {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Sha256Digest::from_oci(digest).map_err(|_| Malformed)?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, rest.to_owned())
            }
            Some(_) => (DOCKER_HUB, name.to_owned()),
            None => (DOCKER_HUB, format!("library/{name}")),
        };
        let registry = if registry == "index.docker.io" { DOCKER_HUB } else { registry };
        let good = is_host(registry)
            && repository.len() <= LONGEST
            && repository.split('/').all(is_part)
            && tag.is_none_or(is_tag);
        if !good {
            return Err(Malformed);
        }
        let tag = tag.or(if digest.is_none() { Some("latest") } else { None }).map(ToOwned::to_owned);
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
    };
    let v6 = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let good = match v6 {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.len() <= LONGEST && name.split('.').all(label),
    };
    good && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// Letters and digits, and between them `.`, `_`, `__` or any number of `-`.
fn is_part(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between = |text: &str| ["", ".", "_", "__"].contains(&text) || text.bytes().all(|c| c == b'-');
    text.starts_with(plain) && text.ends_with(plain) && text.split(plain).all(between)
}

fn is_tag(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == b'_');
    let all = text.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c));
    first && all && text.len() <= 128
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@sha256:{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn what_docker_implies_is_filled_in() {
        for (text, whole) in [
            ("redis", "docker.io/library/redis:latest".to_owned()),
            ("a/b:1", "docker.io/a/b:1".to_owned()),
            ("index.docker.io/a/b", "docker.io/a/b:latest".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("r.example:5000/a/b__c/d--e:1.2-x", "r.example:5000/a/b__c/d--e:1.2-x".to_owned()),
            ("[::1]:5000/a", "[::1]:5000/a:latest".to_owned()),
            (&format!("r.example/a@{DIGEST}"), format!("r.example/a@{DIGEST}")),
            (&format!("r.example/a:1@{DIGEST}"), format!("r.example/a:1@{DIGEST}")),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole, "{text}");
        }
    }

    #[test]
    fn the_digest_is_asked_for_where_there_is_one() {
        let wanted = |text: &str| text.parse::<Reference>().unwrap().wanted();
        assert_eq!(wanted("a:1"), "1");
        assert_eq!(wanted(&format!("a:1@{DIGEST}")), DIGEST);
        assert_eq!("redis".parse::<Reference>().unwrap().address(), "registry-1.docker.io");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "A",
            "a:",
            "a/",
            "/a",
            "a//b",
            "a:-x",
            "r.example:x/a",
            "r.example:99999/a",
            "a@sha256:0",
            "-r.example/a",
            "r..example/a",
            "a/b..c",
            "a/.b",
            "a/b___c",
            "a@sha512:00",
            "a b",
            "a/../b",
            "r.example/a?x",
            "u@r.example/a",
            "[::x]/a",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
        assert!("a/".repeat(200).parse::<Reference>().is_err());
    }
}
