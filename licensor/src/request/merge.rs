use wt_keys::{PublicKey, Verified};

use super::{Node, Request};
use crate::fingerprint::install_key_tag;
use crate::{Error, Id, Kind, Result, Tag};

/// One request of all machines of a site, from those that each machine signed. It is the one of the machine with
/// `install_key`, which is to sign it, and has the nodes of the others, too. Of a machine that is in several, what was
/// collected last counts.
pub fn merge(requests: &[Verified<Request>], install_key: &PublicKey, request_id: Id) -> Result<Request> {
    let of_own = requests.iter().filter(|request| request.install_key == *install_key);
    let own = of_own.max_by_key(|request| request.collected_at).ok_or(Error::MergeWithoutOwn)?;
    let mut nodes: Vec<Node> = Vec::new();
    for request in requests {
        check_kinship(own, request)?;
        for node in &request.nodes {
            let collected_at = Some(node.collected_at.unwrap_or(request.collected_at));
            put(&mut nodes, Node { collected_at, ..node.clone() });
        }
    }
    for node in &mut nodes {
        node.collected_at = node.collected_at.filter(|at| *at != own.collected_at);
    }
    nodes.sort_by(|a, b| a.label.cmp(&b.label));
    if let Some(pair) = nodes.windows(2).find(|pair| pair[0].label == pair[1].label) {
        return Err(Error::MergeSameName { label: pair[0].label.clone() });
    }
    let own_tag = install_key_tag(&own.product, install_key);
    if !nodes.iter().any(|node| installation(node) == Some(&own_tag)) {
        return Err(Error::MergeWithoutOwn);
    }
    Ok(Request { request_id, nodes, ..(**own).clone() })
}

fn check_kinship(own: &Request, request: &Request) -> Result<()> {
    let mixed = |what, expected: &str, found: &str| {
        Err(Error::MergeMixed { what, expected: expected.to_owned(), found: found.to_owned() })
    };
    match () {
        () if request.product != own.product => mixed("products", &own.product, &request.product),
        () if request.release != own.release => mixed("releases", &own.release, &request.release),
        () => Ok(()),
    }
}

/// Adds a machine, or takes what is known of it now for what was known of it before.
fn put(nodes: &mut Vec<Node>, node: Node) {
    let same =
        |known: &&mut Node| installation(known).is_some() && installation(known) == installation(&node);
    match nodes.iter_mut().find(same) {
        Some(known) if known.collected_at <= node.collected_at => *known = node,
        Some(_) => {}
        None => nodes.push(node),
    }
}

fn installation(node: &Node) -> Option<&Tag> {
    node.components.iter().find(|component| component.kind == Kind::InstallKey)?.tags.first()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, install_key, now, request};

    /// The request of the machine with installation key `n`, as its signature was checked.
    fn signed(machine: &Machine, n: u8, change: impl FnOnce(&mut Request)) -> Verified<Request> {
        let mut request = request(machine, &install_key(n));
        request.nodes[0].label = format!("node-{n}");
        change(&mut request);
        Request::parse(&request.seal(&install_key(n)).unwrap()).unwrap()
    }

    fn merged(requests: &[Verified<Request>], n: u8) -> Result<Request> {
        merge(requests, &install_key(n).public(), Id::from_bytes([9; 16]))
    }

    #[test]
    fn the_machines_of_a_site_are_asked_for_together() {
        let requests = [
            signed(&Machine::metal(), 2, |request| request.customer_hint = "whoever".into()),
            signed(&Machine::container(), 1, |request| request.collected_at = now().plus_days(3)),
        ];
        let merged = merged(&requests, 1).unwrap();
        let nodes: Vec<_> =
            merged.nodes.iter().map(|node| (node.label.as_str(), node.collected_at)).collect();
        assert_eq!(nodes, [("node-1", None), ("node-2", Some(now()))], "when, where not with the rest");
        assert_eq!((merged.request_id, merged.collected_at), (Id::from_bytes([9; 16]), now().plus_days(3)));
        assert_eq!(merged.customer_hint, "Acme GmbH", "this site's");
        let sent = Request::parse(&merged.seal(&install_key(1)).unwrap()).unwrap();
        assert_eq!(*sent, merged);
    }

    #[test]
    fn of_a_machine_that_is_in_several_the_latest_counts() {
        let on_day = |n: u8, day: u32, label: &'static str| {
            signed(&Machine::metal(), n, move |request| {
                request.collected_at = request.collected_at.plus_days(day);
                request.nodes[0].label = label.into();
            })
        };
        let [own, second, between] = [on_day(1, 0, "own"), on_day(2, 5, "second"), on_day(2, 3, "between")];
        let both = merged(&[own, second], 1).unwrap().seal(&install_key(1)).unwrap();
        let both = Request::parse(&both).unwrap();
        for requests in [[both.clone(), between.clone()], [between, both.clone()]] {
            assert_eq!(merged(&requests, 1).unwrap().nodes, both.nodes, "merged on day 0, of day 5");
        }
        let renamed = merged(&[both, on_day(2, 6, "renamed")], 1).unwrap();
        let labels: Vec<_> = renamed.nodes.iter().map(|node| node.label.as_str()).collect();
        assert_eq!(labels, ["own", "renamed"]);
    }

    #[test]
    fn what_does_not_belong_together_is_not_merged() {
        let own = || signed(&Machine::metal(), 1, |_| {});
        let other = |change: &dyn Fn(&mut Request)| signed(&Machine::container(), 2, change);
        let error = |other| merged(&[own(), other], 1).unwrap_err();
        assert!(matches!(error(other(&|r| r.release = "5.3.0".into())), Error::MergeMixed { .. }));
        assert!(matches!(error(other(&|r| r.nodes[0].label = "node-1".into())), Error::MergeSameName { .. }));
        assert!(matches!(merged(&[own()], 2), Err(Error::MergeWithoutOwn)));
        assert!(matches!(merged(&[], 1), Err(Error::MergeWithoutOwn)));
        let mut stranger = request(&Machine::metal(), &install_key(3));
        stranger.product = "other".into();
        stranger.nodes[0].components.last_mut().unwrap().tags =
            vec![install_key_tag("other", &install_key(3).public())];
        let stranger = Request::parse(&stranger.seal(&install_key(3)).unwrap()).unwrap();
        assert!(matches!(error(stranger), Error::MergeMixed { what: "products", .. }));
    }
}
