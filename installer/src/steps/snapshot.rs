use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wt_keys::console::Progress;
use wt_keys::{SigningKey, Utc, durable, folder_of};
use wt_licensor::snapshot::read_boot_id;
use wt_licensor::{Snapshot, install_key};

use super::folders::program;
use super::{Need, Step};
use crate::command::Command;
use crate::{Installation, Places, Result};

/// Tells the containers which host they are on, now and after every boot: nothing inside them could find out.
#[derive(Debug)]
pub struct WriteSnapshot;

const UNITS: &str = "etc/systemd/system";
const SERVICE: &str = "wt-snapshot.service";
const TIMER: &str = "wt-snapshot.timer";
const SYSTEMCTL_LIMIT: Duration = Duration::from_mins(1);

impl Step for WriteSnapshot {
    fn name(&self) -> &'static str {
        "snapshot"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let units_there = units(installation)
            .iter()
            .all(|(path, text)| fs::read(path).is_ok_and(|found| found == text.as_bytes()));
        if units_there && is_of_this_boot(installation)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work("tell the containers which host they are on, at every boot".to_owned()))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let places = &installation.places;
        let key = install_key::load_or_make(&places.installation_key())?;
        write(places, installation.product(), &key, (installation.clock)())?;
        let mut changed = false;
        for (path, text) in units(installation) {
            durable::create_folder(&folder_of(&path), 0o755)?;
            changed |= durable::write_if_changed(&path, text.as_bytes(), 0o644)?;
        }
        if changed && Path::new("/run/systemd/system").is_dir() {
            systemctl(&["daemon-reload"])?;
            systemctl(&["enable", SERVICE, TIMER])?;
            systemctl(&["start", TIMER])?;
        }
        Ok(places.snapshot(installation.product()).display().to_string())
    }
}

/// Takes the snapshot anew.
pub fn write(places: &Places, product: &str, key: &SigningKey, now: Utc) -> Result<()> {
    let snapshot = Snapshot::take(places.root(), product, &key.public(), now)?;
    Ok(snapshot.write(&places.snapshot(product))?)
}

fn is_of_this_boot(installation: &Installation) -> Result<bool> {
    let boot_id = read_boot_id(&installation.places.boot_id())?;
    let snapshot = Snapshot::read(&installation.places.snapshot(installation.product()));
    Ok(snapshot.is_ok_and(|snapshot| snapshot.boot_id == boot_id))
}

/// The unit runs before Docker, so that the folder is there when the services start again.
fn units(installation: &Installation) -> [(PathBuf, String); 2] {
    let folder = installation.places.root().join(UNITS);
    let program = program(&installation.home());
    let service = format!(
        "[Unit]\nDescription=Snapshot of this host for {product}\nBefore=docker.service\n\n\
         [Service]\nType=oneshot\nExecStart={program} fingerprint --snapshot -q\n\n\
         [Install]\nWantedBy=multi-user.target\n",
        product = installation.product(),
        program = program.display(),
    );
    let timer = "[Unit]\nDescription=Hourly snapshot of this host\n\n\
                 [Timer]\nOnActiveSec=1h\nOnUnitActiveSec=1h\n\n\
                 [Install]\nWantedBy=timers.target\n"
        .to_owned();
    [(folder.join(SERVICE), service), (folder.join(TIMER), timer)]
}

fn systemctl(arguments: &[&str]) -> Result<()> {
    Command::new("systemctl", SYSTEMCTL_LIMIT).args(arguments).succeed(b"").map(drop)
}
