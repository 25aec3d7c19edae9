use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use wt_keys::console::Failure;

use super::{Known, ask, ask_if_any};
use crate::certificate::Pair;
use crate::init::interview::wrong;
use crate::init::question::text;
use crate::init::{Document, Field, Given, Interview};
use crate::preflight::certificate::examine;
use crate::preflight::{Row, Table, Verdict};
use crate::site::{self, Domain, path};

/// Asks for a pair of files until it is one that the site can use.
pub fn certificate(interview: &mut Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    if given.no_certificate {
        interview.document.remove_table("certificate");
        return Ok(());
    }
    let folder = site::folder_of_site(&known.path)?;
    let domains = known_domains(&interview.document);
    loop {
        let file = text(|file: &str| readable(&folder, file));
        let field = Field::of("certificate", "file");
        let words = "certificate of these names, a file";
        let flag = "--certificate FILE";
        let Some(chain) = ask_if_any(interview, field, words, flag, given.certificate.as_ref(), &file)?
        else {
            interview.document.remove_table("certificate");
            return Ok(());
        };
        let pair = |key: &str| {
            Pair::read(&folder.join(&chain), &folder.join(path::file(key)?))
                .map_err(|error| error.to_string())
        };
        let field = Field::of("certificate", "key");
        let fits = text(|key: &str| pair(key)?.check_key());
        let Some(key) =
            ask(interview, field, "its key, a file", "--key FILE", given.key.as_ref(), None, &fits)?
        else {
            return Ok(()); // it is missing
        };
        let rows = examine(&pair(&key).map_err(|why| wrong("--key FILE", &why))?, &domains, known.now);
        let bad: Vec<&Row> = rows.iter().filter(|row| row.verdict != Verdict::Ok).collect();
        let failed = bad.iter().find(|row| row.verdict == Verdict::Fail);
        if let Some(row) = failed
            && (interview.person.is_none() || given.certificate.is_some())
        {
            return Err(wrong("--certificate FILE", &row.sentence()));
        }
        if !bad.is_empty() {
            interview.tell(Table(&bad).to_string().trim_end());
        }
        if failed.is_none() {
            return Ok(());
        }
    }
}

pub(super) fn readable(folder: &Path, file: &str) -> Result<(), String> {
    let file = folder.join(path::file(file)?);
    fs::File::open(&file).map(drop).map_err(|error| format!("`{}`: {error}", file.display()))
}

/// The host names that were answered.
fn known_domains(document: &Document) -> BTreeMap<String, Domain> {
    let host = |name: String| {
        let domain = document.get(&Field::of("domains", &name))?.parse().ok()?;
        Some((name, domain))
    };
    document.keys("domains").into_iter().filter_map(host).collect()
}
