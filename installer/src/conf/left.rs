//! The configuration as it was left when its release was replaced, so that a way back finds it again.

use std::fs;
use std::path::{Path, PathBuf};

use wt_keys::{durable, folder_of};

use super::{Change, Conf, NEW, content, decide, reconcile, recorded, rendered};
use crate::access::{self, Access};
use crate::release::Release;
use crate::{Error, Installation, Places, Result};

/// Copies the files of `release` as they are now. The copy has its name when all of it is on the disk.
pub fn copy(installation: &Installation, release: &Release) -> Result<()> {
    let manifest = release.manifest();
    let from = Conf::folder(&installation.site, &manifest.product);
    let folder = folder(&installation.places, release);
    let unfinished = folder.with_added_extension("unfinished");
    durable::remove_folder(&folder)?;
    durable::remove_folder(&unfinished)?;
    durable::create_folder(&unfinished, 0o700)?;
    for conf in &manifest.site.conf {
        copy_file(&from.join(conf.template.as_str()), &unfinished.join(conf.template.as_str()))?;
    }
    fs::rename(&unfinished, &folder).map_err(Error::io("write", &folder))?;
    Ok(durable::sync_folder(&folder_of(&folder))?)
}

/// Brings the files back to how `installation`'s release left them. `newer` is the release that came in between; what was
/// edited since it came is kept.
pub fn restore(installation: &Installation, newer: &Release) -> Result<()> {
    let conf = &installation.manifest().site.conf;
    conf.iter().try_for_each(|conf| restore_file(installation, newer, conf.template.as_str()))?;
    // a release that is gone has rendered nothing: should it come again, what lies here then is no edit of its texts
    Ok(durable::remove_folder(&rendered(&installation.places, &newer.digest()))?)
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let Some(found) = content(from)? else { return Ok(()) };
    durable::create_folder(&folder_of(to), 0o700)?;
    access::write(to, &found, of_text(from)?)
}

fn restore_file(installation: &Installation, newer: &Release, name: &str) -> Result<()> {
    let (places, release) = (&installation.places, &installation.release);
    let place = Conf::folder(&installation.site, installation.product()).join(name);
    let theirs = recorded(&rendered(places, &newer.digest()).join(name))?;
    let base = recorded(&rendered(places, &release.digest()).join(name))?;
    bring_back(&place, &folder(places, release).join(name), base.as_deref(), theirs.as_deref())
}

/// `left` is what the file at `place` was; `base` and `theirs` are what the two releases rendered.
fn bring_back(place: &Path, left: &Path, base: Option<&str>, theirs: Option<&str>) -> Result<()> {
    let Some(bytes) = content(left)? else { return Ok(()) };
    let change = match std::str::from_utf8(&bytes) {
        Ok(text) => decide(place, Some(&between(base, text, theirs)), text)?,
        Err(_) if content(place)?.is_none() => Change::Write,
        Err(_) => Change::KeepEdit, // the newer release left such a file as it was
    };
    let offered = place.with_added_extension(NEW);
    match &change {
        Change::None | Change::KeepEdit => {}
        Change::Write => access::rewrite(place, &bytes, of_text(left)?)?,
        Change::Join(joined) => access::rewrite(place, joined.as_bytes(), of_text(left)?)?,
        // whatever may be there under that name: this is the operator's text
        Change::OfferBeside => access::write(&offered, &bytes, of_text(left)?)?,
    }
    if change != Change::OfferBeside && theirs.is_some() && recorded(&offered)?.as_deref() == theirs {
        durable::remove_file(&offered)?; // what the newer release had put beside it
    }
    Ok(())
}

/// Who may read the text of a file. Where that is read through a link, nobody else may.
fn of_text(path: &Path) -> Result<Access> {
    Ok(Access::at(path)?.unwrap_or(Access::own(0o600)))
}

/// What the newer release made of the text that it found.
fn between(base: Option<&str>, left: &str, theirs: Option<&str>) -> String {
    match theirs.map(|theirs| (theirs, reconcile(base, left.as_bytes(), theirs))) {
        Some((theirs, Change::Write)) => theirs.to_owned(),
        Some((_, Change::Join(joined))) => joined,
        _ => left.to_owned(),
    }
}

fn folder(places: &Places, release: &Release) -> PathBuf {
    places.release_state(&release.digest()).join("left")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{access, narrow};
    use super::*;

    /// A file that says `text`, and the copy of it; both are closed to others.
    fn left(text: &str) -> (tempfile::TempDir, [PathBuf; 2], (u32, u32, u32)) {
        let root = tempfile::tempdir().unwrap();
        let [place, left] = ["a.js", "left/a.js"].map(|name| root.path().join(name));
        fs::write(&place, text).unwrap();
        let closed = narrow(&place, 0o640);
        copy_file(&place, &left).unwrap();
        (root, [place, left], closed)
    }

    #[test]
    fn what_is_brought_back_is_closed_to_whom_it_was_closed() {
        for (found, says) in [
            (None, "A\nb\nc\nd\n"),
            (Some("A\nb\nc\nD\n"), "A\nb\nc\nd\n"),
            (Some("B\nb\nc\nD\n"), "B\nb\nc\nd\n"),
        ] {
            let (_root, [place, left], closed) = left("A\nb\nc\nd\n");
            match found {
                None => fs::remove_file(&place).unwrap(),
                Some(found) => fs::write(&place, found).unwrap(),
            }
            bring_back(&place, &left, Some("a\nb\nc\nd\n"), Some("a\nb\nc\nD\n")).unwrap();
            assert_eq!((fs::read_to_string(&place).unwrap().as_str(), access(&place)), (says, closed));
        }
    }

    #[test]
    fn a_text_that_is_put_beside_is_closed_as_it_was_whatever_was_there() {
        let text = "A\nb\nc\nd\n";
        let (_root, [place, left], closed) = left(text);
        let beside = place.with_added_extension(NEW);
        fs::write(&place, "A\nb\nc\nX\n").unwrap();
        fs::write(&beside, "a\nb\nc\nD\n").unwrap();
        bring_back(&place, &left, Some("a\nb\nc\nd\n"), Some("a\nb\nc\nD\n")).unwrap();
        assert_eq!((fs::read_to_string(&beside).unwrap().as_str(), access(&beside)), (text, closed));
    }

    #[test]
    fn what_was_read_through_a_link_is_closed_to_all() {
        let root = tempfile::tempdir().unwrap();
        let [place, left, elsewhere] = ["a.js", "left", "elsewhere"].map(|name| root.path().join(name));
        fs::write(&elsewhere, "a").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &place).unwrap();
        copy_file(&place, &left).unwrap();
        assert_eq!(access(&left).0, 0o600);
    }

    #[test]
    fn what_came_between_is_what_the_newer_release_made_of_what_it_found() {
        let (old, new) = ("a\nb\nc\nd\n", "a\nb\nc\nD\n");
        assert_eq!(between(Some(old), old, Some(new)), new);
        assert_eq!(between(Some(old), "A\nb\nc\nd\n", Some(new)), "A\nb\nc\nD\n");
        assert_eq!(between(Some(old), "a\nb\nc\nX\n", Some(new)), "a\nb\nc\nX\n", "it put its own beside");
        assert_eq!(between(Some(old), old, None), old, "it never came that far");
    }
}
