//! Which layers an engine has, and which it must be sent. Pure: no engine here.

use std::collections::{BTreeSet, HashSet};

use wt_keys::Sha256Digest;
use wt_manifests::Manifest;
use wt_manifests::image::{Image, blob_path};

use super::StoreKind;
use crate::Result;

/// The chain ids of a stack of layers, lowest first (OCI image specification, "Layer `ChainID`").
pub fn chain_ids(layers: &[Sha256Digest]) -> Vec<Sha256Digest> {
    let mut chain: Vec<Sha256Digest> = Vec::with_capacity(layers.len());
    for layer in layers {
        chain.push(match chain.last() {
            None => *layer,
            Some(below) => Sha256Digest::of(format!("sha256:{below} sha256:{layer}").as_bytes()),
        });
    }
    chain
}

/// What an engine lacks of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImagePlan {
    /// Images whose tag is absent or points elsewhere.
    pub images: Vec<Image>,
    /// The layers that these need and the engine lacks, as the bundle stores them.
    pub layers: BTreeSet<Sha256Digest>,
    /// What the engine will be sent, without the few bytes around it.
    pub bytes: u64,
}

impl ImagePlan {
    /// `has` tells whether an image's tag points to that very image; `chains` are the engine's layers by chain id.
    pub(super) fn new(
        manifest: &Manifest,
        store: StoreKind,
        has: impl Fn(&Image) -> bool,
        chains: &HashSet<Sha256Digest>,
    ) -> Result<Self> {
        let images: Vec<Image> = manifest.images.iter().filter(|image| !has(image)).cloned().collect();
        let mut layers = BTreeSet::new();
        for image in &images {
            for (stored, chain) in image.stored().iter().zip(chain_ids(&image.layers)) {
                // The containerd store takes an image whole or not at all, for now.
                if store == StoreKind::Containerd || !chains.contains(&chain) {
                    layers.insert(*stored);
                }
            }
        }
        let mut plan = Self { images, layers, bytes: 0 };
        for blob in plan.blobs() {
            plan.bytes += manifest.entry(blob_path(blob).as_str())?.size;
        }
        Ok(plan)
    }

    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Everything of the bundle that the engine must be sent, each once.
    pub(super) fn blobs(&self) -> BTreeSet<Sha256Digest> {
        let documents = self.images.iter().flat_map(|image| [image.config, image.manifest]);
        self.layers.iter().copied().chain(documents).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use wt_manifests::manifest::{Entry, Mode};
    use wt_manifests::testkit;

    use super::*;

    pub fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::of(text.as_bytes())
    }

    pub fn image(name: &str, layers: &[&str]) -> Image {
        Image {
            name: format!("acme/{name}:1").parse().unwrap(),
            config: digest(&format!("{name} config")),
            manifest: digest(&format!("{name} manifest")),
            layers: layers.iter().map(|layer| digest(layer)).collect(),
            verbatim: None,
        }
    }

    pub fn manifest(images: Vec<Image>) -> Manifest {
        let blobs: BTreeSet<_> =
            images.iter().flat_map(|i| [i.config, i.manifest].into_iter().chain(i.layers.clone())).collect();
        let entry = |sha256| Entry { path: blob_path(sha256), size: 10, mode: Mode::Data, sha256, frame: 0 };
        Manifest { entries: blobs.into_iter().map(entry).collect(), images, ..testkit::manifest() }
    }

    #[test]
    fn chain_ids_are_those_of_the_specification() {
        let layers = ["a", "b", "c"].map(digest);
        let chain = chain_ids(&layers);
        assert_eq!(chain[0], layers[0]);
        assert_eq!(chain[1], digest(&format!("sha256:{} sha256:{}", layers[0], layers[1])));
        assert_eq!(chain[2], digest(&format!("sha256:{} sha256:{}", chain[1], layers[2])));
        assert!(chain_ids(&[]).is_empty());
    }

    #[test]
    fn an_empty_engine_is_sent_every_blob_once() {
        let manifest = manifest(vec![image("web", &["base", "web"]), image("im", &["base", "im"])]);
        let plan = ImagePlan::new(&manifest, StoreKind::Classic, |_| false, &HashSet::new()).unwrap();
        assert_eq!((plan.images.len(), plan.layers.len(), plan.bytes), (2, 3, 70));
    }

    #[test]
    fn a_present_layer_is_left_out_only_where_all_below_it_are_present_too() {
        let manifest = manifest(vec![image("web", &["base", "web"]), image("im", &["other", "web"])]);
        let chains = chain_ids(&manifest.images[0].layers).into_iter().collect();
        let plan = |store| ImagePlan::new(&manifest, store, |_| false, &chains).unwrap();
        assert_eq!(plan(StoreKind::Classic).layers, BTreeSet::from([digest("other"), digest("web")]));
        assert_eq!(plan(StoreKind::Containerd).layers.len(), 3);
    }

    #[test]
    fn an_engine_that_has_everything_is_sent_nothing() {
        let manifest = manifest(vec![image("web", &["base"])]);
        let plan = ImagePlan::new(&manifest, StoreKind::Classic, |_| true, &HashSet::new()).unwrap();
        assert!(plan.is_empty());
        assert_eq!(plan.bytes, 0);
    }
}
