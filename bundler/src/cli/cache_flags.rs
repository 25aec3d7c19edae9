use super::cache::size;

/// What is kept for the next build.
#[derive(Debug, clap::Args)]
pub struct CacheFlags {
    /// Neither take layers from the cache nor keep them
    #[arg(long)]
    no_cache: bool,
    /// How much the layer cache may hold, as in 5GiB
    #[arg(long, value_name = "SIZE", env = "WT_CACHE_SIZE", default_value = "20GiB", value_parser = size)]
    cache_size: u64,
}

impl CacheFlags {
    /// In bytes; none where the cache is not to be used.
    pub fn size(&self) -> Option<u64> {
        (!self.no_cache).then_some(self.cache_size)
    }
}
