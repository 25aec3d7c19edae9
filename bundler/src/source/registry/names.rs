//! Names of hosts, without glibc: a static program that calls `getaddrinfo` loads whatever modules the machine's
//! `nsswitch.conf` names, with a second glibc below them, and dies.
//!
//! Promises: `/etc/hosts` first, then the name servers and search domains of `/etc/resolv.conf`; without that file the
//! server on this machine, as glibc does. Nothing else is asked: no name goes to a server that nobody configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const HOSTS: &str = "/etc/hosts";

#[derive(Clone, Default)]
pub struct Names {
    /// Made when the first name is not in `/etc/hosts`, in the runtime that it belongs to.
    servers: Arc<OnceLock<TokioResolver>>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let name = name.as_str().to_ascii_lowercase();
            let addresses = match here(&std::fs::read(HOSTS).unwrap_or_default(), &name) {
                known if !known.is_empty() => known,
                _ => names.servers()?.lookup_ip(name).await?.iter().collect(),
            };
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

impl Names {
    fn servers(&self) -> Result<&TokioResolver, NetError> {
        if let Some(servers) = self.servers.get() {
            return Ok(servers);
        }
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
            let local = vec![NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST))];
            let config = ResolverConfig::from_parts(None, Vec::new(), local);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        });
        builder.options_mut().use_hosts_file = ResolveHosts::Never;
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        let servers = builder.build()?;
        Ok(self.servers.get_or_init(|| servers))
    }
}

/// The addresses that `hosts`, in the form of hosts(5), has for a name; and this machine's for `localhost`.
fn here(hosts: &[u8], name: &str) -> Vec<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let hosts = String::from_utf8_lossy(hosts);
    let known: Vec<IpAddr> = hosts.lines().filter_map(|line| address(line, name)).collect();
    if known.is_empty() && (name == "localhost" || name.ends_with(".localhost")) {
        return vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    }
    known
}

fn address(line: &str, name: &str) -> Option<IpAddr> {
    let mut words = line.split('#').next()?.split_whitespace();
    let address = words.next()?.parse().ok()?;
    words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_the_file_of_hosts() {
        let hosts =
            b"127.0.0.1 localhost\n\n# 10.0.0.9 r.example\n10.0.0.1\tr.example R.Short # no.example\n\
            fd00::1 r.example\nnonsense r.example\n10.0.0.2 other.r.example\n";
        let here = |name| here(hosts, name).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(here("r.example"), ["10.0.0.1", "fd00::1"]);
        assert_eq!(here("r.example."), ["10.0.0.1", "fd00::1"]);
        assert_eq!(here("r.short"), ["10.0.0.1"]);
        assert_eq!(here("no.example"), [""; 0]);
        assert_eq!(here("example"), [""; 0]);
        assert_eq!(here("localhost"), ["127.0.0.1"]);
        assert_eq!(here("a.localhost"), ["127.0.0.1", "::1"]);
    }
}
