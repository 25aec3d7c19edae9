use semver::Version;

use super::next_trust::{self, NextTrust};
use crate::console::{Done, Failure, Output};
use crate::trust::{LowestRelease, RevokedKey, RevokedLicense};
use crate::{KeyId, TrustDocument, Utc, shown};

/// Write the next trust document, which revokes keys, licenses or releases
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys revoke --license 3f0c66a1b2c3d4e5f60718293a4b5c6d --reason 'the machine was sold' --root keys/root-1.key\n  wt-keys revoke --key-id 9b1c… --reason stolen --root keys/root-1.key --root keys/root-2.key\n\nA license or a key that was revoked stays revoked."
)]
pub struct Revoke {
    /// A license; repeat it for several
    #[arg(long = "license", value_name = "ID", value_parser = license_id)]
    licenses: Vec<String>,
    /// The key of a certificate: `wt-keys show` shows its id; repeat it for several
    #[arg(long = "key-id", value_name = "ID")]
    keys: Vec<KeyId>,
    /// The lowest release that may still be installed, as PRODUCT=VERSION
    #[arg(long, value_name = "PRODUCT=VERSION", value_parser = lowest)]
    lowest: Vec<(String, Version)>,
    /// Why; customers read it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    #[command(flatten)]
    next: NextTrust,
}

impl Revoke {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let (trust, mut document) = self.next.read(now)?;
        let changes = self.change(&mut document)?;
        if changes.is_empty() {
            return Err(Failure::usage(
                "nothing to revoke: nothing was named, or all of it is revoked already",
                "name something: `--license ID`, `--key-id ID`, `--lowest PRODUCT=VERSION`",
            ));
        }
        let keys = self.next.keys()?;
        let next = next_trust::sign(&trust, &document, &keys)?;
        if self.next.is_agreed(&trust, &next, &changes, output)? {
            self.next.write(&trust, &next, output)?;
        }
        Ok(())
    }

    /// In words, what is new.
    fn change(&self, document: &mut TrustDocument) -> Result<Vec<String>, Failure> {
        let reason = || {
            let missing =
                || Failure::usage("no reason was given", "say it: `--reason TEXT`; customers read it");
            self.reason.clone().ok_or_else(missing)
        };
        let mut changes = Vec::new();
        for license in &self.licenses {
            if document.revoked_licenses.iter().any(|revoked| revoked.license == *license) {
                continue;
            }
            let reason = reason()?;
            changes.push(format!("license {license} is revoked: {}", shown(&reason)));
            document.revoked_licenses.push(RevokedLicense { license: license.clone(), reason });
        }
        for key in &self.keys {
            if document.roots.iter().any(|root| root.id() == *key) {
                return Err(Failure::usage(
                    format!("the key {key} is a root"),
                    "a root is not revoked but retired: `wt-keys rotate --retire ID`",
                ));
            }
            if document.revoked_keys.iter().any(|revoked| revoked.key == *key) {
                continue;
            }
            let reason = reason()?;
            changes.push(format!("key {key} is revoked, and all that it signed: {}", shown(&reason)));
            document.revoked_keys.push(RevokedKey { key: *key, reason });
        }
        for (product, version) in &self.lowest {
            let floor = document.lowest_releases.iter().position(|lowest| lowest.product == *product);
            let floor = floor.map(|place| &mut document.lowest_releases[place]);
            match floor {
                Some(lowest) if lowest.version >= *version => continue,
                Some(lowest) => lowest.version = version.clone(),
                None => document
                    .lowest_releases
                    .push(LowestRelease { product: product.clone(), version: version.clone() }),
            }
            changes.push(format!("{} below {version} is withdrawn", shown(product)));
        }
        Ok(changes)
    }
}

/// As licenses spell it: a revocation that names nothing would look like one.
fn license_id(text: &str) -> Result<String, &'static str> {
    let valid = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if valid {
        Ok(text.to_owned())
    } else {
        Err("expected 32 lower-case hexadecimal digits, as `wt-license list` shows")
    }
}

fn lowest(text: &str) -> Result<(String, Version), String> {
    let (product, version) =
        text.split_once('=').filter(|(product, _)| !product.is_empty()).ok_or("expected PRODUCT=VERSION")?;
    Ok((
        product.to_owned(),
        version.parse().map_err(|_| format!("`{version}` is not a version such as `5.2.0`"))?,
    ))
}

fn reason(text: &str) -> Result<String, &'static str> {
    let plain = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if plain { Ok(text.to_owned()) } else { Err("expected 1 to 200 characters on one line") }
}
