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
    pub fn read(&self, now: Utc) -> Result<(Trust, TrustDocument), Failure> {
        let trust = signed_file::read_trust(&self.path()).map_err(|error| {
            Failure::from(error)
                .or_hint("`--trust FILE` names the one in force, where it is not beside the root")
        })?;
        let mut next = trust.document().clone();
        next.version += 1;
        // not after the one before, perhaps: versions order them, and a clock that was ahead once would date all that follow
        next.issued = now;
        Ok((trust, next))
    }

    pub fn keys(&self) -> crate::Result<Vec<SigningKey>> {
        self.roots.iter().map(|path| key_file::read(path, &|path| self.passphrase.ask(path))).collect()
    }

    /// Shows what would be written, and asks.
    pub fn is_agreed(
        &self,
        trust: &Trust,
        next: &Trust,
        changes: &[String],
        output: Output,
    ) -> Result<bool, Failure> {
        output.say(format_args!("trust document version {}:", next.document().version));
        for change in changes {
            output.say(format_args!("  {change}"));
        }
        output.say(format_args!("  {}", dated(trust.document().issued, next.document().issued)));
        self.is_wanted("Write it?", output)
    }

    pub fn is_wanted(&self, question: &str, output: Output) -> Result<bool, Failure> {
        if self.dry_run || (!self.yes && is_interactive() && !confirm(question)?) {
            output.say("nothing was written");
            return Ok(false);
        }
        Ok(true)
    }

    /// The file of the next document, where it does not take the place of the one in force.
    pub fn elsewhere(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| *file != self.path())
    }

    /// The document before it is kept first, so that there is never none of the two.
    pub fn write(&self, trust: &Trust, next: &Trust, output: Output) -> crate::Result<()> {
        let file = self.elsewhere().map_or_else(|| self.path(), Path::to_owned);
        if self.elsewhere().is_none() {
            keep(&signed_file::earlier_path(&file, trust.document().version), trust)?;
            durable::write(&file, &next.to_bytes(), 0o644)?;
        } else {
            durable::create(&file, &next.to_bytes(), 0o644)?;
        }
        output.say(format_args!(
            "written to `{}`; it goes to sites with the next bundle or license that is signed under it",
            shown_path(&file)
        ));
        Ok(())
    }
}

pub fn sign(trust: &Trust, next: &TrustDocument, keys: &[SigningKey]) -> Result<Trust, Failure> {
    issue_next_trust(trust, next, keys).map_err(|error| {
        Failure::from(error).or_hint(
            "repeat `--root FILE` until a threshold of the roots in force has signed, and one of the new roots",
        )
    })
}

/// No site with a clock before that date goes by its clock, so that a wrong one is seen here.
fn dated(before: Utc, now: Utc) -> String {
    let jump = if before.plus_days(1) < now {
        format!(", {} days after", before.days_until(now))
    } else if now.plus_days(1) < before {
        format!(", {} days before", now.days_until(before))
    } else {
        return format!("dated {now}; sites take that for past");
    };
    format!("dated {now}{jump} the document in force, which is dated {before}; sites take that for past")
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

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::testkit::Vendor;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        next: NextTrust,
    }

    #[test]
    fn a_clock_that_was_ahead_once_does_not_date_what_follows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("trust.json");
        let now: Utc = "2026-11-23T08:00:00Z".parse().unwrap();
        let vendor = Vendor::insecure(1).trusting(|trust| trust.issued = now.plus_days(365));
        std::fs::write(&file, vendor.trust.to_bytes()).unwrap();
        let line = ["wt", "--root", "root.key", "--trust", file.to_str().unwrap()];
        let (trust, next) = Line::parse_from(line).next.read(now).unwrap();
        assert_eq!((next.version, next.issued), (2, now));
        let signed = sign(&trust, &next, &[vendor.root]).unwrap();
        assert_eq!(signed.document().issued, now, "it is the later one");
    }

    #[test]
    fn a_date_is_shown_with_its_jump_from_the_one_before() {
        let before: Utc = "2026-11-23T08:00:00Z".parse().unwrap();
        assert_eq!(
            dated(before, before.plus_days(1)),
            "dated 2026-11-24T08:00:00Z; sites take that for past"
        );
        let ahead = "dated 2027-11-23T08:00:00Z, 365 days after the document in force, which is dated \
                     2026-11-23T08:00:00Z; sites take that for past";
        assert_eq!(dated(before, before.plus_days(365)), ahead);
        assert!(dated(before.plus_days(2), before).contains(", 2 days before the document in force, "));
    }
}
