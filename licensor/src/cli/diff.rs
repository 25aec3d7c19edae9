use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output};
use wt_keys::shown;

use crate::diff::{Difference, differences, gone};
use crate::{Error, Request};

/// Say what changed between two hardware requests of a site
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license diff old.json new.json\n\nThe score is what a license of the old request is worth on the new one."
)]
pub struct Diff {
    /// The request that was signed
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The request that came now
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    same_installation: bool,
    nodes: Vec<Difference>,
    gone: Vec<&'a str>,
}

impl Diff {
    pub fn run(self, output: Output) -> Done {
        let (old, new) = (Request::read(&self.old)?, Request::read(&self.new)?);
        if old.product != new.product {
            let (expected, found) = (old.product.clone(), new.product.clone());
            return Err(Error::OtherProduct { expected, found }.into());
        }
        let nodes = differences(&old, &new)?;
        let gone = gone(&old, &nodes);
        let same_installation = old.install_key == new.install_key;
        let mut text: String = nodes.iter().map(Difference::to_text).collect();
        for label in &gone {
            let _ = writeln!(text, "`{}` is gone", shown(label));
        }
        if !same_installation {
            text += "another installation asks: the installation key is another one\n";
        }
        output.report(&Report { schema: "wt.license.diff.v1", same_installation, nodes, gone }, text);
        Ok(())
    }
}
