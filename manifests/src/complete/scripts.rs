//! What the scripts of a release reach: files of theirs, images, the network.

use super::shell::{self, Command};
use super::{Missing, SmallFile};
use crate::ImageName;
use crate::release::ReleaseFile;

/// The comment on a line that is meant to use a network.
const MEANT: &str = "wt: network";
/// What fetches from a network, unless told otherwise.
const FETCHES: [&[&str]; 12] = [
    &["docker", "pull"],
    &["docker", "push"],
    &["docker", "login"],
    &["apt-get", "install"],
    &["apt-get", "update"],
    &["apt", "install"],
    &["apt", "update"],
    &["pip", "install"],
    &["pip3", "install"],
    &["npm", "install"],
    &["yum", "install"],
    &["dnf", "install"],
];
/// What is given the script that it runs.
const CALLS: [&str; 4] = [".", "source", "sh", "bash"];
const HOST_ITSELF: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];
/// Options of `docker run` that take no value.
const FLAGS: [&str; 13] = [
    "--detach",
    "--disable-content-trust",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--rm",
    "--sig-proxy",
    "--tty",
];

pub(super) fn missing(release: &ReleaseFile, files: &[SmallFile]) -> Vec<Missing> {
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.path.starts_with("scripts")) {
        let Ok(text) = std::str::from_utf8(&file.content) else { continue };
        if !is_shell(text) {
            continue;
        }
        for command in shell::commands(text) {
            let what = [image(release, &command), network(&command)].into_iter().flatten();
            let what = what.chain(unknown_file(file.path.as_str(), files, &command));
            let place = format!("{}, line {}", file.path, command.line);
            all.extend(what.map(|what| Missing { what, place: place.clone() }));
        }
    }
    all
}

/// Without an interpreter it is there to be sourced.
fn is_shell(text: &str) -> bool {
    text.lines().next().is_none_or(|first| !first.starts_with("#!") || first.contains("sh"))
}

fn program(command: &Command) -> (&str, impl Iterator<Item = &str>) {
    let name = command.words[0].rsplit('/').next().unwrap_or_default();
    (name, command.words[1..].iter().map(String::as_str))
}

/// An image that is named outright and is not one of the release; one in a variable is not known here.
fn image(release: &ReleaseFile, command: &Command) -> Option<String> {
    let (name, arguments) = program(command);
    let mut arguments = arguments.skip_while(|word| *word == "container");
    if name != "docker" || !matches!(arguments.next()?, "run" | "create") {
        return None;
    }
    let image = loop {
        let word = arguments.next()?;
        if !word.starts_with('-') {
            break word;
        }
        if takes_value(word) {
            arguments.next();
        }
    };
    let is_known =
        |name: &ImageName| release.images.iter().any(|known| known.name.canonical() == name.canonical());
    (!image.contains('$') && !image.parse().is_ok_and(|name| is_known(&name)))
        .then(|| format!("the image `{image}` is not in release.toml"))
}

fn takes_value(option: &str) -> bool {
    if option.starts_with("--") {
        return !option.contains('=') && !FLAGS.contains(&option);
    }
    let flags = option.trim_start_matches('-').trim_start_matches(['d', 'i', 't', 'P', 'q']);
    flags.len() == 1 // `-eA=1` holds its own
}

fn network(command: &Command) -> Option<String> {
    if command.comment.starts_with(MEANT) {
        return None;
    }
    let (name, arguments) = program(command);
    let arguments: Vec<&str> = arguments.collect();
    let verb = arguments.iter().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    let reached = if FETCHES.iter().any(|fetch| **fetch == [name, verb]) {
        format!("{name} {verb}")
    } else if ["curl", "wget"].contains(&name) {
        format!("{name} {}", arguments.iter().find(|word| is_elsewhere(word))?)
    } else {
        return None;
    };
    Some(format!("`{reached}` needs a network; where a site has one, say so with `# {MEANT}` on the line"))
}

fn is_elsewhere(address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let is_itself = |known: &&str| {
            let port = host.strip_prefix(*known);
            port.is_some_and(|port| port.is_empty() || port.starts_with(':'))
        };
        !HOST_ITSELF.iter().any(is_itself)
    })
}

/// A script that a command sources or calls and that is not there: `…/scripts/a.sh`, or `$(dirname "$0")/a.sh` beside
/// `script`.
fn unknown_file(script: &str, files: &[SmallFile], command: &Command) -> Option<String> {
    let (name, mut arguments) = program(command);
    let called = if CALLS.contains(&name) {
        arguments.find(|word| !word.starts_with('-'))?
    } else {
        &command.words[0]
    };
    let folder = script.rsplit_once('/').map_or("", |(folder, _)| folder);
    let beside = ["$()/", "${0%/*}/"].iter().find_map(|prefix| called.strip_prefix(prefix));
    let inside = called.rfind("scripts/").filter(|at| *at == 0 || called[..*at].ends_with('/'));
    let path = match (inside, beside) {
        (Some(at), _) => called[at..].to_owned(),
        (None, Some(rest)) => format!("{folder}/{rest}"),
        _ => return None,
    };
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"._/-".contains(&c);
    let is_there = files.iter().any(|file| file.path.as_str() == path);
    (path.bytes().all(plain) && !is_there).then(|| format!("no file `{path}`"))
}
