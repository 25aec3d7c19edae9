//! The configuration as it was left when its release was replaced, so that a way back finds it again.

use std::fs;
use std::path::PathBuf;

use wt_keys::{durable, folder_of};

use super::{Change, Conf, NEW, content, reconcile, recorded, rendered};
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
        let Some(found) = content(&from.join(conf.template.as_str()))? else { continue };
        let to = unfinished.join(conf.template.as_str());
        durable::create_folder(&folder_of(&to), 0o700)?;
        durable::write(&to, &found, 0o600)?;
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

fn restore_file(installation: &Installation, newer: &Release, name: &str) -> Result<()> {
    let (places, release) = (&installation.places, &installation.release);
    let place = Conf::folder(&installation.site, installation.product()).join(name);
    let Some(left) = content(&folder(places, release).join(name))? else { return Ok(()) };
    let theirs = recorded(&rendered(places, &newer.digest()).join(name))?;
    let base = recorded(&rendered(places, &release.digest()).join(name))?;
    let change = match (content(&place)?, String::from_utf8(left.clone())) {
        (None, _) => Change::Write,
        (Some(found), Ok(text)) => {
            let between = between(base.as_deref(), &text, theirs.as_deref());
            reconcile(Some(&between), &found, &text)
        }
        (Some(_), Err(_)) => Change::KeepEdit, // the newer release left such a file as it was
    };
    let offered = place.with_added_extension(NEW);
    let (path, text) = match &change {
        Change::None | Change::KeepEdit => (None, &left[..]),
        Change::Write => (Some(&place), &left[..]),
        Change::Join(joined) => (Some(&place), joined.as_bytes()),
        Change::OfferBeside => (Some(&offered), &left[..]),
    };
    if let Some(path) = path {
        durable::write_if_changed(path, text, 0o644)?;
    }
    if change != Change::OfferBeside && theirs.is_some() && recorded(&offered)? == theirs {
        durable::remove_file(&offered)?; // what the newer release had put beside it
    }
    Ok(())
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
    use super::*;

    #[test]
    fn what_came_between_is_what_the_newer_release_made_of_what_it_found() {
        let (old, new) = ("a\nb\nc\nd\n", "a\nb\nc\nD\n");
        assert_eq!(between(Some(old), old, Some(new)), new);
        assert_eq!(between(Some(old), "A\nb\nc\nd\n", Some(new)), "A\nb\nc\nD\n");
        assert_eq!(between(Some(old), "a\nb\nc\nX\n", Some(new)), "a\nb\nc\nX\n", "it put its own beside");
        assert_eq!(between(Some(old), old, None), old, "it never came that far");
    }
}
