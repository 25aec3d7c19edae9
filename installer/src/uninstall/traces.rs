//! Files and folders: those that are ours go, and a folder goes when nothing is left in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use wt_keys::{durable, folder_of};

use super::{Left, Scope, Stage};
use crate::conf::{NEW, rendered};
use crate::release::Release;
use crate::{Error, Places, Result, home, wrappers};

/// What outlives everything: whose releases may come, and which.
const FOR_EVER: [&str; 2] = ["trust.json", "floors.json"];
/// What stays with the data: who this site is, what it answered, and what was done here.
const WITH_DATA: [&str; 6] =
    ["site.toml", "installation.key", "journal.jsonl", "tls", "packages.json", "uninstall.json"];
/// Of the files that are left in a folder.
const MOST_NAMED: usize = 20;

/// The product's folder, what the containers saw of the host, logs and metrics. Of the configuration goes what is as it was
/// rendered: what an operator edited or put there, licenses too, stays where it is.
pub(super) fn folders(places: &Places, scope: &Scope, left: &mut Vec<Left>) -> Result<Option<String>> {
    let home = &scope.home;
    let was_there = home.is_dir();
    conf(places, &home::conf(home))?;
    wrappers::remove(home)?;
    for path in [home::request(home), home::program(home)] {
        durable::remove_file(&path)?;
    }
    for folder in ["conf/apps", "conf", "script", "bin", ""] {
        remove_empty(&home.join(folder))?;
    }
    if home.exists() {
        left.push(format!("{}: there are files in it that are not ours: {}", home.display(), named(home)));
    }
    let run = places.run(&scope.product);
    durable::remove_folder(&run)?;
    remove_empty(&folder_of(&run))?;
    durable::remove_folder(&places.logs(&scope.product))?;
    durable::remove_file(&places.exported_metrics(&scope.product))?;
    Ok(was_there.then(|| format!("{} is gone", home.display())))
}

/// What any release rendered, if it is still what it rendered, and what it put beside an edit.
fn conf(places: &Places, folder: &Path) -> Result<()> {
    for digest in Release::all_kept(places)? {
        let rendered = rendered(places, &digest);
        for record in files(&rendered) {
            let Ok(name) = record.strip_prefix(&rendered) else { continue };
            let place = folder.join(name);
            for path in [place.clone(), place.with_added_extension(NEW)] {
                if is_file(&path) && fs::read(&path).ok() == fs::read(&record).ok() {
                    durable::remove_file(&path)?;
                }
            }
        }
    }
    remove_empty_below(folder)
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn remove_empty_below(folder: &Path) -> Result<()> {
    for path in entries(folder).unwrap_or_default() {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            remove_empty_below(&path)?;
            remove_empty(&path)?;
        }
    }
    Ok(())
}

/// All files below a folder that can be read, through no link.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder).unwrap_or_default() {
        match fs::symlink_metadata(&path) {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            _ => found.push(path),
        }
    }
    found.sort();
    found
}

/// Some of the files below a folder.
fn named(folder: &Path) -> String {
    let files = files(folder);
    let name = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let mut names: Vec<String> = files.iter().take(MOST_NAMED).map(name).collect();
    if files.len() > MOST_NAMED {
        names.push(format!("and {} more", files.len() - MOST_NAMED));
    }
    names.join(", ")
}

/// The product's folders below the data root, and those that are empty then.
pub(super) fn data(scope: &Scope, left: &mut Vec<Left>) -> Result<Option<String>> {
    let there = || scope.data_folders.iter().any(|path| path.symlink_metadata().is_ok());
    if !scope.data {
        if there() {
            let root = scope.data_root.display();
            left.push(format!("the data in {root} (`wt-install uninstall --data` removes it)"));
        }
        return Ok(None);
    }
    let was_there = there();
    for path in &scope.data_folders {
        remove(path)?;
        let above = path.ancestors().skip(1).take_while(|above| above.starts_with(&scope.data_root));
        for folder in above {
            remove_empty(folder)?;
        }
    }
    remove_empty(&scope.data_root)?;
    if scope.data_root.exists() && fs::read_dir(&scope.data_root).is_ok_and(|mut rest| rest.next().is_some())
    {
        left.push(format!("{}: there are files in it that are not the product's", scope.data_root.display()));
    }
    Ok(was_there.then(|| format!("all data in {}", scope.data_root.display())))
}

/// Our own records; last of all the one that says that this was begun.
pub(super) fn state(places: &Places, scope: &mut Scope, left: &mut Vec<Left>) -> Result<Option<String>> {
    let state = places.state();
    let last = places.uninstall();
    let stays = |name: &str| FOR_EVER.contains(&name) || (!scope.data && WITH_DATA.contains(&name));
    for path in entries(&state)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !stays(&name) && path != last {
            remove(&path)?;
        }
    }
    let is_needed = !scope.data || (!scope.packages && places.packages().exists());
    if is_needed {
        scope.reach(Stage::Done, places)?;
    } else {
        durable::remove_file(&last)?;
    }
    let mut rest: Vec<String> = entries(&state)?
        .iter()
        .filter_map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    rest.sort();
    left.push(format!("{}: {}", state.display(), rest.join(", ")));
    Ok(None)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io("read", folder))?;
    entries.map(|entry| Ok(entry.map_err(Error::io("read", folder))?.path())).collect()
}

fn remove(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(durable::remove_folder(path)?),
        Ok(_) => Ok(durable::remove_file(path)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look for", path)(error)),
    }
}

/// One with something in it, or mounted there, stays.
fn remove_empty(folder: &Path) -> Result<()> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(durable::sync_folder(&folder_of(folder))?),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound
                    | ErrorKind::NotADirectory
                    | ErrorKind::DirectoryNotEmpty
                    | ErrorKind::ResourceBusy
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(Error::io("remove", folder)(error)),
    }
}
