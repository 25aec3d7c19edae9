use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use serde::Serialize;
use wt_keys::{Sha256Digest, Utc};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;

use crate::site::Domain;

/// RSA keys with fewer bits are refused by browsers.
const RSA_BITS: usize = 2048;

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    pub subject: String,
    pub issuer: String,
    /// Host names, `*.` before them for all below, and addresses.
    pub names: Vec<String>,
    pub not_before: Utc,
    pub not_after: Utc,
    pub sha256: Sha256Digest,
    /// Why some who should trust it will not.
    pub weaknesses: Vec<String>,
}

impl Facts {
    /// Of the first certificate of a chain.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Result<Self, String> {
        let parsed: Vec<X509Certificate<'_>> = chain
            .iter()
            .map(|one| X509Certificate::from_der(one).map(|(_, parsed)| parsed))
            .collect::<Result<_, _>>()
            .map_err(|error| format!("a certificate in it is damaged: {error}"))?;
        let leaf = parsed.first().ok_or("there is no certificate")?;
        Ok(Self {
            subject: leaf.subject().to_string(),
            issuer: leaf.issuer().to_string(),
            names: names(leaf),
            not_before: utc(leaf.validity().not_before),
            not_after: utc(leaf.validity().not_after),
            sha256: Sha256Digest::of(&chain[0]),
            weaknesses: weaknesses(&parsed),
        })
    }

    /// Whether a browser takes it for this host (RFC 6125: a `*` stands for one label).
    pub fn covers(&self, domain: &Domain) -> bool {
        self.names.iter().any(|name| covers(name, domain))
    }

    /// Whole days until it ends; negative where it has.
    pub fn days_left(&self, now: Utc) -> i64 {
        now.days_until(self.not_after)
    }

    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }
}

fn covers(name: &str, domain: &Domain) -> bool {
    if let Some(address) = domain.address() {
        return name.parse() == Ok(address);
    }
    match (name.strip_prefix("*."), domain.as_str().split_once('.')) {
        (Some(below), Some((_, parent))) => below.eq_ignore_ascii_case(parent),
        (Some(_), None) => false,
        (None, _) => name.eq_ignore_ascii_case(domain.as_str()),
    }
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = leaf.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// A time before 1970 is its start, one that nobody can write the last that can be written.
fn utc(time: ASN1Time) -> Utc {
    let seconds = time.timestamp();
    Utc::from_unix(seconds).unwrap_or(if seconds < 0 { Utc::START } else { Utc::START.plus_days(u32::MAX) })
}

fn weaknesses(chain: &[X509Certificate<'_>]) -> Vec<String> {
    let leaf = &chain[0];
    let mut found = Vec::new();
    if let Ok(PublicKey::RSA(key)) = leaf.public_key().parsed()
        && key.key_size() < RSA_BITS
    {
        found.push(format!("its RSA key has {} bits, and browsers want {RSA_BITS}", key.key_size()));
    }
    let old = [oid_registry::OID_PKCS1_SHA1WITHRSA, oid_registry::OID_PKCS1_MD5WITHRSAENC];
    // who signed a certificate that is trusted for itself matters to nobody
    let signed = chain.iter().filter(|one| one.subject() != one.issuer());
    if signed.map(|one| &one.signature_algorithm.algorithm).any(|algorithm| old.contains(algorithm)) {
        found.push(
            "it, or what signed it, is signed with SHA-1 or MD5, which nobody trusts any more".to_owned(),
        );
    }
    if names(leaf).is_empty() {
        found.push("it names no host (no subject alternative name), so no browser takes it".to_owned());
    }
    if !is_for_servers(leaf) {
        found.push("it is not meant for servers (extended key usage)".to_owned());
    }
    let broken = chain.windows(2).any(|pair| pair[0].issuer() != pair[1].subject());
    if broken {
        found.push("the certificates behind it are not those that signed it, one after the other".to_owned());
    }
    found
}

fn is_for_servers(leaf: &X509Certificate<'_>) -> bool {
    let mut usages = leaf.extensions().iter().filter_map(|extension| match extension.parsed_extension() {
        ParsedExtension::ExtendedKeyUsage(usage) => Some(usage.any || usage.server_auth),
        _ => None,
    });
    usages.next().unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::super::pair::tests::make;
    use super::*;

    #[test]
    fn a_star_stands_for_one_label_and_addresses_are_compared_as_addresses() {
        for (name, domain, covered) in [
            ("a.example", "A.example", true),
            ("*.example.com", "im.example.com", true),
            ("*.example.com", "a.im.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.com", "com", false),
            ("example.com", "im.example.com", false),
            ("192.0.2.10", "192.0.2.10", true),
            ("192.0.2.10", "192.0.2.11", false),
            ("2001:db8::1", "2001:db8:0::1", true),
            ("*.0.2.10", "192.0.2.10", false),
        ] {
            assert_eq!(covers(name, &domain.parse().unwrap()), covered, "{name} {domain}");
        }
    }

    #[test]
    fn names_dates_and_weaknesses_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let names = "DNS:a.example,DNS:*.b.example,IP:192.0.2.10,IP:2001:db8::1,email:a@b";
        let pair = make(folder.path(), "good", names, &["-days", "10"]);
        let facts = pair.facts().unwrap();
        assert_eq!(facts.names, ["a.example", "*.b.example", "192.0.2.10", "2001:db8::1"]);
        assert_eq!(facts.not_before.days_until(facts.not_after), 10);
        assert_eq!(facts.days_left(facts.not_after), 0);
        assert_eq!(facts.days_left(facts.not_after.plus_days(1)), -1);
        assert!(facts.is_self_signed() && facts.weaknesses.is_empty(), "{facts:?}");
        let client = ["-newkey", "rsa:1024", "-addext", "extendedKeyUsage=clientAuth"];
        let weak = make(folder.path(), "weak", "email:a@b", &client).facts().unwrap().weaknesses;
        assert_eq!(weak.len(), 3, "{weak:?}");
        let mut chain = pair.chain.clone();
        chain.extend(make(folder.path(), "other", "DNS:a", &["-subj", "/CN=other"]).chain);
        assert!(Facts::of(&chain).unwrap().weaknesses[0].contains("not those that signed it"));
    }
}
