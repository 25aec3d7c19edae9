use std::path::PathBuf;
use wt_keys::console::{Done, Output};
/// Show what is in a bundle; reads its head only
#[derive(Debug, clap::Args)]
pub struct Inspect {
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    trust: super::TrustFile,
}
impl Inspect {
    pub fn run(self, _output: Output) -> Done {
        Ok(())
    }
}
