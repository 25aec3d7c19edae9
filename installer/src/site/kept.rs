//! The answers as a host keeps them for later runs: with the files that they name by absolute paths, since they lie
//! elsewhere then. All else stays as it was written.

use std::path::Path;

use toml_edit::{DocumentMut, Item};
use zeroize::Zeroizing;

use super::{folder_of_site, read_private, text_of};
use crate::{Error, Result};

/// Where a site file names other files.
const FILES: [[&str; 2]; 3] = [["certificate", "file"], ["certificate", "key"], ["smtp", "ca"]];

/// The text of the site file at `path` as it is to be kept.
pub fn kept(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = read_private(path)?;
    let folder = folder_of_site(path)?;
    let text = text_of(path, &bytes)?;
    let why = |error: toml_edit::TomlError| error.message().to_owned();
    let mut document: DocumentMut =
        text.parse().map_err(|error| Error::SiteFile { path: path.to_owned(), why: why(error) })?;
    let mut changed = false;
    for [table, field] in FILES {
        let Some(item) = document.get_mut(table).and_then(|table| table.get_mut(field)) else { continue };
        let Some(file) = item.as_str().map(Path::new).filter(|file| file.is_relative()) else { continue };
        let absolute = folder.join(file).display().to_string();
        replace(item, absolute);
        changed = true;
    }
    Ok(if changed { Zeroizing::new(document.to_string().into_bytes()) } else { bytes })
}

/// Another value in the same place, with the comment behind it.
fn replace(item: &mut Item, text: String) {
    if let Some(value) = item.as_value_mut() {
        let decor = value.decor().clone();
        *value = text.into();
        *value.decor_mut() = decor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        let text = "# ours\n[certificate] # new\nfile = 'a.crt' # from the CA\nkey = \"/etc/a.key\"\n";
        wt_keys::durable::write(&path, text.as_bytes(), 0o600).unwrap();
        let said = String::from_utf8(kept(&path).unwrap().to_vec()).unwrap();
        let wanted = format!("\"{}/a.crt\"", folder.path().display());
        assert_eq!(said, text.replace("'a.crt'", &wanted));
        let absolute = text.replace("a.crt", "/a.crt");
        wt_keys::durable::write(&path, absolute.as_bytes(), 0o600).unwrap();
        assert_eq!(*kept(&path).unwrap(), absolute.as_bytes());
    }
}
