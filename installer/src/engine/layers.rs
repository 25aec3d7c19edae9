//! Which layers an engine has, and which it must be sent. Pure: no engine here.

use std::collections::{BTreeSet, HashSet};

use wt_keys::Sha256Digest;
use wt_manifests::Manifest;
use wt_manifests::image::{Image, blob_path};

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

/// The layers that an engine has: the classic store knows each by what lies below it as well, the containerd store by the
/// blob that it came in.
#[derive(Clone, Debug)]
pub enum PresentLayers {
    Chains(HashSet<Sha256Digest>),
    Blobs(HashSet<Sha256Digest>),
}

impl Default for PresentLayers {
    fn default() -> Self {
        Self::Blobs(HashSet::new())
    }
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
    /// `has` tells whether an image's tag points to that very image.
    pub(super) fn new(
        manifest: &Manifest,
        has: impl Fn(&Image) -> bool,
        present: &PresentLayers,
    ) -> Result<Self> {
        let images: Vec<Image> = manifest.images.iter().filter(|image| !has(image)).cloned().collect();
        let mut layers = BTreeSet::new();
        for image in &images {
            for (stored, chain) in image.stored().iter().zip(chain_ids(&image.layers)) {
                let is_there = match present {
                    PresentLayers::Chains(chains) => chains.contains(&chain),
                    PresentLayers::Blobs(blobs) => blobs.contains(stored),
                };
                if !is_there {
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

    /// Which of the layers it is, and whose: `layer 1b3ee35aacca of worktile/web:5.2.0 and 6 more`.
    pub(super) fn layer_in_words(&self, layer: &Sha256Digest) -> Option<String> {
        let layer = self.layers.get(layer)?;
        let mut images = self.images.iter().filter(|image| image.stored().contains(layer));
        let (first, others) = (&images.next()?.name, images.count());
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        Some(format!("layer {:.12} of {first}{more}", layer.to_string()))
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
            source: None,
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
        let plan = ImagePlan::new(&manifest, |_| false, &PresentLayers::default()).unwrap();
        assert_eq!((plan.images.len(), plan.layers.len(), plan.bytes), (2, 3, 70));
        let told = |name| plan.layer_in_words(&digest(name));
        let id = digest("base").to_string();
        assert_eq!(told("base"), Some(format!("layer {} of acme/web:1 and 1 more", &id[..12])));
        assert!(told("im").unwrap().ends_with(" of acme/im:1"));
        assert_eq!(told("web config"), None);
    }

    #[test]
    fn a_layer_is_left_out_where_the_store_knows_it() {
        let manifest = manifest(vec![image("web", &["base", "web"]), image("im", &["other", "web"])]);
        let plan = |present: &PresentLayers| ImagePlan::new(&manifest, |_| false, present).unwrap().layers;
        let chains = chain_ids(&manifest.images[0].layers).into_iter().collect();
        assert_eq!(plan(&PresentLayers::Chains(chains)), BTreeSet::from([digest("other"), digest("web")]));
        let blobs = HashSet::from([digest("web")]);
        assert_eq!(plan(&PresentLayers::Blobs(blobs)), BTreeSet::from([digest("base"), digest("other")]));
    }

    #[test]
    fn an_engine_that_has_everything_is_sent_nothing() {
        let manifest = manifest(vec![image("web", &["base"])]);
        let plan = ImagePlan::new(&manifest, |_| true, &PresentLayers::default()).unwrap();
        assert!(plan.is_empty());
        assert_eq!(plan.bytes, 0);
    }
}
