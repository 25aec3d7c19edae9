use wt_keys::console::Progress;

use super::{Need, Step};
use crate::conf::{Change, Conf};
use crate::engine::Engine;
use crate::{Installation, Result};

/// Renders the configuration files, keeps what the operator edited, restarts the services that read a changed one.
pub struct RenderConf;

impl Step for RenderConf {
    fn name(&self) -> &'static str {
        "conf"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let conf = Conf::render(&installation.bundle, &installation.site, &installation.places)?;
        let changed: Vec<&str> = conf
            .files
            .iter()
            .filter(|file| {
                matches!(conf.change(file), Change::Write | Change::OfferBeside) && !is_offered(file)
            })
            .map(|file| file.name.as_str())
            .collect();
        if changed.is_empty() {
            Ok(Need::Nothing)
        } else {
            Ok(Need::Work(format!("write {}", changed.join(", "))))
        }
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let mut conf = Conf::render(&installation.bundle, &installation.site, &installation.places)?;
        let touched = conf.apply()?;
        let engine = installation.engine()?;
        let mut said = Vec::new();
        for (name, change) in &touched {
            match change {
                Change::OfferBeside => said.push(format!("{name} was edited here: see {name}.new")),
                _ => said.push(name.clone()),
            }
        }
        let written = |name: &str| touched.iter().any(|(n, change)| n == name && *change == Change::Write);
        for file in conf.files.iter().filter(|file| written(&file.name)) {
            restart_readers(&engine, installation, &file.restart)?;
        }
        Ok(said.join(", "))
    }
}

/// The new text already lies beside the edited file.
fn is_offered(file: &crate::conf::ConfFile) -> bool {
    let beside = format!("{}.new", file.path.display());
    std::fs::read(beside).is_ok_and(|text| text == file.text.as_bytes())
}

fn restart_readers(engine: &Engine, installation: &Installation, readers: &[String]) -> Result<()> {
    for service in engine.services(installation.stack_name())? {
        if readers.contains(&service.name) {
            engine.restart_service(&service)?;
        }
    }
    Ok(())
}
