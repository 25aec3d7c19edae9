use wt_keys::console::{Done, Output, now};
use wt_licensor::{Snapshot, install_key};

use crate::installation::Installed;
use crate::steps::request;
use crate::{Error, Places};

/// Show what identifies this host: exactly what a request for a license says of it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install fingerprint --json")]
pub struct Fingerprint {
    /// Write the snapshot that the containers read (at boot and hourly) instead
    #[arg(long)]
    snapshot: bool,
}

impl Fingerprint {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        let key = install_key::load_or_make(&places.installation_key())?;
        if self.snapshot {
            let snapshot = Snapshot::take(places.root(), &installed.product, &key.public(), now())?;
            snapshot.write(&places.snapshot(&installed.product))?;
            return Ok(());
        }
        let fingerprint = request::fingerprint(places, &installed.product, &key);
        output.report(&fingerprint, &fingerprint);
        Ok(())
    }
}
