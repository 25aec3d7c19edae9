use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output, Size, now};
use wt_keys::{KeyId, Utc};
use wt_licensor::install_key;

use super::lock::Lock;
use crate::backup::encryption::Recipient;
use crate::backup::last::LastBackup;
use crate::backup::list::{Kind, LeftOut};
use crate::backup::retention::{self, Found, What};
use crate::backup::{self, Made, Order};
use crate::site::backup::BackupSettings;
use crate::{Installation, Places, Result, quiesce};

/// Back up the site's data, its configuration and its licenses, all of one moment
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install backup -o /srv/backup --logs\n  wt-install backup --recipient age1…     only the owner of that key can read it\n  wt-install backup --list"
)]
pub struct Backup {
    /// The folder for backups (left out: that of site.toml, else /var/backups/<product>)
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// With the log folders
    #[arg(long)]
    logs: bool,
    /// Encrypt it for the owner of this age key; may be repeated (left out: those of site.toml, else it is not encrypted)
    #[arg(long, value_name = "AGE-KEY")]
    recipient: Vec<Recipient>,
    /// Show the backups that there are
    #[arg(long, conflicts_with_all = ["logs", "recipient"])]
    list: bool,
}

impl Backup {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        if self.list {
            return self.show(output, places);
        }
        let _lock = Lock::take(places)?;
        let installation = Installation::current(places, now)?;
        quiesce::recover(&installation)?; // what the lock could not let go must be said
        let plan = &installation.site.backup;
        let made =
            backup::carry_out(&installation, &self.order(plan, installation.product()), &output.progress())?;
        if self.output.is_none() {
            LastBackup::of(&made.backup).write(places)?;
        }
        let removed = self.keep_newest(&installation, &made)?;
        let report = Report::of(&made, removed);
        output.report(&report, &report);
        Ok(backup::await_health(&installation, &output.progress())?)
    }

    fn folder(&self, plan: &BackupSettings, product: &str) -> PathBuf {
        self.output.clone().unwrap_or_else(|| plan.folder(product))
    }

    fn order(&self, plan: &BackupSettings, product: &str) -> Order {
        let named = if self.recipient.is_empty() { &plan.recipients } else { &self.recipient };
        Order { folder: self.folder(plan, product), logs: self.logs || plan.logs, recipients: named.clone() }
    }

    /// Only where the site says how many; what lies in a folder named for once stays there.
    fn keep_newest(&self, installation: &Installation, made: &Made) -> Result<Vec<String>> {
        let (Some(keep), None) = (installation.site.backup.keep, &self.output) else { return Ok(Vec::new()) };
        let key = install_key::load_or_make(&installation.places.installation_key())?;
        let now = (installation.clock)();
        retention::keep_newest(&made.backup.folder, now, installation.product(), &key, keep.into())
    }

    fn show(&self, output: Output, places: &Places) -> Done {
        let installation = Installation::current(places, now)?;
        let folder = self.folder(&installation.site.backup, installation.product());
        let own = install_key::load_or_make(&places.installation_key())?.public();
        let found = retention::all(&folder, installation.product(), &own)?;
        let backups = found.iter().map(Row::of).collect();
        let shown = Shown { schema: "wt.backups.v1", folder, signed_by: own.id(), backups };
        output.report(&shown, &shown);
        Ok(())
    }
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    backup: PathBuf,
    /// Bytes of the data file, and of what it holds.
    bytes: u64,
    content: u64,
    files: usize,
    encrypted: bool,
    logs: bool,
    /// What another host must be told to believe it.
    signed_by: KeyId,
    held_still_ms: u128,
    /// Files that were written to while they were read.
    changed: Vec<String>,
    left_out: Vec<LeftOut>,
    /// Older backups that are gone.
    removed: Vec<String>,
}

impl Report {
    fn of(made: &Made, removed: Vec<String>) -> Self {
        let list = &made.backup.list;
        let changed = |kind: &Kind| matches!(kind, Kind::File { changed: true, .. });
        Self {
            schema: "wt.backup.v1",
            backup: made.backup.folder.clone(),
            bytes: list.data.length,
            content: list.stored(),
            files: list.entries.len(),
            encrypted: list.data.encrypted,
            logs: list.logs,
            signed_by: made.backup.signer,
            held_still_ms: made.held.as_millis(),
            changed: list.entries.iter().filter(|e| changed(&e.kind)).map(|e| e.path.to_string()).collect(),
            left_out: list.left_out.clone(),
            removed,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encrypted = if self.encrypted { ", encrypted" } else { "" };
        writeln!(f, "{}", self.backup.display())?;
        writeln!(
            f,
            "  {} files and folders, {}, in {}{encrypted}",
            self.files,
            Size(self.content),
            Size(self.bytes)
        )?;
        #[expect(clippy::cast_precision_loss, reason = "tenths of seconds are shown")]
        let seconds = self.held_still_ms as f64 / 1000.0;
        writeln!(f, "  services were held still for {seconds:.1} s")?;
        writeln!(f, "  signed by {}", self.signed_by)?;
        for path in &self.changed {
            writeln!(f, "  changed while it was read: {path}")?;
        }
        for LeftOut { path, what } in &self.left_out {
            writeln!(f, "  left out, {what}: {path}")?;
        }
        for name in &self.removed {
            writeln!(f, "  removed: {name}")?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    folder: PathBuf,
    /// This installation's key.
    signed_by: KeyId,
    backups: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    backup: String,
    /// By this installation: the signature was verified, the data file was not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<Good>,
    /// The key of another installation that it says it is signed with; nothing else of it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    foreign: Option<KeyId>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged: Option<String>,
}

#[derive(Serialize)]
struct Good {
    version: String,
    created: Utc,
    bytes: u64,
    encrypted: bool,
    logs: bool,
}

impl Row {
    fn of(found: &Found) -> Self {
        let backup = found.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let row = Self { backup, good: None, foreign: None, damaged: None };
        match &found.what {
            What::Unusable(error) => Self { damaged: Some(error.to_string()), ..row },
            What::Foreign(key) => Self { foreign: Some(*key), ..row },
            What::Ours(summary) => {
                let good = Good {
                    version: summary.version.to_string(),
                    created: summary.created,
                    bytes: summary.length,
                    encrypted: summary.encrypted,
                    logs: summary.logs,
                };
                Self { good: Some(good), ..row }
            }
        }
    }

    fn words(&self) -> String {
        match (&self.good, &self.foreign) {
            (Some(good), _) => {
                let mut words = vec![Size(good.bytes).to_string()];
                words.extend(good.logs.then(|| "with logs".to_owned()));
                words.extend(good.encrypted.then(|| "encrypted".to_owned()));
                words.join(", ")
            }
            (None, Some(key)) => format!("signed by another installation, by what it says: {key}"),
            (None, None) => format!("cannot be used: {}", self.damaged.as_deref().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, this installation signs with {}", self.folder.display(), self.signed_by)?;
        for row in &self.backups {
            writeln!(f, "  {}  {}", row.backup, row.words())?;
        }
        if self.backups.is_empty() { writeln!(f, "  none") } else { Ok(()) }
    }
}
