use std::path::PathBuf;

use serde::Deserialize;

use super::path;

/// Where the site's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate, and behind it those that signed it; PEM.
    #[serde(deserialize_with = "path::de_file")]
    pub file: PathBuf,
    /// Its private key; PEM, not encrypted.
    #[serde(deserialize_with = "path::de_file")]
    pub key: PathBuf,
}
