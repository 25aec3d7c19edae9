use std::path::{Path, PathBuf};

use crate::certificate::ANY_PRODUCT;
use crate::console::{Done, Failure, Output, PassphraseFile};
use crate::issue::{issue_certificate, issue_trust};
use crate::key_file::{self, Protection};
use crate::signed_file::to_file;
use crate::staged_folder::StagedFolder;
use crate::{Certificate, Role, SigningKey, Trust, TrustDocument, Utc, durable, shown_path};

const CERTIFICATE_DAYS: u32 = 5 * 365;
const LONGEST_LICENSE_DAYS: u32 = 5 * 366;

/// Make a vendor's keys: roots, a bundle key and a license key with their certificates, and the trust document
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys init --dir keys --roots 3 --threshold 2\n\nKeep the root keys off line, each in another place: they are needed again only to certify another key."
)]
pub struct Init {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How many root keys to make
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    roots: u32,
    /// How many of them must sign a certificate or a trust document
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    threshold: u32,
    /// The one product that the keys are for (left out: every product of these roots)
    #[arg(long, value_name = "NAME", default_value = ANY_PRODUCT, hide_default_value = true)]
    product: String,
    #[command(flatten)]
    passphrase: PassphraseFile,
    /// Write the keys unencrypted
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,
}

impl Init {
    pub fn run(self, output: Output, now: Utc) -> Done {
        if self.threshold > self.roots {
            return Err(Failure::usage(
                format!("a threshold of {} cannot be reached with {} root keys", self.threshold, self.roots),
                "give `--roots` at least as many as `--threshold`",
            ));
        }
        self.refuse_to_overwrite()?;
        let protection = if self.no_passphrase {
            Protection::None
        } else {
            Protection::Passphrase(self.passphrase.choose(&self.dir)?)
        };
        // no key has a place before all of them are there
        let folder = StagedFolder::create(&self.dir, 0o700)?;
        let (roots, trust) = self.make_roots(folder.path(), &protection, now)?;
        for role in [Role::Bundle, Role::License] {
            self.make_signer(folder.path(), role, &protection, &roots, &trust, now)?;
        }
        durable::create(&folder.path().join("trust.json"), &trust.to_bytes(), 0o644)?;
        folder.publish()?;
        output.say(format_args!(
            "keys written to `{}`: {} root(s), threshold {}; keep root-*.key off line",
            shown_path(&self.dir),
            self.roots,
            self.threshold
        ));
        Ok(())
    }

    /// Keys go to a folder of their own; this says so before the first one is made.
    fn refuse_to_overwrite(&self) -> Done {
        let is_empty = |folder: std::fs::ReadDir| folder.count() == 0;
        let there = self.dir.symlink_metadata().is_ok() && !self.dir.read_dir().is_ok_and(is_empty);
        let unnamed = self.dir.file_name().is_none();
        if !there && !unnamed {
            return Ok(());
        }
        let what = if unnamed { "has no name of its own" } else { "is there already" };
        Err(Failure::usage(
            format!("`{}` {what}", shown_path(&self.dir)),
            "keys go to a folder of their own and are never overwritten; choose another `--dir`",
        ))
    }

    fn make_roots(
        &self,
        folder: &Path,
        protection: &Protection,
        now: Utc,
    ) -> crate::Result<(Vec<SigningKey>, Trust)> {
        let roots = (0..self.roots).map(|_| SigningKey::generate()).collect::<crate::Result<Vec<_>>>()?;
        for (number, root) in (1..).zip(&roots) {
            key_file::write(&folder.join(format!("root-{number}.key")), root, protection)?;
        }
        let document = TrustDocument {
            version: 1,
            issued: now,
            threshold: self.threshold,
            roots: roots.iter().map(SigningKey::public).collect(),
            revoked_keys: vec![],
            revoked_licenses: vec![],
            kept_certificates: vec![],
            lowest_releases: vec![],
        };
        let trust = issue_trust(&document, &roots)?;
        Ok((roots, trust))
    }

    fn make_signer(
        &self,
        folder: &Path,
        role: Role,
        protection: &Protection,
        roots: &[SigningKey],
        trust: &Trust,
        now: Utc,
    ) -> crate::Result<()> {
        let key = SigningKey::generate()?;
        let certificate = Certificate {
            key: key.public(),
            role,
            product: self.product.clone(),
            not_before: now,
            not_after: now.plus_days(CERTIFICATE_DAYS),
            longest_term_days: (role == Role::License).then_some(LONGEST_LICENSE_DAYS),
            most_seats: None,
        };
        let path = folder.join(format!("{role}.key"));
        key_file::write(&path, &key, protection)?;
        let certificate = issue_certificate(&certificate, roots, trust)?;
        durable::create(&key_file::certificate_path(&path)?, &to_file(&certificate), 0o644)
    }
}
