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
}
