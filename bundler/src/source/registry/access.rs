use std::path::PathBuf;
use std::time::Duration;

/// What the user says about registries.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `HOST[:PORT]`, as it stands in the sources, of registries without TLS.
    pub plain_http: Vec<String>,
    /// Hosts that a registry's credentials may be shown to although they are not of its domain.
    pub token_servers: Vec<String>,
    /// PEM files with authorities that are trusted besides the machine's.
    pub authorities: Vec<PathBuf>,
    /// The only file to take credentials from.
    pub authfile: Option<PathBuf>,
    /// How long is waited for a server that fails, or for a credential helper.
    pub patience: Duration,
}
