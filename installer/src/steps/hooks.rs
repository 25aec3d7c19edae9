use wt_keys::console::Progress;
use wt_manifests::RelativePath;

use super::{Need, Step};
use crate::operation::{self, Kind, Operation};
use crate::{Installation, Result, hook};

/// Runs the release's script before or after an installation or an upgrade, once for each. A run that was killed in the
/// middle runs it again.
#[derive(Debug)]
pub struct RunHook {
    name: &'static str,
    when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Before,
    After,
}

pub const BEFORE: RunHook = RunHook { name: "before", when: When::Before };
pub const AFTER: RunHook = RunHook { name: "after", when: When::After };

impl RunHook {
    fn script<'a>(&self, installation: &'a Installation) -> Option<&'a RelativePath> {
        let hooks = &installation.manifest().site.hooks;
        let script = match (self.when, Operation::of(installation)?.kind) {
            (When::Before, Kind::Install) => &hooks.before_install,
            (When::After, Kind::Install) => &hooks.after_install,
            (When::Before, Kind::Upgrade) => &hooks.before_upgrade,
            (When::After, Kind::Upgrade) => &hooks.after_upgrade,
            (_, Kind::Rollback) => return None,
        };
        script.as_ref()
    }
}

impl Step for RunHook {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Before, the old release still runs and nothing is to be undone.
    fn replaces(&self) -> bool {
        self.when == When::After
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        match self.script(installation) {
            Some(script) if !installation.journal.was_done_since(operation::NAME, self.name)? => {
                Ok(Need::Work(format!("run {script}")))
            }
            _ => Ok(Need::Nothing),
        }
    }

    fn apply(&self, installation: &Installation, progress: &Progress) -> Result<String> {
        let Some(script) = self.script(installation) else { return Ok(String::new()) };
        let _phase = progress.phase(format!("running {script}"), None);
        hook::run(installation, script)?;
        Ok(format!("{script} has run"))
    }
}
