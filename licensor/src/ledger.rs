//! The ledger of a desk: every license that was signed and every one that was revoked, in the order of time.
//!
//! It is an `SQLite` file. Entries are only added: each holds the digest of the one before it, and after each signature the
//! license key signs the last digest (a seal), so whoever lacks the key can neither change, remove nor insert an entry
//! before a seal. Beside the entries stand tables that are computed from them, to find things; `verify` compares those too.
//!
//! A license is in the ledger, and on the disk, before its file has a name: what is still to be named is noted in the same
//! transaction. A run that is killed in between leaves an entry with a note, and the next one that opens the ledger writes
//! the file from the entry, byte for byte. A second process waits meanwhile.

mod delivery;
mod entry;
mod holding;
mod machine;
mod verify;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use wt_keys::{Envelope, Error as KeyError, Sha256Digest, Signer, Utc, durable, folder_of};

use delivery::Pending;
pub use delivery::{Settled, write_again};
pub use entry::{Entry, Event, Revoked, Seal, Signed};
pub use holding::{Holding, Standing};
pub use machine::{Alike, alike, marks};
pub use verify::Verified;

use crate::issue::issue_license;
use crate::{Error, Id, License, Result};

/// How long another process may have it.
const PATIENCE: Duration = Duration::from_secs(20);
const VERSION: u32 = 1;
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL, seal TEXT) STRICT;
    CREATE TABLE IF NOT EXISTS licenses (license TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (license, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS marks (mark TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (mark, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS pending (number INTEGER PRIMARY KEY, path BLOB NOT NULL, replaces INTEGER NOT NULL) STRICT;
";

#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    db: Connection,
}

/// A license that is to be signed, and where its file goes.
#[derive(Clone, Debug)]
pub struct Issue {
    pub license: License,
    /// The bytes of `hw.json`.
    pub request: String,
    pub plan: Option<String>,
    pub zone: String,
    pub replaces: Vec<Id>,
    /// Absolute.
    pub output: PathBuf,
    /// Whether a file that is there is replaced.
    pub over: bool,
}

/// When, and who sat at the desk.
#[derive(Clone, Debug)]
pub struct Stamp {
    pub at: Utc,
    pub operator: String,
}

/// An earlier license of the same machine, or of a copy of it.
#[derive(Clone, Debug)]
pub struct Earlier {
    pub holding: Holding,
    pub alike: Alike,
}

impl Ledger {
    /// Opens a ledger to read it.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Err(Error::NoLedger { path: path.to_owned() });
        }
        let ledger = Self::connect(path)?;
        if ledger.version()? == 0 {
            // a killed run made the file, and nothing in it
            ledger.make_tables("")?;
        }
        Ok(ledger)
    }

    /// Opens a ledger to write into it, and makes it where it is not there. Nobody else has it meanwhile.
    pub fn write(path: &Path) -> Result<Self> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match made {
            Ok(_) => durable::sync_folder(&folder_of(path))?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(KeyError::io("create", path)(error).into()),
        }
        let ledger = Self::connect(path)?;
        ledger.version()?;
        ledger.make_tables("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = EXTRA;")?;
        Ok(ledger)
    }

    fn connect(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(failed(path))?;
        db.busy_timeout(PATIENCE).map_err(failed(path))?;
        Ok(Self { path: path.to_owned(), db })
    }

    fn version(&self) -> Result<u32> {
        let version: u32 = self
            .db
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        if version <= VERSION {
            return Ok(version);
        }
        Err(Error::LedgerVersion { path: self.path.clone(), expected: VERSION, found: version })
    }

    fn make_tables(&self, first: &str) -> Result<()> {
        let sql = format!("{first} BEGIN EXCLUSIVE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
        self.db.execute_batch(&sql).map_err(|error| self.failed(error))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All entries, oldest first; refuses a ledger whose chain is broken.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut previous = start();
        for row in self.rows()? {
            let (entry, digest) =
                row.entry(entries.len() as u64 + 1, previous).map_err(|why| self.altered(row.number, why))?;
            previous = digest;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// What it says of every license.
    pub fn holdings(&self) -> Result<Vec<Holding>> {
        Ok(Holding::all(self.entries()?))
    }

    /// The one license whose identifier begins so.
    pub fn holding(&self, wanted: &str) -> Result<Holding> {
        let mut found = self.holdings()?;
        found.retain(|holding| holding.signed.license.license_id.to_string().starts_with(wanted));
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Error::NoLicense { wanted: wanted.to_owned() }),
            several => Err(Error::SeveralLicenses { wanted: wanted.to_owned(), several }),
        }
    }

    /// Licenses that stand and are for the same machine, or for a copy of it.
    pub fn earlier(&self, license: &License, now: Utc) -> Result<Vec<Earlier>> {
        earlier(&self.db, license, now).map_err(|error| self.explained(error))
    }

    /// Signs licenses and writes them down, all of them or none; then gives their files their
    /// names.
    pub fn issue(&mut self, issues: &[Issue], signer: &Signer, stamp: &Stamp) -> Result<()> {
        let path = self.path.clone();
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed(&path))?;
        let mut pending = Vec::new();
        let mut last = last(&tx).map_err(|error| error.at(&path))?;
        for issue in issues {
            refuse_second(&tx, issue, stamp.at).map_err(|error| error.at(&path))?;
            let file = String::from_utf8(issue_license(&issue.license, signer)?.to_bytes())
                .map_err(|_| Error::LicenseInvalid("a file that is not text"))?; // a chain is JSON
            let number = last.0 + 1;
            pending.push(Pending::of(number, issue, &file));
            let event = Signed {
                license: issue.license.clone(),
                file,
                request: issue.request.clone(),
                plan: issue.plan.clone(),
                zone: issue.zone.clone(),
                replaces: issue.replaces.clone(),
            };
            last = append(&tx, last, stamp, Event::Signed(Box::new(event))).map_err(failed(&path))?;
        }
        for pending in &pending {
            pending.note(&tx).map_err(failed(&path))?;
        }
        let (number, digest) = last;
        let seal = Envelope::seal(&Seal { number, digest }, &[&signer.key])?.to_bytes();
        let seal = String::from_utf8_lossy(&seal);
        tx.execute("UPDATE entries SET seal = ?1 WHERE number = ?2", params![seal, number])
            .map_err(failed(&path))?;
        tx.commit().map_err(failed(&path))?;
        self.deliver(&pending)
    }

    /// Writes down that a license is to be revoked. The seal comes with the next signature.
    pub fn revoke(&mut self, license_id: Id, reason: &str, stamp: &Stamp) -> Result<()> {
        let path = self.path.clone();
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(failed(&path))?;
        let last = last(&tx).map_err(|error| error.at(&path))?;
        let event = Event::Revoked(Revoked { license_id, reason: reason.to_owned() });
        append(&tx, last, stamp, event).map_err(failed(&path))?;
        tx.commit().map_err(failed(&path))
    }

    fn rows(&self) -> Result<Vec<Row>> {
        rows(&self.db).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failed(&self.path)(error)
    }

    fn altered(&self, number: u64, why: &'static str) -> Error {
        Error::LedgerAltered { path: self.path.clone(), number, why }
    }

    fn explained(&self, error: Trouble) -> Error {
        error.at(&self.path)
    }
}

