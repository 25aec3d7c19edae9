//! The license, `license.json`: a signed document with its signer's certificate and trust document (`wt_keys::chain`).
//!
//! A license says what is licensed, until when, and to which machines. Who reads it needs nothing but the roots.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use wt_keys::chain::Certified;
use wt_keys::{Chain, Document, Role, Trust, Trusted, Utc};

use crate::request::is_plain;
use crate::{Class, Error, Id, Kind, Result, Tag};

/// The module that stands for all of them, and the release requirement that every release meets.
pub const ANY: &str = "*";
/// The longest time between the end of a license and its restriction.
pub const LONGEST_GRACE_DAYS: i64 = 90;
const MOST_MODULES: usize = 100;
const MOST_NODES: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct License {
    pub license_id: Id,
    pub request_id: Id,
    pub customer: String,
    pub product: String,
    pub edition: String,
    pub seats: u32,
    /// Names of modules, or [`ANY`].
    pub modules: Vec<String>,
    /// How many hosts were sold. The desk binds no more than these and the spares; how many of them run at once no check
    /// sees: it sees one host, and asks whether it is one of the `binding`.
    pub nodes: u32,
    /// How many more may stand in for one that died.
    pub spares: u32,
    pub issued_at: Utc,
    pub not_before: Utc,
    /// From here on the product says that the end is near.
    pub notify_at: Utc,
    pub expires_at: Utc,
    /// From here on the product is restricted; between the two it works and complains.
    pub restrict_at: Utc,
    /// The releases it is good for, as a requirement in the manner of Cargo (`>=5.2, <6`), or [`ANY`].
    pub releases: String,
    pub binding: Binding,
}

