//! An engine that is there already, and what somebody made of it.

use wt_keys::Sha256Digest;
use wt_manifests::ImageName;

use super::{Row, Scene, Verdict};
use crate::engine::{OLDEST, Setup, StoreKind, SwarmState};
use crate::{Result, engine_configuration};

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let Some(engine) = &scene.engine else {
        return Ok(vec![configuration(engine_configuration::check(&installation.places))]);
    };
    let info = engine.info();
    let store = match info.store {
        StoreKind::Classic => "classic store",
        StoreKind::Containerd => "containerd store",
    };
    // one that is too old was refused before it came here
    let found = format!("Docker {}, {store}", info.version);
    let mut rows = vec![Row::new("engine", Verdict::Ok, found, format_args!("Docker {OLDEST} or later"), "")];
    rows.extend(oddities(&engine.setup()?, &scene.swarm));
    rows.push(swarm(&scene.swarm, engine.setup()?.nodes));
    rows.push(tags(&engine.taken_names(installation.manifest(), &installation.known_images()?)?));
    Ok(rows)
}

/// What somebody set up and a product of ours cannot live with.
fn oddities(setup: &Setup, swarm: &SwarmState) -> Vec<Row> {
    let row = |what: &str, found: &str, needed: &str, hint: &str| {
        Row::new(format_args!("engine: {what}"), Verdict::Fail, found, needed, hint)
    };
    let mut rows = Vec::new();
    if setup.live_restore && *swarm == SwarmState::None {
        let hint = "take `live-restore` out of /etc/docker/daemon.json and restart Docker; its containers restart with it";
        rows.push(row("live-restore", "on", "off: it goes with no swarm", hint));
    }
    if setup.rootless {
        let hint =
            "install Docker as root; a rootless one has no network between hosts and no privileged ports";
        rows.push(row("user", "it runs rootless", "root", hint));
    }
    if setup.remapped {
        let hint = "take `userns-remap` out of /etc/docker/daemon.json and restart Docker";
        let needed = "as on the host: data folders belong to them";
        rows.push(row("users in containers", "remapped", needed, hint));
    }
    rows
}

fn swarm(state: &SwarmState, nodes: i64) -> Row {
    let needed = "none, or one of this host alone";
    let (verdict, found) = match state {
        SwarmState::None => (Verdict::Ok, "none".to_owned()),
        SwarmState::Manager | SwarmState::NewManager if nodes <= 1 => {
            (Verdict::Ok, "of this host alone".to_owned())
        }
        SwarmState::Manager | SwarmState::NewManager => (Verdict::Fail, format!("of {nodes} nodes")),
        SwarmState::Worker => (Verdict::Fail, "this host works in somebody else's".to_owned()),
        SwarmState::Broken(why) => (Verdict::Fail, format!("one that does not work: {why}")),
    };
    let hint = "`docker swarm leave` takes this host out of it; ask first whose it is";
    Row::new("swarm", verdict, found, needed, hint)
}

/// What an engine that is yet to come will read.
fn configuration(readable: Result<()>) -> Row {
    let verdict = Verdict::or_fail(readable.is_ok());
    let found = readable.map_or_else(|error| error.to_string(), |()| "readable, or none".to_owned());
    let hint = "correct it, or move it away: the engine itself would not start with it";
    Row::new("engine: its configuration", verdict, found, "JSON, if there is one", hint)
}

fn tags(taken: &[(ImageName, Sha256Digest)]) -> Row {
    let named = |(name, id): &(ImageName, Sha256Digest)| format!("{name} ({})", id.to_oci());
    let found = match taken {
        [] => "free, or ours".to_owned(),
        taken => format!("somebody's: {}", taken.iter().map(named).collect::<Vec<_>>().join(", ")),
    };
    Row::new(
        "names of images",
        Verdict::or_fail(taken.is_empty()),
        found,
        "no image of somebody else's under a name of the release's",
        "give that image another name (`docker tag`, then `docker rmi` the old one)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_of_somebody_else_is_refused() {
        for (state, nodes, verdict) in [
            (SwarmState::None, 0, Verdict::Ok),
            (SwarmState::Manager, 1, Verdict::Ok),
            (SwarmState::NewManager, 1, Verdict::Ok),
            (SwarmState::Manager, 3, Verdict::Fail),
            (SwarmState::Worker, 0, Verdict::Fail),
            (SwarmState::Broken("locked".into()), 0, Verdict::Fail),
        ] {
            assert_eq!(swarm(&state, nodes).verdict, verdict, "{state:?}");
        }
    }

    #[test]
    fn live_restore_stands_in_the_way_only_of_a_swarm_that_is_to_be_made() {
        let setup = Setup { live_restore: true, ..Setup::default() };
        assert_eq!(oddities(&setup, &SwarmState::None).len(), 1);
        assert!(oddities(&setup, &SwarmState::Manager).is_empty());
        let all = Setup { rootless: true, remapped: true, ..Setup::default() };
        let rows = oddities(&all, &SwarmState::None);
        assert!(rows.iter().all(|row| row.verdict == Verdict::Fail && !row.hint.is_empty()));
        assert_eq!(rows.len(), 2);
    }

    #[test]
    fn a_name_that_is_taken_is_named() {
        assert_eq!(tags(&[]).verdict, Verdict::Ok);
        let row = tags(&[("acme/web:1".parse().unwrap(), Sha256Digest::of(b""))]);
        assert_eq!(row.verdict, Verdict::Fail);
        assert!(row.found.starts_with("somebody's: acme/web:1 (sha256:e3b0c442"), "{}", row.found);
    }
}
