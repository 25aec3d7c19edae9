//! The request for a license: what the vendor is told of this site.

use std::fs;
use std::path::Path;

use semver::Version;
use wt_keys::{SigningKey, Trust, Utc, capped, durable};
use wt_licensor::fingerprint::collect;
use wt_licensor::licenses::LARGEST_LICENSE;
use wt_licensor::request::{Node, Occasion};
use wt_licensor::{Component, Id, License, Request, install_key};

use crate::{Installation, Places, Result, SiteFile, trust_store};

/// Who asks for a license: this host, for what is installed on it.
#[derive(Debug)]
pub struct Applicant<'a> {
    pub places: &'a Places,
    pub site: &'a SiteFile,
    pub product: &'a str,
    pub release: &'a Version,
    /// Where the license lies that the site has, if it has one.
    pub license: Option<&'a Path>,
}

impl<'a> Applicant<'a> {
    pub fn of(installation: &'a Installation, license: Option<&'a Path>) -> Self {
        Self {
            places: &installation.places,
            site: &installation.site,
            product: installation.product(),
            release: &installation.manifest().version,
            license,
        }
    }

    /// All that the vendor will be told.
    pub fn request(&self, key: &SigningKey, now: Utc) -> Result<Request> {
        let previous_license = self.previous_license();
        Ok(Request {
            request_id: Id::generate()?,
            reason: if previous_license.is_some() { Occasion::Renew } else { Occasion::New },
            previous_license,
            product: self.product.to_owned(),
            release: self.release.to_string(),
            customer_hint: self.site.company_domain.to_string(),
            collected_at: now,
            nodes: vec![self.node(key)],
            usage: None,
            install_key: key.public(),
        })
    }

    fn previous_license(&self) -> Option<Id> {
        id_of(self.license?, &trust_store::load(self.places, None).ok()?)
    }

    fn node(&self, key: &SigningKey) -> Node {
        Node::new(
            self.site.node().name.as_str(),
            collect(self.places.root(), &self.site.data_root, self.product, &key.public()),
        )
    }
}

/// Of a license that can be believed; there is no other to name.
fn id_of(license: &Path, trust: &Trust) -> Option<Id> {
    let license = capped::read(license, "a license", LARGEST_LICENSE).ok()?;
    Some(License::verify(&license, trust).ok()?.document.license_id)
}

pub fn write(request: &Request, key: &SigningKey, path: &Path) -> Result<()> {
    Ok(durable::write(path, &request.seal(key)?, 0o644)?)
}

/// Tells whether the request that lies there is of this machine and this release.
pub fn is_current(installation: &Installation, path: &Path) -> Result<bool> {
    let key = install_key::load_or_make(&installation.places.installation_key())?;
    let Ok(bytes) = fs::read(path) else { return Ok(false) };
    let Ok(request) = Request::parse(&bytes) else { return Ok(false) };
    let applicant = Applicant::of(installation, None);
    let now = applicant.node(&key);
    let tags = |components: &[Component]| -> Vec<_> {
        components
            .iter()
            .map(|component| (component.kind, component.quality, component.tags.clone()))
            .collect()
    };
    Ok(request.release == applicant.release.to_string()
        && request.nodes.iter().any(|node| tags(&node.components) == tags(&now.components)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_named_if_it_can_be_believed() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../licensor/tests/golden");
        let trust = Trust::parse(&fs::read(golden.join("trust.json")).unwrap()).unwrap();
        let license = golden.join("license-1.json");
        assert_eq!(id_of(&license, &trust).unwrap().to_string(), "07".repeat(16));
        assert_eq!(id_of(&golden.join("hw-2.json"), &trust), None);
        assert_eq!(id_of(&golden.join("no such file"), &trust), None);
        let stranger = wt_keys::testkit::Vendor::insecure(9).trust;
        assert_eq!(id_of(&license, &stranger), None);
    }
}
