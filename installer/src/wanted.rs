//! What the operator wants of each service: to run as the release says, to stand still, or not to be there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wt_keys::durable;
use wt_manifests::stack::Run;

use crate::{Places, Result, record_file};

/// The services that are not to run as the release says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub stopped: BTreeSet<String>,
    pub removed: BTreeSet<String>,
}

impl Wanted {
    pub fn read(places: &Places) -> Result<Self> {
        Ok(record_file::read(&places.wanted())?.unwrap_or_default())
    }

    /// Where all services run as the release says, there is nothing to remember.
    pub fn write(&self, places: &Places) -> Result<()> {
        let path = places.wanted();
        if *self == Self::default() {
            return Ok(durable::remove_file(&path)?);
        }
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings only: cannot fail
        durable::write_if_changed(&path, &bytes, 0o600)?;
        Ok(())
    }

    pub fn run(&self, service: &str) -> Run {
        match service {
            _ if self.removed.contains(service) => Run::Removed,
            _ if self.stopped.contains(service) => Run::Stopped,
            _ => Run::AsDescribed,
        }
    }

    pub fn set(&mut self, service: &str, run: Run) {
        self.stopped.remove(service);
        self.removed.remove(service);
        match run {
            Run::AsDescribed => false,
            Run::Stopped => self.stopped.insert(service.to_owned()),
            Run::Removed => self.removed.insert(service.to_owned()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_remembered_until_all_run_again() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::below(root.path());
        durable::create_folder(&places.state(), 0o700).unwrap();
        let mut wanted = Wanted::read(&places).unwrap();
        assert_eq!(wanted.run("web"), Run::AsDescribed);
        wanted.set("web", Run::Stopped);
        wanted.set("web", Run::Removed);
        wanted.set("im", Run::Stopped);
        wanted.write(&places).unwrap();
        let mut again = Wanted::read(&places).unwrap();
        assert_eq!((again.run("web"), again.run("im")), (Run::Removed, Run::Stopped));
        again.set("web", Run::AsDescribed);
        again.set("im", Run::AsDescribed);
        again.write(&places).unwrap();
        assert!(!places.wanted().exists());
    }
}
