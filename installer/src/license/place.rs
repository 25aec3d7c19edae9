use std::path::{Path, PathBuf};

use wt_keys::console::Progress;
use wt_keys::{Error as KeyError, Sha256Digest, capped, durable, folder_of};
use wt_licensor::licenses::LARGEST_LICENSE;

use super::Offer;
use crate::exchange::Exchange;
use crate::{Installation, Places, Result, host_snapshot, trust_store};

impl Offer {
    /// Puts it in place and hands it to the services that read it; returns those that were restarted, none where everything
    /// is as it is to be. What does not become healthy is taken back; a run that was killed is run again.
    pub fn put(&self, installation: &Installation, progress: &Progress) -> Result<Vec<String>> {
        let before = content(&self.path)?;
        let put_back = || match &before {
            Some(before) => Ok(durable::write(&self.path, before, 0o644)?),
            None => Ok(durable::remove_file(&self.path)?),
        };
        let exchange = Exchange {
            what: "license",
            put: &|| replace(&installation.places, &self.path, &self.content, before.as_deref()),
            put_back: (before.as_ref() != Some(&self.content)).then_some(&put_back),
        };
        let restarted = exchange.carry_out(installation, progress)?;
        if let Some(trust) = &self.trust {
            trust_store::pin(&installation.places, trust)?;
        }
        // a host that differs from it has the days of it from now on
        host_snapshot::renew(installation)?;
        Ok(restarted)
    }

    /// Where what lies there now is kept.
    pub fn kept(&self, places: &Places) -> Result<Option<PathBuf>> {
        let before = content(&self.path)?.filter(|before| *before != self.content);
        Ok(before.map(|before| kept_at(places, &before)))
    }
}

/// The one before is on the disk elsewhere first.
fn replace(places: &Places, path: &Path, content: &[u8], before: Option<&[u8]>) -> Result<()> {
    if let Some(before) = before.filter(|before| *before != content) {
        durable::create_folder(&places.licenses(), 0o700)?;
        durable::write_if_changed(&kept_at(places, before), before, 0o600)?;
    }
    durable::create_folder(&folder_of(path), 0o755)?;
    durable::write_if_changed(path, content, 0o644)?;
    Ok(())
}

/// One name for one content.
fn kept_at(places: &Places, content: &[u8]) -> PathBuf {
    let digest = Sha256Digest::of(content).to_string();
    places.licenses().join(format!("license-{}.json", &digest[..16]))
}

/// `None` where there is no file.
fn content(path: &Path) -> Result<Option<Vec<u8>>> {
    match capped::read(path, "a license", LARGEST_LICENSE) {
        Err(KeyError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        content => Ok(Some(content?)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_one_before_is_kept_before_another_takes_its_place() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        let path = root.path().join("opt/acme/conf/apps/web/license.json");
        let put = |new: &[u8]| replace(&places, &path, new, content(&path).unwrap().as_deref());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        put(b"one").unwrap();
        assert!(!places.licenses().exists(), "there was none");
        // nowhere to keep it: the one that is there stays
        durable::create_folder(&places.state(), 0o700).unwrap();
        fs::write(places.licenses(), "in the way").unwrap();
        assert!(put(b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        fs::remove_file(places.licenses()).unwrap();
        put(b"two").unwrap();
        put(b"two").unwrap();
        let kept = kept_at(&places, b"one");
        assert_eq!((fs::read(&path).unwrap(), fs::read(&kept).unwrap()), (b"two".to_vec(), b"one".to_vec()));
        assert_eq!((mode(&path), mode(&kept), mode(&places.licenses())), (0o644, 0o600, 0o700));
        assert_eq!(fs::read_dir(places.licenses()).unwrap().count(), 1);
        let names = fs::read_dir(folder_of(&path)).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["license.json"], "what is kept counts for nothing");
    }
}
