//! Issuing licenses: the vendor's desk, and nothing that a site has.

use wt_keys::{Chain, Signer, Utc};

use crate::grade::{Grade, usable};
use crate::license::{Binding, BoundComponent, BoundNode};
use crate::plans::Preset;
use crate::request::Node;
use crate::term::Dates;
use crate::{Error, Id, License, Request, Result};

/// Half of a machine may be replaced, as long as its board or its chassis stays.
const MATCH_PERCENT: u32 = 50;
/// Where no UUID and no serial number is bound, more of the rest must match.
const MATCH_PERCENT_WITHOUT_STRONG: u32 = 70;
/// A new mainboard with its cards in the same chassis is still the machine; a copy of the disk image on other metal
/// (machine id and installation key: 20 of 100) is not.
const DRIFT_PERCENT: u32 = 25;

/// What is sold.
#[derive(Clone, Debug)]
pub struct Plan {
    pub customer: String,
    /// What the request must be for; `None`: whatever it names. The key's certificate says last what it may sign.
    pub product: Option<String>,
    /// The request may have no more.
    pub nodes: u32,
    pub spares: u32,
    pub edition: String,
    pub seats: u32,
    pub modules: Vec<String>,
    pub releases: String,
    pub dates: Dates,
    pub drift_grace_days: u32,
}

impl Plan {
    /// What a preset says, for a customer.
    pub fn of(preset: Preset, customer: String, dates: Dates) -> Self {
        let Preset { product, edition, seats, modules, nodes, spares, releases, drift_grace_days, .. } =
            preset;
        Self { customer, product, nodes, spares, edition, seats, modules, releases, dates, drift_grace_days }
    }
}

/// Whether a node whose fingerprint could be any machine's is licensed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weak {
    Refused,
    Accepted,
}

/// Writes the license that answers `request`, and binds it to what the request could read. What is sold is the plan's:
/// a request that asks for more is refused.
pub fn draft(request: &Request, plan: Plan, license_id: Id, weak: Weak, now: Utc) -> Result<License> {
    check_sold(request, &plan)?;
    let nodes = request.nodes.iter().map(|node| bind(node, weak)).collect::<Result<Vec<_>>>()?;
    let license = License {
        license_id,
        request_id: request.request_id,
        customer: plan.customer,
        product: request.product.clone(),
        edition: plan.edition,
        seats: plan.seats,
        modules: plan.modules,
        nodes: plan.nodes,
        spares: plan.spares,
        issued_at: now,
        not_before: plan.dates.not_before,
        notify_at: plan.dates.notify_at,
        expires_at: plan.dates.expires_at,
        restrict_at: plan.dates.restrict_at,
        releases: plan.releases,
        binding: binding(nodes, plan.drift_grace_days),
    };
    license.check()?;
    Ok(license)
}

/// What decides whether a host is one of `nodes`.
pub(crate) fn binding(nodes: Vec<BoundNode>, drift_grace_days: u32) -> Binding {
    Binding {
        match_percent: MATCH_PERCENT,
        match_percent_without_strong: MATCH_PERCENT_WITHOUT_STRONG,
        drift_percent: DRIFT_PERCENT,
        drift_grace_days,
        nodes,
    }
}

fn check_sold(request: &Request, plan: &Plan) -> Result<()> {
    let found = request.nodes.len();
    if let Some(expected) = plan.product.as_ref().filter(|sold| **sold != request.product) {
        return Err(Error::OtherProduct { expected: expected.clone(), found: request.product.clone() });
    }
    // a spare that is to stand in without a call is bound with the others
    let expected = plan.nodes.saturating_add(plan.spares);
    if u32::try_from(found).is_ok_and(|found| found <= expected) {
        return Ok(());
    }
    Err(Error::MoreNodes { expected, found })
}

