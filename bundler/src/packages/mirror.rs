//! Where an archive is, when the release does not say: where this machine's apt finds it. Whoever runs it there, its
//! content is checked with the release's keyring.

use std::process::{Command, Stdio};

use wt_manifests::release::Mirror;

use crate::{Error, Result};

const FORMAT: &str = "$(REPO_URI)|$(RELEASE)|$(ORIGIN)";

/// The address that this machine's apt has for `suite`, or for the same part of another release (`-security`) of the
/// distribution that `target` is of.
pub fn of_this_machine(target: &str, suite: &str) -> Result<Mirror> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", FORMAT, "Created-By: Packages"])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::NoApt { source })?;
    let known = String::from_utf8_lossy(&output.stdout);
    let found = choose(&known, target, suite).and_then(|found| found.parse().ok());
    found.ok_or_else(|| Error::NoMirror { suite: suite.to_owned() })
}

fn choose(known: &str, target: &str, suite: &str) -> Option<String> {
    let distribution = target.split('-').next().unwrap_or_default();
    let ours: Vec<(&str, &str)> = known
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('|');
            let (address, release, origin) = (fields.next()?, fields.next()?, fields.next()?);
            origin.eq_ignore_ascii_case(distribution).then_some((address, release))
        })
        .collect();
    let same = ours.iter().find(|(_, release)| *release == suite);
    let alike = || ours.iter().find(|(_, release)| part(release) == part(suite));
    same.or_else(alike).map(|(address, _)| (*address).to_owned())
}

/// Nothing of `bookworm`, `-security` of `bookworm-security`.
fn part(suite: &str) -> &str {
    suite.find('-').map_or("", |at| &suite[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "https://o/apt|cloud|Other\nhttp://m/debian/|trixie|Debian\nhttp://m/debian/|trixie-updates|Debian\nhttp://s/security/|trixie-security|Debian\n";

    #[test]
    fn the_same_suite_is_preferred_and_the_same_part_taken() {
        let choose = |suite| choose(KNOWN, "debian-12", suite);
        assert_eq!(choose("trixie").as_deref(), Some("http://m/debian/"));
        assert_eq!(choose("bookworm-security").as_deref(), Some("http://s/security/"));
        assert_eq!(choose("bookworm").as_deref(), Some("http://m/debian/"));
        assert_eq!(choose("bookworm-backports"), None);
        assert_eq!(super::choose(KNOWN, "ubuntu-24.04", "noble"), None);
    }
}
