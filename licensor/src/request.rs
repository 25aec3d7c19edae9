//! The request for a license, `hw.json`: a DSSE envelope on one line, signed with the key that the site made for
//! itself and whose public half is inside.
//!
//! The signature proves that nothing was changed on the way and that the sender holds the installation key. Who the
//! sender is, it cannot prove: everything in it is treated as written by an attacker, and has limits.

mod merge;
mod shown;
mod usage;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wt_keys::{Document, Envelope, Error as KeyError, PublicKey, Utc, Verified, capped};

use crate::fingerprint::install_key_tag;
use crate::{Component, Environment, Error, Fingerprint, Id, Info, Quality, Result};

pub use merge::merge;
pub use usage::Usage;

const LARGEST_FILE: u64 = 1024 * 1024;
const MOST_NODES: usize = 64;
const MOST_COMPONENTS: usize = 16;
const MOST_LEFT_OUT: usize = 64;
/// In characters, for every text in a request and in a license.
pub const LONGEST_TEXT: usize = 200;

/// What a request was before it had a reason other than a new license.
const TYPE_1: &str = "application/vnd.wt.request.v1+json";

/// Why a license is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "console", derive(clap::ValueEnum))]
pub enum Occasion {
    /// The site has none yet
    New,
    /// For a further term
    Renew,
    /// For the machine that takes the place of the licensed one
    Rehost,
    /// For a further machine of the site
    AddNode,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub request_id: Id,
    pub reason: Occasion,
    /// The license that the site has now, or had.
    pub previous_license: Option<Id>,
    pub product: String,
    /// The release that is installed.
    pub release: String,
    /// Who the site says it is; empty if it does not.
    pub customer_hint: String,
    pub collected_at: Utc,
    pub nodes: Vec<Node>,
    /// What the product counted, if it did and the site wants to say so.
    pub usage: Option<Usage>,
    pub install_key: PublicKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Each its own.
    pub label: String,
    /// Where it was not with the rest of the request, which may be several merged.
    pub collected_at: Option<Utc>,
    pub environment: Environment,
    pub components: Vec<Component>,
    pub info: Option<Info>,
}

impl Document for Request {
    const TYPE: &'static str = "application/vnd.wt.request.v2+json";
    const NAME: &'static str = "hardware request";
}

impl Node {
    pub fn new(label: &str, fingerprint: Fingerprint) -> Self {
        let Fingerprint { environment, components, info } = fingerprint;
        Self { label: one_line(label, LONGEST_TEXT), collected_at: None, environment, components, info }
    }

    fn check(&self) -> Result<()> {
        check_text(&self.label, "a node without a label, or with one that is not plain text")?;
        if self.components.len() > MOST_COMPONENTS {
            return Err(Error::RequestInvalid("a node with more than 16 components"));
        }
        if !self.components.is_sorted_by(|a, b| a.kind < b.kind) {
            return Err(Error::RequestInvalid("a node with a component twice, or out of order"));
        }
        if let Some(info) = &self.info {
            for text in [&info.model, &info.cpu, &info.hostname, &info.os, &info.kernel] {
                check_optional_text(text, "a description of a node that is not plain text")?;
            }
        }
        self.components.iter().try_for_each(check_component)
    }
}

fn check_component(component: &Component) -> Result<()> {
    let Component { kind, quality, tags, left_out } = component;
    if tags.len() > kind.most_tags() || left_out.len() > MOST_LEFT_OUT {
        return Err(Error::RequestInvalid("a component with more values than a machine has"));
    }
    if (*quality == Quality::Ok) == tags.is_empty() {
        return Err(Error::RequestInvalid("a usable component without a tag, or another one with tags"));
    }
    if !tags.is_sorted_by(|a, b| a < b) || !tags.iter().all(|tag| tag.fits(*kind)) {
        return Err(Error::RequestInvalid("tags out of order, repeated, or of the wrong length"));
    }
    left_out.iter().try_for_each(|text| check_text(text, "a note on a component that is not plain text"))
}

