use std::path::{Path, PathBuf};

use wt_keys::Signer;
use wt_keys::console::Output;
use wt_manifests::bundle::Bundle;
use wt_manifests::release::Release;

use super::handover::InstallerArgument;
use super::size_argument::SizeArgument;
use crate::Result;
use crate::handover::{self, Handover};
use crate::image::Keep;

/// In what form a bundle is built.
#[derive(Debug, clap::Args)]
pub struct BuildForm {
    /// Cut the bundle into volumes of at most SIZE: 4GiB, 700MB, 4.7GB
    #[arg(long, value_name = "SIZE", conflicts_with = "unsigned")]
    pub split: Option<SizeArgument>,
    /// Leave the signing to `wt-bundle sign`: writes NAME.unsigned, and NAME.manifest to carry to the key
    #[arg(long)]
    pub unsigned: bool,
    /// Keep blobs and manifests bit for bit, of images that come as a registry has them (docker:, oci:, oci-archive:): a
    /// larger bundle, for sites that pin digests
    #[arg(long)]
    verbatim: bool,
    /// With `--verbatim`: unpack the layers on the way, and refuse one that is not what its image's configuration says.
    /// Costs their decompression; `verify --full` looks at it, too
    #[arg(long, requires = "verbatim")]
    check_layers: bool,
    /// The largest layer, unpacked, that is taken; an archive may unpack to four times that
    #[arg(long, value_name = "SIZE", default_value = "64GiB")]
    pub largest_layer: SizeArgument,
    /// Make the folder that a customer gets, too: as `wt-bundle handover`
    #[arg(long, value_name = "DIR", conflicts_with = "unsigned")]
    handover: Option<PathBuf>,
    #[command(flatten)]
    installer: InstallerArgument,
}

impl BuildForm {
    pub fn keep(&self) -> Keep {
        if self.verbatim { Keep::Verbatim { unfold: self.check_layers } } else { Keep::Layers }
    }

    /// What of the handover folder would be refused at the end of a long build.
    pub fn check_handover(&self, release: &Release, signer: Option<&Signer>, bundle: &Path) -> Result<()> {
        let (Some(folder), Some(signer)) = (&self.handover, signer) else { return Ok(()) };
        handover::check(bundle, &release.file.platform, &signer.trust, &self.installer.path()?, folder)
    }

    /// Makes the folder of what was built, if one is wanted.
    pub fn hand_over(&self, files: &[PathBuf], signer: Option<&Signer>, output: Output) -> Result<()> {
        let (Some(folder), Some(signer), Some(first)) = (&self.handover, signer, files.first()) else {
            return Ok(());
        };
        let bundle = Bundle::open(first, &signer.trust)?;
        let installer = self.installer.path()?;
        let progress = output.progress();
        let installer = Handover { bundle: &bundle, installer: &installer, folder, progress }.write()?;
        super::handover::said(output, &bundle, installer, folder);
        Ok(())
    }
}
