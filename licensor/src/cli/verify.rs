use std::path::{Path, PathBuf};

use wt_keys::console::{Done, Output};
use wt_keys::{Trust, Utc, capped, signed_file};

use crate::check::{Bench, Host, check_alone, judge};
use crate::licenses::LARGEST_LICENSE;
use crate::{Error, LicenseInputs, Request, Result, Snapshot, Verdict, snapshot};

/// Check a license, and whether it fits a machine
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license verify license.json --trust keys/trust.json --hardware hw.json\n\nExit code 0: in force (MATCH, DRIFT, GRACE, VALID); 3: not trusted; 4: refused."
)]
pub struct Verify {
    #[command(flatten)]
    question: Question,
}

/// Say what a license is worth, why, and what to do next, in the words that the product uses
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-license explain license.json --trust keys/trust.json --snapshot host.json\n\nExit code 0, whatever it is worth; `wt-license verify` says that by its exit code."
)]
pub struct Explain {
    #[command(flatten)]
    question: Question,
}

/// A license, and what it is compared with.
#[derive(Debug, clap::Args)]
struct Question {
    #[arg(value_name = "LICENSE")]
    license: PathBuf,
    /// The roots
    #[arg(long, value_name = "FILE", env = "WT_TRUST")]
    trust: PathBuf,
    /// Compare it with the machine of this request
    #[arg(long, value_name = "HW", conflicts_with = "snapshot")]
    hardware: Option<PathBuf>,
    /// Compare it with this host, by the snapshot that `wt-install` wrote under /run
    #[arg(long, value_name = "FILE")]
    snapshot: Option<PathBuf>,
}

impl Verify {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let verdict = self.question.answer(now)?;
        output.report(&verdict, verdict.explain());
        if verdict.is_licensed() {
            return Ok(());
        }
        Err(Error::Refused { state: verdict.state, reason: verdict.reason }.into())
    }
}

impl Explain {
    pub fn run(self, output: Output, now: Utc) -> Done {
        let verdict = self.question.answer(now)?;
        output.report(&verdict, verdict.explain());
        Ok(())
    }
}

impl Question {
    fn answer(&self, now: Utc) -> Result<Verdict> {
        let trust = signed_file::read_trust(&self.trust)?;
        let license = capped::read(&self.license, "a license", LARGEST_LICENSE)?;
        let bench = Bench { trust: &trust, product: None, release: None, now, past: Utc::START };
        Ok(match (&self.hardware, &self.snapshot) {
            (Some(request), _) => with_request(&license, &*Request::read(request)?, bench),
            (None, Some(snapshot)) => with_snapshot(&self.license, snapshot, &trust, now)?,
            (None, None) => judge(&license, &Host::NotCompared, &bench),
        })
    }
}

/// The worst verdict of its nodes: the license is to fit all of them.
fn with_request(license: &[u8], request: &Request, bench: Bench<'_>) -> Verdict {
    let bench = Bench { product: Some(&request.product), release: Some(&request.release), ..bench };
    let verdicts =
        request.nodes.iter().map(|node| judge(license, &Host::Components(&node.components), &bench));
    verdicts
        .min_by_key(|verdict| (verdict.is_licensed(), verdict.score_percent))
        .unwrap_or_else(|| judge(license, &Host::NotCompared, &bench)) // a request has a node
}

/// As the product would judge it on this host.
fn with_snapshot(license: &Path, snapshot: &Path, trust: &Trust, now: Utc) -> Result<Verdict> {
    let product = Snapshot::read(snapshot)?.product;
    let boot_id = Path::new("/").join(snapshot::BOOT_ID);
    let (product, boot_id, release) = (product.as_str(), boot_id.as_path(), None);
    Ok(check_alone(&LicenseInputs { license, snapshot, boot_id, trust, product, release, now }))
}