impl Request {
    /// Reads and verifies the file; whatever is wrong with it is reported as not being a request.
    pub fn read(path: &Path) -> Result<Verified<Self>> {
        Ok(Self::read_with_bytes(path)?.0)
    }

    /// With the bytes of the file, which a ledger keeps.
    pub fn read_with_bytes(path: &Path) -> Result<(Verified<Self>, Vec<u8>)> {
        let bytes = capped::read(path, "a hardware request", LARGEST_FILE)?;
        let request = Self::parse(&bytes)
            .map_err(|source| Error::NotARequest { path: path.to_owned(), source: Box::new(source) })?;
        Ok((request, bytes))
    }

    pub fn parse(bytes: &[u8]) -> Result<Verified<Self>> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let envelope = Envelope::parse(line, Self::NAME)?;
        let request: Verified<Self> =
            envelope.verify_named_key(|request: &Self| request.install_key).map_err(by_name)?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<()> {
        check_text(&self.product, "no product, or one that is not plain text")?;
        check_text(&self.release, "no release, or one that is not plain text")?;
        check_optional_text(&self.customer_hint, "a customer that is not plain text")?;
        if self.nodes.is_empty() || self.nodes.len() > MOST_NODES {
            return Err(Error::RequestInvalid("no node, or more than 64"));
        }
        self.nodes.iter().try_for_each(Node::check)?;
        if !self
            .nodes
            .iter()
            .enumerate()
            .all(|(n, node)| self.nodes[..n].iter().all(|a| a.label != node.label))
        {
            return Err(Error::RequestInvalid("two nodes of one name"));
        }
        if self.usage.as_ref().is_some_and(|usage| !usage.is_sound()) {
            return Err(Error::RequestInvalid("a usage with modules that are not plain text, or too many"));
        }
        let tag = install_key_tag(&self.product, &self.install_key);
        let of_sender = |component: &Component| component.tags.contains(&tag);
        if !self.nodes.iter().any(|node| node.components.iter().any(of_sender)) {
            return Err(Error::RequestInvalid("signed with a key that belongs to none of its nodes"));
        }
        Ok(())
    }

    /// The bytes of `hw.json`; `key` is the one whose public half is in the request.
    #[cfg(any(feature = "fingerprint", test))]
    pub fn seal(&self, key: &wt_keys::SigningKey) -> Result<Vec<u8>> {
        let bytes = [&Envelope::seal(self, &[key])?.to_bytes()[..], b"\n"].concat();
        Self::parse(&bytes)?;
        Ok(bytes)
    }
}

/// A request of the format before this one is told from what is no request at all.
fn by_name(error: KeyError) -> Error {
    match error {
        KeyError::PayloadType { found, .. } if found == TYPE_1 => Error::OldRequest,
        error => error.into(),
    }
}

/// As it is spelt in a document and on the command line.
impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::New => "new",
            Self::Renew => "renew",
            Self::Rehost => "rehost",
            Self::AddNode => "add-node",
        })
    }
}

/// `text` without control characters and no longer than `most` characters.
pub fn one_line(text: &str, most: usize) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

/// Whether a text may stand in a signed document: not empty, on one line, of bounded length.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && is_optional_plain(text)
}

fn is_optional_plain(text: &str) -> bool {
    text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control)
}

fn check_text(text: &str, why: &'static str) -> Result<()> {
    if is_plain(text) { Ok(()) } else { Err(Error::RequestInvalid(why)) }
}

