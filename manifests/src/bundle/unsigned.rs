//! A bundle that nobody has signed yet, and the manifest that is carried to the key. FORMAT.md section 9.
//!
//! Both are read where the key is, and neither was authenticated by anything: sizes are capped before anything is
//! allocated, and only the one spelling of a manifest that contradicts nothing is taken.

use std::path::Path;

use wt_keys::{Chain, Document as _, Sha256Digest, Trust, capped};

use crate::bundle::assemble::assemble_bundle;
use crate::bundle::chunk::Chunks;
use crate::bundle::found::Found;
use crate::bundle::head::{self, HEAD_LIMIT};
use crate::bundle::volumes::Volumes;
use crate::{Error, Manifest, Result};

/// An open bundle without signatures.
#[derive(Debug)]
pub struct UnsignedBundle {
    volumes: Volumes,
    body_offset: u64,
    pub manifest: Manifest,
    digest: Sha256Digest,
}

/// Reads a manifest that nobody signed: the one spelling that signing will give it, and no contradiction.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest> {
    let manifest = Manifest::from_payload(bytes).map_err(|error| match error {
        wt_keys::Error::Payload { source, .. } => Error::UnsignedManifest { source },
        other => other.into(),
    })?;
    manifest.check()?;
    if to_bytes(&manifest) != bytes {
        return Err(Error::ManifestSpelling);
    }
    Ok(manifest)
}

/// Reads a carried manifest.
pub fn read_manifest(path: &Path) -> Result<Manifest> {
    parse_manifest(&capped::read(path, "a manifest", HEAD_LIMIT)?)
}

/// The bytes that signing signs.
pub fn to_bytes(manifest: &Manifest) -> Vec<u8> {
    serde_json::to_vec(manifest).unwrap_or_default() // strings and numbers only: cannot fail
}

impl UnsignedBundle {
    pub fn open(path: &Path) -> Result<Self> {
        let found = Found::at(path, &[])?;
        let (file, first, length) = found.first()?;
        let (content, body_offset) = head::read_unsigned(file, first, length)?;
        let manifest = parse_manifest(&content)?;
        let total = body_offset.saturating_add(manifest.body.length);
        let volumes = found.cut(body_offset, total)?;
        if !volumes.problems().is_empty() {
            return Err(volumes.refused(volumes.problems().to_vec()));
        }
        Ok(Self { volumes, body_offset, manifest, digest: Sha256Digest::of(&content) })
    }

    /// Whether `signed` says what stands here, and nothing else but what signing adds.
    fn is_of(&self, signed: &Manifest) -> bool {
        let mut unsigned = self.manifest.clone();
        unsigned.trust_version = signed.trust_version;
        unsigned.name_features();
        unsigned == *signed
    }

    /// Puts a head on it that was made where the key is.
    pub fn put_on(
        &self,
        chain: &Chain,
        trust: &Trust,
        output: &Path,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        let trusted = chain.verify::<Manifest>(trust)?;
        trusted.document.check()?;
        if !self.is_of(&trusted.document) {
            let (expected, found) = (self.digest, trusted.document.payload_digest());
            return Err(Error::OtherManifest { expected, found });
        }
        let chunks =
            Chunks { volumes: &self.volumes, body_offset: self.body_offset, body: &self.manifest.body };
        assemble_bundle(&chunks, chain, trust, output, progress)?.publish()
    }
}

/// Reads a head file: the chain that signing wrote.
pub fn read_head(path: &Path) -> Result<Chain> {
    Ok(Chain::parse(&capped::read(path, "a head", HEAD_LIMIT)?, "the head")?)
}
