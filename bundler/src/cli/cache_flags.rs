use super::size_argument::SizeArgument;
use crate::build::CacheSizes;

/// What is kept for the next build.
#[derive(Debug, clap::Args)]
pub struct CacheFlags {
    /// Use nothing that an earlier build kept, and keep nothing
    #[arg(long)]
    no_cache: bool,
    /// How much may be kept for the next build, of layers and of packages each, as in 5GiB
    #[arg(long, value_name = "SIZE", env = "WT_CACHE_SIZE", default_value = "20GiB")]
    cache_size: SizeArgument,
}

impl CacheFlags {
    pub fn sizes(&self) -> CacheSizes {
        let most = (!self.no_cache).then_some(self.cache_size.0);
        CacheSizes { layers: most, packages: most }
    }
}
