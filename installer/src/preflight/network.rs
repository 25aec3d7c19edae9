//! The host's own address, the ports that are to be the product's, and a network for its services.

use std::fs;
use std::net::{IpAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use wt_manifests::site::Port;

use super::domains::is_ours;
use super::{Row, Scene, Verdict};
use crate::Result;
use crate::engine::SwarmState;
use crate::network::{self, Subnet};
use crate::operation::Operation;
use crate::release::Release;

/// Where a swarm of one listens, on the loopback address.
const SWARM_PORTS: [(u16, &str); 2] = [(2377, "the swarm's managers"), (7946, "the swarm's gossip")];

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let mut rows = vec![address(installation.site.node().address)];
    let held = held(scene)?;
    let ports = installation.manifest().site.ports.iter();
    rows.extend(ports.filter(|port| !held.contains(&port.number)).map(published));
    if scene.swarm == SwarmState::None {
        rows.extend(SWARM_PORTS.map(|(number, purpose)| port([127, 0, 0, 1].into(), number, purpose)));
        rows.push(pool(network::for_product(installation.places.root())?));
    }
    Ok(rows)
}

/// The ports that the product itself may have, where it runs: those of what is installed, and those of this release where
/// it is that one, or a run was killed that may have started it.
fn held(scene: &Scene<'_>) -> Result<Vec<u16>> {
    let installation = scene.installation;
    if !scene.is_running {
        return Ok(Vec::new());
    }
    let last = installation.last_release()?;
    let begun = Operation::pending(&installation.places)?.is_some();
    let own = (last.is_none() || begun).then_some(installation.manifest());
    let manifests = last.as_ref().map(Release::manifest).into_iter().chain(own);
    Ok(manifests.flat_map(|manifest| &manifest.site.ports).map(|port| port.number).collect())
}

fn address(address: IpAddr) -> Row {
    let mine = is_ours(address);
    let whose = if mine { "this host's" } else { "not this host's" };
    Row::new(
        "address",
        Verdict::or_fail(mine),
        format_args!("{address} is {whose}"),
        "an address of this host",
        "correct `address` in site.toml; `ip address` lists them",
    )
}

fn published(published: &Port) -> Row {
    port([0, 0, 0, 0].into(), published.number, &published.purpose)
}

fn port(address: IpAddr, number: u16, purpose: &str) -> Row {
    let free = TcpListener::bind((address, number)).is_ok();
    let found = match (free, || listener(number)) {
        (true, _) => "free".to_owned(),
        (false, who) => who().map_or("in use".to_owned(), |who| format!("in use by {who}")),
    };
    Row::new(
        format_args!("port {number}"),
        Verdict::or_fail(free),
        found,
        format_args!("free, for {purpose}"),
        format_args!("stop what listens there; `ss -ltnp sport = :{number}` names it"),
    )
}

fn pool(free: Option<Subnet>) -> Row {
    let found = free.map_or("none of those that are tried".to_owned(), |free| free.to_string());
    Row::new(
        "network of the services",
        Verdict::or_fail(free.is_some()),
        found,
        "addresses that this host reaches nothing else by",
        "`ip route` shows what it reaches; take back a route that is wider than it need be",
    )
}

/// The program that listens at a port of this host: `nginx (1234)`.
fn listener(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let inode = tables.iter().find_map(|table| socket(table, port))?;
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        files
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| target.as_os_str() == wanted.as_str())
    };
    let is_number =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_bytes().iter().all(u8::is_ascii_digit));
    let mut processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path()).filter(is_number);
    let process = processes.find(|path| holds(path))?;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    Some(format!("{} ({})", name.trim(), process.file_name()?.to_string_lossy()))
}

/// The socket that listens at a port, by its inode, in a table like `/proc/net/tcp`.
fn socket(table: &str, port: u16) -> Option<&str> {
    const LISTENING: &str = "0A";
    let end = format!(":{port:04X}");
    let mut lines = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found =
        lines.find(|fields| fields.len() > 9 && fields[1].ends_with(&end) && fields[3] == LISTENING)?;
    Some(found[9])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_says_by_whom() {
        let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let number = held.local_addr().unwrap().port();
        let row = port([127, 0, 0, 1].into(), number, "web");
        assert_eq!((row.verdict, row.needed.as_str()), (Verdict::Fail, "free, for web"));
        assert!(row.found.ends_with(&format!("({})", std::process::id())), "{}", row.found);
        drop(held);
        assert_eq!(port([127, 0, 0, 1].into(), number, "web").verdict, Verdict::Ok);
    }

    #[test]
    fn an_address_is_this_hosts_or_not() {
        assert_eq!(address([127, 0, 0, 1].into()).verdict, Verdict::Ok);
        assert_eq!(address([192, 0, 2, 77].into()).found, "192.0.2.77 is not this host's");
    }

    #[test]
    fn a_host_that_reaches_everything_has_no_network_left() {
        assert_eq!(pool(None).verdict, Verdict::Fail);
        assert_eq!(pool(Some(Subnet::of([10, 213, 0, 0], 16))).found, "10.213.0.0/16");
    }
}
