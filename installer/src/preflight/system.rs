//! What kind of machine it is, and what it has for the roles of its node.

use std::fs;
use std::path::Path;

use wt_keys::console::Size;
use wt_manifests::byte_size::ByteSize;
use wt_manifests::site::{NodeRole, RoleRequirements};

use super::{Row, Scene, Verdict};
use crate::{Error, Installation, Result, packages};

/// The kernel keeps some of a machine's memory for itself and does not count it: up to a twelfth of what was bought.
const KEPT_BY_KERNEL: u64 = 12;

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let node = installation.site.node();
    let needs = installation.manifest().site.requirements.of(&node.roles);
    let mut rows = vec![platform(installation)];
    // matters only where the bundle must bring the engine
    if scene.engine.is_none() {
        rows.push(target(installation));
    }
    rows.push(processors(std::thread::available_parallelism().map_or(1, usize::from), &needs, &node.roles));
    rows.push(memory(total_memory()?, &needs, &node.roles));
    Ok(rows)
}

fn platform(installation: &Installation) -> Row {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let found = format!("linux/{machine}");
    let needed = &installation.manifest().platform;
    let fits = (needed.os(), needed.machine()) == ("linux", machine); // the variant is not known here
    Row::new(
        "platform",
        Verdict::or_fail(fits),
        &found,
        needed,
        "ask the vendor for the bundle for this platform",
    )
}

fn target(installation: &Installation) -> Row {
    let found = packages::target(installation.places.root()).unwrap_or_else(|_| "unknown".to_owned());
    let known: Vec<&str> = installation.manifest().packages.iter().map(|set| set.target.as_str()).collect();
    let needed =
        if known.is_empty() { "an engine: the bundle has none".to_owned() } else { known.join(" or ") };
    Row::new(
        "system",
        Verdict::or_fail(known.contains(&found.as_str())),
        &found,
        needed,
        "install Docker 20.10 or later by other means, then run this again",
    )
}

fn processors(found: usize, needs: &RoleRequirements, roles: &[NodeRole]) -> Row {
    let enough = found as u64 >= u64::from(needs.cpus);
    let needed = format!("{}, for {}", needs.cpus, spelled(roles));
    Row::new("processors", Verdict::or_fail(enough), found, needed, "give the host more processors")
}

fn memory(found: u64, needs: &RoleRequirements, roles: &[NodeRole]) -> Row {
    let ByteSize(needed) = needs.memory;
    let enough = found >= needed - needed / KEPT_BY_KERNEL;
    Row::new(
        "memory",
        Verdict::or_fail(enough),
        Size(found),
        format_args!("{}, for {}", needs.memory, spelled(roles)),
        "give the host more memory",
    )
}

fn spelled(roles: &[NodeRole]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ")
}

fn total_memory() -> Result<u64> {
    let path = Path::new("/proc/meminfo");
    let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or_default();
    Ok(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(cpus: u32, memory: u64) -> RoleRequirements {
        RoleRequirements { cpus, memory: ByteSize(memory), ..RoleRequirements::default() }
    }

    #[test]
    fn what_is_needed_says_for_what() {
        let row = processors(2, &needs(3, 0), &[NodeRole::App, NodeRole::Db]);
        assert_eq!((row.verdict, row.needed.as_str()), (Verdict::Fail, "3, for app, db"));
        assert_eq!(processors(3, &needs(3, 0), &[NodeRole::App]).verdict, Verdict::Ok);
    }

    #[test]
    fn a_machine_that_was_bought_with_enough_memory_has_enough() {
        let of = |found: u64| memory(found, &needs(0, 4 << 30), &[NodeRole::App]).verdict;
        assert_eq!(of(4 << 30), Verdict::Ok);
        assert_eq!(of(3_900 << 20), Verdict::Ok, "what Linux calls 4 GiB");
        assert_eq!(of(3_700 << 20), Verdict::Fail);
    }
}
