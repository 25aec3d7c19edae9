use crate::image::Keep;
use crate::volume_size::VolumeSize;

/// In what form a bundle is built.
#[derive(Debug, clap::Args)]
pub struct BuildForm {
    /// Cut the bundle into volumes of at most SIZE: 4GiB, 700MB, 4.7GB
    #[arg(long, value_name = "SIZE", conflicts_with = "unsigned")]
    pub split: Option<VolumeSize>,
    /// Leave the signing to `wt-bundle sign`: writes NAME.unsigned, and NAME.manifest to carry to the key
    #[arg(long)]
    pub unsigned: bool,
    /// Keep blobs and manifests bit for bit, of images that come as a registry has them (docker:, oci:, oci-archive:): a
    /// larger bundle, for sites that pin digests
    #[arg(long)]
    verbatim: bool,
}

impl BuildForm {
    pub fn keep(&self) -> Keep {
        if self.verbatim { Keep::Verbatim } else { Keep::Layers }
    }
}
