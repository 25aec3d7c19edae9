use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use wt_keys::chain::Certified as _;
use wt_keys::console::{Done, Failure, Output, Phase, Size, confirm};
use wt_keys::{Chain, Sha256Digest, Signer, capped, durable};
use wt_manifests::Manifest;
use wt_manifests::bundle::assemble::assemble_bundle;
use wt_manifests::bundle::unsigned::{self, UnsignedBundle};
use wt_manifests::bundle::{Bundle, head};

use super::signer_flags::SignerFlags;
use crate::{Error, Result};

/// Sign a manifest, an unsigned bundle, or a finished bundle again
#[derive(Debug, clap::Args)]
#[command(
    name = "sign",
    after_help = "Example, with the key on another machine:\n  wt-bundle build v5.2 --unsigned\n  wt-bundle sign worktile-5.2.0-amd64.tar.zst.manifest --key keys/bundle.key\n  wt-bundle sign worktile-5.2.0-amd64.tar.zst.unsigned --head worktile-5.2.0-amd64.tar.zst.head --trust keys/trust.json"
)]
pub struct Sign {
    /// NAME.manifest, NAME.unsigned, or a bundle to be signed again
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signer: SignerFlags,
    /// The head to put on, made by signing the manifest where the key is
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// What to write (left out: NAME.head, NAME, or the bundle itself)
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign without being asked
    #[arg(short, long)]
    yes: bool,
}

/// What can be signed.
enum Signable {
    Manifest,
    Unsigned,
    Bundle,
}

impl Sign {
    pub fn run(self, output: Output) -> Done {
        let target = match signable(&self.file)? {
            Signable::Manifest => self.sign_manifest(output)?,
            Signable::Unsigned => self.sign_unsigned(output)?,
            Signable::Bundle => self.sign_again(output)?,
        };
        output.data(format_args!("{}\n", target.display()));
        Ok(())
    }

    /// On the machine with the key: the manifest alone becomes a head.
    fn sign_manifest(&self, output: Output) -> Result<PathBuf, Failure> {
        let manifest = unsigned::read_manifest(&self.file)?;
        let signer = self.signer(output)?;
        let manifest = manifest.under(signer.trust.document());
        self.ask(&manifest, &signer)?;
        let chain = Chain::seal(&manifest, &signer)?;
        let target = self.target(|| self.file.with_extension("head"));
        durable::write(&target, &chain.to_bytes(), 0o644)?;
        Ok(target)
    }

    fn sign_unsigned(&self, output: Output) -> Result<PathBuf, Failure> {
        let bundle = UnsignedBundle::open(&self.file)?;
        let (chain, trust) = if let Some(head) = &self.head {
            (unsigned::read_head(head)?, self.signer.trust()?)
        } else {
            let signer = self.signer(output)?;
            let manifest = bundle.manifest.clone().under(signer.trust.document());
            self.ask(&manifest, &signer)?;
            (Chain::seal(&manifest, &signer)?, signer.trust)
        };
        let target = self.target(|| without_ending(&self.file));
        let phase = writing(output, &bundle.manifest);
        bundle.put_on(&chain, &trust, &target, &|bytes| phase.advance(bytes))?;
        Ok(target)
    }

    /// The manifest stays, but for the trust that it is signed under; who vouches for it changes.
    fn sign_again(&self, output: Output) -> Result<PathBuf, Failure> {
        let signer = self.signer(output)?;
        let bundle = Bundle::open(&self.file, &signer.trust)?;
        if bundle.volumes().is_split() {
            return Err(Error::SignVolumes { path: self.file.clone() }.into());
        }
        let (carried, ours) = (&bundle.trusted().trust.document().version, &signer.trust.document().version);
        if carried > ours {
            return Err(Error::OlderTrust { carried: *carried, ours: *ours }.into());
        }
        let before = bundle.trusted().certificate.key.id();
        let manifest = bundle.manifest().clone().under(signer.trust.document());
        self.ask(&manifest, &signer)?;
        let chain = Chain::seal(&manifest, &signer)?;
        let target = self.target(|| self.file.clone());
        {
            let phase = writing(output, bundle.manifest());
            let advance = |bytes| phase.advance(bytes);
            assemble_bundle(&bundle.chunks(), &chain, &signer.trust, &target, &advance)?.publish()?;
        }
        output.say(format_args!("signed by {before} before, by {} now", signer.public().id()));
        Ok(target)
    }

    fn signer(&self, output: Output) -> Result<Signer> {
        if self.head.is_some() {
            return Err(Error::HeadWithoutUnsigned { path: self.file.clone() });
        }
        self.signer.load(output)
    }

    /// Shows what is about to be signed.
    fn ask(&self, manifest: &Manifest, signer: &Signer) -> Result<(), Failure> {
        let page = page(manifest, signer);
        if self.yes {
            Output::default().say(page);
            return Ok(());
        }
        if confirm(&format!("{}Sign this?", wt_keys::console::escaped(&page)))? {
            return Ok(());
        }
        Err(Error::NotSigned.into())
    }

    fn target(&self, usual: impl FnOnce() -> PathBuf) -> PathBuf {
        self.output.clone().unwrap_or_else(usual)
    }
}

fn signable(path: &Path) -> Result<Signable> {
    let mut start = [0; 13];
    let file = capped::open_file(path)?;
    let mut found = Vec::new();
    file.take(start.len() as u64).read_to_end(&mut found).map_err(Error::io("read", path))?;
    start[..found.len()].copy_from_slice(&found);
    Ok(match () {
        () if start[0] == b'{' => Signable::Manifest,
        () if head::is_unsigned(&start) => Signable::Unsigned,
        () => Signable::Bundle,
    })
}

fn writing(output: Output, manifest: &Manifest) -> Phase {
    output.progress().phase("writing", Some(manifest.body.length))
}

/// `a.tar.zst.unsigned` → `a.tar.zst`
fn without_ending(path: &Path) -> PathBuf {
    match path.extension() {
        Some(ending) if ending == "unsigned" => path.with_extension(""),
        _ => path.with_added_extension("signed"),
    }
}

fn page(manifest: &Manifest, signer: &Signer) -> String {
    let mut page = format!(
        "{} {} ({}) for {}, created {}\n",
        manifest.product, manifest.version, manifest.release, manifest.platform, manifest.created
    );
    for image in &manifest.images {
        let _ = writeln!(page, "  image {}", image.name);
    }
    let body = &manifest.body;
    let _ = writeln!(page, "  {} ({} bytes) in {} chunks", Size(body.length), body.length, body.chunks.len());
    let _ = writeln!(page, "  manifest sha256:{}", Sha256Digest::of(&unsigned::to_bytes(manifest)));
    let _ = writeln!(page, "  to be signed by {}", signer.public().id());
    page
}
