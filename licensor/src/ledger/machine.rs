//! Whether two licenses are for the same machine.

use crate::license::{BoundComponent, BoundNode};
use crate::{Class, Kind, License, Tag};

/// What two licenses have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alike {
    /// The machine, or the installation on it.
    Same(Vec<Kind>),
    /// Only what a copy of a disk has, too.
    Copy,
}

/// `None`: nothing that says anything. Disks and cards move between machines, and do not count.
pub fn alike(one: &License, other: &License) -> Option<Alike> {
    if one.product != other.product {
        return None;
    }
    let pairs = || {
        one.binding.nodes.iter().flat_map(|node| other.binding.nodes.iter().map(move |other| (node, other)))
    };
    let mut common: Vec<Kind> = pairs().flat_map(|(one, other)| common(one, other)).collect();
    common.sort_unstable();
    common.dedup();
    let copied = common.contains(&Kind::MachineId);
    common.retain(|kind| kind.class() != Class::Medium);
    if common.is_empty() { copied.then_some(Alike::Copy) } else { Some(Alike::Same(common)) }
}

/// How the ledger finds licenses that may be alike.
pub fn marks(license: &License) -> Vec<String> {
    let components = license.binding.nodes.iter().flat_map(|node| &node.components);
    let telling = components.filter(|component| is_telling(component));
    let mark = |component: &BoundComponent, tag: &Tag| format!("{}:{tag}", component.kind);
    let mut marks: Vec<String> =
        telling.flat_map(|component| component.tags.iter().map(move |tag| mark(component, tag))).collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

fn is_telling(component: &BoundComponent) -> bool {
    component.class != Class::Medium || component.kind == Kind::MachineId
}

fn common(one: &BoundNode, other: &BoundNode) -> Vec<Kind> {
    let find = |kind: Kind| other.components.iter().find(|component| component.kind == kind);
    let telling = one.components.iter().filter(|component| is_telling(component));
    let alike = |component: &&BoundComponent| {
        find(component.kind).is_some_and(|other| is_alike(&component.tags, &other.tags))
    };
    telling.filter(alike).map(|component| component.kind).collect()
}

/// Tens of thousands of values share a short tag, so one of several is chance.
fn is_alike(one: &[Tag], other: &[Tag]) -> bool {
    let common = one.iter().filter(|tag| other.contains(tag));
    match common.clone().next() {
        None => false,
        Some(tag) => !tag.is_short() || common.count() >= 2 || one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{Weak, draft};
    use crate::testkit::{Desk, Machine, install_key, now, request};
    use crate::{Id, Request};

    fn license(request: &Request) -> License {
        draft(request, Desk::plan(), Id::from_bytes([7; 16]), Weak::Accepted, now()).unwrap()
    }

    fn with(machine: &Machine, key: u8) -> License {
        license(&request(machine, &install_key(key)))
    }

    #[test]
    fn the_same_board_or_the_same_installation_is_the_same_machine() {
        let first = with(&Machine::metal(), 1);
        let same = |kinds: &[Kind]| Some(Alike::Same(kinds.to_vec()));
        assert_eq!(alike(&first, &with(&Machine::metal(), 2)), same(&[Kind::SmbiosUuid, Kind::Serials]));
        assert_eq!(alike(&first, &with(&Machine::other_metal(), 1)), same(&[Kind::InstallKey]));
        assert_eq!(alike(&first, &with(&Machine::other_metal(), 2)), None);
        assert_eq!(
            alike(&with(&Machine::container(), 1), &with(&Machine::container(), 2)),
            Some(Alike::Copy)
        );
        let other = License { product: "other".into(), ..first.clone() };
        assert_eq!(alike(&first, &other), None);
    }

    #[test]
    fn one_short_tag_of_several_in_common_is_chance() {
        let tags = |names: &[&str]| {
            let mut tags: Vec<Tag> =
                names.iter().map(|name| Tag::of("worktile", Kind::Serials, name)).collect();
            tags.sort();
            tags
        };
        assert!(!is_alike(&tags(&["a", "b", "c"]), &tags(&["a", "d"])));
        assert!(is_alike(&tags(&["a", "b", "c"]), &tags(&["a", "c"])));
        assert!(is_alike(&tags(&["a"]), &tags(&["a"])));
        assert!(!is_alike(&tags(&["a"]), &tags(&["b"])));
    }

    #[test]
    fn whatever_makes_two_licenses_alike_is_a_mark_of_both() {
        let (metal, moved) = (with(&Machine::metal(), 1), with(&Machine::other_metal(), 1));
        for (one, other) in [(&metal, &with(&Machine::metal(), 2)), (&metal, &moved)] {
            assert!(marks(one).iter().any(|mark| marks(other).contains(mark)));
        }
        assert!(marks(&metal).iter().all(|mark| !mark.starts_with("nic:") && !mark.starts_with("disk:")));
    }
}
