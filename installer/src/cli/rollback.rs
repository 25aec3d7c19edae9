use wt_keys::console::{Done, Failure, Output, confirm, now};

use super::install::told;
use super::lock::Lock;
use crate::release::Release;
use crate::{Installation, Places, rollback};

/// Return to the release before this one; its images and its configuration are still here
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install rollback --yes")]
pub struct Rollback {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Say what would be done; change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Rollback {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let _lock = Lock::take(places)?;
        let installation = Installation::current(places, now)?;
        let target = rollback::target(&installation)?;
        let older = Release::kept(places, &target.manifest)?;
        rollback::check(places, &older)?;
        let newer = rollback::newer(&installation, &target)?;
        let words = format!("from {} back to {}", newer.manifest().version, target.version);
        if self.dry_run {
            output.say(format_args!("would go {words}: its images are here, and so is its configuration"));
            return Ok(());
        }
        if !self.yes && !confirm(&format!("Go {words}? Data stays as it is."))? {
            return Err(Failure::usage("not confirmed: nothing was changed", "say `--yes`, or answer `y`"));
        }
        rollback::begin(&installation, &target)?;
        let installation = installation.with(newer);
        rollback::to(
            &installation,
            older,
            &|step, outcome, took| told(output, step, outcome, took),
            &output.progress(),
        )?;
        output.say(format_args!("\n{} {} is back in service", installation.product(), target.version));
        Ok(())
    }
}
