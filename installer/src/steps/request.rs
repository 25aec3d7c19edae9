use std::fs;
use std::path::PathBuf;

use wt_keys::console::Progress;
use wt_keys::{SigningKey, durable};
use wt_licensor::fingerprint::collect;
use wt_licensor::request::{Node, Occasion};
use wt_licensor::{Component, Fingerprint, Id, Request, install_key};

use super::{Need, Step};
use crate::{Installation, Places, Result};

/// Writes `hw.json`: what the vendor needs to make a license for this site.
#[derive(Debug)]
pub struct WriteRequest;

impl Step for WriteRequest {
    fn name(&self) -> &'static str {
        "hw.json"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let path = request_path(installation);
        if installation.places.installation_key().exists() && is_current(installation)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("write {}", path.display())))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let key = install_key::load_or_make(&installation.places.installation_key())?;
        let request = Request {
            request_id: Id::generate()?,
            reason: Occasion::New,
            product: installation.product().to_owned(),
            release: installation.manifest().version.to_string(),
            customer_hint: installation.site.company_domain.clone(),
            collected_at: (installation.clock)(),
            nodes: vec![Node::new(
                &installation.site.node().name,
                fingerprint(&installation.places, installation.product(), &key),
            )],
            install_key: key.public(),
        };
        let path = request_path(installation);
        durable::write(&path, &request.seal(&key)?, 0o644)?;
        Ok(path.display().to_string())
    }
}

pub fn request_path(installation: &Installation) -> PathBuf {
    installation.home().join("hw.json")
}

pub fn fingerprint(places: &Places, product: &str, key: &SigningKey) -> Fingerprint {
    collect(places.root(), product, &key.public())
}

/// Tells whether the request that lies there is of this machine and this release.
fn is_current(installation: &Installation) -> Result<bool> {
    let key = install_key::load_or_make(&installation.places.installation_key())?;
    let Ok(bytes) = fs::read(request_path(installation)) else { return Ok(false) };
    let Ok(request) = Request::parse(&bytes) else { return Ok(false) };
    let now = fingerprint(&installation.places, installation.product(), &key);
    let tags = |components: &[Component]| -> Vec<_> {
        components
            .iter()
            .map(|component| (component.kind, component.quality, component.tags.clone()))
            .collect()
    };
    Ok(request.release == installation.manifest().version.to_string()
        && request.nodes.iter().any(|node| tags(&node.components) == tags(&now.components)))
}
