//! Cutting a bundle into volumes. None has a name before all are complete; volume 1, without which nobody reads the
//! others, gets its name last.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use wt_keys::digest::Hasher;
use wt_keys::nameless::Nameless;
use wt_keys::{Sha256Digest, durable, folder_of};

use crate::bundle::body_writer::MODE;
use crate::bundle::cut::{Cut, MOST_VOLUMES};
use crate::bundle::volumes::volume_path;
use crate::bundle::{Bundle, head};
use crate::manifest::CHUNK_SIZE;
use crate::{Error, Result};

/// What is written beside volumes, for `sha256sum -c`.
const SUMS: &str = "SHA256SUMS";

/// A bundle on its way into volumes.
#[derive(Debug)]
pub struct Split<'a> {
    bundle: &'a Bundle,
    cut: Cut,
    /// The volumes' name without a number.
    name: &'a Path,
    head: Vec<u8>,
    /// Complete, on the disk, and without a name; the last one first.
    staged: Vec<(PathBuf, Nameless, Sha256Digest)>,
    /// Has its name.
    done: Vec<PathBuf>,
}

/// What can be refused before there is a bundle to cut: a size that holds no head and chunk, a volume of that name that
/// is there already, the sums of other files.
pub fn check(wanted: u64, name: &Path) -> Result<()> {
    if wanted < CHUNK_SIZE {
        return Err(Error::VolumeSize { smallest: CHUNK_SIZE, found: wanted });
    }
    let there = (1..=MOST_VOLUMES).map(|number| volume_path(name, number));
    let sums = name.with_file_name(SUMS);
    match there.chain([sums]).find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(Error::VolumeExists { path }),
        None => Ok(()),
    }
}

impl<'a> Split<'a> {
    /// Refuses what [`check`] refuses, and a size that gives too many volumes.
    pub fn new(bundle: &'a Bundle, wanted: u64, name: &'a Path) -> Result<Self> {
        check(wanted, name)?;
        let cut = Cut::of(wanted, bundle.body_offset(), bundle.file_length())?;
        let head = head::to_bytes(&bundle.chain().to_bytes())?;
        Ok(Self { bundle, cut, name, head, staged: Vec::new(), done: Vec::new() })
    }

    /// Copies every volume. Returns the files, `SHA256SUMS` last.
    pub fn copy(mut self, progress: &dyn Fn(u64)) -> Result<Vec<PathBuf>> {
        let result = self.copy_others(progress, |_| Ok(())).and_then(|()| {
            let (volume, digest) = self.volume(1, progress)?;
            self.end(volume, digest)
        });
        self.finish(result)
    }

    /// As [`Self::copy`], where `whole` is the bundle's own file: it is cut from its end, and what is left is volume 1.
    pub fn take(mut self, whole: Nameless, progress: &dyn Fn(u64)) -> Result<Vec<PathBuf>> {
        let shorten =
            |length| whole.file().set_len(length).map_err(Error::io("shorten", self.name.to_owned()));
        let result = self.copy_others(progress, shorten).and_then(|()| {
            let digest = self.each_piece(1, progress, &mut |_, _| Ok(()))?;
            self.end(whole, digest)
        });
        self.finish(result)
    }

    /// All volumes but the first, from the last on; `after` is told where each one began.
    fn copy_others(&mut self, progress: &dyn Fn(u64), after: impl Fn(u64) -> Result<()>) -> Result<()> {
        for number in (2..=self.cut.count()).rev() {
            let (volume, digest) = self.volume(number, progress)?;
            volume.file().sync_all().map_err(Error::io("write", volume_path(self.name, number)))?;
            self.staged.push((volume_path(self.name, number), volume, digest));
            after(self.cut.range(number).start)?;
        }
        Ok(())
    }

    fn volume(&self, number: u64, progress: &dyn Fn(u64)) -> Result<(Nameless, Sha256Digest)> {
        let path = volume_path(self.name, number);
        let volume = Nameless::create(&path, MODE)?;
        let digest = self.each_piece(number, progress, &mut |bytes, at| {
            volume.file().write_all_at(bytes, at).map_err(Error::io("write", &path))
        })?;
        Ok((volume, digest))
    }

    /// Hands the authentic bytes of a volume to `write`, in order.
    fn each_piece(
        &self,
        number: u64,
        progress: &dyn Fn(u64),
        write: &mut dyn FnMut(&[u8], u64) -> Result<()>,
    ) -> Result<Sha256Digest> {
        let (range, body_offset) = (self.cut.range(number), self.bundle.body_offset());
        let mut hasher = Hasher::default();
        let mut at = 0;
        if number == 1 {
            write(&self.head, 0)?;
            hasher.update(&self.head);
            at = body_offset;
        }
        let mut bytes = Vec::new();
        while range.start + at < range.end {
            let index = (range.start + at - body_offset) / CHUNK_SIZE;
            self.bundle
                .chunks()
                .authenticate_into(usize::try_from(index).unwrap_or(usize::MAX), &mut bytes)?;
            write(&bytes, at)?;
            hasher.update(&bytes);
            at += bytes.len() as u64;
            progress(bytes.len() as u64);
        }
        Ok(hasher.finish())
    }

    /// Names for all of them: the others, the sums, then volume 1.
    fn end(&mut self, first: Nameless, digest: Sha256Digest) -> Result<()> {
        let path = volume_path(self.name, 1);
        let sums = self.name.with_file_name(SUMS);
        let text = self.sums(&path, digest);
        for (path, volume, _) in std::mem::take(&mut self.staged) {
            self.give_name(volume, path)?;
        }
        let file = Nameless::create(&sums, MODE)?;
        file.file().write_all_at(text.as_bytes(), 0).map_err(Error::io("write", &sums))?;
        self.give_name(file, sums)?;
        durable::sync_folder(&folder_of(&path))?;
        self.give_name(first, path.clone())?;
        Ok(durable::sync_folder(&folder_of(&path))?)
    }

    /// Once it has the name it is ours, and never one that somebody else had put there.
    fn give_name(&mut self, file: Nameless, path: PathBuf) -> Result<()> {
        file.take_name(&path).map_err(|error| match error {
            wt_keys::Error::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
                Error::VolumeExists { path: path.clone() }
            }
            other => other.into(),
        })?;
        self.done.push(path);
        Ok(())
    }

    fn sums(&self, first: &Path, digest: Sha256Digest) -> String {
        let others = self.staged.iter().rev().map(|(path, _, digest)| (&**path, *digest));
        let mut text = String::new();
        for (path, digest) in [(first, digest)].into_iter().chain(others) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = writeln!(text, "{digest}  {name}");
        }
        text
    }

    /// The files that were made; none of them stays where something failed.
    fn finish(mut self, result: Result<()>) -> Result<Vec<PathBuf>> {
        if let Err(error) = result {
            for path in &self.done {
                let _ = std::fs::remove_file(path);
            }
            return Err(error);
        }
        self.done.sort_by_key(|path| (path.ends_with(SUMS), path.clone()));
        Ok(self.done)
    }
}
