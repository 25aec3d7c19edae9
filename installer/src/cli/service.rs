use clap::ValueEnum;
use wt_keys::console::{Done, Output, now};

use super::lock::Lock;
use crate::services::{self, Action};
use crate::{Installation, Places};

/// Which services.
#[derive(Debug, clap::Args)]
pub struct Services {
    /// Left out: all of them
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Start, stop, restart or remove some services: the words of the product's old scripts
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wt-install service --action=restart --services=\"redis mongodb web\"")]
pub struct Service {
    /// What to do with them
    #[arg(long, value_name = "ACTION")]
    action: Word,
    /// Their names, with spaces between them (left out: all of them)
    #[arg(long, value_name = "NAMES", default_value = "", value_delimiter = ' ')]
    services: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Word {
    Run,
    Start,
    Stop,
    Restart,
    /// Stop and take away; data stays
    #[value(alias = "rm -v", alias = "remove")]
    Rm,
}

impl Service {
    pub fn run(self, output: Output, places: &Places) -> Done {
        let action = match self.action {
            Word::Run | Word::Start => Action::Start,
            Word::Stop => Action::Stop,
            Word::Restart => Action::Restart,
            Word::Rm => Action::Remove,
        };
        let services = self.services.into_iter().filter(|name| !name.is_empty()).collect();
        Services { services }.run(action, output, places)
    }
}

impl Services {
    pub fn run(self, action: Action, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let _lock = Lock::take(places)?;
        let installation = Installation::current(places, now)?;
        let names = services::named(&installation, &self.services)?;
        services::carry_out(&installation, action, &names, &output.progress())?;
        let words: Vec<&str> = names.iter().map(String::as_str).collect();
        let done = match action {
            Action::Start => "started and healthy",
            Action::Stop => "stopped; `wt-install start` starts again",
            Action::Restart => "restarted and healthy",
            Action::Remove => "removed; data and images stay, and `wt-install start` brings back what ran",
        };
        output.say(format_args!("{done}: {}", words.join(", ")));
        Ok(())
    }
}
