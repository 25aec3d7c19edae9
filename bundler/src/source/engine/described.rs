//! An image as the engine describes it, and whether an earlier build had the same one.

use wt_keys::Sha256Digest;
use wt_manifests::image::Config;
use wt_manifests::{ImageName, Platform};

use super::groups::Weighed;
use crate::image::Content;
use crate::press::Press;

/// What `inspect` and `history` say.
#[derive(PartialEq, Eq)]
pub struct Described {
    pub name: ImageName,
    pub id: Option<String>,
    /// Digests of the uncompressed layers.
    pub layers: Vec<String>,
    /// Of the steps that made the image.
    pub sizes: Vec<u64>,
    pub total: u64,
}

impl Described {
    pub fn weighed(&self) -> Weighed {
        Weighed::new(self.name.clone(), self.layers.clone(), self.sizes.clone(), self.total)
    }

    /// The image from the cache, if its configuration is there, names the layers that the engine names, and frames of
    /// all of them are there too.
    pub fn kept(&self, platform: &Platform, press: &Press) -> Option<Content> {
        let config = press.cache()?.configs(platform).take(self.id.as_deref()?)?;
        let layers = self.layers_of(&config)?;
        let layers = layers.into_iter().map(|layer| press.known(layer)).collect::<Option<_>>()?;
        Some(Content { config, layers, manifest: None, resolved: None })
    }

    /// Keeps the configuration for the next build; without it, that exports the image again.
    pub fn keep(&self, content: &Content, platform: &Platform, press: &Press) {
        if let (Some(cache), Some(id)) = (press.cache(), &self.id)
            && self.layers_of(&content.config).is_some()
        {
            let _ = cache.configs(platform).keep(id, &content.config);
        }
    }

    /// The layers that a configuration names, if they are the engine's.
    fn layers_of(&self, config: &[u8]) -> Option<Vec<Sha256Digest>> {
        let layers = Config::parse(config).ok()?.layers().ok()?;
        let same = layers.len() == self.layers.len()
            && layers.iter().zip(&self.layers).all(|(one, other)| one.to_oci() == *other);
        same.then_some(layers)
    }
}

#[cfg(test)]
mod tests {
    use wt_keys::console::Progress;
    use wt_manifests::bundle::frame_writer::Compression;
    use wt_manifests::image::Blob;

    use super::*;
    use crate::cache::LayerCache;

    const SETTINGS: Compression = Compression { level: 1, threads: 1 };

    fn platform() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    /// A folder with a cache that earlier builds left, each of which had these layers in one image.
    struct World(tempfile::TempDir);

    impl World {
        fn press(&self) -> Press {
            let cache = LayerCache::open(self.0.path().join("layers"), SETTINGS, 1 << 30).unwrap();
            Press::start(
                self.0.path(),
                Some(cache),
                SETTINGS,
                1 << 30,
                Progress::silent().phase("test", None),
            )
        }

        fn build(&self, image: &Described, content: &Content, layers: &[&[u8]]) {
            let press = self.press();
            for layer in layers {
                press.take(&mut &layer[..], "test").unwrap();
            }
            image.keep(content, &platform(), &press);
            press.finish().unwrap();
        }

        fn kept(&self, image: &Described) -> Option<Content> {
            image.kept(&platform(), &self.press())
        }
    }

    fn content(layers: &[&[u8]]) -> Content {
        let blob = |layer: &&[u8]| Blob { digest: Sha256Digest::of(layer), size: layer.len() as u64 };
        let layers: Vec<Blob> = layers.iter().map(blob).collect();
        let ids: Vec<String> = layers.iter().map(|layer| format!("\"sha256:{}\"", layer.digest)).collect();
        let (os, ids) = (r#""architecture":"amd64","os":"linux""#, ids.join(","));
        let config = format!(r#"{{{os},"rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#);
        Content { config: config.into_bytes(), layers, manifest: None, resolved: None }
    }

    /// The engine's description of it, under an id that says nothing, as in containerd's store.
    fn described(content: &Content) -> Described {
        let layers = content.layers.iter().map(|layer| format!("sha256:{}", layer.digest)).collect();
        let (name, id) = ("a:1".parse().unwrap(), Some("sha256:of-a-manifest".to_owned()));
        Described { name, id, layers, sizes: Vec::new(), total: 0 }
    }

    #[test]
    fn an_image_that_is_as_it_was_comes_from_the_cache() {
        let world = World(tempfile::tempdir().unwrap());
        let content = content(&[b"one", b"two"]);
        let image = described(&content);
        assert!(world.kept(&image).is_none());
        world.build(&image, &content, &[b"one", b"two"]);
        let kept = world.kept(&image).unwrap();
        assert_eq!((kept.config, kept.layers), (content.config, content.layers));
        let renamed = Described { id: Some("sha256:another".to_owned()), ..image };
        assert!(world.kept(&renamed).is_none());
    }

    #[test]
    fn an_image_of_which_a_frame_is_missing_is_exported() {
        let world = World(tempfile::tempdir().unwrap());
        let content = content(&[b"one", b"two"]);
        let image = described(&content);
        world.build(&image, &content, &[b"one"]);
        assert!(world.kept(&image).is_none());
    }

    #[test]
    fn a_configuration_with_other_layers_than_the_engine_names_is_neither_taken_nor_kept() {
        let world = World(tempfile::tempdir().unwrap());
        let (one, two) = (content(&[b"one"]), content(&[b"two"]));
        world.build(&described(&one), &one, &[b"one", b"two"]);
        assert!(world.kept(&described(&two)).is_none());
        let world = World(tempfile::tempdir().unwrap());
        world.build(&described(&two), &one, &[b"one", b"two"]);
        assert!(world.kept(&described(&one)).is_none());
        assert!(world.kept(&described(&two)).is_none());
    }
}
