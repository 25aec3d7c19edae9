use std::path::PathBuf;

/// What the user says about registries.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `HOST[:PORT]`, as it stands in the sources, of registries without TLS.
    pub plain_http: Vec<String>,
    /// PEM files with authorities that are trusted besides the machine's.
    pub authorities: Vec<PathBuf>,
    /// The only file to take credentials from.
    pub authfile: Option<PathBuf>,
}
