//! What changed between two requests of a site, in words, and what a license of the old one is worth on the new one.

use std::fmt::Write as _;

use serde::Serialize;
use wt_keys::shown;

use crate::issue::{Weak, bind, binding};
use crate::request::Node;
use crate::score::{self, Likelihood, Score};
use crate::{Component, Info, Kind, Quality, Request, Result};

/// What became of one node.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The node of the new request.
    pub node: String,
    /// The node of the old request that it is most like.
    pub was: String,
    pub verdict: &'static str,
    pub score_percent: u32,
    pub changes: Vec<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub what: String,
    /// How much of the score it is worth; 0 for what nobody compares.
    pub weight: u32,
    pub change: String,
}

/// Of each node of the new request, and of nodes that are gone.
pub fn differences(old: &Request, new: &Request) -> Result<Vec<Difference>> {
    let nodes = old.nodes.iter().map(|node| bind(node, Weak::Accepted)).collect::<Result<Vec<_>>>()?;
    let binding = binding(nodes, 0);
    let differences = new.nodes.iter().filter_map(|node| {
        let score = score::best(&binding, &node.components)?;
        let was = old.nodes.iter().find(|was| was.label == score.node)?;
        Some(Difference::of(was, node, &score))
    });
    Ok(differences.collect())
}

/// The labels of old nodes that no new one is like.
pub fn gone<'a>(old: &'a Request, differences: &[Difference]) -> Vec<&'a str> {
    let found = |node: &&Node| differences.iter().any(|difference| difference.was == node.label);
    old.nodes.iter().filter(|node| !found(node)).map(|node| node.label.as_str()).collect()
}

impl Difference {
    fn of(old: &Node, new: &Node, score: &Score) -> Self {
        let verdict = match score.likelihood {
            Likelihood::Match => "MATCH",
            Likelihood::Drift => "DRIFT",
            Likelihood::Foreign => "FOREIGN",
        };
        let mut changes = Vec::new();
        let mut add = |what: &str, weight: u32, change: String| {
            changes.push(Change { what: what.to_owned(), weight, change });
        };
        if old.environment != new.environment {
            let (was, is) = (old.environment, new.environment);
            add("environment", 0, format!("was {was:?}, is {is:?}").to_lowercase());
        }
        for kind in kinds(old, new) {
            let weight = kind.weight(old.environment);
            if let Some(change) = of_component(find(old, kind), find(new, kind)) {
                add(kind.name(), weight, change);
            }
        }
        for (what, change) in of_info(old.info.as_ref(), new.info.as_ref()) {
            add(what, 0, change);
        }
        let (node, was) = (new.label.clone(), old.label.clone());
        Self { node, was, verdict, score_percent: score.percent, changes }
    }

    pub fn to_text(&self) -> String {
        let (node, was) = (shown(&self.node), shown(&self.was));
        let named =
            if self.node == self.was { format!("`{node}`") } else { format!("`{node}`, was `{was}`") };
        let mut text =
            format!("{named}: {} % alike: {}, {}\n", self.score_percent, self.verdict, self.meaning());
        if self.changes.is_empty() {
            text.push_str("  nothing changed\n");
        }
        for Change { what, weight, change } in &self.changes {
            let weight = if *weight == 0 { "counts for nothing".into() } else { format!("weight {weight}") };
            let _ = writeln!(text, "  {what:<12} {} ({weight})", shown(change));
        }
        text
    }

    fn meaning(&self) -> &'static str {
        match self.verdict {
            "MATCH" => "its license stays good",
            "DRIFT" => "its license works for a while, and a new one is due",
            _ => "its license does not work any more",
        }
    }
}

fn find(node: &Node, kind: Kind) -> Option<&Component> {
    node.components.iter().find(|component| component.kind == kind)
}

