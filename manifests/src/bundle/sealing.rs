//! Putting the head before a body. Nothing stands under the final name before all of it is on the disk and was read back.

use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use rustix::fs::FallocateFlags;
use wt_keys::nameless::Nameless;
use wt_keys::{Chain, Signer, Trust};

use crate::bundle::body_writer::MODE;
use crate::bundle::head;
use crate::bundle::split::Split;
use crate::bundle::{Bundle, Incomplete, unsigned};
use crate::manifest::{Body, Entry, Manifest};
use crate::{Error, Result};

/// A body without its head.
#[derive(Debug)]
pub struct HeadlessBundle {
    pub(super) file: Nameless,
    pub(super) output: PathBuf,
    pub(super) reserved: u64,
    pub body: Body,
    pub entries: Vec<Entry>,
}

impl HeadlessBundle {
    /// Signs the manifest, puts the head before the body and reads all of it back. The bundle has no name yet.
    #[inline(never)] // a test looks for this name in what customers get
    pub fn seal(
        mut self,
        manifest: &Manifest,
        signer: &Signer,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<SignedBundle> {
        manifest.check()?;
        let head = head::to_bytes(&Chain::seal(manifest, signer)?.to_bytes())?;
        self.put_head(&head)?;
        SignedBundle::read_back(self.file, self.output, &signer.trust, progress)
    }

    /// Puts the manifest before the body as it is, for `wt-bundle sign`.
    pub fn leave_unsigned(mut self, manifest: &Manifest) -> Result<()> {
        manifest.check()?;
        self.put_head(&head::unsigned_to_bytes(&unsigned::to_bytes(manifest))?)?;
        Ok(self.file.replace(&self.output)?)
    }

    fn put_head(&mut self, head: &[u8]) -> Result<()> {
        self.move_body(head.len() as u64)?;
        let failed = |error| Error::io("write", &self.output)(error);
        self.file.file().write_all_at(head, 0).map_err(failed)?;
        self.file.file().sync_all().map_err(failed)
    }

    /// Makes the gap before the body as long as the head turned out.
    fn move_body(&mut self, head: u64) -> Result<()> {
        let file = self.file.file();
        let moved = match head.cmp(&self.reserved) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Greater => {
                rustix::fs::fallocate(file, FallocateFlags::INSERT_RANGE, 0, head - self.reserved)
            }
            std::cmp::Ordering::Less => {
                rustix::fs::fallocate(file, FallocateFlags::COLLAPSE_RANGE, 0, self.reserved - head)
            }
        };
        if moved.is_err() {
            self.copy_body(head)?; // a file system that cannot
        }
        self.reserved = head;
        Ok(())
    }

    fn copy_body(&mut self, head: u64) -> Result<()> {
        let failed = |error| Error::io("write", &self.output)(error);
        let copy = Nameless::create(&self.output.with_added_extension("moved"), MODE)?;
        self.file.file().seek(SeekFrom::Start(self.reserved)).map_err(failed)?;
        copy.file().seek(SeekFrom::Start(head)).map_err(failed)?;
        io::copy(&mut self.file.file(), &mut copy.file()).map_err(failed)?;
        self.file = copy;
        Ok(())
    }
}

/// A complete bundle that was read back and has no name yet.
#[derive(Debug)]
pub struct SignedBundle {
    file: Nameless,
    output: PathBuf,
    bundle: Bundle,
}

impl SignedBundle {
    pub(super) fn read_back(
        file: Nameless,
        output: PathBuf,
        trust: &Trust,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Self> {
        let bundle = Incomplete::of_file(file.file(), &output, trust)?.complete()?;
        bundle.verify_body(progress)?;
        Ok(Self { file, output, bundle })
    }

    pub fn publish(self) -> Result<()> {
        Ok(self.file.replace(&self.output)?)
    }

    /// As [`Self::publish`], where nothing had the name; [`durable::sync_folder`] awaits it.
    pub fn publish_new(self) -> wt_keys::Result<()> {
        self.file.take_name(&self.output)
    }

    /// Cuts it into volumes of at most `wanted` bytes. Needs room for one of them, not for all.
    pub fn split(self, wanted: u64, progress: &dyn Fn(u64)) -> Result<Vec<PathBuf>> {
        Split::new(&self.bundle, wanted, &self.output)?.take(self.file, progress)
    }
}