fn check_optional_text(text: &str, why: &'static str) -> Result<()> {
    if is_optional_plain(text) { Ok(()) } else { Err(Error::RequestInvalid(why)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tag;
    use crate::testkit::{MOST_TAGS_OF_A_MACHINE, Machine, PRODUCT, install_key, now, request};

    #[test]
    fn a_request_comes_back_as_it_was_signed() {
        let request = request(&Machine::metal(), &install_key(1));
        let bytes = request.seal(&install_key(1)).unwrap();
        assert_eq!(*Request::parse(&bytes).unwrap(), request);
    }

    #[test]
    fn a_request_that_was_changed_on_the_way_is_refused() {
        let good = request(&Machine::metal(), &install_key(1)).seal(&install_key(1)).unwrap();
        for byte in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[byte] ^= 1 << (byte % 8);
            assert!(Request::parse(&bad).is_err(), "byte {byte}");
            assert!(Request::parse(&good[..byte]).is_err(), "cut at {byte}");
        }
    }

    #[test]
    fn a_request_signed_by_another_key_is_refused() {
        let request = request(&Machine::metal(), &install_key(1));
        let envelope = Envelope::seal(&request, &[&install_key(2)]).unwrap();
        assert!(matches!(Request::parse(&envelope.to_bytes()), Err(Error::Keys(_))));
        let mut stolen = request;
        stolen.install_key = install_key(2).public();
        assert!(matches!(stolen.seal(&install_key(2)), Err(Error::RequestInvalid(_))));
    }

    fn usage(modules: &[&str]) -> Usage {
        let modules = modules.iter().map(|module| (*module).to_owned()).collect();
        Usage { users: 87, modules, counted_at: now() }
    }

    #[test]
    fn a_reason_is_spelt_the_same_on_the_command_line_and_in_a_document() {
        for reason in [Occasion::New, Occasion::Renew, Occasion::Rehost, Occasion::AddNode] {
            assert_eq!(serde_json::to_string(&reason).unwrap(), format!("\"{reason}\""));
        }
    }

    #[test]
    fn hostile_content_is_refused_though_it_is_signed() {
        let refused = |spoil: &dyn Fn(&mut Request)| {
            let mut request = request(&Machine::metal(), &install_key(1));
            spoil(&mut request);
            matches!(request.seal(&install_key(1)), Err(Error::RequestInvalid(_)))
        };
        assert!(!refused(&|_| {}));
        assert!(refused(&|request| request.product = String::new()));
        assert!(refused(&|request| request.customer_hint = "a\u{1b}[2J".into()));
        assert!(refused(&|request| request.customer_hint = "x".repeat(201)));
        assert!(refused(&|request| request.nodes.clear()));
        assert!(refused(&|request| request.nodes = vec![request.nodes[0].clone(); 65]));
        assert!(refused(&|request| request.nodes.push(request.nodes[0].clone())));
        assert!(refused(&|request| request.usage = Some(usage(&["a\tb"]))));
        assert!(refused(&|request| request.usage = Some(usage(&["wiki"; 101]))));
        assert!(refused(&|request| request.nodes[0].components[0].tags.clear()));
        assert!(refused(&|request| request.nodes[0].components.swap(0, 1)));
        assert!(refused(
            &|request| request.nodes[0].components[5].tags = vec!["00".repeat(16).parse().unwrap()]
        ));
        assert!(refused(&|request| request.nodes[0].components[0].quality = Quality::Junk));
    }

    #[test]
    fn one_machine_of_a_request_cannot_be_many_machines() {
        for (kind, most) in MOST_TAGS_OF_A_MACHINE {
            let sealed = |count: usize| {
                let mut request = request(&Machine::metal(), &install_key(1));
                let component =
                    request.nodes[0].components.iter_mut().find(|found| found.kind == kind).unwrap();
                component
                    .tags
                    .extend((0..).map(|n: usize| Tag::of(PRODUCT, kind, &n.to_string())).take(count));
                component.tags.truncate(count);
                component.tags.sort();
                component.quality = Quality::Ok;
                request.seal(&install_key(1)).map(drop)
            };
            assert!(sealed(most).is_ok(), "{kind}");
            assert!(matches!(sealed(most + 1), Err(Error::RequestInvalid(_))), "{kind}");
        }
    }

    #[test]
    fn what_is_no_request_is_said_to_be_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hw.json");
        for wrong in ["", "hello", "{}", "{\"cpu\":\"x\"}\n", &"x".repeat(2000)] {
            std::fs::write(&path, wrong).unwrap();
            assert!(matches!(Request::read(&path), Err(Error::NotARequest { .. })), "{wrong}");
        }
        std::fs::write(&path, vec![b' '; 1024 * 1024 + 1]).unwrap();
        assert!(matches!(Request::read(&path), Err(Error::Keys(wt_keys::Error::TooLarge { .. }))));
    }
}