/// The machines, and how alike a host must be to count as one of them.
///
/// The score is the weight of what matches by the weight of all that is bound, in percent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// At least this and one strong component: it is the machine.
    pub match_percent: u32,
    /// At least this, where no strong component is bound: it is the machine.
    pub match_percent_without_strong: u32,
    /// At least this, or anything that matches beside a strong component that cannot be read: it is the machine, and
    /// has changed.
    pub drift_percent: u32,
    /// How long a changed machine works, from the day on which its host first saw the change ([`crate::drift`]).
    pub drift_grace_days: u32,
    pub nodes: Vec<BoundNode>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundNode {
    pub label: String,
    pub components: Vec<BoundComponent>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundComponent {
    pub kind: Kind,
    pub class: Class,
    pub weight: u32,
    /// Ascending, each once, never none, and no more than [`Kind::most_tags`].
    pub tags: Vec<Tag>,
}

impl Document for License {
    const TYPE: &'static str = "application/vnd.wt.license.v1+json";
    const NAME: &'static str = "license";
    const ONE_SPELLING: bool = true;
}

impl Certified for License {
    const ROLE: Role = Role::License;

    fn product(&self) -> &str {
        &self.product
    }

    fn issued(&self) -> Utc {
        self.issued_at
    }

    /// From its issue, so that a stolen key cannot sign far ahead; the rest of a last day is free.
    fn term_days(&self) -> Option<u32> {
        let days = self.issued_at.days_until(self.expires_at).max(0);
        Some(u32::try_from(days).unwrap_or(u32::MAX))
    }

    fn seats(&self) -> Option<u32> {
        Some(self.seats)
    }
}

impl License {
    /// Verifies the bytes of `license.json` up to the roots, and that what is signed makes sense.
    pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Trusted<Self>> {
        let trusted: Trusted<Self> = Chain::parse(bytes, Self::NAME)?.verify(trust)?;
        trusted.document.check()?;
        Ok(trusted)
    }

    /// Whether it is good for a release. One that is no semantic version is met by [`ANY`] only.
    pub fn covers(&self, release: &str) -> bool {
        self.releases == ANY
            || matches!(
                (VersionReq::parse(&self.releases), Version::parse(release)),
                (Ok(required), Ok(found)) if required.matches(&found)
            )
    }

    /// What a signer asks before it signs, and a reader after it has verified.
    pub fn check(&self) -> Result<()> {
        let invalid = |why| Err(Error::LicenseInvalid(why));
        let dates = [self.issued_at, self.not_before, self.notify_at, self.expires_at, self.restrict_at];
        let texts = [&self.customer, &self.product, &self.edition].into_iter().chain(&self.modules);
        match () {
            () if !texts.clone().all(|text| is_plain(text)) => invalid("a text that is empty or not plain"),
            () if self.modules.len() > MOST_MODULES => invalid("more than 100 modules"),
            () if !dates.is_sorted() || self.not_before == self.expires_at => {
                invalid("dates that do not follow each other")
            }
            () if self.expires_at.days_until(self.restrict_at) > LONGEST_GRACE_DAYS => {
                invalid("more than 90 days between its end and its restriction")
            }
            () if self.seats == 0 || self.nodes == 0 => invalid("no seat, or no node"),
            () if self.releases != ANY && VersionReq::parse(&self.releases).is_err() => {
                invalid("releases that are not a version requirement")
            }
            () => self.binding.check(),
        }
    }
}

impl Binding {
    fn check(&self) -> Result<()> {
        let invalid = |why| Err(Error::LicenseInvalid(why));
        let thresholds = [1, self.drift_percent, self.match_percent, self.match_percent_without_strong, 100];
        match () {
            () if !thresholds.is_sorted() => invalid("thresholds that do not follow each other"),
            () if self.nodes.is_empty() || self.nodes.len() > MOST_NODES => {
                invalid("no machine, or more than 64")
            }
            () if !self.nodes.iter().all(BoundNode::is_sound) => {
                invalid("a machine without components, or with one that cannot be compared")
            }
            () => Ok(()),
        }
    }
}

impl BoundNode {
    fn is_sound(&self) -> bool {
        is_plain(&self.label)
            && !self.components.is_empty()
            && self.components.is_sorted_by(|a, b| a.kind < b.kind)
            && self.components.iter().all(BoundComponent::is_sound)
    }
}

impl BoundComponent {
    fn is_sound(&self) -> bool {
        (1..=1000).contains(&self.weight)
            && !self.tags.is_empty()
            && self.tags.is_sorted_by(|a, b| a < b)
            && self.tags.len() <= self.kind.most_tags()
            && self.tags.iter().all(|tag| tag.fits(self.kind))
    }
}

#[cfg(test)]
#[cfg(feature = "issue")]
mod tests {
    use super::*;
    use crate::testkit::{Desk, MOST_TAGS_OF_A_MACHINE, Machine, PRODUCT};

    #[test]
    fn releases_are_met_as_cargo_would() {
        let mut license = Desk::license(&Machine::metal());
        assert!(license.covers("5.2.0-rc.1") && license.covers("anything"));
        license.releases = ">=5.2, <6".into();
        assert!(license.covers("5.2.0") && license.covers("5.9.1"));
        assert!(!license.covers("6.0.0") && !license.covers("v5.2"));
    }

    #[test]
    fn a_license_that_makes_no_sense_is_not_valid() {
        let invalid = |spoil: &dyn Fn(&mut License)| {
            let mut license = Desk::license(&Machine::metal());
            spoil(&mut license);
            license.check().is_err()
        };
        assert!(!invalid(&|_| {}));
        assert!(invalid(&|license| license.customer = String::new()));
        assert!(invalid(&|license| license.seats = 0));
        assert!(invalid(&|license| license.expires_at = license.issued_at));
        assert!(invalid(&|license| license.restrict_at = license.expires_at.plus_days(92)));
        assert!(invalid(&|license| license.releases = "five".into()));
        assert!(invalid(&|license| license.binding.nodes.clear()));
        assert!(invalid(&|license| license.binding.nodes[0].components.clear()));
        assert!(invalid(&|license| license.binding.nodes[0].components[0].tags.clear()));
        assert!(invalid(&|license| license.binding.nodes[0].components[0].weight = 0));
        assert!(invalid(&|license| license.binding.drift_percent = 0));
        assert!(invalid(&|license| license.binding.match_percent = 101));
    }

    #[test]
    fn one_machine_of_a_license_cannot_be_many_machines() {
        for (kind, most) in MOST_TAGS_OF_A_MACHINE {
            let checked = |count: usize| {
                let mut license = Desk::license(&Machine::metal());
                let bound = &mut license.binding.nodes[0].components;
                bound.retain(|bound| bound.kind == Kind::InstallKey);
                let bound = &mut bound[0];
                bound.kind = kind;
                bound.tags = (0..count).map(|n| Tag::of(PRODUCT, kind, &n.to_string())).collect();
                bound.tags.sort();
                license.check()
            };
            assert!(checked(most).is_ok(), "{kind}");
            assert!(checked(most + 1).is_err(), "{kind}");
        }
    }
}
