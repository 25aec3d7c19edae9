use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, StatusCode, Url, redirect};

use super::challenge::Challenge;
use super::names::Names;
use super::{Access, Failure, certificates};
use crate::Result;

const CONNECT: Duration = Duration::from_secs(15);
/// Without a byte.
const SILENCE: Duration = Duration::from_mins(1);
/// For a question with a short answer, from its first byte to the last of the answer.
const ANSWER: Duration = Duration::from_secs(30);
const MOST_HOPS: usize = 10;
const USER_AGENT: &str = concat!("wt-bundle/", env!("CARGO_PKG_VERSION"));

/// A registry, and how to talk to it.
pub struct Host {
    /// As in `https://registry.example:5000`.
    origin: Url,
    pub name: String,
    /// For manifests and blobs. Follows where the registry sends, but not to plain HTTP, unless it is the registry's own
    /// or the user named that host.
    pub client: Client,
    /// For who may ask, and for tokens. Goes nowhere that it is sent.
    pub asking: Client,
    plain_http: Vec<String>,
    token_servers: Vec<String>,
    pub patience: Duration,
}

impl Host {
    /// The registry that is called `name` and is at `address`.
    pub fn new(name: &str, address: &str, access: &Access) -> Result<Self> {
        // an error says that there is one already, which serves as well
        let _ = rustls::crypto::ring::default_provider().install_default();
        let plain = access.plain_http.iter().any(|host| host == name);
        let authorities = certificates::find(access, name)?;
        let scheme = if plain { "http" } else { "https" };
        let origin = Url::parse(&format!("{scheme}://{address}"))
            .map_err(|_| Failure::Name { host: name.to_owned() })?;
        let client = || builder(&authorities);
        let asking = client().map(|client| client.redirect(redirect::Policy::none()).timeout(ANSWER));
        Ok(Self {
            name: name.to_owned(),
            client: client()
                .map(|client| client.https_only(access.plain_http.is_empty()))
                .map(|client| client.redirect(follow(&origin, &access.plain_http)))
                .and_then(ClientBuilder::build)
                .map_err(Failure::client)?,
            origin,
            asking: asking.and_then(ClientBuilder::build).map_err(Failure::client)?,
            plain_http: access.plain_http.clone(),
            token_servers: access.token_servers.clone(),
            patience: access.patience,
        })
    }

    /// The address of something below `/v2/`.
    pub fn address(&self, path: &str) -> String {
        format!("{}v2/{path}", self.origin)
    }

    /// Whether an answer came from the registry itself, not from where it sent on to.
    pub fn is_origin_of(&self, answered: &Url) -> bool {
        self.origin.origin() == answered.origin()
    }

    /// Whether the user said that this address has no TLS.
    pub fn is_plain(&self, address: &Url) -> bool {
        is_plain(&self.origin, &self.plain_http, address)
    }

    /// Whether credentials for this registry may be shown to the host of `address`.
    pub fn vouches_for(&self, address: &Url) -> bool {
        let named = |host: &String| *host == authority(address) || Some(host.as_str()) == address.host_str();
        self.token_servers.iter().any(named) || of_one_domain(&self.origin, address)
    }

    /// Asks the registry how it wants to be told who asks.
    pub async fn challenge(&self) -> Result<Option<Challenge>, Failure> {
        let answer = self.asking.get(self.address("")).send().await;
        let answer = answer.map_err(|error| Failure::transfer(error, &self.name))?;
        match answer.status() {
            StatusCode::UNAUTHORIZED => Ok(Challenge::of(answer.headers())),
            status if status.is_redirection() => Err(Failure::Elsewhere { host: self.name.clone() }),
            status if Failure::is_passing(status) => {
                let (what, after) = (format!("{}v2/", self.origin), Failure::after(&answer));
                Err(Failure::Status { what, status, host: self.name.clone(), after })
            }
            _ => Ok(None),
        }
    }
}

fn is_plain(origin: &Url, named: &[String], address: &Url) -> bool {
    named.contains(&authority(address)) || origin.origin() == address.origin()
}

/// Where a registry may send on to.
fn follow(origin: &Url, named: &[String]) -> redirect::Policy {
    let (origin, named) = (origin.clone(), named.to_vec());
    redirect::Policy::custom(move |attempt| {
        let to = attempt.url();
        match () {
            () if attempt.previous().len() > MOST_HOPS => attempt.error("in circles"),
            () if to.scheme() == "https" || is_plain(&origin, &named, to) => attempt.follow(),
            () => attempt.error("to plain HTTP"),
        }
    })
}

fn builder(authorities: &[String]) -> reqwest::Result<ClientBuilder> {
    let authorities = authorities
        .iter()
        .map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Client::builder()
        .dns_resolver(Arc::new(Names::default()))
        .tls_certs_merge(authorities)
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .user_agent(USER_AGENT))
}

/// `HOST[:PORT]`, as a user would write it.
pub fn authority(address: &Url) -> String {
    let host = address.host_str().unwrap_or_default();
    address.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The same host; or one below, or at, the name above the registry's: `auth.docker.io` for `registry-1.docker.io`.
fn of_one_domain(registry: &Url, server: &Url) -> bool {
    let (Some(registry), Some(server)) = (registry.host_str(), server.host_str()) else { return false };
    if registry == server {
        return true;
    }
    let is_address = |host: &str| host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    let Some((_, above)) = registry.split_once('.') else { return false };
    if is_address(registry) || is_address(server) || is_nobodys(above) {
        return false;
    }
    server == above || server.strip_suffix(above).is_some_and(|below| below.ends_with('.'))
}

/// A name below which anybody may have one: `io`, `co.uk`. Some that belong to somebody look the same.
fn is_nobodys(domain: &str) -> bool {
    match domain.split_once('.') {
        None => true,
        Some((second, country)) => !country.contains('.') && country.len() == 2 && second.len() <= 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_server_is_of_the_registry_s_domain() {
        let vouches = |registry: &str, server: &str| {
            let url = |host| Url::parse(&format!("https://{host}/token")).unwrap();
            of_one_domain(&url(registry), &url(server))
        };
        for (registry, server) in [
            ("registry-1.docker.io", "auth.docker.io"),
            ("registry.gitlab.com", "gitlab.com"),
            ("ghcr.io", "ghcr.io"),
            ("r.example:5000", "R.example:5001"),
            ("127.0.0.1:5000", "127.0.0.1:5001"),
            ("localhost:1", "localhost:2"),
            ("r.a.co.uk", "t.a.co.uk"),
        ] {
            assert!(vouches(registry, server), "{registry} {server}");
        }
        for (registry, server) in [
            ("quay.io", "evil.io"),
            ("shop.co.uk", "evil.co.uk"),
            ("registry.gitlab.com", "evilgitlab.com"),
            ("registry.gitlab.com", "gitlab.com.evil.example"),
            ("10.0.0.1", "9.0.0.1"),
            ("[fd00::1]", "[fd00::2]"),
            ("localhost", "evil.localhost"),
        ] {
            assert!(!vouches(registry, server), "{registry} {server}");
        }
    }
}