/// What stands in the table of entries.
struct Row {
    number: u64,
    body: String,
    digest: String,
    seal: Option<String>,
}

impl Row {
    /// The entry, if it is the one that was written there.
    fn entry(&self, number: u64, previous: Sha256Digest) -> Result<(Entry, Sha256Digest), &'static str> {
        let digest = Sha256Digest::of(self.body.as_bytes());
        let entry = Entry::parse(&self.body)?;
        match () {
            () if digest.to_string() != self.digest => Err("it is not what its digest says"),
            () if self.number != number || entry.number != number => {
                Err("an entry is missing, or stands twice")
            }
            () if entry.previous != previous => Err("it does not follow the entry before it"),
            () => Ok((entry, digest)),
        }
    }
}

/// Of a ledger that is read in part.
enum Trouble {
    Sql(rusqlite::Error),
    Altered(u64, &'static str),
    Other(Error),
}

impl Trouble {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Sql(error) => failed(path)(error),
            Self::Altered(number, why) => Error::LedgerAltered { path: path.to_owned(), number, why },
            Self::Other(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// What the first entry follows.
fn start() -> Sha256Digest {
    Sha256Digest::of(b"")
}

fn rows(db: &Connection) -> rusqlite::Result<Vec<Row>> {
    let mut select = db.prepare("SELECT number, body, digest, seal FROM entries ORDER BY number")?;
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Row { number: row.get(0)?, body: row.get(1)?, digest: row.get(2)?, seal: row.get(3)? })
    };
    select.query_map([], row)?.collect()
}

/// The number and the digest of the last entry.
fn last(tx: &Transaction<'_>) -> Result<(u64, Sha256Digest), Trouble> {
    let select = "SELECT number, body, digest FROM entries ORDER BY number DESC LIMIT 1";
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    };
    let Some((number, body, digest)) = tx.query_row(select, [], row).optional()? else {
        return Ok((0, start()));
    };
    let found = Sha256Digest::of(body.as_bytes());
    if found.to_string() != digest {
        return Err(Trouble::Altered(number, "it is not what its digest says"));
    }
    Ok((number, found))
}