/// What was absent or junk is left out here, so the weights that are signed are those of what can match.
pub(crate) fn bind(node: &Node, weak: Weak) -> Result<BoundNode> {
    let usable = || usable(node.environment, &node.components);
    let names = usable().map(|component| component.kind.name()).collect::<Vec<_>>().join(", ");
    let nothing = names.is_empty();
    if nothing || (weak == Weak::Refused && Grade::of(node.environment, &node.components) == Grade::C) {
        let usable = if nothing { "no usable component".into() } else { format!("only {names}") };
        return Err(Error::Weak { node: node.label.clone(), usable });
    }
    let components = usable().map(|component| BoundComponent {
        kind: component.kind,
        class: component.kind.class(),
        weight: component.kind.weight(node.environment),
        tags: component.tags.clone(),
    });
    Ok(BoundNode { label: node.label.clone(), components: components.collect() })
}

/// Signs a license; the bytes of `license.json` are the chain's.
#[inline(never)] // a test looks for this name in what customers get
pub fn issue_license(license: &License, signer: &Signer) -> Result<Chain> {
    license.check()?;
    Ok(Chain::seal(license, signer)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Desk, Machine, install_key, now, request};

    fn drafted(machine: &Machine, weak: Weak) -> Result<License> {
        draft(&request(machine, &install_key(1)), Desk::plan(), Id::from_bytes([7; 16]), weak, now())
    }

    #[test]
    fn only_what_could_be_read_is_bound() {
        let weights = |machine: &Machine| {
            let license = drafted(machine, Weak::Refused).unwrap();
            license.binding.nodes[0].components.iter().map(|c| (c.kind.name(), c.weight)).collect::<Vec<_>>()
        };
        assert_eq!(weights(&Machine::metal()).iter().map(|(_, weight)| weight).sum::<u32>(), 100);
        assert_eq!(weights(&Machine::container()), [("machine_id", 20), ("install_key", 15)]);
    }

    #[test]
    fn as_many_machines_are_bound_as_were_sold_with_the_spares() {
        let mut request = request(&Machine::metal(), &install_key(1));
        let node = request.nodes[0].clone();
        request.nodes = ["a", "b", "c"].map(|label| Node { label: label.into(), ..node.clone() }).into();
        let bound = |nodes, spares| {
            let plan = Plan { nodes, spares, ..Desk::plan() };
            let id = Id::from_bytes([7; 16]);
            draft(&request, plan, id, Weak::Refused, now()).map(|license| license.binding.nodes.len())
        };
        assert_eq!((bound(3, 0).unwrap(), bound(2, 1).unwrap()), (3, 3));
        assert!(matches!(bound(1, 1), Err(Error::MoreNodes { expected: 2, found: 3 })));
        assert!(matches!(bound(2, 0), Err(Error::MoreNodes { expected: 2, found: 3 })));
    }

    #[test]
    fn a_weak_fingerprint_is_refused_unless_it_is_accepted() {
        assert!(matches!(drafted(&Machine::nothing(), Weak::Refused), Err(Error::Weak { .. })));
        assert!(drafted(&Machine::nothing(), Weak::Accepted).is_ok());
    }

    #[test]
    fn the_four_dates_follow_each_other_and_end_with_a_day() {
        let license = drafted(&Machine::metal(), Weak::Refused).unwrap();
        let dates = [license.not_before, license.notify_at, license.expires_at, license.restrict_at];
        assert_eq!(
            dates.map(|date| date.to_string()),
            ["2026-11-23T08:00:00Z", "2027-10-24T23:59:59Z", "2027-11-23T23:59:59Z", "2027-12-23T23:59:59Z"]
        );
    }

    #[test]
    fn a_key_signs_no_longer_than_its_certificate_allows() {
        let desk = Desk::new();
        let mut license = Desk::license(&Machine::metal());
        assert!(issue_license(&license, &desk.signer).is_ok());
        license.expires_at = license.issued_at.plus_days(367);
        license.restrict_at = license.expires_at;
        assert!(matches!(
            issue_license(&license, &desk.signer),
            Err(Error::Keys(wt_keys::Error::TermTooLong { limit: 366, found: 367 }))
        ));
    }
}
