//! Giving licenses that are in the ledger their files.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Transaction, params};
use wt_keys::nameless::Nameless;
use wt_keys::{Error as KeyError, durable, folder_of};

use super::{Entry, Event, Issue, Ledger};
use crate::{Error, License, Result};

const MODE: u32 = 0o644;
const WRITERS: usize = 8;

/// A file that a license in the ledger is to have.
#[derive(Clone, Debug)]
pub struct Pending {
    number: u64,
    path: PathBuf,
    /// Whether a file that is there is replaced.
    over: bool,
    file: String,
}

/// What became of a file that a killed run left to be written.
#[derive(Clone, Debug)]
pub struct Settled {
    pub license: License,
    pub path: PathBuf,
    /// `None`: it has its name now.
    pub failed: Option<String>,
}

impl Pending {
    pub(super) fn of(number: u64, issue: &Issue, file: &str) -> Self {
        Self { number, path: issue.output.clone(), over: issue.over, file: file.to_owned() }
    }

    pub(super) fn note(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.prepare_cached("INSERT INTO pending (number, path, replaces) VALUES (?1, ?2, ?3)")?
            .execute(params![self.number, self.path.as_os_str().as_bytes(), self.over])?;
        Ok(())
    }

    /// The file has its name then; that the name is on the disk, the folder says.
    fn write(&self) -> Result<()> {
        if self.over && self.path.symlink_metadata().is_ok() {
            return Ok(durable::write(&self.path, self.file.as_bytes(), MODE)?);
        }
        let nameless = Nameless::create(&self.path, MODE)?;
        let written = |mut file: &File| {
            file.set_permissions(Permissions::from_mode(MODE))?;
            file.write_all(self.file.as_bytes())
        };
        written(nameless.file()).map_err(KeyError::io("write", &self.path))?;
        Ok(nameless.take_name(&self.path)?)
    }

    fn is_there(&self) -> bool {
        fs::read(&self.path).is_ok_and(|found| found == self.file.as_bytes())
    }
}

impl Ledger {
    /// Gives files their names, and takes back the notes that they are to have one.
    pub(super) fn deliver(&mut self, pending: &[Pending]) -> Result<()> {
        write_all(pending)?;
        let mut folders: Vec<PathBuf> = pending.iter().map(|pending| folder_of(&pending.path)).collect();
        folders.dedup();
        folders.iter().try_for_each(|folder| durable::sync_folder(folder))?;
        self.forget(pending)
    }

    /// Writes the files that a killed run left to be written. What lies in their way stays, unless that run was to replace
    /// it; the license is in the ledger in any case.
    pub fn settle(&mut self) -> Result<Vec<Settled>> {
        let pending = self.pending()?;
        let mut settled = Vec::new();
        for (pending, license) in &pending {
            let written = if pending.is_there() { Ok(()) } else { pending.write() };
            let written = written.and_then(|()| Ok(durable::sync_folder(&folder_of(&pending.path))?));
            let failed = written.err().map(|error| error.to_string());
            settled.push(Settled { license: license.clone(), path: pending.path.clone(), failed });
        }
        self.forget(&pending.into_iter().map(|(pending, _)| pending).collect::<Vec<_>>())?;
        Ok(settled)
    }

    /// Whether a killed run left files to be written.
    pub fn has_pending(&self) -> Result<bool> {
        self.db
            .query_row("SELECT EXISTS (SELECT 1 FROM pending)", [], |row| row.get(0))
            .map_err(|error| self.failed(error))
    }

    fn pending(&self) -> Result<Vec<(Pending, License)>> {
        let rows = || {
            let mut select = self.db.prepare(
                "SELECT number, path, replaces, body FROM pending JOIN entries USING (number) ORDER BY number",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok((
                    row.get::<_, u64>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, bool>(2)?,
                    row.get::<_, String>(3)?,
                ))
            };
            select.query_map([], row)?.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut pending = Vec::new();
        for (number, path, over, body) in rows().map_err(|error| self.failed(error))? {
            let entry = Entry::parse(&body).map_err(|why| self.altered(number, why))?;
            if let Event::Signed(signed) = entry.event {
                let path = OsString::from_vec(path).into();
                pending.push((Pending { number, path, over, file: signed.file }, signed.license));
            }
        }
        Ok(pending)
    }

    fn forget(&mut self, pending: &[Pending]) -> Result<()> {
        let forget = || {
            let tx = self.db.unchecked_transaction()?;
            let mut delete = tx.prepare("DELETE FROM pending WHERE number = ?1")?;
            for pending in pending {
                delete.execute([pending.number])?;
            }
            drop(delete);
            tx.commit()
        };
        forget().map_err(|error| self.failed(error))
    }
}

/// Several at once: a disk syncs eight files in the time of one.
fn write_all(pending: &[Pending]) -> Result<()> {
    if pending.len() <= WRITERS {
        return pending.iter().try_for_each(Pending::write);
    }
    std::thread::scope(|scope| {
        let write = |part: &[Pending]| part.iter().try_for_each(Pending::write);
        let parts = pending.chunks(pending.len().div_ceil(WRITERS));
        let writers: Vec<_> = parts.map(|part| scope.spawn(move || write(part))).collect();
        let mut written = writers.into_iter().map(|writer| match writer.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        written.try_for_each(|written| written)
    })
}

/// Writes a license from the ledger once more.
pub fn write_again(file: &str, path: &Path, over: bool) -> Result<()> {
    if !over && path.symlink_metadata().is_ok() {
        return Err(Error::FileExists { path: path.to_owned() });
    }
    Ok(durable::write(path, file.as_bytes(), MODE)?)
}