fn append(
    tx: &Transaction<'_>,
    (number, previous): (u64, Sha256Digest),
    stamp: &Stamp,
    event: Event,
) -> rusqlite::Result<(u64, Sha256Digest)> {
    let number = number + 1;
    let entry = Entry { number, previous, at: stamp.at, operator: stamp.operator.clone(), event };
    let body = entry.to_json();
    let digest = Sha256Digest::of(body.as_bytes());
    tx.prepare_cached("INSERT INTO entries (number, body, digest) VALUES (?1, ?2, ?3)")?.execute(params![
        number,
        body,
        digest.to_string()
    ])?;
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO licenses (license, number) VALUES (?1, ?2)")?;
    for license in entry.licenses() {
        insert.execute(params![license.to_string(), number])?;
    }
    let mut insert = tx.prepare_cached("INSERT OR IGNORE INTO marks (mark, number) VALUES (?1, ?2)")?;
    for mark in entry.marks() {
        insert.execute(params![mark, number])?;
    }
    Ok((number, digest))
}

/// Found by the marks; then all that the ledger says of what was found.
fn earlier(db: &Connection, license: &License, now: Utc) -> Result<Vec<Earlier>, Trouble> {
    let mut select = db.prepare_cached(
        "SELECT number, body FROM entries WHERE number IN (SELECT number FROM licenses WHERE license IN \
         (SELECT license FROM licenses WHERE number IN (SELECT number FROM marks WHERE mark = ?1)))",
    )?;
    let mut entries = std::collections::BTreeMap::new();
    for mark in machine::marks(license) {
        let rows = select.query_map([mark], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)))?;
        for row in rows {
            let (number, body) = row?;
            entries.insert(number, Entry::parse(&body).map_err(|why| Trouble::Altered(number, why))?);
        }
    }
    let standing =
        Holding::all(entries.into_values().collect()).into_iter().filter(|holding| holding.stands(now));
    let earlier = standing.filter_map(|holding| {
        let alike = alike(&holding.signed.license, license)?;
        Some(Earlier { holding, alike })
    });
    Ok(earlier.collect())
}

fn refuse_second(tx: &Transaction<'_>, issue: &Issue, now: Utc) -> Result<(), Trouble> {
    let earlier = earlier(tx, &issue.license, now)?;
    let second = |earlier: &&Earlier| {
        matches!(earlier.alike, Alike::Same(_))
            && !issue.replaces.contains(&earlier.holding.signed.license.license_id)
    };
    match earlier.iter().find(second) {
        Some(earlier) => Err(Trouble::Other(earlier.refusal())),
        None => Ok(()),
    }
}

impl Earlier {
    /// Why there is no second license.
    pub fn refusal(&self) -> Error {
        let common = match &self.alike {
            Alike::Same(kinds) => kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Alike::Copy => "machine_id".into(),
        };
        let license = &self.holding.signed.license;
        Error::SecondLicense {
            license: license.license_id,
            customer: license.customer.clone(),
            signed: self.holding.at,
            expires: license.expires_at,
            common,
        }
    }
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::LedgerBusy { path: path.clone() },
        _ => Error::Ledger { path: path.clone(), source },
    }
}

#[cfg(test)]
mod tests;
