//! Where an engine puts images, on the host: what it receives, and what it makes of that.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{CONTAINERD_ROOT, DATA_ROOT, Engine, EngineVersion, StoreKind};
use crate::Result;

/// What the daemon is told in a file.
const DAEMON_JSON: &str = "etc/docker/daemon.json";
const CONTAINERD_TOML: &str = "etc/containerd/config.toml";
/// From here on a new engine has the containerd store, unless it is told otherwise.
const CONTAINERD_FROM: EngineVersion = EngineVersion { major: 29, minor: 0 };
/// What containerd calls its store of content, and the one who unpacks it.
const CONTENT: &str = "io.containerd.content.v1.content";
const SNAPSHOTTER: &str = "io.containerd.snapshotter.v1.overlayfs";

/// The folders that fill when images come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stores {
    /// Above both, unless somebody moved one.
    pub root: PathBuf,
    /// The bytes that it is sent: for a time in the classic store, for good in the containerd store.
    pub received: PathBuf,
    /// The files of the layers.
    pub layers: PathBuf,
}

/// Of `daemon.json`, what decides where images go.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DaemonFile {
    #[serde(rename = "data-root")]
    data_root: Option<PathBuf>,
    features: Features,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Features {
    containerd_snapshotter: Option<bool>,
}

impl Engine {
    pub fn stores(&self) -> Result<Stores> {
        Ok(stores(Path::new("/"), self.info.store, &self.info.data_root))
    }
}

/// Where an engine of this version will put images on the host below `root`, when it is installed.
pub fn layout(root: &Path, version: Option<&str>) -> Stores {
    let file = read_daemon_file(root);
    let version = version.map(|version| version.rsplit(':').next().unwrap_or(version));
    let is_new = version.and_then(EngineVersion::parse).is_some_and(|version| version >= CONTAINERD_FROM);
    let store = match file.features.containerd_snapshotter {
        Some(true) => StoreKind::Containerd,
        None if is_new => StoreKind::Containerd,
        _ => StoreKind::Classic,
    };
    let data_root = file.data_root.unwrap_or_else(|| root.join(DATA_ROOT.trim_start_matches('/')));
    stores(root, store, &data_root)
}

/// A file that cannot be read says nothing; the daemon itself would not start with it.
fn read_daemon_file(root: &Path) -> DaemonFile {
    let text = std::fs::read(root.join(DAEMON_JSON)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn stores(root: &Path, store: StoreKind, data_root: &Path) -> Stores {
    match store {
        StoreKind::Classic => Stores {
            root: data_root.to_owned(),
            received: data_root.join("tmp"),
            layers: data_root.join("overlay2"),
        },
        StoreKind::Containerd => containerd(root, data_root),
    }
}

/// Under the root of containerd: the system's own, or one that the engine keeps for itself.
fn containerd(root: &Path, data_root: &Path) -> Stores {
    let own = data_root.join("containerd/daemon");
    let text = std::fs::read_to_string(root.join(CONTAINERD_TOML)).unwrap_or_default();
    let config: toml::Table = text.parse().unwrap_or_default();
    let path = |value: Option<&toml::Value>| value.and_then(toml::Value::as_str).map(PathBuf::from);
    let plugin = config.get("plugins").and_then(|plugins| plugins.get(SNAPSHOTTER));
    let system =
        path(config.get("root")).unwrap_or_else(|| root.join(CONTAINERD_ROOT.trim_start_matches('/')));
    let above = if own.join(CONTENT).exists() { own } else { system };
    let moved = path(plugin.and_then(|plugin| plugin.get("root_path"))).filter(|path| path.is_absolute());
    Stores {
        received: above.join(CONTENT),
        layers: moved.unwrap_or_else(|| above.join(SNAPSHOTTER)),
        root: above,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn images_go_where_the_store_has_its_root() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        let write = |path: &str, text: &str| {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        };
        let layout = |version| layout(root.path(), Some(version)).layers;
        assert_eq!(layout("26.1.5+dfsg1-9"), at("var/lib/docker/overlay2"));
        assert_eq!(layout("5:29.0.1-1~debian"), at("var/lib/containerd").join(SNAPSHOTTER));
        write(DAEMON_JSON, r#"{"data-root": "/srv/docker", "features": {"containerd-snapshotter": false}}"#);
        assert_eq!(layout("29.0.1"), Path::new("/srv/docker/overlay2"));
        write(DAEMON_JSON, r#"{"features": {"containerd-snapshotter": true}}"#);
        write(CONTAINERD_TOML, "version = 2\nroot = \"/srv/containerd\"\n");
        assert_eq!(layout("26.1.5"), Path::new("/srv/containerd").join(SNAPSHOTTER));
        let moved =
            format!("root = \"/srv/containerd\"\n[plugins.\"{SNAPSHOTTER}\"]\nroot_path = \"/ssd\"\n");
        write(CONTAINERD_TOML, &moved);
        assert_eq!(layout("26.1.5"), Path::new("/ssd"));
        write(CONTAINERD_TOML, "root = ");
        assert_eq!(layout("26.1.5"), at("var/lib/containerd").join(SNAPSHOTTER));
        fs::create_dir_all(at("var/lib/docker/containerd/daemon").join(CONTENT)).unwrap();
        assert_eq!(layout("26.1.5"), at("var/lib/docker/containerd/daemon").join(SNAPSHOTTER));
    }
}