fn kinds(old: &Node, new: &Node) -> Vec<Kind> {
    let mut kinds: Vec<Kind> =
        old.components.iter().chain(&new.components).map(|component| component.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// `None` where it is the same.
fn of_component(old: Option<&Component>, new: Option<&Component>) -> Option<String> {
    let quality = |component: Option<&Component>| component.map_or(Quality::Absent, |found| found.quality);
    let (was, is) = (quality(old), quality(new));
    match (was, is, old, new) {
        (Quality::Ok, Quality::Ok, Some(old), Some(new)) => of_tags(old, new),
        _ if was == is => None,
        (Quality::Ok, ..) => Some(format!("was there, is {is} now")),
        (_, Quality::Ok, ..) => Some(format!("was {was}, is there now")),
        _ => Some(format!("was {was}, is {is}")),
    }
}

fn of_tags(old: &Component, new: &Component) -> Option<String> {
    if old.tags == new.tags {
        return None;
    }
    let (was, is) = (old.tags.len(), new.tags.len());
    let same = old.tags.iter().filter(|tag| new.tags.contains(tag)).count();
    Some(match (was, is, same) {
        (1, 1, _) => "another one".into(),
        (_, _, 0) => format!("all others: {was} before, {is} now"),
        _ => format!("{same} of {was} are the same, {} gone, {} new", was - same, is - same),
    })
}

fn of_info(old: Option<&Info>, new: Option<&Info>) -> Vec<(&'static str, String)> {
    let (Some(old), Some(new)) = (old, new) else { return vec![] };
    let texts = [
        ("processor", &old.cpu, &new.cpu),
        ("host name", &old.hostname, &new.hostname),
        ("system", &old.os, &new.os),
        ("kernel", &old.kernel, &new.kernel),
    ];
    let mut changes: Vec<_> = texts
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| (what, format!("`{old}`, now `{new}`")))
        .collect();
    if old.cores != new.cores {
        changes.push(("cores", format!("{}, now {}", old.cores, new.cores)));
    }
    let gib = |info: &Info| info.memory_bytes.div_ceil(1 << 30);
    if gib(old) != gib(new) {
        changes.push(("memory", format!("{} GiB, now {} GiB", gib(old), gib(new))));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{Machine, install_key, request};

    fn diff(old: &Machine, new: &Machine, key: u8) -> String {
        let (old, new) = (request(old, &install_key(1)), request(new, &install_key(key)));
        let differences = differences(&old, &new).unwrap();
        assert!(gone(&old, &differences).is_empty());
        differences.iter().map(Difference::to_text).collect()
    }

    #[test]
    fn what_changed_is_said_in_words_with_the_score() {
        let (old, new) = (Machine::metal(), Machine::metal());
        assert_eq!(
            diff(&old, &new, 1),
            "`node-1`: 100 % alike: MATCH, its license stays good\n  nothing changed\n"
        );
        new.put_nic("eno2", "3c:ec:ef:99:99:02");
        new.put_disk("naa.5000c500ffffeee1");
        assert_eq!(
            diff(&old, &new, 1),
            "`node-1`: 80 % alike: MATCH, its license stays good\n  disk         another one (weight 20)\n  \
             nic          1 of 2 are the same, 1 gone, 1 new (weight 15)\n"
        );
        new.put_board("11b7a4d2-4f0e-11ec-8d3d-0242ac130003", "J0K1L2M3");
        let text = diff(&old, &new, 2);
        assert!(text.starts_with("`node-1`: 40 % alike: DRIFT, its license works for a while"), "{text}");
        assert!(text.contains("smbios_uuid  another one (weight 25)"), "{text}");
        assert!(text.contains("serials      1 of 3 are the same, 2 gone, 2 new (weight 20)"), "{text}");
        let text = diff(&old, &Machine::other_metal(), 2);
        assert!(text.starts_with("`node-1`: 0 % alike: FOREIGN"), "{text}");
        assert!(text.contains("nic          all others: 2 before, 2 now"), "{text}");
        let text = diff(&old, &Machine::container(), 1);
        assert!(text.contains("environment  was metal, is virtual (counts for nothing)"), "{text}");
        assert!(text.contains("disk         was there, is absent now (weight 20)"), "{text}");
    }
}
