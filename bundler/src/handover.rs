//! The folder that a customer gets: the bundle or its volumes, `wt-install`, `trust.json`, `SHA256SUMS`, and `CHECK.md`,
//! the page on checking all that with tools of one's own.
//!
//! Promises: what is handed over was verified where it lies in the folder, and the installer in it takes the bundle in
//! it. The folder has its name once it is complete and on the disk. Refuses: a folder that is there already, an
//! installer for another platform or of other roots, names that a shell would read differently.

mod elf;
mod installer;
mod page;
mod staging;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use wt_keys::console::Progress;
use wt_keys::{Sha256Digest, Trust, folder_of};
use wt_manifests::bundle::Bundle;
use wt_manifests::{Manifest, Platform, RelativePath};

pub use installer::BuiltIn;
use page::Page;
use staging::Staging;

use crate::new_file::refuse_existing;
use crate::{Error, Result};

const INSTALLER: &str = "wt-install";
const TRUST: &str = "trust.json";
const SUMS: &str = "SHA256SUMS";
const PAGE: &str = "CHECK.md";
const OURS: [&str; 4] = [INSTALLER, TRUST, SUMS, PAGE];

/// What is handed over, and where to.
#[derive(Debug)]
pub struct Handover<'a> {
    pub bundle: &'a Bundle,
    pub installer: &'a Path,
    pub folder: &'a Path,
    pub progress: Progress,
}

impl Handover<'_> {
    /// Makes the folder. Returns the digest of the installer in it, for which nothing in the folder vouches.
    pub fn write(&self) -> Result<Sha256Digest> {
        refuse_existing(self.folder)?;
        let names = self.names()?;
        let mut staging = Staging::beside(self.folder)?;
        let installer = self.put_installer(&mut staging)?;
        self.put_bundle(&mut staging)?;
        let bundle = self.verified(&staging, &names[0])?;
        let trust = &bundle.trusted().trust;
        staging.write(TRUST, &trust.to_bytes())?;
        staging.write(PAGE, Page { bundle: &bundle, files: &names }.to_string().as_bytes())?;
        self.put_sums(&mut staging)?;
        staging.publish(self.folder)?;
        Ok(installer)
    }

    /// What the bundle's files are called: the page puts these names into commands.
    fn names(&self) -> Result<Vec<String>> {
        self.bundle.volumes().files().map(plain_name).collect()
    }

    fn put_installer(&self, staging: &mut Staging) -> Result<Sha256Digest> {
        if !self.installer.is_file() {
            return Err(Error::NoInstaller { path: self.installer.to_owned() });
        }
        let silent = Progress::silent().phase("", None);
        let copy = staging.copy(self.installer, INSTALLER, 0o755, &silent)?;
        let manifest = self.bundle.manifest();
        let built_in = BuiltIn::read(&copy, self.installer, &manifest.platform)?;
        let trust = &self.bundle.trusted().trust;
        // what wt-install will do: where it has the right roots and still says no, its answer is the better one
        self.bundle.chain().verify::<Manifest>(built_in.expect(self.installer, trust)?)?;
        staging::digest(&copy, &silent)
    }

    fn put_bundle(&self, staging: &mut Staging) -> Result<()> {
        let phase = self.progress.phase("collecting", Some(self.bundle.file_length()));
        for file in self.bundle.volumes().files() {
            let name = plain_name(file)?;
            staging.link_or_copy(file, &name, &phase)?;
        }
        Ok(())
    }

    /// The bundle as it lies in the folder now.
    fn verified(&self, staging: &Staging, first: &str) -> Result<Bundle> {
        let bundle = Bundle::open(&staging.path(first), &self.bundle.trusted().trust)?;
        let phase = self.progress.phase("verifying", Some(bundle.manifest().body.length));
        bundle.verify_body(&|bytes| phase.advance(bytes))?;
        Ok(bundle)
    }

    fn put_sums(&self, staging: &mut Staging) -> Result<()> {
        let phase = self.progress.phase("hashing", Some(self.bundle.file_length()));
        let mut sums = String::new();
        for (name, digest) in staging.digests(&phase)? {
            let _ = writeln!(sums, "{digest}  {name}");
        }
        staging.write(SUMS, sums.as_bytes())
    }
}

/// What can be refused before `bundle`, for `platform` and signed under `trust`, is there to be handed over.
pub fn check(
    bundle: &Path,
    platform: &Platform,
    trust: &Trust,
    installer: &Path,
    folder: &Path,
) -> Result<()> {
    refuse_existing(folder)?;
    plain_name(bundle)?;
    if !installer.is_file() {
        return Err(Error::NoInstaller { path: installer.to_owned() });
    }
    BuiltIn::read(installer, installer, platform)?.expect(installer, trust).map(drop)
}

/// The `wt-install` that lies beside the program that runs.
pub fn installer_beside(program: &Path) -> PathBuf {
    folder_of(program).join(INSTALLER)
}

/// The name of `file`, where no shell reads anything into it.
fn plain_name(file: &Path) -> Result<String> {
    let name = file.file_name().map(OsString::from).and_then(|name| name.into_string().ok());
    name.filter(|name| name.parse::<RelativePath>().is_ok())
        .filter(|name| !name.starts_with(['-', '.', '~']) && !OURS.contains(&&**name))
        .ok_or_else(|| Error::HandoverName { path: file.to_owned() })
}
