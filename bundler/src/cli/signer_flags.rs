use std::path::PathBuf;

use wt_keys::console::{Output, PassphraseFile};
use wt_keys::{Signer, Trust, signed_file};

use super::TrustFile;
use crate::{Error, Result};

const KEY: &str = "WT_KEY";

/// Who signs, and under which roots.
#[derive(Debug, clap::Args)]
pub struct SignerFlags {
    /// The key to sign with; its certificate lies beside it as FILE with `.cert`
    #[arg(long, value_name = "FILE", env = KEY)]
    key: Option<PathBuf>,
    /// The trust document to put into the bundle, or to check one with (left out: trust.json beside the key)
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseFile,
}

impl SignerFlags {
    /// Loaded first: what nobody can sign need not begin.
    pub fn load(&self, output: Output) -> Result<Signer> {
        let key = self.key.as_ref().ok_or(Error::NoKey)?;
        if !key.is_file() {
            return Err(Error::NoKeyFile { path: key.clone() });
        }
        if let Some(trust) = &self.trust {
            signed_file::read_trust(trust)?;
        }
        let signer = Signer::load(key, self.trust.as_deref(), &|path| self.passphrase.ask(path))?;
        for warning in &signer.warnings {
            output.say(format_args!("warning: {warning}"));
        }
        Ok(signer)
    }

    /// Where nothing is signed, but checked.
    pub fn trust(&self) -> Result<Trust> {
        TrustFile { trust: self.trust.clone() }.read()
    }

    /// Whether a key was named here, and not in the environment for whatever may need one.
    pub fn names_key(&self) -> bool {
        self.key.is_some() && std::env::var_os(KEY).is_none()
    }
}
