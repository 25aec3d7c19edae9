//! The images that the engine says it has, compared with those that the manifest says it must have.

use std::collections::HashSet;

use bollard::models::ImageInspect;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};
use wt_keys::Sha256Digest;
use wt_manifests::image::Image;
use wt_manifests::{ImageName, Manifest};

use super::layers::{ImagePlan, PresentLayers, chain_ids};
use super::{Engine, StoreKind};
use crate::{Error, Result};

/// An image in the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineImage {
    pub id: Sha256Digest,
    /// Lowest first.
    pub layers: Vec<Sha256Digest>,
    pub tags: Vec<String>,
}

impl Engine {
    /// The image with this name, or with this ID as `sha256:…`.
    pub fn image(&self, reference: &str) -> Result<Option<EngineImage>> {
        self.ask_for("inspect an image", self.docker.inspect_image(reference))?
            .map(EngineImage::new)
            .transpose()
    }

    /// The chain ids of all layers that belong to an image.
    pub fn present_layers(&self) -> Result<HashSet<Sha256Digest>> {
        let images = self.ask("list its images", self.docker.list_images(None::<ListImagesOptions>))?;
        let mut chains = HashSet::new();
        for image in images {
            // one that was removed meanwhile has no layers to offer
            chains.extend(self.image(&image.id)?.iter().flat_map(|image| chain_ids(&image.layers)));
        }
        Ok(chains)
    }

    /// What the engine lacks of a release. `known` are images of ours that it may have already.
    pub fn plan_images(&self, manifest: &Manifest, known: &[Image]) -> Result<ImagePlan> {
        let mut present = HashSet::new();
        for image in &manifest.images {
            let found = self.image(&image.name.to_string())?;
            if found.is_some_and(|found| found.compare(image, self.info.store).is_ok()) {
                present.insert(&image.name);
            }
        }
        let has = |image: &Image| present.contains(&image.name);
        let layers = match self.info.store {
            _ if present.len() == manifest.images.len() => PresentLayers::default(),
            StoreKind::Classic => PresentLayers::Chains(self.present_layers()?),
            StoreKind::Containerd => PresentLayers::Blobs(self.present_blobs(known)?),
        };
        ImagePlan::new(manifest, has, &layers)
    }

    /// The layers, as bundles store them, of those images that the engine has. Of other images nobody tells what blobs
    /// they are made of.
    fn present_blobs(&self, known: &[Image]) -> Result<HashSet<Sha256Digest>> {
        let mut blobs = HashSet::new();
        for image in known {
            let found = self.image(&self.info.store.image_id(image).to_oci())?;
            if found.is_some_and(|found| found.layers == image.layers) {
                blobs.extend(image.stored());
            }
        }
        Ok(blobs)
    }

    /// The names of a release that are somebody else's here: tags of images that are none of `known`.
    pub fn taken_names(
        &self,
        manifest: &Manifest,
        known: &[Image],
    ) -> Result<Vec<(ImageName, Sha256Digest)>> {
        let ours: HashSet<Sha256Digest> = known.iter().map(|image| self.info.store.image_id(image)).collect();
        let mut taken = Vec::new();
        for image in &manifest.images {
            match self.image(&image.name.to_string())? {
                Some(found) if !ours.contains(&found.id) => taken.push((image.name.clone(), found.id)),
                _ => {}
            }
        }
        Ok(taken)
    }

    /// Takes away the names of images, and the images where they have no other name. Returns how many there were.
    pub fn remove_names<'a>(&self, names: impl IntoIterator<Item = &'a ImageName>) -> Result<usize> {
        let mut removed = 0;
        for name in names {
            let name = name.to_string();
            let question = self.docker.remove_image(&name, None::<RemoveImageOptions>, None);
            removed += usize::from(self.ask_for("remove an image", question)?.is_some());
        }
        Ok(removed)
    }

    /// Compares every image's ID, layers and tag with the manifest.
    pub fn compare_images(&self, manifest: &Manifest) -> Result<()> {
        manifest.images.iter().try_for_each(|image| self.compare_image(image))
    }

    pub fn compare_image(&self, image: &Image) -> Result<()> {
        let name = image.name.to_string();
        let found = self.image(&name)?.ok_or(Error::ImageMissing { name })?;
        found.compare(image, self.info.store)
    }
}

impl EngineImage {
    fn new(found: ImageInspect) -> Result<Self> {
        let layers = found.root_fs.and_then(|root| root.layers).unwrap_or_default();
        Ok(Self {
            id: digest(&found.id.unwrap_or_default())?,
            layers: layers.iter().map(|layer| digest(layer)).collect::<Result<_>>()?,
            tags: found.repo_tags.unwrap_or_default(),
        })
    }

    fn compare(&self, image: &Image, store: StoreKind) -> Result<()> {
        let differs = |what, expected: String, found: String| {
            Err(Error::ImageDiffers { name: image.name.to_string(), what, expected, found })
        };
        let id = store.image_id(image);
        if self.id != id {
            return differs("image ID", id.to_oci(), self.id.to_oci());
        }
        if self.layers != image.layers {
            return differs("layers", spelled(&image.layers), spelled(&self.layers));
        }
        let canonical = |tag: &String| tag.parse::<ImageName>().map(|name| name.canonical()).ok();
        if !self.tags.iter().filter_map(canonical).any(|tag| tag == image.name.canonical()) {
            return differs("tag", image.name.to_string(), self.tags.join(", "));
        }
        Ok(())
    }
}

fn digest(text: &str) -> Result<Sha256Digest> {
    Sha256Digest::from_oci(text)
        .map_err(|_| Error::EngineAnswer { expected: "a sha256 digest", found: text.to_owned() })
}

fn spelled(layers: &[Sha256Digest]) -> String {
    layers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::layers::tests::{digest, image};
    use super::*;

    #[test]
    fn id_layers_and_tag_must_all_be_the_signed_ones() {
        let signed = image("web", &["base", "web"]);
        let tags = vec!["other:1".to_owned(), "acme/web:1".to_owned()];
        let right = EngineImage { id: signed.config, layers: signed.layers.clone(), tags };
        assert!(right.compare(&signed, StoreKind::Classic).is_ok());
        assert!(
            EngineImage { id: signed.manifest, ..right.clone() }
                .compare(&signed, StoreKind::Containerd)
                .is_ok()
        );
        for (wrong, what) in [
            (EngineImage { id: signed.manifest, ..right.clone() }, "image ID"),
            (EngineImage { layers: vec![digest("base")], ..right.clone() }, "layers"),
            (EngineImage { tags: vec!["acme/web:2".to_owned()], ..right.clone() }, "tag"),
        ] {
            let error = wrong.compare(&signed, StoreKind::Classic).unwrap_err();
            assert!(matches!(error, Error::ImageDiffers { what: found, .. } if found == what), "{error}");
        }
    }
}
