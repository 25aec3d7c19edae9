use std::path::{Path, PathBuf};

use wt_keys::console::{Output, Size, now};
use wt_manifests::bundle::{Bundle, Incomplete};

use crate::release::Release;
use crate::{Error, Installation, Places, Result, trust_store};

/// Which bundle, checked by which roots.
#[derive(Debug, clap::Args)]
pub struct BundleArgument {
    /// The bundle that the vendor sent, or its first volume (`….001`)
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    #[command(flatten)]
    volumes: VolumeFolders,
    #[command(flatten)]
    trust: TrustArgument,
}

/// Where else volumes of a bundle are; they are read where they lie.
#[derive(Debug, clap::Args)]
pub struct VolumeFolders {
    /// A further folder with volumes of the bundle; may be repeated
    #[arg(long, value_name = "DIR")]
    volumes: Vec<PathBuf>,
}

/// Which roots bundles are checked by.
#[derive(Debug, clap::Args)]
pub struct TrustArgument {
    /// The vendor's roots (left out: those pinned on this host, or built in)
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

/// Where the answers about this site are.
#[derive(Debug, clap::Args)]
pub struct SiteArgument {
    /// The answers about this site (left out: site.toml here, else those of the last run)
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
}

impl BundleArgument {
    /// A bundle to be verified, of which volumes may be missing.
    pub fn open_incomplete(&self, places: &Places) -> Result<Incomplete> {
        let trust = trust_store::load(places, self.trust.trust.as_deref())?;
        Ok(Incomplete::open(&self.bundle, &self.volumes.volumes, &trust)?)
    }

    pub fn open(&self, places: &Places) -> Result<Bundle> {
        bundle(&self.bundle, &self.volumes, &self.trust, places)
    }
}

/// Opens a bundle: verifies its head.
pub fn bundle(
    path: &Path,
    volumes: &VolumeFolders,
    trust: &TrustArgument,
    places: &Places,
) -> Result<Bundle> {
    let trust = trust_store::load(places, trust.trust.as_deref())?;
    Ok(Bundle::open_in(path, &volumes.volumes, &trust)?)
}

/// Authenticates the whole body.
pub fn verify_body(bundle: &Bundle, output: Output) -> Result<()> {
    let phase = output.progress().phase("verifying the bundle", Some(bundle.manifest().body.length));
    Ok(bundle.verify_body(&|bytes| phase.advance(bytes))?)
}

/// Everything that the steps need, read and checked.
pub fn installation(bundle: Bundle, site: &SiteArgument, places: &Places) -> Result<Installation> {
    let installation =
        Installation::new(places, Release::Bundle(Box::new(bundle)), site_path(site, places), now)?;
    installation.check_version()?;
    Ok(installation)
}

fn site_path(site: &SiteArgument, places: &Places) -> PathBuf {
    let here = Path::new("site.toml");
    match &site.site {
        Some(named) => named.clone(),
        None if here.exists() || !places.site_file().exists() => here.to_owned(),
        None => places.site_file(),
    }
}

/// The first line of every report about a bundle.
pub fn headline(bundle: &Bundle) -> String {
    let manifest = bundle.manifest();
    format!(
        "{} {} ({}) for {}, {}, signed by {:.16}… on {}",
        manifest.product,
        manifest.version,
        manifest.release,
        manifest.platform,
        Size(bundle.file_length()),
        bundle.trusted().certificate.key.id().to_string(),
        manifest.created,
    )
}

/// A path that is no bundle may be a misspelt verb of `program`.
pub fn no_such_bundle(path: &Path, program: &clap::Command) -> Option<Error> {
    let word = path.to_str().filter(|word| !word.contains(['/', '.']))?;
    if path.exists() {
        return None;
    }
    let mut verbs = program.get_subcommands().filter(|verb| !verb.is_hide_set()).map(clap::Command::get_name);
    let near = verbs.find(|verb| close(word, verb)).map(str::to_owned);
    Some(Error::NoSuchBundle { word: word.to_owned(), near })
}

/// One letter too many, too few or another, or two swapped.
fn close(typed: &str, meant: &str) -> bool {
    let (typed, meant): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let same = |pair: &(&char, &char)| pair.0 == pair.1;
    let start = typed.iter().zip(&meant).take_while(same).count();
    let end = typed[start..].iter().rev().zip(meant[start..].iter().rev()).take_while(same).count();
    match (&typed[start..typed.len() - end], &meant[start..meant.len() - end]) {
        (typed @ [_, _], [first, second]) => typed == [*second, *first],
        (typed, meant) => typed.len() <= 1 && meant.len() <= 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_verb_is_recognised() {
        for word in ["statsu", "statu", "statuss", "sttaus", "status"] {
            assert!(close(word, "status"), "{word}");
        }
        for word in ["start", "bundle", ""] {
            assert!(!close(word, "status"), "{word}");
        }
    }
}
