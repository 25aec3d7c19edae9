//! An archive's index, as apt fetched and authenticated it: `Packages` and `InRelease` files (deb822).

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;
use wt_keys::capped;
use wt_manifests::manifest::PackageSource;
use wt_manifests::release::{AptWord, PackageTarget, meant};

use crate::{Error, Result, debian_version};

const RELEASE_LIMIT: u64 = 16 << 20;

/// A package in the index; `text` is the whole stanza with its last line feed.
#[derive(Clone, Debug, Default)]
pub struct Stanza {
    pub package: String,
    pub version: String,
    pub architecture: String,
    pub text: String,
    sha256: String,
    base: bool,
}

#[derive(Default)]
pub struct Index {
    stanzas: Vec<Stanza>,
    by_name: HashMap<String, Vec<usize>>,
    by_digest: HashMap<Sha256Digest, usize>,
    pub sources: Vec<Source>,
}

/// A signed release file, and what it says of itself.
pub struct Source {
    pub signed: PackageSource,
    pub valid_until: Option<String>,
}

impl Index {
    /// Reads all that apt has in `lists`.
    pub fn read(lists: &Path, target: &str) -> Result<Self> {
        let (mut index, mut suites, mut packages) = (Self::default(), Vec::new(), Vec::new());
        for file in files(lists)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with("_Packages") {
                index.read_packages(&file)?;
                packages.push(name);
            } else if let Some(url) = name.strip_suffix("_InRelease") {
                index.sources.push(source(&file, url)?);
                suites.push(format!("{url}_"));
            }
        }
        // apt has looked at the signatures; that there is one for each index is what we record
        let vouched = |name: &&String| suites.iter().any(|suite| name.starts_with(&**suite));
        if let Some(unsigned) = packages.iter().find(|name| !vouched(name)) {
            return Err(Error::UnsignedIndex { target: target.to_owned(), found: unsigned.clone() });
        }
        if index.sources.is_empty() || index.stanzas.is_empty() {
            return Err(Error::AptAnswer { target: target.to_owned(), found: "no index at all".to_owned() });
        }
        index.sources.sort_by(|a, b| a.signed.suite.cmp(&b.signed.suite));
        Ok(index)
    }

    fn read_packages(&mut self, file: &Path) -> Result<()> {
        let content = fs::File::open(file).map_err(Error::io("open", file))?;
        let mut stanza = Stanza::default();
        for line in BufReader::with_capacity(1 << 20, content).lines() {
            let line = line.map_err(Error::io("read", file))?;
            if line.is_empty() {
                self.add(std::mem::take(&mut stanza));
            } else {
                stanza.take(&line);
            }
        }
        self.add(stanza);
        Ok(())
    }

    fn add(&mut self, stanza: Stanza) {
        let Ok(digest) = stanza.sha256.parse() else { return };
        let at = self.stanzas.len();
        self.by_name.entry(stanza.package.clone()).or_default().push(at);
        self.by_digest.insert(digest, at);
        self.stanzas.push(stanza);
    }

    pub fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Every name to install is one of the archive's; says all that are not.
    pub fn check_names(&self, target: &PackageTarget) -> Result<()> {
        let unknown = |name: &&str| !self.has(name);
        let missing: Vec<String> =
            target.install.iter().map(AptWord::as_str).filter(unknown).map(ToOwned::to_owned).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = || self.by_name.keys().map(String::as_str);
        let meant = missing.iter().filter_map(|name| meant::nearest(name, known()));
        let meant = meant.map(ToOwned::to_owned).collect();
        Err(Error::NoPackage { target: target.target.clone(), names: missing, meant })
    }

    pub fn by_digest(&self, digest: Sha256Digest) -> Option<&Stanza> {
        self.by_digest.get(&digest).map(|at| &self.stanzas[*at])
    }

    /// The lowest version of a package that the suites have.
    pub fn oldest(&self, name: &str) -> Option<&Stanza> {
        self.versions(name).min_by(|a, b| debian_version::compare(&a.version, &b.version))
    }

    /// The packages of which there are several versions.
    pub fn ambiguous(&self) -> impl Iterator<Item = &str> {
        let several = |at: &&Vec<usize>| at.len() > 1;
        let names = self.by_name.iter().filter(move |(_, at)| several(at));
        names.map(|(name, _)| name.as_str())
    }

    fn versions(&self, name: &str) -> impl Iterator<Item = &Stanza> {
        self.by_name.get(name).into_iter().flatten().map(|at| &self.stanzas[*at])
    }

    /// The packages that every host of this archive has.
    pub fn base(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.stanzas.iter().filter(|stanza| stanza.base).map(|stanza| stanza.package.clone()).collect();
        names.extend(self.has("apt").then(|| "apt".to_owned()));
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Stanza {
    fn take(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        let Some((field, value)) = line.split_once(": ") else { return };
        match field {
            "Package" => value.clone_into(&mut self.package),
            "Version" => value.clone_into(&mut self.version),
            "Architecture" => value.clone_into(&mut self.architecture),
            "SHA256" => value.clone_into(&mut self.sha256),
            "Essential" if value == "yes" => self.base = true,
            "Priority" if value == "required" => self.base = true,
            _ => {}
        }
    }
}

fn files(lists: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(lists).map_err(Error::io("read", lists))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// What a signed release file says of itself; `url` is where it came from, with `_` for `/`.
fn source(file: &Path, url: &str) -> Result<Source> {
    let bytes = capped::read(file, "a release file of an archive", RELEASE_LIMIT)?;
    let text = String::from_utf8_lossy(&bytes);
    let field =
        |name| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
    let date = field("Date: ").unwrap_or_default();
    let suite = url.rsplit_once("_dists_").map_or(url, |(_, suite)| suite).to_owned();
    let signed = PackageSource { suite, release_sha256: Sha256Digest::of(&bytes), date };
    Ok(Source { signed, valid_until: field("Valid-Until: ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGES: &str = "Package: dash\nVersion: 0.5\nEssential: yes\nArchitecture: amd64\nDescription: a\n shell: small\nSHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\nPackage: broken\nVersion: 1\n\nPackage: runc\nVersion: 1:1.1\nArchitecture: amd64\nPriority: optional\nSHA256: 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\n";
    const RELEASE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nDate: Sat, 17 May 2025 09:19:44 UTC\n";

    #[test]
    fn an_index_is_read_and_says_what_is_base() {
        let lists = tempfile::tempdir().unwrap();
        fs::write(lists.path().join("h_debian_dists_b-security_main_binary-amd64_Packages"), PACKAGES)
            .unwrap();
        fs::write(lists.path().join("h_debian_dists_b-security_InRelease"), RELEASE).unwrap();
        let index = Index::read(lists.path(), "t").unwrap();
        assert_eq!(index.base(), ["dash"]);
        assert!(index.has("runc") && !index.has("broken"));
        let runc = index.by_digest(Sha256Digest::of(b"x")).unwrap();
        assert_eq!((&*runc.package, &*runc.version), ("runc", "1:1.1"));
        assert_eq!(index.sources[0].signed.suite, "b-security");
        assert_eq!(index.sources[0].signed.date, "Sat, 17 May 2025 09:19:44 UTC");
        assert_eq!(index.sources[0].signed.release_sha256, Sha256Digest::of(RELEASE.as_bytes()));
    }

    #[test]
    fn all_packages_that_the_archive_does_not_have_are_named_with_what_was_meant() {
        let lists = tempfile::tempdir().unwrap();
        fs::write(lists.path().join("h_dists_b_Packages"), PACKAGES).unwrap();
        fs::write(lists.path().join("h_dists_b_InRelease"), RELEASE).unwrap();
        let index = Index::read(lists.path(), "t").unwrap();
        let check = |install: &[&str]| {
            index.check_names(&PackageTarget {
                target: "debian-12".into(),
                suites: vec![],
                components: vec![],
                keyring: PathBuf::new(),
                mirror: None,
                snapshot: false,
                not_before: None,
                install: install.iter().map(|name| name.parse().unwrap()).collect(),
                files: vec![],
            })
        };
        check(&["runc", "dash"]).unwrap();
        let error = check(&["rnuc", "dash", "zzz"]).unwrap_err();
        assert_eq!(error.to_string(), "`debian-12` has no package `rnuc`, `zzz`");
        assert_eq!(wt_keys::console::Explain::hint(&error).unwrap(), "did you mean `runc`?");
    }
}
