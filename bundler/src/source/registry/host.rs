use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol};

use super::{Access, Failure, certificates};
use crate::Result;

const CONNECT: Duration = Duration::from_secs(15);
/// Without a byte.
const SILENCE: Duration = Duration::from_mins(1);
const USER_AGENT: &str = concat!("wt-bundle/", env!("CARGO_PKG_VERSION"));

/// A registry, and how to talk to it.
pub struct Host {
    /// As in `https://registry.example:5000`.
    pub origin: String,
    pub name: String,
    pub client: reqwest::Client,
    /// Gets tokens.
    pub tokens: Client,
}

impl Host {
    pub fn new(name: &str, access: &Access) -> Result<Self> {
        // an error says that there is one already, which serves as well
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = access.plain_http.iter().any(|host| host == name);
        let authorities = certificates::find(access, name)?;
        let scheme = if plain { "http" } else { "https" };
        Ok(Self {
            origin: format!("{scheme}://{name}"),
            name: name.to_owned(),
            client: client(&authorities).map_err(Failure::client)?,
            tokens: tokens(&authorities, if plain { ClientProtocol::Http } else { ClientProtocol::Https })
                .map_err(|error| Failure::token(error, name))?,
        })
    }
}

/// For manifests and blobs.
fn client(authorities: &[String]) -> reqwest::Result<reqwest::Client> {
    let authorities = authorities
        .iter()
        .map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    reqwest::Client::builder()
        .tls_certs_merge(authorities)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .user_agent(USER_AGENT)
        .build()
}

fn tokens(authorities: &[String], protocol: ClientProtocol) -> oci_client::errors::Result<Client> {
    let certificate =
        |pem: &String| Certificate { encoding: CertificateEncoding::Pem, data: pem.clone().into_bytes() };
    Client::try_from(ClientConfig {
        protocol,
        extra_root_certificates: authorities.iter().map(certificate).collect(),
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: USER_AGENT,
        platform_resolver: None,
        ..ClientConfig::default()
    })
}
