//! What addresses a name has, as this host sees it. `getent` asks, not we: in a static program glibc's own resolver loads
//! what the host has of it, and may crash.

use std::net::IpAddr;
use std::time::Duration;

use crate::Result;
use crate::command::Command;
use crate::site::Domain;

const LIMIT: Duration = Duration::from_secs(15);
/// What `getent` says where nobody knows the name.
const UNKNOWN: i32 = 2;

/// The addresses of a name, each once; none where nobody knows it. An address is its own.
pub fn addresses(domain: &Domain) -> Result<Vec<IpAddr>> {
    if let Some(address) = domain.address() {
        return Ok(vec![address]);
    }
    // a host name never begins with `-`
    let finished = Command::new("getent", LIMIT).args(["ahosts", domain.as_str()]).run(b"")?;
    match finished.status.code() {
        Some(0) => Ok(parse(&finished.stdout)),
        Some(UNKNOWN) => Ok(Vec::new()),
        _ => Err(finished.into_error()),
    }
}

/// Lines like `192.0.2.10      STREAM im.example.com`.
fn parse(said: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in said.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_told_once() {
        let said =
            "192.0.2.10      STREAM im\n192.0.2.10      DGRAM  \n2001:db8::1     STREAM \nfe80::1%eth0 RAW\n";
        assert_eq!(parse(said), ["192.0.2.10", "2001:db8::1"].map(|text| text.parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn this_host_knows_itself() {
        let found = addresses(&"localhost".parse().unwrap()).unwrap();
        assert!(found.iter().any(IpAddr::is_loopback), "{found:?}");
        let address: IpAddr = "192.0.2.10".parse().unwrap();
        assert_eq!(addresses(&"192.0.2.10".parse().unwrap()).unwrap(), [address]);
    }
}
