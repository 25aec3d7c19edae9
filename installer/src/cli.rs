//! `wt-install`: one file a verb.

mod backup;
mod certificate;
mod check;
mod fingerprint;
mod images;
mod init;
mod init_data;
mod install;
mod let_go;
mod license;
mod lock;
mod logs;
mod open;
mod plan;
mod prune;
mod restore;
mod rollback;
mod service;
mod status;
mod support;
mod uninstall;
mod verify;

use clap::{Parser, Subcommand};
use wt_keys::console::{Done, Output, Program};

use crate::services::Action;
use crate::{Error, Places};

/// Install a product from its bundle on this host, and keep it running; needs no network
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    arg_required_else_help = true,
    after_help = "Example:\n  wt-install plan worktile-5.2.0-amd64.tar.zst     what would be done\n  wt-install worktile-5.2.0-amd64.tar.zst          do it; run it again at any time\n  wt-install status"
)]
pub struct WtInstall {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    install: install::Install,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(Box<init::Init>),
    Plan(plan::Plan),
    Verify(verify::Verify),
    Status(status::Status),
    /// Start services, all or the named ones, and wait until they are healthy
    #[command(after_help = "Example:\n  wt-install start web")]
    Start(service::Services),
    /// Stop services, all or the named ones; they stay stopped until they are started
    #[command(after_help = "Example:\n  wt-install stop web")]
    Stop(service::Services),
    /// Restart services, all or the named ones, and wait until they are healthy
    #[command(after_help = "Example:\n  wt-install restart web")]
    Restart(service::Services),
    /// Stop services and take their containers away; data and images stay
    #[command(after_help = "Example:\n  wt-install remove web")]
    Remove(service::Services),
    Service(service::Service),
    Certificate(certificate::Certificate),
    License(license::License),
    Rollback(rollback::Rollback),
    Backup(backup::Backup),
    Restore(restore::Restore),
    #[command(name = crate::guard::VERB, hide = true)]
    LetGo(let_go::LetGo),
    Check(check::Check),
    Logs(logs::Logs),
    Images(images::Images),
    Prune(prune::Prune),
    InitData(init_data::InitData),
    Fingerprint(fingerprint::Fingerprint),
    Support(support::Support),
    Uninstall(uninstall::Uninstall),
}

impl Program for WtInstall {
    fn run(self) -> Done {
        let (output, places) = (self.output, Places::default());
        match self.verb {
            None => self.install.run(output, &places),
            Some(Verb::Init(verb)) => verb.run(output, &places),
            Some(Verb::Plan(verb)) => verb.run(output, &places),
            Some(Verb::Verify(verb)) => verb.run(output, &places),
            Some(Verb::Status(status::Status {})) => status::run(output, &places),
            Some(Verb::Start(verb)) => verb.run(Action::Start, output, &places),
            Some(Verb::Stop(verb)) => verb.run(Action::Stop, output, &places),
            Some(Verb::Restart(verb)) => verb.run(Action::Restart, output, &places),
            Some(Verb::Remove(verb)) => verb.run(Action::Remove, output, &places),
            Some(Verb::Service(verb)) => verb.run(output, &places),
            Some(Verb::Certificate(verb)) => verb.run(output, &places),
            Some(Verb::License(verb)) => verb.run(output, &places),
            Some(Verb::Rollback(verb)) => verb.run(output, &places),
            Some(Verb::Backup(verb)) => verb.run(output, &places),
            Some(Verb::Restore(verb)) => verb.run(output, &places),
            Some(Verb::LetGo(verb)) => verb.run(&places),
            Some(Verb::Check(verb)) => verb.run(output, &places),
            Some(Verb::Logs(verb)) => verb.run(output, &places),
            Some(Verb::Images(images::Images {})) => images::run(output, &places),
            Some(Verb::InitData(init_data::InitData {})) => init_data::run(output, &places),
            Some(Verb::Prune(verb)) => verb.run(output, &places),
            Some(Verb::Fingerprint(verb)) => verb.run(output, &places),
            Some(Verb::Support(verb)) => verb.run(output, &places),
            Some(Verb::Uninstall(verb)) => verb.run(output, &places),
        }
    }
}

fn require_root() -> Result<(), Error> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Error::NotRoot) }
}
