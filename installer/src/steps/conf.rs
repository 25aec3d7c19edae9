use wt_keys::console::Progress;

use super::{Need, Step};
use crate::conf::{Change, Conf};
use crate::{Installation, Result};

/// Writes the configuration files, and keeps what the operator edited. Services get them with the next step.
#[derive(Debug)]
pub struct RenderConf;

impl Step for RenderConf {
    fn name(&self) -> &'static str {
        "conf"
    }

    fn replaces(&self) -> bool {
        true
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let conf = render(installation)?;
        let mut names = Vec::new();
        for file in &conf.files {
            if file.is_unfinished()? {
                names.push(told(&file.name, &file.change()?));
            }
        }
        Ok(if names.is_empty() { Need::Nothing } else { Need::Work(names.join(", ")) })
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let conf = render(installation)?;
        let touched = conf.write()?;
        let words: Vec<String> = touched.iter().map(|(name, change)| told(name, change)).collect();
        Ok(if words.is_empty() { "remembered what was rendered".to_owned() } else { words.join(", ") })
    }
}

fn render(installation: &Installation) -> Result<Conf> {
    let last = installation.last_release()?;
    Conf::render(installation, last.as_ref())
}

fn told(name: &str, change: &Change) -> String {
    match change {
        Change::Write | Change::None => format!("write {name}"),
        Change::KeepEdit => format!("keep {name} as it was edited"),
        Change::Join(_) => format!("write {name}, with what was edited here"),
        Change::OfferBeside => format!("keep {name} as it was edited, and put {name}.new beside it"),
    }
}
