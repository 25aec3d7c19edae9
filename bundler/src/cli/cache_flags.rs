/// What is kept for the next build.
#[derive(Debug, clap::Args)]
pub struct CacheFlags {
    /// Neither take layers from the cache nor keep them
    #[arg(long)]
    no_cache: bool,
    /// How much the layer cache may hold, in GiB
    #[arg(long, value_name = "GIB", env = "WT_CACHE_SIZE", default_value_t = 20)]
    cache_size: u32,
}

impl CacheFlags {
    /// In bytes; none where the cache is not to be used.
    pub fn size(&self) -> Option<u64> {
        (!self.no_cache).then(|| u64::from(self.cache_size) << 30)
    }
}
