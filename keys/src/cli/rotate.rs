use std::path::{Path, PathBuf};

use super::next_trust::NextTrust;
use crate::console::{Done, Failure, Output};
use crate::issue::issue_certificate;
use crate::key_file::{self, Protection};
use crate::signed_file::{self, to_file};
use crate::{Certificate, KeyId, SigningKey, Trust, TrustDocument, Utc, durable, shown_path};

/// Write the next trust document, with other roots
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys rotate --new keys/root-4.key --retire 9b1c… --root keys/root-1.key --root keys/root-2.key \\\n      --certificate keys/license.cert --certificate keys/bundle.cert\n\nA threshold of the roots in force signs, and one of the new roots. Certificates are signed again with the new roots; a \
                  license whose certificate was signed by a root that is retired has to be renewed before sites get the new document."
)]
pub struct Rotate {
    /// A root to add; made if the file is not there
    #[arg(long = "new", value_name = "FILE")]
    new: Vec<PathBuf>,
    /// A root to take out, by its id
    #[arg(long = "retire", value_name = "ID")]
    retired: Vec<KeyId>,
    /// How many roots must sign from now on (left out: as many as before)
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=16))]
    threshold: Option<u32>,
    /// A certificate to sign again with the new roots; repeat it for several
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
    #[command(flatten)]
    next: NextTrust,
    /// Write roots that are made now unencrypted
    #[arg(long)]
    no_passphrase: bool,
}

impl Rotate {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let (trust, mut document) = self.next.read(now)?;
        // before a key is made
        let certificates = self.read_certificates(&trust)?;
        let mut changes = self.retire(&mut document)?;
        let mut keys = self.next.keys()?;
        for path in &self.new {
            let key = self.read_or_make(path)?;
            if !document.roots.contains(&key.public()) {
                document.roots.push(key.public());
                changes.push(format!("root {} is added", key.public().id()));
            }
            keys.push(key);
        }
        if let Some(threshold) = self.threshold.filter(|threshold| *threshold != document.threshold) {
            changes.push(format!("{threshold} roots must sign, not {}", document.threshold));
            document.threshold = threshold;
        }
        if changes.is_empty() {
            return Err(Failure::usage(
                "the roots stay as they are",
                "say what changes: `--new FILE`, `--retire ID`, `--threshold K`",
            ));
        }
        let Some(next) = self.next.write(&trust, &document, &keys, &changes, output)? else { return Ok(()) };
        certify_again(&certificates, &keys, &next, output)
    }

    fn retire(&self, document: &mut TrustDocument) -> Result<Vec<String>, Failure> {
        let mut changes = Vec::new();
        for retired in &self.retired {
            let place = document.roots.iter().position(|root| root.id() == *retired).ok_or_else(|| {
                Failure::usage(
                    format!("the key {retired} is no root"),
                    "`wt-keys show trust.json` shows them",
                )
            })?;
            document.roots.remove(place);
            changes.push(format!("root {retired} is retired"));
        }
        Ok(changes)
    }

    fn read_or_make(&self, path: &Path) -> crate::Result<SigningKey> {
        if path.exists() {
            return key_file::read(path, &|path| self.next.passphrase.ask(path));
        }
        let protection = if self.no_passphrase {
            Protection::None
        } else {
            Protection::Passphrase(self.next.passphrase.choose(path)?)
        };
        let key = SigningKey::generate()?;
        key_file::write(path, &key, &protection)?;
        Ok(key)
    }

    fn read_certificates(&self, trust: &Trust) -> crate::Result<Vec<(PathBuf, Certificate)>> {
        let read = |path: &PathBuf| Ok((path.clone(), signed_file::read_certificate(path, trust)?.1));
        self.certificates.iter().map(read).collect()
    }
}

/// With those of the keys that are roots now.
fn certify_again(
    certificates: &[(PathBuf, Certificate)],
    keys: &[SigningKey],
    trust: &Trust,
    output: Output,
) -> Done {
    let is_root = |key: &&SigningKey| trust.document().roots.contains(&key.public());
    let seeds: Vec<SigningKey> =
        keys.iter().filter(is_root).map(|key| SigningKey::from_seed(&key.seed())).collect();
    for (path, certificate) in certificates {
        let envelope = issue_certificate(certificate, &seeds, trust).map_err(|error| {
            Failure::from(error).or_hint("repeat `--root FILE` until a threshold of the new roots is reached")
        })?;
        durable::write(path, &to_file(&envelope), 0o644)?;
        output.say(format_args!("`{}` is signed by the new roots", shown_path(path)));
    }
    Ok(())
}
