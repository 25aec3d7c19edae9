//! Where things lie on a host. `root` is `/` except in tests.

use std::path::{Path, PathBuf};

use wt_keys::Sha256Digest;

/// The files that are ours on a host, wherever the product's own are.
#[derive(Clone, Debug)]
pub struct Places {
    root: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Places {
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Root's alone, 0700.
    pub fn state(&self) -> PathBuf {
        self.root.join("var/lib/wt-install")
    }

    /// In memory: a disk that is full or read-only keeps nobody from looking at it, and a run that refuses leaves no file.
    pub fn lock(&self) -> PathBuf {
        self.root.join("run/wt-install.lock")
    }

    pub fn journal(&self) -> PathBuf {
        self.state().join("journal.jsonl")
    }

    pub fn pinned_trust(&self) -> PathBuf {
        self.state().join("trust.json")
    }

    /// The answers of the last run; 0600, since they hold secrets.
    pub fn site_file(&self) -> PathBuf {
        self.state().join("site.toml")
    }

    /// What is installed.
    pub fn installed(&self) -> PathBuf {
        self.state().join("installed.json")
    }

    pub fn installation_key(&self) -> PathBuf {
        self.state().join("installation.key")
    }

    /// The site's certificate and its key; 0700.
    pub fn tls(&self) -> PathBuf {
        self.state().join("tls")
    }

    pub fn engine_configuration(&self) -> PathBuf {
        self.root.join("etc/docker/daemon.json")
    }

    /// What it was before we added to it.
    pub fn engine_configuration_before(&self) -> PathBuf {
        self.state().join("daemon.json.before")
    }

    /// The digest of what we made of it.
    pub fn engine_configuration_ours(&self) -> PathBuf {
        self.state().join("daemon.json.ours")
    }

    /// For files on their way to dpkg; emptied after use.
    pub fn staging(&self) -> PathBuf {
        self.state().join("staging")
    }

    /// For scripts while they run.
    pub fn hooks(&self) -> PathBuf {
        self.state().join("hooks")
    }

    /// Where the release with this manifest is kept.
    pub fn release(&self, digest: &Sha256Digest) -> PathBuf {
        self.release_state(digest).join("kept")
    }

    /// What belongs to that release here beside itself.
    pub fn release_state(&self, digest: &Sha256Digest) -> PathBuf {
        self.releases().join(digest.to_string())
    }

    pub fn releases(&self) -> PathBuf {
        self.state().join("releases")
    }

    /// A change that was begun and not finished.
    pub fn operation(&self) -> PathBuf {
        self.state().join("operation.json")
    }

    /// How long things took the last time.
    pub fn measured(&self) -> PathBuf {
        self.state().join("measured.json")
    }

    /// Services that the operator stopped or removed.
    pub fn wanted(&self) -> PathBuf {
        self.state().join("services.json")
    }

    /// The folder that containers see at /run/wt: the snapshot of the host.
    pub fn run(&self, product: &str) -> PathBuf {
        self.root.join("run/wt").join(product)
    }

    /// There while images are loaded; gone when the host went down before they were on the disk.
    pub fn loading(&self, product: &str) -> PathBuf {
        self.run(product).join("loading")
    }

    pub fn snapshot(&self, product: &str) -> PathBuf {
        self.run(product).join("host.json")
    }

    pub fn boot_id(&self) -> PathBuf {
        self.root.join("proc/sys/kernel/random/boot_id")
    }
}
