use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::console::{Done, Failure, Output, PassphraseFile};
use crate::signed_file::{read_certificate, read_trust, trust_beside};
use crate::{Certificate, KeyId, PublicKey, TrustDocument, key_file, shown};

/// Show what a key, a certificate or a trust document says
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-keys show keys/trust.json\n  wt-keys show keys/bundle.cert --trust keys/trust.json"
)]
pub struct Show {
    /// A file that `wt-keys` wrote: trust.json, NAME.cert or NAME.key
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The trust document that a certificate is checked with (left out: trust.json beside it)
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Print the public key as PEM instead, for OpenSSL
    #[arg(long)]
    pem: bool,
    #[command(flatten)]
    passphrase: PassphraseFile,
}

#[derive(Serialize)]
struct Shown {
    schema: &'static str,
    #[serde(flatten)]
    what: What,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Trust(TrustDocument),
    Certificate(Certificate),
    Key { id: KeyId, public: PublicKey },
}

impl Show {
    pub fn run(self, output: Output) -> Done {
        let what = self.read().map_err(|error| {
            let files = "name a file that `wt-keys` wrote: trust.json, NAME.cert or NAME.key";
            Failure::from(error).or_hint(files)
        })?;
        if self.pem {
            for key in what.keys() {
                output.data(key.to_pem());
            }
        } else {
            let text = what.to_text();
            output.report(&Shown { schema: "wt.keys.show.v1", what }, text);
        }
        Ok(())
    }

    fn read(&self) -> crate::Result<What> {
        match self.file.extension().and_then(|extension| extension.to_str()) {
            Some("key") => {
                let key = key_file::read(&self.file, &|path| self.passphrase.ask(path))?.public();
                Ok(What::Key { id: key.id(), public: key })
            }
            Some("cert") => {
                let trust = self.trust.clone().unwrap_or_else(|| trust_beside(&self.file));
                let trust = read_trust(&trust)?;
                Ok(What::Certificate(read_certificate(&self.file, &trust)?.1))
            }
            _ => Ok(What::Trust(read_trust(&self.file)?.document().clone())),
        }
    }
}

impl What {
    fn keys(&self) -> Vec<PublicKey> {
        match self {
            Self::Trust(trust) => trust.roots.clone(),
            Self::Certificate(certificate) => vec![certificate.key],
            Self::Key { public, .. } => vec![*public],
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &dyn fmt::Display| text.push_str(&line(name, value));
        match self {
            Self::Trust(trust) => {
                line("trust", &format_args!("version {}, issued {}", trust.version, trust.issued));
                line("threshold", &format_args!("{} of {} roots", trust.threshold, trust.roots.len()));
                for root in &trust.roots {
                    line("root", &root.id());
                }
                for revoked in &trust.revoked_keys {
                    line("revoked", &format_args!("key {}: {}", revoked.key, shown(&revoked.reason)));
                }
                for revoked in &trust.revoked_licenses {
                    line(
                        "revoked",
                        &format_args!("license {}: {}", shown(&revoked.license), shown(&revoked.reason)),
                    );
                }
                for kept in &trust.kept_certificates {
                    line("kept", &format_args!("certificate {kept}"));
                }
                for lowest in &trust.lowest_releases {
                    line("lowest", &format_args!("{} {}", shown(&lowest.product), shown(&lowest.version)));
                }
            }
            Self::Certificate(certificate) => return certificate_text(certificate),
            Self::Key { id, .. } => line("key", id),
        }
        text
    }
}

/// A name and what stands behind it.
pub fn line(name: &str, value: &dyn fmt::Display) -> String {
    format!("{name:<12} {value}\n")
}

/// What a certificate says, a line for each.
pub fn certificate_text(certificate: &Certificate) -> String {
    let mut text = line("certificate", &format_args!("for {} signatures", certificate.role));
    text += &line("key", &certificate.key.id());
    text += &line("product", &shown(&certificate.product));
    text += &line("valid", &format_args!("{} to {}", certificate.not_before, certificate.not_after));
    if let Some(days) = certificate.longest_term_days {
        text += &line("longest", &format_args!("licenses of {days} days"));
    }
    if let Some(seats) = certificate.most_seats {
        text += &line("most", &format_args!("{seats} seats"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::Vendor;
    use crate::trust::RevokedLicense;

    #[test]
    fn what_a_document_says_begins_no_line_of_its_own() {
        let vendor = Vendor::insecure(1).trusting(|trust| {
            let reason = "lost\nthreshold    9 of 9 roots".into();
            trust.revoked_licenses = vec![RevokedLicense { license: "a\nb".into(), reason }];
        });
        let text = What::Trust(vendor.trust.document().clone()).to_text();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.ends_with("revoked      license a\\nb: lost\\nthreshold    9 of 9 roots\n"), "{text}");
    }
}
