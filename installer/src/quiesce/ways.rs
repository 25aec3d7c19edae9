//! Which services are held still for a backup, and how.

use std::collections::{BTreeMap, BTreeSet};

use wt_manifests::site::{Quiesce, Site};

/// How each service is held whose data a backup holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) pause: BTreeSet<String>,
    pub(super) stop: BTreeSet<String>,
}

impl Ways {
    /// A service that sees only logs goes on, unless the release names it.
    pub(super) fn of(site: &Site, seen: &BTreeMap<String, Vec<String>>) -> Self {
        let sees_data = |folders: &Vec<String>| {
            let data = || site.data.iter().map(|folder| folder.path.as_str());
            folders.iter().any(|seen| data().any(|data| overlap(seen, data)))
        };
        let usual = seen.iter().filter(|(_, folders)| sees_data(folders)).map(|(name, _)| name);
        let named = site.stores.iter().map(|store| &store.service);
        let mut ways = Self::default();
        for service in usual.chain(named) {
            let store = site.stores.iter().find(|store| store.service == *service);
            match store.map(|store| store.quiesce).unwrap_or_default() {
                Quiesce::Pause => ways.pause.insert(service.clone()),
                Quiesce::Stop => ways.stop.insert(service.clone()),
                Quiesce::Hooks => false,
            };
        }
        ways
    }
}

/// Whether one of two folders is the other, or lies in it.
fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        outer.is_empty()
            || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
}

#[cfg(test)]
mod tests {
    use wt_manifests::site::{DataFolder, FolderMode, Owner, Store};

    use super::*;

    #[test]
    fn what_keeps_data_is_held_in_the_way_that_the_release_says() {
        let folder = |path: &str| DataFolder {
            path: path.parse().unwrap(),
            owner: Owner { user: 1, group: 1 },
            mode: FolderMode(0o750),
        };
        let store = |service: &str, quiesce| Store { service: service.to_owned(), quiesce };
        let site = Site {
            data: vec![folder("redis/db"), folder("mongodb/db"), folder("files"), folder("search")],
            logs: vec![folder("nginx/logs")],
            stores: vec![
                store("mongodb", Quiesce::Stop),
                store("search", Quiesce::Hooks),
                store("web", Quiesce::Pause),
            ],
            ..Site::default()
        };
        let seen = |service: &str, folders: &[&str]| {
            (service.to_owned(), folders.iter().map(|&f| f.to_owned()).collect())
        };
        let seen = BTreeMap::from([
            seen("redis", &["redis"]),
            seen("mongodb", &["mongodb/db", "mongodb/logs"]),
            seen("files", &["files/part"]),
            seen("search", &["search"]),
            seen("nginx", &["nginx/logs"]),
            seen("all", &[""]),
            seen("near", &["redis/db2"]),
        ]);
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let ways = Ways::of(&site, &seen);
        assert_eq!(ways.pause, names(&["all", "files", "redis", "web"]));
        assert_eq!(ways.stop, names(&["mongodb"]));
    }
}
