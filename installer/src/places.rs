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

    /// Licenses that others took the place of; 0700.
    pub fn licenses(&self) -> PathBuf {
        self.state().join("licenses")
    }

    pub fn engine_configuration(&self) -> PathBuf {
        self.root.join("etc/docker/daemon.json")
    }

    /// What it was before we added to it.
    pub fn engine_configuration_before(&self) -> PathBuf {
        self.state().join("daemon.json.before")
    }

    /// While the engine's packages are removed, which take that file with them.
    pub fn engine_configuration_aside(&self) -> PathBuf {
        self.state().join("daemon.json.aside")
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

    /// Services that are held still for now, and must go on however a run ends.
    pub fn held(&self) -> PathBuf {
        self.state().join("held.json")
    }

    /// The last backup that was made where the site's backups lie.
    pub fn last_backup(&self) -> PathBuf {
        self.state().join("last-backup.json")
    }

    /// A restore that was begun and not finished.
    pub fn restore(&self) -> PathBuf {
        self.state().join("restore.json")
    }

    /// What a restore unpacks that is not data.
    pub fn restoring(&self) -> PathBuf {
        self.state().join("restoring")
    }

    /// What is the lowest release of each product that may be installed.
    pub fn floors(&self) -> PathBuf {
        self.state().join("floors.json")
    }

    /// The packages that came with the product.
    pub fn packages(&self) -> PathBuf {
        self.state().join("packages.json")
    }

    /// An uninstall that was begun, and what one has left.
    pub fn uninstall(&self) -> PathBuf {
        self.state().join("uninstall.json")
    }

    /// Held by the one check that looks; in memory, as the other.
    pub fn check_lock(&self) -> PathBuf {
        self.root.join("run/wt-check.lock")
    }

    /// What the last check found.
    pub fn check_report(&self) -> PathBuf {
        self.state().join("check.json")
    }

    /// Since when this host differs from which license.
    pub fn drift(&self) -> PathBuf {
        self.state().join("drift.json")
    }

    /// Who was told of what is bad.
    pub fn alarms(&self) -> PathBuf {
        self.state().join("alarms.json")
    }

    /// The same as the report, for Prometheus.
    pub fn metrics(&self) -> PathBuf {
        self.state().join("metrics/wt.prom")
    }

    /// Where `node_exporter` looks for such files, on hosts that have it.
    pub fn exporter_folder(&self) -> PathBuf {
        self.root.join("var/lib/prometheus/node-exporter")
    }

    /// Ours among them.
    pub fn exported_metrics(&self, product: &str) -> PathBuf {
        self.exporter_folder().join(format!("wt-{product}.prom"))
    }

    /// A line for each check.
    pub fn check_log(&self, product: &str) -> PathBuf {
        self.logs(product).join("check.log")
    }

    pub fn logs(&self, product: &str) -> PathBuf {
        self.root.join("var/log").join(format!("wt-{product}"))
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
