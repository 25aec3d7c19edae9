use std::path::PathBuf;
use std::time::Duration;

use crate::RegistryAccess;

/// How registries are reached, for images from `docker://`.
#[derive(Debug, clap::Args)]
pub struct RegistryFlags {
    /// Talk to this registry without TLS; write it as in the source of the image. May be given several times
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    plain_http: Vec<String>,
    /// Show a registry's credentials to this token server, too, although it is not of the registry's domain. May be
    /// given several times
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    token_server: Vec<String>,
    /// Trust the authorities in this PEM file, too; those in /etc/docker/certs.d and
    /// /etc/containers/certs.d, and in ~/.config/containers/certs.d, are found. May be given several times
    #[arg(long, value_name = "FILE")]
    registry_ca: Vec<PathBuf>,
    /// Take the registries' credentials from this file (left out: where podman and docker keep them)
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Seconds to wait for a server that fails, or for a credential helper
    #[arg(long, value_name = "SECONDS", default_value_t = 30, hide = true)]
    patience: u32,
}

impl RegistryFlags {
    pub fn access(self) -> RegistryAccess {
        RegistryAccess {
            plain_http: self.plain_http,
            token_servers: self.token_server,
            authorities: self.registry_ca,
            authfile: self.authfile,
            patience: Duration::from_secs(u64::from(self.patience)),
        }
    }
}

fn host(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if text.is_empty() || !text.bytes().all(plain) {
        return Err("expected HOST or HOST:PORT".to_owned());
    }
    Ok(text.to_owned())
}
