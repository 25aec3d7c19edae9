use std::net::IpAddr;

use serde::{Deserialize, Deserializer};
use wt_manifests::site::NodeRole;

use super::short_name::ShortName;

/// A host of the site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: ShortName,
    #[serde(deserialize_with = "de_address")]
    pub address: IpAddr,
    #[serde(deserialize_with = "de_roles")]
    pub roles: Vec<NodeRole>,
}

/// An address that a host can have.
pub fn address(text: &str) -> Result<IpAddr, String> {
    match text.parse::<IpAddr>() {
        Ok(address) if !address.is_unspecified() && !address.is_multicast() => Ok(address),
        _ => Err(format!("`{text}` is not the address of a host, expected one like `192.0.2.10`")),
    }
}

/// Roles with commas or spaces between them, each once, at least one.
pub fn roles(text: &str) -> Result<Vec<NodeRole>, String> {
    let words = text.split([',', ' ']).filter(|word| !word.is_empty());
    check_roles(words.map(role).collect::<Result<_, _>>()?)
}

fn role(word: &str) -> Result<NodeRole, String> {
    let known = NodeRole::ALL.map(NodeRole::as_str);
    let found = NodeRole::ALL.into_iter().find(|role| role.as_str() == word);
    found.ok_or_else(|| format!("`{word}` is not a role, expected one of {}", known.join(", ")))
}

fn check_roles(roles: Vec<NodeRole>) -> Result<Vec<NodeRole>, String> {
    if roles.is_empty() {
        return Err("a node needs a role".to_owned());
    }
    match roles.iter().enumerate().find(|(at, role)| roles[..*at].contains(role)) {
        Some((_, twice)) => Err(format!("the role `{}` stands there twice", twice.as_str())),
        None => Ok(roles),
    }
}

fn de_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    address(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn de_roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NodeRole>, D::Error> {
    check_roles(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_known_and_stand_there_once() {
        assert_eq!(roles("lb,app db").unwrap(), [NodeRole::Lb, NodeRole::App, NodeRole::Db]);
        for (bad, said) in
            [("", "needs a role"), ("web", "`web` is not a role"), ("db,db", "`db` stands there twice")]
        {
            assert!(roles(bad).unwrap_err().contains(said), "{bad}");
        }
    }

    #[test]
    fn an_address_is_one_that_a_host_can_have() {
        assert!(address("192.0.2.10").is_ok() && address("2001:db8::1").is_ok());
        for bad in ["0.0.0.0", "::", "224.0.0.1", "192.0.2", "node1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
