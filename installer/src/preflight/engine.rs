//! An engine that is there already, and what somebody made of it.

use std::collections::BTreeSet;

use wt_keys::Sha256Digest;
use wt_manifests::Manifest;

use super::{Row, Scene, Verdict};
use crate::engine::{Engine, OLDEST, Setup, StoreKind, SwarmState};
use crate::release::Release;
use crate::{Places, Result};

pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let Some(engine) = &scene.engine else { return Ok(Vec::new()) };
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
    rows.push(tags(&taken_tags(engine, scene.installation.manifest(), &scene.installation.places)?));
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

fn tags(taken: &[String]) -> Row {
    let found = if taken.is_empty() {
        "free, or ours".to_owned()
    } else {
        format!("somebody's: {}", taken.join(", "))
    };
    Row::new(
        "names of images",
        Verdict::or_fail(taken.is_empty()),
        found,
        "no image of somebody else's under a name of the release's",
        "give that image another name (`docker tag`, then `docker rmi` the old one)",
    )
}

/// The names of the release that stand for an image that neither it nor any release kept here has.
fn taken_tags(engine: &Engine, manifest: &Manifest, places: &Places) -> Result<Vec<String>> {
    let mut ours = ids(manifest, engine.info().store);
    for release in Release::all_kept(places)? {
        ours.extend(ids(release.manifest(), engine.info().store));
    }
    let mut taken = Vec::new();
    for image in &manifest.images {
        let name = image.name.to_string();
        if engine.image(&name)?.is_some_and(|found| !ours.contains(&found.id)) {
            taken.push(name);
        }
    }
    Ok(taken)
}

fn ids(manifest: &Manifest, store: StoreKind) -> BTreeSet<Sha256Digest> {
    manifest.images.iter().map(|image| store.image_id(image)).collect()
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
        let row = tags(&["acme/web:1".to_owned()]);
        assert_eq!((row.verdict, row.found.as_str()), (Verdict::Fail, "somebody's: acme/web:1"));
    }
}
