use std::fmt;

use serde::Serialize;
use wt_keys::console::{Done, Failure, Output, ask, confirm, is_interactive, now};

use super::lock::Lock;
use crate::uninstall::{self, Scope};
use crate::{Error, Places};

/// Remove the product from this host; its data stays unless it is told twice
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(
    after_help = "Example:\n  wt-install uninstall --dry-run\n  wt-install uninstall --packages --data --data-again --yes      as if it had never been here"
)]
pub struct Uninstall {
    /// Also remove the packages that came with it: Docker, unless others use it
    #[arg(long)]
    packages: bool,
    /// Also remove the product's data; asks for the product's name
    #[arg(long)]
    data: bool,
    /// Instead of typing the product's name: remove the data, really
    #[arg(long, requires = "data")]
    data_again: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Say what would be removed; change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    product: String,
    /// What is still there, and why.
    left: Vec<String>,
}

impl Uninstall {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let lock = Lock::take(places)?;
        let mut scope = uninstall::find_scope(places, now())?.ok_or(Error::NotInstalled)?;
        scope.packages |= self.packages;
        scope.data |= self.data;
        uninstall::check(places, &scope)?;
        let outline = uninstall::outline(places, &scope)?;
        if self.dry_run {
            output.data(format_args!("would remove:\n  {}\n", outline.join("\n  ")));
            return Ok(());
        }
        output.say(format_args!("to be removed:\n  {}", outline.join("\n  ")));
        self.confirm(&scope)?;
        let told = |part: &'static str, done: &str, took: std::time::Duration| {
            output.say(format_args!("  {part:<10} {done} ({:.1} s)", took.as_secs_f32()));
        };
        let left = uninstall::carry_out(places, &mut scope, &told, &output.progress())?;
        lock.remove(places)?;
        let report = Report { schema: "wt.uninstall.v1", product: scope.product, left };
        output.report(&report, &report);
        Ok(())
    }

    /// Data needs more than a yes.
    fn confirm(&self, scope: &Scope) -> Done {
        let refused = |how: &str| Failure::usage("not confirmed: nothing was changed", how);
        if scope.data && !self.data_again {
            if !is_interactive() {
                return Err(refused("data is removed only where `--data-again` is said as well"));
            }
            let typed = ask(&format!("ALL DATA GOES. Type `{}` to remove it:", scope.product))?;
            return if typed == scope.product { Ok(()) } else { Err(refused("type the product's name")) };
        }
        if !self.yes && !confirm(&format!("Remove {} from this host?", scope.product))? {
            return Err(refused("say `--yes`, or answer `y`"));
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is uninstalled", self.product)?;
        self.left.iter().try_for_each(|left| writeln!(f, "left: {left}"))
    }
}
