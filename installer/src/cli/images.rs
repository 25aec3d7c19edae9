use std::fmt;

use serde::Serialize;
use wt_keys::console::{Done, Output, now};

use crate::engine::Engine;
use crate::{Installation, Places};

/// List the images of the installed release, and compare what the engine has with what was signed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install images\n  wt-install prune --dry-run      what could be removed"
)]
pub struct Images {}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    version: String,
    images: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    id: String,
    layers: usize,
    /// Why it is not what was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<String>,
}

pub fn run(output: Output, places: &Places) -> Done {
    super::require_root()?;
    let installation = Installation::current(places, now)?;
    let engine = Engine::connect()?;
    let mut failed = None;
    let mut images = Vec::new();
    for image in &installation.manifest().images {
        let compared = engine.compare_image(image);
        images.push(Row {
            name: image.name.to_string(),
            id: engine.info().store.image_id(image).to_oci(),
            layers: image.layers.len(),
            wrong: compared.as_ref().err().map(ToString::to_string),
        });
        failed = failed.or(compared.err());
    }
    let version = installation.manifest().version.to_string();
    let report = Report { schema: "wt.images.v1", version, images };
    output.report(&report, &report);
    failed.map_or(Ok(()), |error| Err(error.into()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.images.iter().map(|image| image.name.len()).max().unwrap_or(0);
        for image in &self.images {
            let state = if image.wrong.is_some() { "NOT AS SIGNED" } else { "as signed" };
            writeln!(f, "{:width$}  {:.19}  {state}", image.name, image.id)?;
        }
        Ok(())
    }
}
