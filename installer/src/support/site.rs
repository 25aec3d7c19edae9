//! What this program knows and what the operator wrote.

use std::fs;
use std::path::{Path, PathBuf};

use super::Collection;
use crate::uninstall::Scope;
use crate::{Places, home, trust_store};

/// An operator may have put anything there.
const CONF_FILES: usize = 500;

/// Records of ours; there are no secrets in them.
pub(super) fn state(found: &mut Collection, places: &Places, scope: &Scope) {
    let log = places.check_log(&scope.product);
    let files: [(&str, &str, PathBuf); 18] = [
        ("check.json", "what the last check found", places.check_report()),
        ("check.log", "a line for each check", log.clone()),
        ("check.log.1", "the lines before these", log.with_added_extension("1")),
        ("metrics.prom", "the last check, for Prometheus", places.metrics()),
        ("alarms.json", "who was told of what is bad", places.alarms()),
        ("drift.json", "since when this host differs from its license", places.drift()),
        ("journal.jsonl", "every step that was taken here", places.journal()),
        ("installed.json", "what is installed", places.installed()),
        ("operation.json", "a change that was begun and not finished", places.operation()),
        ("services.json", "what the operator stopped or removed", places.wanted()),
        ("measured.json", "how long things took", places.measured()),
        ("last-backup.json", "when the last backup was made", places.last_backup()),
        ("packages.json", "the packages that came with it", places.packages()),
        ("floors.json", "the lowest release that may come", places.floors()),
        ("uninstall.json", "an uninstall", places.uninstall()),
        ("trust.json", "whose releases and licenses are believed", places.pinned_trust()),
        ("hw.json", "the request for a license", home::request(&scope.home)),
        ("host.json", "what the product sees of this host", places.snapshot(&scope.product)),
    ];
    for (name, about, file) in files {
        found.add_file(name, about, &file);
    }
    let roots =
        if trust_store::load(places, None).is_ok() { "roots are known" } else { "no roots are known" };
    found.add("program.txt", "this program", &format!("wt-install {}, {roots}\n", env!("CARGO_PKG_VERSION")));
}

/// site.toml as values: comments may hold what was a secret once.
pub(super) fn answers(found: &mut Collection, site: &toml::Table) {
    found.add_or_why("site.toml", "the answers about the site", toml::to_string(site));
}

pub(super) fn configuration(found: &mut Collection, places: &Places) {
    found.add_file("host/daemon.json", "the configuration of Docker", &places.engine_configuration());
}

/// The product's configuration and its licenses, as they are on the disk.
pub(super) fn conf(found: &mut Collection, home: &Path) {
    let folder = home::conf(home);
    let mut files = Vec::new();
    if let Err(error) = walk(&folder, &mut files) {
        found.leave_out("conf", &error);
    }
    files.sort();
    if files.len() > CONF_FILES {
        found.leave_out("conf", &format!("there are more than {CONF_FILES} files; these are some"));
        files.truncate(CONF_FILES);
    }
    for file in files {
        let name = file.strip_prefix(&folder).unwrap_or(&file).display().to_string();
        found.add_file(&format!("conf/{name}"), "configuration", &file);
    }
}

/// Folders are not followed out of it.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() && files.len() <= CONF_FILES {
            files.push(entry.path());
        }
    }
    Ok(())
}
