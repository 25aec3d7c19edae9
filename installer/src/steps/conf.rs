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
        let (mut unfinished, mut words) = (false, Vec::new());
        for file in &conf.files {
            unfinished |= file.is_unfinished()?;
            match file.change()? {
                Change::None => {}
                change if file.is_unfinished()? => words.push(told(&file.name, &change)),
                _ => {}
            }
        }
        Ok(match (unfinished, words.is_empty()) {
            (false, _) => Need::Nothing,
            (true, true) => Need::Work("remember what was rendered".to_owned()),
            (true, false) => Need::Work(words.join(", ")),
        })
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
