//! How alike a host and a bound machine are: the weight of the components that match, by the weight of all that are
//! bound. Some may change, and none alone decides.

use std::fmt;

use serde::Serialize;

use crate::license::{Binding, BoundComponent, BoundNode};
use crate::{Class, Component, Kind, Quality};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    Match,
    /// Fewer than half of several values, one of two cards of four, say: half the weight, and never as strong.
    Partial,
    Differ,
    Unreadable,
}

/// Ordered from worst to best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likelihood {
    Foreign,
    Drift,
    Match,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    pub kind: Kind,
    pub class: Class,
    pub weight: u32,
    pub result: Likeness,
}

/// A host beside one bound machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    pub node: String,
    pub likelihood: Likelihood,
    /// Rounded down, for people; the decision is taken on the exact fraction.
    pub percent: u32,
    pub components: Vec<Compared>,
}

/// The bound machine that the host is most like. `None` only if no machine is bound, which no valid license has.
pub fn best(binding: &Binding, host: &[Component]) -> Option<Score> {
    let scores = binding.nodes.iter().map(|node| score(binding, node, host));
    scores.max_by_key(|score| (score.likelihood, score.percent))
}

fn score(binding: &Binding, node: &BoundNode, host: &[Component]) -> Score {
    let components: Vec<Compared> = node
        .components
        .iter()
        .map(|bound| Compared {
            kind: bound.kind,
            class: bound.class,
            weight: bound.weight,
            result: compare(bound, host),
        })
        .collect();
    let halves: u64 = components.iter().map(Compared::matched_halves).sum();
    let total: u64 = components.iter().map(|component| u64::from(component.weight) * 2).sum();
    let reaches = |percent: u32| halves * 100 >= u64::from(percent) * total;
    let strong = |result: Option<Likeness>| {
        components.iter().any(|c| c.class == Class::Strong && result.is_none_or(|result| c.result == result))
    };
    let is_match = if strong(None) {
        reaches(binding.match_percent) && strong(Some(Likeness::Match))
    } else {
        reaches(binding.match_percent_without_strong)
    };
    let likelihood = match () {
        () if is_match => Likelihood::Match,
        () if reaches(binding.drift_percent) => Likelihood::Drift,
        // not without anything in common: whoever hides the serial numbers would be let in on any machine
        () if strong(Some(Likeness::Unreadable)) && halves > 0 => Likelihood::Drift,
        () => Likelihood::Foreign,
    };
    let percent = u32::try_from(halves * 100 / total.max(1)).unwrap_or(0);
    Score { node: node.label.clone(), likelihood, percent, components }
}

/// What is not there never matches: a bound component has tags, and an absent or junk one has none.
fn compare(bound: &BoundComponent, host: &[Component]) -> Likeness {
    let Some(found) = host.iter().find(|component| component.kind == bound.kind) else {
        return Likeness::Differ;
    };
    if found.quality == Quality::Unreadable {
        return Likeness::Unreadable;
    }
    let common = bound.tags.iter().filter(|tag| found.tags.contains(tag)).count();
    match common {
        0 => Likeness::Differ,
        _ if common * 2 >= bound.tags.len() || bound.kind.any_is_enough() => Likeness::Match,
        _ => Likeness::Partial,
    }
}

impl Compared {
    fn matched_halves(&self) -> u64 {
        match self.result {
            Likeness::Match => u64::from(self.weight) * 2,
            Likeness::Partial => u64::from(self.weight),
            Likeness::Differ | Likeness::Unreadable => 0,
        }
    }
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Match => "matches",
            Self::Partial => "matches in part",
            Self::Differ => "differs",
            Self::Unreadable => "cannot be read",
        })
    }
}
