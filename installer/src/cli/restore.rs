use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::console::{Done, Failure, Output, Size, confirm, is_interactive, now};
use wt_keys::{KeyId, PublicKey, Utc};
use wt_licensor::install_key;

use super::install::told;
use super::lock::Lock;
use crate::backup::data_reader::Look;
use crate::backup::encryption::Identities;
use crate::backup::folder::{self, Backup};
use crate::restore::record::RestoreRecord;
use crate::{Error, Installation, Places, Result, restore};

/// Bring a backup's data back, here or on another host with the same release
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install restore /var/backups/worktile/worktile-5.2.0-2026-11-24T020000Z.backup --verify\n  wt-install restore worktile-5.2.0-2026-11-24T020000Z.backup --identity backup.key"
)]
pub struct Restore {
    /// The folder `….backup`
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// Look at every byte of it and touch nothing
    #[arg(long)]
    verify: bool,
    /// The file with the private age key that it is encrypted for
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Believe a backup of another installation, whose key has this id
    #[arg(long, value_name = "KEYID")]
    signed_by: Option<KeyId>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Restore {
    pub fn run(self, output: Output, places: &Places) -> Done {
        let identities = self.identity.as_deref().map(Identities::read).transpose()?;
        if self.verify {
            return self.verify(identities.as_ref(), output, places);
        }
        super::require_root()?;
        let _lock = Lock::take(places)?;
        let installation = Installation::current(places, now)?;
        let path = absolute(&self.backup)?;
        let report = |step, outcome: &_, took| told(output, step, outcome, took);
        match RestoreRecord::read(places)? {
            Some(record) if record.backup == path => {
                output.say("a restore of this backup was begun, and its data is in place");
                restore::resume(&installation, record, &report, &output.progress())?;
            }
            Some(record) => return Err(Error::RestorePending { backup: record.backup }.into()),
            None => {
                let backup = Backup::open(&path, &self.signer(&path, places)?)?;
                output.say(headline(&backup));
                self.confirm(&installation, &backup)?;
                restore::carry_out(&installation, &backup, identities.as_ref(), &report, &output.progress())?;
            }
        }
        output.say(format_args!("\n{} has the data of {}", installation.product(), path.display()));
        Ok(())
    }

    /// Whose signature is believed: this installation's, or that of one that is named, or confirmed, by its key.
    fn signer(&self, path: &Path, places: &Places) -> Result<PublicKey, Failure> {
        let claimed = folder::claimed_signer(path)?;
        let expected = match self.signed_by {
            Some(named) => Some(named),
            None if places.installation_key().exists() => {
                Some(install_key::load_or_make(&places.installation_key())?.public().id())
            }
            None => None,
        };
        let found = claimed.id();
        if expected == Some(found) {
            return Ok(claimed);
        }
        let ask = self.signed_by.is_none() && is_interactive();
        let question = format!(
            "This backup is signed by another installation, with the key {found}.\nIs that the key which `wt-install backup --list` names on the host where it was made?"
        );
        if ask && confirm(&question)? {
            Ok(claimed)
        } else {
            Err(Error::BackupSigner { expected, found }.into())
        }
    }

    fn confirm(&self, installation: &Installation, backup: &Backup) -> Done {
        let question = format!(
            "Replace the data of {} on this host by that of {}? Its services stop meanwhile.",
            installation.product(),
            backup.list.created
        );
        if self.yes || confirm(&question)? {
            return Ok(());
        }
        Err(Failure::usage("not confirmed: nothing was changed", "say `--yes`, or answer `y`"))
    }

    /// Without a lock, and without anything that writes.
    fn verify(&self, identities: Option<&Identities>, output: Output, places: &Places) -> Done {
        let path = absolute(&self.backup)?;
        let backup = Backup::open(&path, &self.signer(&path, places)?)?;
        let looked_inside = !backup.list.data.encrypted || identities.is_some();
        {
            let phase = output.progress().phase("verifying the backup", None);
            let data = backup.data(&phase)?;
            if looked_inside { data.visit(identities, &mut Look)? } else { data.authenticate()? }
        }
        let report = Report {
            schema: "wt.restore-verify.v1",
            backup: path,
            product: backup.list.product.clone(),
            version: backup.list.version.to_string(),
            created: backup.list.created,
            signed_by: backup.signer,
            files: backup.list.entries.len(),
            content: backup.list.stored(),
            looked_inside,
        };
        output.report(&report, &report);
        Ok(())
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().or_else(|_| std::path::absolute(path)).map_err(Error::io("find", path))
}

fn headline(backup: &Backup) -> String {
    let list = &backup.list;
    format!("{} {} of {}, {}", list.product, list.version, list.created, Size(list.stored()))
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    backup: PathBuf,
    product: String,
    version: String,
    created: Utc,
    signed_by: KeyId,
    files: usize,
    content: u64,
    /// The hash of every file was compared, too.
    looked_inside: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {} of {}, signed by {}", self.product, self.version, self.created, self.signed_by)?;
        if self.looked_inside {
            writeln!(
                f,
                "good: the signature, and all {} files and folders, {}",
                self.files,
                Size(self.content)
            )
        } else {
            writeln!(f, "good: the signature, and every byte; without `--identity` nothing was decrypted")
        }
    }
}
