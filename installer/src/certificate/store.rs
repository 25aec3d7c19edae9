//! Which pair is in service. It lies in one file, so that no power cut leaves half of it, and so does the one before it.
//!
//! The files that site.toml names are taken when they are others than those that were taken from there last: a pair that
//! was put in place by hand since is not undone by a later run.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wt_keys::{Sha256Digest, capped, durable};

use super::Pair;
use super::pair::read;
use crate::installation::Purpose;
use crate::site::CertificateFiles;
use crate::{Error, Installation, Places, Result};

const RECORD_LIMIT: u64 = 1 << 16;

/// What the next run makes of the site's certificate.
#[derive(Debug)]
pub enum Choice {
    /// What is in service stays, if anything is.
    Keep(Option<Pair>),
    /// What site.toml names is put in its place.
    Take(Pair, Taken),
}

/// The files that were taken last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    certificate: Sha256Digest,
    key: Sha256Digest,
}

impl Choice {
    /// `files` are those that site.toml names.
    pub fn of(places: &Places, files: Option<&CertificateFiles>) -> Result<Self> {
        let kept = installed(places)?;
        let Some(files) = files else { return Ok(Self::Keep(kept)) };
        let last = last_taken(places)?;
        // what was taken may be gone from where it came: a key should lie in one place
        if last.is_some() && !(there(&files.file)? && there(&files.key)?) {
            return Ok(Self::Keep(kept));
        }
        let (certificate, key) = (read(&files.file)?, read(&files.key)?);
        let now = Taken { certificate: Sha256Digest::of(&certificate), key: Sha256Digest::of(&key) };
        if last.as_ref() == Some(&now) {
            return Ok(Self::Keep(kept));
        }
        Ok(Self::Take(Pair::of(&files.file, &certificate, &files.key, &key)?, now))
    }

    pub fn pair(self) -> Option<Pair> {
        match self {
            Self::Keep(pair) => pair,
            Self::Take(pair, _) => Some(pair),
        }
    }
}

/// The pair that the site has, or, where it is being installed, will have at the end.
pub fn current(installation: &Installation) -> Result<Option<Pair>> {
    if installation.purpose == Purpose::Operate {
        return installed(&installation.places);
    }
    Ok(Choice::of(&installation.places, installation.site.certificate.as_ref())?.pair())
}

/// The pair that is in service.
pub fn installed(places: &Places) -> Result<Option<Pair>> {
    pair_at(&place(places))
}

/// The pair that was in service before.
pub fn previous(places: &Places) -> Result<Option<Pair>> {
    pair_at(&previous_place(places))
}

/// Puts a pair in the place of what is in service, which is kept as the one before it.
pub fn put(places: &Places, pair: &Pair) -> Result<()> {
    durable::create_folder(&places.tls(), 0o700)?;
    if let Some(old) = installed(places)?.filter(|old| old != pair) {
        durable::write(&previous_place(places), &old.to_pem(), 0o600)?;
    }
    durable::write_if_changed(&place(places), &pair.to_pem(), 0o600)?;
    Ok(())
}

/// Leaves the site without one; what was in service is kept.
pub fn remove(places: &Places) -> Result<()> {
    if let Some(old) = installed(places)? {
        durable::write(&previous_place(places), &old.to_pem(), 0o600)?;
    }
    Ok(durable::remove_file(&place(places))?)
}

/// Remembers which files were taken.
pub fn remember(places: &Places, taken: &Taken) -> Result<()> {
    let bytes = serde_json::to_vec_pretty(taken).unwrap_or_default(); // strings only: cannot fail
    durable::write_if_changed(&record(places), &bytes, 0o600)?;
    Ok(())
}

fn last_taken(places: &Places) -> Result<Option<Taken>> {
    let path = record(places);
    if !there(&path)? {
        return Ok(None);
    }
    let bytes = capped::read(&path, "a record of files", RECORD_LIMIT)?;
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::io("read", &path)(error.into()))
}

fn pair_at(path: &Path) -> Result<Option<Pair>> {
    if !there(path)? {
        return Ok(None);
    }
    let both = read(path)?;
    Pair::of(path, &both, path, &both).map(Some)
}

fn there(path: &Path) -> Result<bool> {
    path.try_exists().map_err(Error::io("look for", path))
}

fn place(places: &Places) -> PathBuf {
    places.tls().join("site.pem")
}

fn previous_place(places: &Places) -> PathBuf {
    places.tls().join("previous.pem")
}

fn record(places: &Places) -> PathBuf {
    places.tls().join("taken.json")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::pair::tests::make;
    use super::*;

    #[test]
    fn the_pair_before_is_kept_and_nobody_else_can_read_either() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let (one, two) = (make(root.path(), "1", "DNS:a", &[]), make(root.path(), "2", "DNS:a", &[]));
        assert!(installed(&places).unwrap().is_none());
        put(&places, &one).unwrap();
        put(&places, &two).unwrap();
        put(&places, &two).unwrap();
        assert!(
            installed(&places).unwrap()
                == Some(Pair::read(&root.path().join("2.crt"), &root.path().join("2.key")).unwrap())
        );
        assert!(previous(&places).unwrap() == Some(one));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&places.tls()), mode(&place(&places)), mode(&previous_place(&places))),
            (0o700, 0o600, 0o600)
        );
        remove(&places).unwrap();
        assert!(installed(&places).unwrap().is_none());
        assert!(previous(&places).unwrap() == Some(two));
    }

    #[test]
    fn files_are_taken_when_they_are_others_than_those_taken_last() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let (one, two) = (make(root.path(), "1", "DNS:a", &[]), make(root.path(), "2", "DNS:a", &[]));
        let files = CertificateFiles { file: root.path().join("1.crt"), key: root.path().join("1.key") };
        let choice = || Choice::of(&places, Some(&files)).unwrap();
        let Choice::Take(pair, taken) = choice() else { panic!("nothing was taken yet") };
        assert!(pair == one);
        put(&places, &pair).unwrap();
        remember(&places, &taken).unwrap();
        assert!(matches!(choice(), Choice::Keep(Some(kept)) if kept == one));
        put(&places, &two).unwrap(); // by hand
        assert!(matches!(choice(), Choice::Keep(Some(kept)) if kept == two), "a run does not undo it");
        remove(&places).unwrap();
        assert!(matches!(choice(), Choice::Keep(None)), "nor that");
        let three = make(root.path(), "1", "DNS:a", &[]);
        assert!(matches!(choice(), Choice::Take(pair, _) if pair == three), "new files, new choice");
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(choice(), Choice::Keep(None)), "they were taken once and may be gone");
        fs::remove_file(record(&places)).unwrap();
        assert!(Choice::of(&places, Some(&files)).is_err(), "they were never taken and must be there");
        assert!(matches!(Choice::of(&places, None).unwrap(), Choice::Keep(None)));
    }
}
