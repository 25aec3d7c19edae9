use std::path::{Path, PathBuf};

use wt_keys::console::{Failure, PassphraseFile};
use wt_keys::{Trust, Utc, folder_of, signed_file};

use super::sold::plain;
use crate::ledger::Stamp;
use crate::{Error, Result};

/// What lies on the desk.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The license key; its certificate lies beside it as FILE with .cert
    #[arg(long, value_name = "FILE", env = "WT_LICENSE_KEY")]
    key: Option<PathBuf>,
    /// The ledger of what was signed (left out: ledger.db beside the key)
    #[arg(long, value_name = "FILE", env = "WT_LEDGER")]
    ledger: Option<PathBuf>,
    /// The trust document (left out: trust.json beside the key)
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: Option<PathBuf>,
}

/// Who signs.
#[derive(Clone, Debug, clap::Args)]
pub struct Hand {
    #[command(flatten)]
    pub passphrase: PassphraseFile,
    #[command(flatten)]
    pub operator: Operator,
}

/// Who sits there.
#[derive(Clone, Debug, clap::Args)]
pub struct Operator {
    /// Who is written down in the ledger (left out: the user of this session)
    #[arg(long, value_name = "NAME", env = "WT_OPERATOR", value_parser = plain)]
    operator: Option<String>,
}

impl Place {
    pub fn key(&self) -> Result<&Path, Failure> {
        self.key.as_deref().ok_or_else(|| {
            Failure::usage("no license key was given", "name it: `--key FILE`, or `WT_LICENSE_KEY=FILE`")
        })
    }

    /// Where the ledger is, or will be.
    pub fn ledger(&self) -> Result<PathBuf, Failure> {
        self.ledger.clone().or_else(|| self.beside("ledger.db")).ok_or_else(|| {
            Failure::usage("no ledger was given", "name it: `--ledger FILE`, or `WT_LEDGER=FILE`")
        })
    }

    /// `None`: the one beside the key.
    pub fn trust_file(&self) -> Option<&Path> {
        self.trust.as_deref()
    }

    pub fn trust(&self) -> Result<Trust, Failure> {
        let path = self.trust.clone().or_else(|| self.beside("trust.json"));
        let path = path.map_or_else(|| Ok(signed_file::trust_beside(&self.ledger()?)), Ok::<_, Failure>)?;
        Ok(signed_file::read_trust(&path)?)
    }

    /// A file of the desk that need not be there.
    pub fn beside(&self, name: &str) -> Option<PathBuf> {
        self.key.as_deref().map(|key| folder_of(key).join(name))
    }
}

impl Operator {
    pub fn stamp(&self, at: Utc) -> Stamp {
        let session = || std::env::var("LOGNAME").ok().and_then(|name| plain(&name).ok());
        let operator = self.operator.clone().or_else(session).unwrap_or_else(|| "unknown".into());
        Stamp { at, operator }
    }
}

/// As the ledger notes it: the folder that a command is run in may be another one next time.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| Error::from(wt_keys::Error::io("find", path)(error)))
}
