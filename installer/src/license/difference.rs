//! What one license says that another does not.

use serde::Serialize;
use wt_licensor::License;
use wt_licensor::license::ANY;

/// What was so, and will be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    pub what: &'static str,
    pub was: String,
    pub is: String,
    /// Why somebody may not want it.
    pub worse: Option<String>,
}

impl Change {
    pub(super) fn new(what: &'static str, was: impl ToString, is: impl ToString) -> Self {
        Self { what, was: was.to_string(), is: is.to_string(), worse: None }
    }

    pub(super) fn worse(self, is_worse: bool, why: &str) -> Self {
        Self { worse: is_worse.then(|| why.to_owned()), ..self }
    }
}

/// `known` are the modules of the release that is installed.
pub(super) fn of(old: &License, new: &License, known: &[String]) -> Vec<Change> {
    let off = switched_off(old, new, known);
    let modules = |license: &License| license.modules.join(", ");
    let all = [
        Change::new("signed", old.issued_at, new.issued_at)
            .worse(new.issued_at < old.issued_at, "before the one in force"),
        Change::new("customer", &old.customer, &new.customer)
            .worse(new.customer != old.customer, "somebody else's"),
        Change::new("edition", &old.edition, &new.edition),
        Change::new("begins", old.not_before, new.not_before),
        Change::new("warns", old.notify_at, new.notify_at),
        Change::new("expires", old.expires_at, new.expires_at),
        Change::new("restricted", old.restrict_at, new.restrict_at)
            .worse(new.restrict_at < old.restrict_at, "sooner"),
        Change::new("seats", old.seats, new.seats).worse(new.seats < old.seats, "fewer"),
        Change::new("nodes", old.nodes, new.nodes).worse(new.nodes < old.nodes, "fewer"),
        Change::new("spares", old.spares, new.spares).worse(new.spares < old.spares, "fewer"),
        Change::new("modules", modules(old), modules(new))
            .worse(!off.is_empty(), &format!("switched off: {}", off.join(", "))),
        Change::new("releases", &old.releases, &new.releases)
            .worse(new.releases != old.releases, "see whether the next release is among them"),
        Change::new("drift days", old.binding.drift_grace_days, new.binding.drift_grace_days).worse(
            new.binding.drift_grace_days < old.binding.drift_grace_days,
            "fewer for a machine that has changed",
        ),
    ];
    all.into_iter().filter(|change| change.was != change.is).collect()
}

/// Modules that work by the one and do not by the other.
fn switched_off<'a>(old: &'a License, new: &License, known: &'a [String]) -> Vec<&'a str> {
    let has =
        |license: &License, name: &str| license.modules.iter().any(|module| module == ANY || module == name);
    let named = old.modules.iter().filter(|name| *name != ANY);
    let more = known.iter().filter(|name| !old.modules.contains(name));
    let all = named.chain(more).map(String::as_str);
    all.filter(|name| has(old, name) && !has(new, name)).collect()
}
