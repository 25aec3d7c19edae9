//! A tiny image layout, the same every time.

use std::fs;

use serde_json::{Value, json};
use wt_keys::Sha256Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub struct Layout {
    pub folder: tempfile::TempDir,
    /// What the reference has to be pinned to.
    pub digest: String,
    /// The digests of its layers, which are not compressed.
    pub layers: Vec<String>,
}

impl Layout {
    /// An image for `platform` with these layers, each one file of `size` bytes that `seed` gives.
    pub fn new(platform: &str, layers: &[(u64, usize)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let mut layout = Self { folder, digest: String::new(), layers: Vec::new() };
        let manifest = layout.image(platform, layers);
        layout.finish(manifest);
        layout
    }

    /// An index over images for several platforms.
    pub fn index(platforms: &[&str]) -> Self {
        let mut layout = Self::new(platforms[0], &[(1, 100)]);
        let mut manifests = Vec::new();
        for platform in platforms {
            let (os, architecture) = platform.split_once('/').unwrap();
            let mut manifest = layout.image(platform, &[(1, 100)]);
            manifest["platform"] = json!({"os": os, "architecture": architecture});
            manifests.push(manifest);
        }
        let kind = "application/vnd.oci.image.index.v1+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests});
        let index = layout.blob(kind, index.to_string().as_bytes());
        layout.finish(index);
        layout
    }

    /// Puts the first layer of another image in the place of its own, and leaves the configuration as it is.
    pub fn swap_layer(&mut self, other: &Self) {
        let (from, to) = (&self.layers[0], &other.layers[0]);
        let blobs = self.folder.path().join("blobs/sha256");
        fs::copy(other.folder.path().join("blobs/sha256").join(to), blobs.join(to)).unwrap();
        let manifest = fs::read_to_string(blobs.join(&self.digest)).unwrap();
        let manifest = self.blob(MANIFEST, manifest.replace(from.as_str(), to).as_bytes());
        self.finish(manifest);
    }

    fn image(&mut self, platform: &str, layers: &[(u64, usize)]) -> Value {
        let (os, architecture) = platform.split_once('/').unwrap();
        let mut descriptors = Vec::new();
        for (seed, size) in layers {
            let layer = self.blob("application/vnd.oci.image.layer.v1.tar", &tar(*seed, *size));
            self.layers.push(layer["digest"].as_str().unwrap()["sha256:".len()..].to_owned());
            descriptors.push(layer);
        }
        let ids: Vec<Value> = descriptors.iter().map(|layer| layer["digest"].clone()).collect();
        let config = json!({"os": os, "architecture": architecture, "config": {},
            "rootfs": {"type": "layers", "diff_ids": ids}});
        let config = self.blob("application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors});
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    fn finish(&mut self, root: Value) {
        root["digest"].as_str().unwrap()["sha256:".len()..].clone_into(&mut self.digest);
        let index = json!({"schemaVersion": 2, "manifests": [root]});
        fs::write(self.folder.path().join("index.json"), index.to_string()).unwrap();
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Sha256Digest::of(bytes).to_string();
        fs::write(self.folder.path().join("blobs/sha256").join(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{digest}"), "size": bytes.len()})
    }
}

fn tar(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let content: Vec<u8> = (0..size).map(|_| next()).collect();
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o644);
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_data(&mut header, format!("file-{seed}"), &content[..]).unwrap();
    tar.into_inner().unwrap()
}
