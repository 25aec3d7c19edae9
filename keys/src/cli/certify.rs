use std::path::{Path, PathBuf};

use crate::certificate::ANY_PRODUCT;
use crate::console::{Done, Failure, Output, PassphraseFile};
use crate::issue::issue_certificate;
use crate::signed_file::to_file;
use crate::{Certificate, Error, Role, SigningKey, Trust, Utc, durable, key_file, shown_path, signed_file};

/// Certify a bundle or license key with the root keys
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys certify keys/trial.key --role license --product worktile --longest-term 30 --root keys/root-1.key\n\nThe key is made if the file is not there; the certificate is written beside it as `keys/trial.cert`."
)]
pub struct Certify {
    /// The key to certify; made if it is not there
    #[arg(value_name = "KEY")]
    key: PathBuf,
    /// What it may sign
    #[arg(long)]
    role: Role,
    /// A root key; repeat it to reach the threshold
    #[arg(long = "root", value_name = "FILE", required = true)]
    roots: Vec<PathBuf>,
    /// The trust document (left out: trust.json beside the first root key)
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The one product it is for (left out: every product of these roots)
    #[arg(long, value_name = "NAME", default_value = ANY_PRODUCT, hide_default_value = true)]
    product: String,
    /// How long the key may sign
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// The longest license that it may sign, in days (license keys only)
    #[arg(long, value_name = "DAYS", default_value_t = 366)]
    longest_term: u32,
    /// The most seats of a license that it may sign (license keys only)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    most_seats: Option<u32>,
    /// Replace the certificate that the key has, by another of the same role
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrase: PassphraseFile,
    /// Write a key that is made now unencrypted
    #[arg(long)]
    no_passphrase: bool,
}

impl Certify {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let path = key_file::certificate_path(&self.key)?;
        let trust_path = self.trust.clone().unwrap_or_else(|| signed_file::trust_beside(&self.roots[0]));
        let trust = signed_file::read_trust(&trust_path)?;
        self.refuse_to_overwrite(&path, &trust)?; // before a key is made
        let ask = |path: &std::path::Path| self.passphrase.ask(path);
        let roots =
            self.roots.iter().map(|path| key_file::read(path, &ask)).collect::<crate::Result<Vec<_>>>()?;
        let key = self.read_or_make_key()?;
        let certificate = Certificate {
            key: key.public(),
            role: self.role,
            product: self.product.clone(),
            not_before: now,
            not_after: now.plus_days(self.days),
            longest_term_days: (self.role == Role::License).then_some(self.longest_term),
            most_seats: self.most_seats.filter(|_| self.role == Role::License),
        };
        let envelope = issue_certificate(&certificate, &roots, &trust).map_err(|error| {
            Failure::from(error).or_hint("repeat `--root FILE` until the threshold is reached")
        })?;
        if self.replace {
            durable::write(&path, &to_file(&envelope), 0o644)?;
        } else {
            durable::create(&path, &to_file(&envelope), 0o644)?;
        }
        output.say(format_args!(
            "`{}` says: key {} may sign {}s until {}",
            shown_path(&path),
            key.public().id(),
            self.role,
            certificate.not_after
        ));
        Ok(())
    }

    /// A certificate is replaced only where that was asked for, and never by one of another role.
    fn refuse_to_overwrite(&self, path: &Path, trust: &Trust) -> Result<(), Failure> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        match signed_file::read_certificate(path, trust) {
            Ok((_, found)) if found.role != self.role => {
                Err(Error::SecondRole { certificate: path.to_owned(), has: found.role }.into())
            }
            _ if self.replace => Ok(()),
            _ => Err(Error::CertificateExists { certificate: path.to_owned() }.into()),
        }
    }

    fn read_or_make_key(&self) -> crate::Result<SigningKey> {
        if self.key.exists() {
            return key_file::read(&self.key, &|path| self.passphrase.ask(path));
        }
        let protection = if self.no_passphrase {
            key_file::Protection::None
        } else {
            key_file::Protection::Passphrase(self.passphrase.choose(&self.key)?)
        };
        let key = SigningKey::generate()?;
        key_file::write(&self.key, &key, &protection)?;
        Ok(key)
    }
}
