use std::path::{Path, PathBuf};

use crate::console::{Failure, Output, PassphraseFile, confirm, is_interactive};
use crate::issue::issue_next_trust;
use crate::{Error, SigningKey, Trust, TrustDocument, Utc, durable, key_file, shown_path, signed_file};

/// What writing the next trust document takes.
#[derive(Debug, clap::Args)]
pub struct NextTrust {
    /// A root key; repeat it to reach the threshold
    #[arg(long = "root", value_name = "FILE", required = true)]
    pub roots: Vec<PathBuf>,
    /// The trust document in force (left out: trust.json beside the first root key)
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The next one (left out: in the place of the one in force, which is kept as trust-VERSION.json)
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseFile,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Show what would change and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl NextTrust {
    /// Where the trust document in force is.
    pub fn path(&self) -> PathBuf {
        self.trust.clone().unwrap_or_else(|| signed_file::trust_beside(&self.roots[0]))
    }

    /// The document in force, and the one that follows it and says the same so far.
    pub fn read(&self, now: Utc) -> crate::Result<(Trust, TrustDocument)> {
        let trust = signed_file::read_trust(&self.path())?;
        let mut next = trust.document().clone();
        next.version += 1;
        next.issued = now.max(next.issued);
        Ok((trust, next))
    }

    pub fn keys(&self) -> crate::Result<Vec<SigningKey>> {
        self.roots.iter().map(|path| key_file::read(path, &|path| self.passphrase.ask(path))).collect()
    }

    /// Signs, shows, asks, writes: the document before it first, so that there is never none of the two. `None`: nothing
    /// was written.
    pub fn write(
        &self,
        trust: &Trust,
        next: &TrustDocument,
        keys: &[SigningKey],
        changes: &[String],
        output: Output,
    ) -> Result<Option<Trust>, Failure> {
        let signed = issue_next_trust(trust, next, keys).map_err(|error| {
            Failure::from(error).or_hint(
                "repeat `--root FILE` until a threshold of the roots in force has signed, and one of the new roots",
            )
        })?;
        output.say(format_args!("trust document version {}:", next.version));
        for change in changes {
            output.say(format_args!("  {change}"));
        }
        let file = self.file.clone().unwrap_or_else(|| self.path());
        if self.dry_run || (!self.yes && is_interactive() && !confirm("Write it?")?) {
            output.say("nothing was written");
            return Ok(None);
        }
        if file == self.path() {
            keep(&signed_file::earlier_path(&file, trust.document().version), trust)?;
            durable::write(&file, &signed.to_bytes(), 0o644)?;
        } else {
            durable::create(&file, &signed.to_bytes(), 0o644)?;
        }
        output.say(format_args!(
            "written to `{}`; it goes to sites with the next bundle or license that is signed under it",
            shown_path(&file)
        ));
        Ok(Some(signed))
    }
}

/// Keeps the document before; the one that a killed run kept is the same.
fn keep(path: &Path, trust: &Trust) -> crate::Result<()> {
    match durable::create(path, &trust.to_bytes(), 0o644) {
        Err(Error::Io { source, .. })
            if source.kind() == std::io::ErrorKind::AlreadyExists
                && std::fs::read(path).is_ok_and(|found| found == trust.to_bytes()) =>
        {
            Ok(())
        }
        kept => kept,
    }
}
