//! What an engine that has ended left in the host's firewall. Its rules are recognised by its chains and its wires; every
//! other rule stays where it is.

use std::time::Duration;

use crate::Result;
use crate::command::Command;

const LIMIT: Duration = Duration::from_mins(1);
/// For each family, what shows its rules and what sets them.
const FAMILIES: [(&str, &str); 2] =
    [("iptables-save", "iptables-restore"), ("ip6tables-save", "ip6tables-restore")];

/// Takes the engine's rules away. Where there was no firewall before it came, packets pass as they did then.
pub(super) fn clear(was_there: bool) -> Result<()> {
    for (save, restore) in FAMILIES {
        // a host without the program, or a kernel without the family, has no such rules
        let Ok(rules) = Command::new(save, LIMIT).succeed(b"") else { continue };
        if let Some(without) = without_engine(&rules, was_there) {
            Command::new(restore, LIMIT).succeed(without.as_bytes())?;
        }
    }
    Ok(())
}

/// The rules without the engine's; `None` where there are none of its.
fn without_engine(rules: &str, was_there: bool) -> Option<String> {
    let kept: Vec<String> = rules
        .lines()
        .filter(|line| !is_engines(line))
        .map(|line| match line.strip_prefix(":FORWARD DROP") {
            Some(rest) if !was_there => format!(":FORWARD ACCEPT{rest}"), // Docker set it
            _ => line.to_owned(),
        })
        .collect();
    let kept = kept.join("\n") + "\n";
    (kept != rules).then_some(kept)
}

/// A chain of its own, or a rule that names one, or one of its wires.
fn is_engines(line: &str) -> bool {
    let bridge = |word: &str| {
        let name = word.strip_prefix("br-");
        word == "docker0"
            || word == "docker_gwbridge"
            || name.is_some_and(|id| id.len() == 12 && id.bytes().all(|c| c.is_ascii_hexdigit()))
    };
    let words = || line.split_whitespace();
    match line.as_bytes().first() {
        Some(b':') => line[1..].split_whitespace().next().is_some_and(is_chain),
        Some(b'-') => words().any(|word| is_chain(word) || bridge(word)),
        _ => false,
    }
}

/// `DOCKER_OUTPUT` is another's: of the engine around us, where this host is a container itself.
fn is_chain(word: &str) -> bool {
    word == "DOCKER" || word.starts_with("DOCKER-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "*filter
:INPUT ACCEPT [10:20]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A FORWARD -i br-lan -j ACCEPT
-A DOCKER ! -i br-0123456789ab -o br-0123456789ab -p tcp -j ACCEPT
-A DOCKER-USER -j RETURN
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER_OUTPUT - [0:0]
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE
COMMIT
";

    #[test]
    fn the_engines_rules_go_and_all_others_stay() {
        let kept = without_engine(RULES, true).unwrap();
        assert_eq!(
            kept,
            "*filter
:INPUT ACCEPT [10:20]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A FORWARD -i br-lan -j ACCEPT
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
:DOCKER_OUTPUT - [0:0]
-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
COMMIT
"
        );
        assert_eq!(without_engine(&kept, true), None);
        assert!(without_engine(RULES, false).unwrap().contains(":FORWARD ACCEPT [0:0]"));
    }
}
