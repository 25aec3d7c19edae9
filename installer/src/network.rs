//! Addresses of IPv4 networks: those that this host has a way to, and one for the product that is none of them.

use std::fmt;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::{Error, Result};

/// An IPv4 network: `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    base: u32,
    length: u8,
}

/// Where the networks of a product may lie, the best first. Those at the beginning are in few plans; the last are there
/// for sites that use all of 10.0.0.0/8.
const CANDIDATES: [Subnet; 12] = [
    Subnet::of([10, 213, 0, 0], 16),
    Subnet::of([10, 187, 0, 0], 16),
    Subnet::of([10, 119, 0, 0], 16),
    Subnet::of([10, 83, 0, 0], 16),
    Subnet::of([10, 241, 0, 0], 16),
    Subnet::of([10, 47, 0, 0], 16),
    Subnet::of([172, 30, 0, 0], 16),
    Subnet::of([172, 27, 0, 0], 16),
    Subnet::of([172, 23, 0, 0], 16),
    Subnet::of([192, 168, 0, 0], 16),
    // shared address space (RFC 6598) and benchmarks (RFC 2544): no site should have them
    Subnet::of([100, 99, 0, 0], 16),
    Subnet::of([198, 19, 0, 0], 16),
];

impl Subnet {
    pub const fn of(base: [u8; 4], length: u8) -> Self {
        Self { base: u32::from_be_bytes(base), length }
    }

    pub fn overlaps(self, other: Self) -> bool {
        let shorter = self.length.min(other.length);
        let mask = u32::MAX.checked_shl(32 - u32::from(shorter)).unwrap_or(0);
        self.base & mask == other.base & mask
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), self.length)
    }
}

impl fmt::Debug for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first candidate that overlaps none of `routes`.
fn free(candidates: &[Subnet], routes: &[Subnet]) -> Option<Subnet> {
    candidates.iter().find(|candidate| routes.iter().all(|route| !route.overlaps(**candidate))).copied()
}

/// Where the networks of a product may lie on the host below `root`: where it reaches nothing else.
pub fn for_product(root: &Path) -> Result<Option<Subnet>> {
    Ok(free(&CANDIDATES, &routes(root)?))
}

/// The networks that the host below `root` has a way to, its own addresses among them; the default route is a way to all
/// and so none of them. The host's own DNS servers count, too: a network over them would take them away.
fn routes(root: &Path) -> Result<Vec<Subnet>> {
    let path = root.join("proc/net/route");
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let servers = fs::read_to_string(root.join("etc/resolv.conf")).unwrap_or_default();
    let mut found: Vec<Subnet> = text.lines().filter_map(route).collect();
    found.extend(servers.lines().filter_map(server));
    Ok(found)
}

/// The IPv4 addresses of the host below `root` that others may reach it by, in order.
pub fn addresses(root: &Path) -> Vec<Ipv4Addr> {
    let text = fs::read_to_string(root.join("proc/net/fib_trie")).unwrap_or_default();
    let mut found: Vec<Ipv4Addr> = local(&text).filter(|address| !address.is_loopback()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Leaves like `|-- 192.0.2.10` that have `/32 host LOCAL` below them.
fn local(fib_trie: &str) -> impl Iterator<Item = Ipv4Addr> {
    let mut lines = fib_trie.lines().map(str::trim);
    let mut leaf = None;
    std::iter::from_fn(move || {
        lines.find_map(|line| {
            if let Some(address) = line.strip_prefix("|-- ") {
                leaf = address.parse().ok();
            }
            (line == "/32 host LOCAL").then(|| leaf.take()).flatten()
        })
    })
}

/// A line of `/proc/net/route`: device, destination and so on, mask eighth; numbers in hexadecimal as they lie in memory.
fn route(line: &str) -> Option<Subnet> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |text: &&str| u32::from_str_radix(text, 16).ok().map(u32::from_be);
    let (base, mask) = (number(fields.get(1)?)?, number(fields.get(7)?)?);
    let length = u8::try_from(mask.leading_ones()).ok()?;
    (length > 0).then_some(Subnet { base, length })
}

fn server(line: &str) -> Option<Subnet> {
    let address: Ipv4Addr = line.trim().strip_prefix("nameserver")?.trim().parse().ok()?;
    (!address.is_loopback()).then_some(Subnet { base: address.to_bits(), length: 32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_overlaps_what_holds_it_and_what_it_holds() {
        let (wide, narrow) = (Subnet::of([10, 0, 0, 0], 8), Subnet::of([10, 213, 7, 0], 24));
        let other = Subnet::of([192, 168, 0, 0], 16);
        assert!(wide.overlaps(narrow) && narrow.overlaps(wide) && wide.overlaps(wide));
        assert!(!wide.overlaps(other) && !narrow.overlaps(other));
        assert!(Subnet::of([0, 0, 0, 0], 0).overlaps(other));
    }

    #[test]
    fn the_first_that_is_free_is_taken() {
        assert_eq!(free(&CANDIDATES, &[]), Some(CANDIDATES[0]));
        assert_eq!(free(&CANDIDATES, &[Subnet::of([10, 213, 7, 0], 24)]), Some(CANDIDATES[1]));
        assert_eq!(free(&CANDIDATES, &[Subnet::of([10, 0, 0, 0], 8)]).unwrap().to_string(), "172.30.0.0/16");
        assert_eq!(free(&CANDIDATES, &[Subnet::of([128, 0, 0, 0], 1), Subnet::of([0, 0, 0, 0], 1)]), None);
    }

    #[test]
    fn routes_are_read_as_linux_writes_them() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        };
        write(
            "proc/net/route",
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
             eth0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
             eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
             vpn0\t0000D50A\t0102000A\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
        );
        write("etc/resolv.conf", "# ours\nnameserver 10.187.0.53\nnameserver 127.0.0.53\nnameserver ::1\n");
        let found: Vec<String> = routes(root.path()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.2.0/24", "10.213.0.0/16", "10.187.0.53/32"]);
        assert_eq!(free(&CANDIDATES, &routes(root.path()).unwrap()), Some(CANDIDATES[2]));
    }

    #[test]
    fn addresses_are_those_that_are_local_and_not_the_loopback() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/net")).unwrap();
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 127.0.0.1\n\
                    /32 host LOCAL\n     |-- 192.0.2.10\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        fs::write(root.path().join("proc/net/fib_trie"), format!("{text}{text}")).unwrap();
        assert_eq!(addresses(root.path()), [Ipv4Addr::new(192, 0, 2, 10)]);
    }
}
