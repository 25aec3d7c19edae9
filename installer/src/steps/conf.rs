use std::collections::BTreeSet;

use wt_keys::console::Progress;

use super::{Need, Step};
use crate::conf::{Change, Conf, ConfFile};
use crate::{Installation, Result};

/// Renders the configuration files, keeps what the operator edited, restarts the services that read a changed one.
/// Only then is a file recorded as rendered: a run that was killed before it restarts them again.
#[derive(Debug)]
pub struct RenderConf;

impl Step for RenderConf {
    fn name(&self) -> &'static str {
        "conf"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let conf = Conf::render(&installation.bundle, &installation.site, &installation.places)?;
        let names: Vec<&str> = unfinished(&conf).map(|file| file.name.as_str()).collect();
        if names.is_empty() {
            Ok(Need::Nothing)
        } else {
            Ok(Need::Work(format!("write {}, and restart what reads it", names.join(", "))))
        }
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let mut conf = Conf::render(&installation.bundle, &installation.site, &installation.places)?;
        let readers = readers(&conf);
        let touched = conf.write()?;
        restart(installation, &readers)?;
        conf.remember()?;
        Ok(told(&touched))
    }
}

fn unfinished(conf: &Conf) -> impl Iterator<Item = &ConfFile> {
    conf.files.iter().filter(|file| conf.is_unfinished(file))
}

/// Who reads a file that says, or is about to say, something new. An edited one stays as it is.
fn readers(conf: &Conf) -> BTreeSet<String> {
    unfinished(conf)
        .filter(|file| matches!(conf.change(file), Change::Write | Change::None))
        .flat_map(|file| file.restart.iter().cloned())
        .collect()
}

/// In the first run there is no service yet: all of them will start with these files.
fn restart(installation: &Installation, readers: &BTreeSet<String>) -> Result<()> {
    let engine = installation.engine()?;
    for service in engine.services(installation.stack_name())? {
        if readers.contains(&service.name) {
            engine.restart_service(&service)?;
        }
    }
    Ok(())
}

fn told(touched: &[(String, Change)]) -> String {
    let words = touched.iter().map(|(name, change)| match change {
        Change::OfferBeside => format!("{name} was edited here: see {name}.new"),
        Change::Write | Change::None | Change::KeepEdit => name.clone(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "told the services that read the files".to_owned() } else { words.join(", ") }
}
