//! One archive with what a vendor needs to help, for whoever sends it to look through first.
//!
//! Promises: every text in it went through a [`Redactor`]; what could not be had is named with the reason, and the rest is
//! there all the same, since it is needed most when things are broken. Refuses: to put in what operators or services wrote
//! where the site's own secrets are not known; to change anything.

mod archive;
mod engine;
mod host;
mod site;

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;
use wt_keys::{Utc, capped};
use wt_manifests::RelativePath;
use zeroize::Zeroizing;

pub use self::archive::write;
use crate::installed::Installed;
use crate::redact::{self, Redacted, Redactor};
use crate::{Error, Places, Result, uninstall};

/// Of a file that is longer, the end is taken.
const TEXT_LIMIT: usize = 4 << 20;
const SITE_LIMIT: u64 = 1 << 20;

/// What is in an archive.
#[derive(Debug)]
pub struct Support {
    pub product: String,
    pub at: Utc,
    pub items: Vec<Item>,
    pub left_out: Vec<LeftOut>,
}

/// A file of an archive.
#[derive(Debug)]
pub struct Item {
    /// Below the archive's one folder.
    pub path: RelativePath,
    pub about: String,
    pub text: Redacted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub what: String,
    pub why: String,
}

/// Takes things in while they are gathered.
struct Collection {
    redactor: Redactor,
    items: Vec<Item>,
    left_out: Vec<LeftOut>,
}

/// Looks at all that a vendor may ask for; `lines` of each service's log.
pub fn gather(places: &Places, now: Utc, lines: u64) -> Result<Support> {
    let scope = uninstall::find_scope(places, now)?.ok_or(Error::NotInstalled)?;
    let site = read_site(&places.site_file());
    let redactor = Redactor::of_site(site.as_ref().unwrap_or(&toml::Table::new()));
    let mut collection = Collection { redactor, items: Vec::new(), left_out: Vec::new() };
    site::state(&mut collection, places, &scope);
    host::facts(&mut collection, places);
    match site {
        Ok(site) => {
            site::answers(&mut collection, &site);
            site::conf(&mut collection, &scope.home);
            site::configuration(&mut collection, places);
            host::journals(&mut collection);
            let installed = Installed::read(places).ok().flatten();
            engine::all(&mut collection, places, &scope.product, installed.as_ref(), now, lines);
        }
        Err(why) => {
            for what in
                ["site.toml", "conf", "configuration of Docker", "journals of the host", "engine", "logs"]
            {
                collection.leave_out(what, &format!("the secrets of the site are not known: {why}"));
            }
        }
    }
    collection.list(&scope.product, now);
    let Collection { items, left_out, .. } = collection;
    Ok(Support { product: scope.product, at: now, items, left_out })
}

fn read_site(path: &Path) -> Result<toml::Table, String> {
    let bytes =
        capped::read(path, "the answers about the site", SITE_LIMIT).map_err(|error| error.to_string())?;
    let bytes = Zeroizing::new(bytes);
    let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    // the parser's own words may show a line of it
    text.parse().map_err(|_| format!("`{}` is not TOML", path.display()))
}

impl Support {
    /// The archive's one folder.
    pub fn folder(&self) -> String {
        format!("{}-support", self.product)
    }

    /// `worktile-support-20261124T080000Z.tar.zst`
    pub fn file_name(&self) -> String {
        let at: String = self.at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}-{at}.tar.zst", self.folder())
    }

    pub fn removed(&self) -> usize {
        self.items.iter().map(|item| item.text.removed()).sum()
    }
}

impl Collection {
    fn add(&mut self, path: &str, about: &str, text: &str) {
        match path.parse() {
            Ok(path) => {
                let text = self.redactor.redact(end_of(text));
                self.items.push(Item { path, about: about.to_owned(), text });
            }
            Err(error) => self.leave_out(path, &error),
        }
    }

    fn add_or_why<E: std::fmt::Display>(&mut self, path: &str, about: &str, text: Result<String, E>) {
        match text {
            Ok(text) => self.add(path, about, &text),
            Err(error) => self.leave_out(path, &error),
        }
    }

    /// One that is not there is not missed.
    fn add_file(&mut self, path: &str, about: &str, file: &Path) {
        match read_end(file) {
            Ok(text) => self.add(path, about, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.leave_out(path, &error),
        }
    }

    fn leave_out(&mut self, what: &str, why: &dyn std::fmt::Display) {
        let why = self.redactor.redact(&why.to_string());
        let why = why.text().lines().map(str::trim).collect::<Vec<_>>().join("; ");
        self.left_out.push(LeftOut { what: what.to_owned(), why });
    }

    /// The page that says what is there; it comes first.
    fn list(&mut self, product: &str, now: Utc) {
        let mut text =
            format!("What {product} has to say about itself, {now}. Secrets are `{}`.\n\n", redact::MARK);
        let width = self.items.iter().map(|item| item.path.as_str().len()).max().unwrap_or(0);
        for item in &self.items {
            let _ = writeln!(text, "{:width$}  {}", item.path.as_str(), item.about);
        }
        for left_out in &self.left_out {
            let _ = write!(text, "\nleft out: {}: {}", left_out.what, left_out.why);
        }
        self.add("CONTENTS", "this list", &text);
        self.items.rotate_right(1);
    }
}

/// As much of the end of a text as is taken, from the beginning of a line.
fn end_of(text: &str) -> &str {
    if text.len() <= TEXT_LIMIT {
        return text;
    }
    let from =
        (text.len() - TEXT_LIMIT..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    text[from..].split_once('\n').map_or("", |(_, rest)| rest)
}

/// The end of a file, which may be long; what is no text in it is replaced.
fn read_end(path: &Path) -> std::io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};

    let mut file = capped::open(path)?;
    let limit = TEXT_LIMIT as u64;
    let length = file.metadata()?.len();
    if length > limit {
        file.seek(SeekFrom::Start(length - limit))?;
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(if length > limit {
        text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned())
    } else {
        text
    })
}

#[cfg(test)]
mod tests;
