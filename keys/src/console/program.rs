use std::io::Write as _;
use std::process::ExitCode;

use clap::builder::Resettable;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, value_parser};

use super::{Done, Failure, write_stdout};

/// A program's command line.
pub trait Program: CommandFactory + FromArgMatches {
    fn run(self) -> Done;
}

/// Parses the arguments, runs the program, prints what went wrong. `main` is this and nothing else.
pub fn run<P: Program>() -> ExitCode {
    keep_memory_private();
    let command = P::command()
        .subcommand(
            clap::Command::new("completions")
                .about("Print completions for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(clap_complete::Shell))),
        )
        .subcommand(clap::Command::new("man").about("Print the manual page"));
    let command = without_empty_variables(command);
    let matches = command.clone().get_matches();
    let done = match shell_support(command, &matches) {
        Some(text) => write_stdout(&text).map_err(Failure::from),
        None => match P::from_arg_matches(&matches) {
            Ok(program) => program.run(),
            Err(usage) => usage.exit(),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit().into()
        }
    }
}

/// A variable that is set to nothing is one that is not set.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let unset = |arg: Arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg };
    command.mut_args(unset).mut_subcommands(without_empty_variables)
}

/// No core file and no debugger of another process gets at a key or a passphrase. Where the kernel refuses, the program
/// works all the same.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// What only a shell or a manual page asks for.
fn shell_support(mut command: clap::Command, matches: &ArgMatches) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    match matches.subcommand()? {
        ("completions", arguments) => {
            let shell = *arguments.get_one::<clap_complete::Shell>("shell")?;
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut text);
        }
        ("man", _) => clap_mangen::Man::new(command).render(&mut text).ok()?,
        _ => return None,
    }
    Some(text)
}
