//! `CHECK.md`: what docs/verify-by-hand.md says, with the names of this folder.

use std::fmt;
use std::fmt::Write as _;

use wt_keys::console::Size;
use wt_manifests::bundle::Bundle;

const TEMPLATE: &str = include_str!("CHECK.md");
const BY_HAND: &str = include_str!("../../../docs/verify-by-hand.md");
const FROM: &str = "<!-- from here on this is also CHECK.md: bundler/src/handover/page.rs -->\n";
/// Where the page of a folder speaks of the installer, which nothing in the bundle vouches for.
const INSTALLER_HERE: &str = "<!-- wt-install: CHECK.md has this of it here -->\n";
const INSTALLER: &str = include_str!("installer.md");
const TO: &str = "<!-- to here -->";

/// The page of one folder.
#[derive(Debug)]
pub struct Page<'a> {
    pub bundle: &'a Bundle,
    /// The bundle's files by their names, which need no quotes in a shell.
    pub files: &'a [String],
}

impl fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut page = TEMPLATE.to_owned();
        for (name, value) in self.names() {
            page = page.replace(&format!("{{{name}}}"), &value);
        }
        // last: nothing in it is a name
        f.write_str(&page.replace("{by_hand}", &by_hand().replace(INSTALLER_HERE, INSTALLER)))
    }
}

impl Page<'_> {
    fn names(&self) -> Vec<(&'static str, String)> {
        let (manifest, trusted) = (self.bundle.manifest(), self.bundle.trusted());
        let (certificate, trust) = (&trusted.certificate, trusted.trust.document());
        vec![
            ("product", manifest.product.clone()),
            ("version", manifest.version.to_string()),
            ("release", plain(&manifest.release)),
            ("platform", manifest.platform.to_string()),
            ("created", manifest.created.to_string()),
            ("files", self.rows()),
            ("trust_version", trust.version.to_string()),
            ("trust_issued", trust.issued.to_string()),
            ("signer", certificate.key.id().to_string()),
            ("valid", format!("from {} to {}", certificate.not_before, certificate.not_after)),
            ("threshold", trust.threshold.to_string()),
            ("roots", trust.roots.len().to_string()),
            ("fingerprints", self.fingerprints()),
            ("first", self.files.first().cloned().unwrap_or_default()),
            ("parts", self.parts()),
        ]
    }

    fn rows(&self) -> String {
        let mut rows = String::new();
        let what = if self.bundle.volumes().is_split() { "a volume of the bundle" } else { "the bundle" };
        for file in self.files {
            let _ = writeln!(rows, "| `{file}` | {what} |");
        }
        let _ = writeln!(
            rows,
            "| together | {} bytes, {} |",
            self.bundle.file_length(),
            Size(self.bundle.file_length())
        );
        rows
    }

    fn fingerprints(&self) -> String {
        let mut rows = String::new();
        for root in &self.bundle.trusted().trust.document().roots {
            let _ = writeln!(rows, "| a root's fingerprint | `{}` |", root.id());
        }
        rows
    }

    /// What `cat` makes the bundle of.
    fn parts(&self) -> String {
        self.files.iter().map(|file| format!("\"$HERE\"/{file}")).collect::<Vec<_>>().join(" ")
    }
}

/// What the vendor calls something is text for a table here, nothing else.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || " ._-+/".contains(*c)).collect()
}

/// The part of the page on checking by hand that is the same for every bundle.
fn by_hand() -> &'static str {
    let part = BY_HAND.split_once(FROM).and_then(|(_, rest)| rest.split_once(TO));
    part.map_or("", |(part, _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_checking_by_hand_has_the_part_that_is_handed_over() {
        for words in [INSTALLER_HERE, "zstd -t", "openssl pkeyutl -verify", "## 7. Look inside", "tell"] {
            assert!(by_hand().contains(words), "{words}");
        }
        assert!(!by_hand().contains("docker load"));
    }
}
