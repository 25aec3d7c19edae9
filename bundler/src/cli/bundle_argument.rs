use std::path::PathBuf;

use wt_manifests::bundle::{Bundle, Incomplete};

use super::TrustFile;
use crate::Result;

/// Which bundle, where its volumes are, and which roots it is checked with.
#[derive(Debug, clap::Args)]
pub struct BundleArgument {
    /// The bundle, or its first volume (`….001`)
    #[arg(value_name = "BUNDLE")]
    pub bundle: PathBuf,
    /// A further folder with volumes of the bundle; may be repeated
    #[arg(long, value_name = "DIR")]
    volumes: Vec<PathBuf>,
    #[command(flatten)]
    pub trust: TrustFile,
}

impl BundleArgument {
    pub fn open(&self) -> Result<Bundle> {
        Ok(Bundle::open_in(&self.bundle, &self.volumes, &self.trust.read()?)?)
    }

    /// A bundle to be verified, of which volumes may be missing.
    pub fn open_incomplete(&self) -> Result<Incomplete> {
        Ok(Incomplete::open(&self.bundle, &self.volumes, &self.trust.read()?)?)
    }
}
