use std::path::{Path, PathBuf};

use super::kept::{Kept, certify_again, keep};
use super::next_trust::{self, NextTrust};
use crate::console::{Done, Failure, Output};
use crate::key_file::{self, Protection};
use crate::{KeyId, SigningKey, Trust, TrustDocument, Utc, durable, folder_of, shown_path, signed_file};

/// Write the next trust document, with other roots
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys rotate --new keys/root-4.key --retire 9b1c… --root keys/root-1.key --root keys/root-2.key \\\n      --certificate keys/license.cert --certificate keys/bundle.cert\n\nA threshold of the roots in force signs, and one of the new roots. Certificates are signed again with the new roots, in \
                  their place, or beside `-o`, and the new document keeps them: licenses and bundles that carry them with the \
                  signatures of roots that went stay good. One that is not named ends, or may end. What \
                  each may sign, and who has signed it, is shown first: compare the id of its key."
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
    /// A certificate that stays good, and is signed again with the new roots; repeat it for several (alone: with those in
    /// force)
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
        let certificates = self.read_certificates(&trust)?;
        let mut changes = self.retire(&mut document)?;
        let mut keys = self.next.keys()?;
        // written when all else is known to be right, and wanted
        let mut made: Vec<(&Path, SigningKey)> = Vec::new();
        for path in &self.new {
            if made.iter().any(|(other, _)| other == path) {
                continue;
            }
            let key = if path.exists() {
                key_file::read(path, &|path| self.next.passphrase.ask(path))?
            } else {
                let key = SigningKey::generate()?;
                made.push((path, SigningKey::from_seed(&key.seed())));
                key
            };
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
        let is_kept_anew = keep(&certificates, &mut document);
        if changes.is_empty() && !is_kept_anew {
            return self.certify_only(&certificates, &keys, &trust, output);
        }
        let next = next_trust::sign(&trust, &document, &keys)?;
        changes.extend(certificates.iter().flat_map(|kept| kept.lines(trust.document(), &document)));
        let certificates = certify_again(&certificates, &keys, &next)?;
        self.warn_of_others(&trust, &next, output);
        if self.next.is_agreed(&trust, &next, &changes, output)? {
            self.write_keys(&made)?;
            self.next.write(&trust, &next, output)?;
            self.write_certificates(&certificates, output)?;
        }
        Ok(())
    }

    /// What is left to do where a run was killed after it had written the document.
    fn certify_only(
        &self,
        certificates: &[Kept],
        keys: &[SigningKey],
        trust: &Trust,
        output: Output,
    ) -> Done {
        if certificates.is_empty() {
            return Err(Failure::usage(
                "the roots stay as they are",
                "say what changes: `--new FILE`, `--retire ID`, `--threshold K`",
            ));
        }
        let files = certify_again(certificates, keys, trust)?;
        output.say("the roots stay as they are; certificates are signed again:");
        for line in certificates.iter().flat_map(|kept| kept.lines(trust.document(), trust.document())) {
            output.say(format_args!("  {line}"));
        }
        if self.next.is_wanted("Write them?", output)? {
            self.write_certificates(&files, output)?;
        }
        Ok(())
    }

    /// What lies beside the document in force and ends with the next one, or may end where it was carried with the signatures
    /// of other roots.
    fn warn_of_others(&self, trust: &Trust, next: &Trust, output: Output) {
        let is_narrower = !self.retired.is_empty() || next.document().threshold > trust.document().threshold;
        let folder = folder_of(&self.next.path());
        let mut paths: Vec<PathBuf> =
            folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|name| name == "cert")) {
            let Ok((envelope, certificate)) = signed_file::read_certificate(path, trust) else { continue };
            let ends = match next.certificate(&envelope) {
                Err(_) => "ends",
                Ok(_) if is_narrower && !envelope.is_named(&next.document().kept_certificates) => "may end",
                Ok(_) => continue,
            };
            output.say(format_args!(
                "warning: `{}` {ends} with this document, and every {} that carries it; to keep it, name it: \
                 `--certificate FILE`",
                shown_path(path),
                certificate.role
            ));
        }
    }

    fn retire(&self, document: &mut TrustDocument) -> Result<Vec<String>, Failure> {
        let mut changes = Vec::new();
        for retired in &self.retired {
            let place = document.roots.iter().position(|root| root.id() == *retired).ok_or_else(|| {
                Failure::usage(
                    format!("the key {retired} is no root"),
                    "`wt-keys show trust.json` shows them; where a run that retired it was interrupted, run this again with \
                     `--certificate FILE` and nothing that changes",
                )
            })?;
            document.roots.remove(place);
            changes.push(format!("root {retired} is retired"));
        }
        Ok(changes)
    }

    fn write_keys(&self, made: &[(&Path, SigningKey)]) -> crate::Result<()> {
        for (path, key) in made {
            let protection = if self.no_passphrase {
                Protection::None
            } else {
                Protection::Passphrase(self.next.passphrase.choose(path)?)
            };
            key_file::write(path, key, &protection)?;
        }
        Ok(())
    }

    /// Each with the place that it will have: its own, or beside a document that is written elsewhere.
    fn read_certificates(&self, trust: &Trust) -> Result<Vec<Kept>, Failure> {
        let before = self.before(trust);
        let mut certificates: Vec<Kept> = Vec::new();
        for path in &self.certificates {
            let (envelope, certificate) = Kept::read(path, trust, before.as_ref(), &self.next.passphrase)?;
            let target = match self.next.elsewhere() {
                Some(file) => folder_of(file).join(path.file_name().unwrap_or_default()),
                None => path.clone(),
            };
            let is_named = certificates.iter().any(|other| other.path == target);
            if self.next.elsewhere().is_some() && (is_named || target.symlink_metadata().is_ok()) {
                return Err(Failure::usage(
                    format!("`{}` is there already, or would be written twice", shown_path(&target)),
                    "certificates go beside `-o FILE`, and nothing there is written over; name a file in an empty folder",
                ));
            }
            if is_named {
                continue;
            }
            certificates.push(Kept { path: target, envelope, certificate });
        }
        Ok(certificates)
    }

    /// The document that `trust` has followed: a run that was killed leaves certificates of its roots.
    fn before(&self, trust: &Trust) -> Option<Trust> {
        let version = trust.document().version;
        let path = signed_file::earlier_path(&self.next.path(), version.checked_sub(1)?);
        let before = signed_file::read_trust(&path).ok()?;
        let next = before.clone().advance(trust.envelope()).ok()?;
        (next.document().version == version).then_some(before)
    }

    fn write_certificates(&self, certificates: &[(PathBuf, Vec<u8>)], output: Output) -> crate::Result<()> {
        for (path, certificate) in certificates {
            if self.next.elsewhere().is_some() {
                durable::create(path, certificate, 0o644)?;
            } else {
                durable::write(path, certificate, 0o644)?;
            }
            output.say(format_args!("`{}` is signed by the roots of that document", shown_path(path)));
        }
        Ok(())
    }
}
