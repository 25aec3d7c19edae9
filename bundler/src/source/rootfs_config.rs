//! The configuration of an image made from a root file system.

use std::collections::BTreeMap;

use serde::Serialize;
use wt_keys::Sha256Digest;
use wt_manifests::release::{Healthcheck, RootfsConfig};
use wt_manifests::{ImageName, Platform};

use crate::{Error, Result};

/// The time of every file of a bundle; a time of the build would give every build other image IDs.
const CREATED: &str = "2000-01-01T00:00:00Z";
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Serialize)]
struct ImageConfig<'a> {
    architecture: &'a str,
    config: Run<'a>,
    created: &'a str,
    history: [History<'a>; 1],
    os: &'a str,
    rootfs: Rootfs,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<&'a str, serde_json::Map<String, serde_json::Value>>,
    env: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    entrypoint: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    cmd: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Health<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    working_dir: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health<'a> {
    test: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_interval: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<u32>,
}

#[derive(Serialize)]
struct History<'a> {
    created: &'a str,
    created_by: &'a str,
}

#[derive(Serialize)]
struct Rootfs {
    #[serde(rename = "type")]
    kind: &'static str,
    diff_ids: [String; 1],
}

/// The exact bytes; the same for the same layer and settings.
pub fn to_json(config: &RootfsConfig, platform: &Platform, layer: Sha256Digest) -> Vec<u8> {
    let document = ImageConfig {
        architecture: platform.machine(),
        config: run(config),
        created: CREATED,
        history: [History { created: CREATED, created_by: "wt-bundle: rootfs" }],
        os: platform.os(),
        rootfs: Rootfs { kind: "layers", diff_ids: [layer.to_oci()] },
        variant: platform.variant(),
    };
    serde_json::to_vec(&document).unwrap_or_default() // strings and numbers only: cannot fail
}

fn run(config: &RootfsConfig) -> Run<'_> {
    let mut env: Vec<&str> = config.env.iter().map(String::as_str).collect();
    if !env.iter().any(|variable| variable.starts_with("PATH=")) {
        env.insert(0, PATH);
    }
    Run {
        user: &config.user,
        exposed_ports: config.ports.iter().map(|port| (port.as_str(), serde_json::Map::new())).collect(),
        env,
        entrypoint: &config.entrypoint,
        cmd: &config.cmd,
        healthcheck: config.healthcheck.as_ref().map(health),
        working_dir: &config.workdir,
    }
}

fn health(check: &Healthcheck) -> Health<'_> {
    let time = |text: &Option<String>| text.as_deref().and_then(nanoseconds);
    Health {
        test: &check.test,
        interval: time(&check.interval),
        timeout: time(&check.timeout),
        start_period: time(&check.start_period),
        start_interval: time(&check.start_interval),
        retries: check.retries,
    }
}

/// Refuses what an engine would refuse, or read as something else.
pub fn check(image: &ImageName, config: &RootfsConfig) -> Result<()> {
    let wrong = |field, found: &str, expected| {
        Err(Error::Config { image: image.clone(), field, found: found.to_owned(), expected })
    };
    if let Some(port) = config.ports.iter().find(|port| !is_port(port)) {
        return wrong("ports", port, "a number and a protocol, such as `8080/tcp`");
    }
    if let Some(variable) = config.env.iter().find(|variable| variable.find('=').is_none_or(|at| at == 0)) {
        return wrong("env", variable, "NAME=VALUE");
    }
    let Some(check) = &config.healthcheck else { return Ok(()) };
    if !matches!(check.test.first().map(String::as_str), Some("CMD" | "CMD-SHELL" | "NONE")) {
        return wrong(
            "healthcheck.test",
            &check.test.join(" "),
            "a list that begins with `CMD` or `CMD-SHELL`",
        );
    }
    let times = [&check.interval, &check.timeout, &check.start_period, &check.start_interval];
    match times.into_iter().flatten().find(|time| nanoseconds(time).is_none()) {
        Some(time) => wrong("healthcheck", time, "a time such as `500ms`, `2s` or `1m30s`"),
        None => Ok(()),
    }
}

fn is_port(text: &str) -> bool {
    text.split_once('/').is_some_and(|(number, protocol)| {
        number.parse::<u16>().is_ok_and(|number| number != 0) && matches!(protocol, "tcp" | "udp" | "sctp")
    })
}

/// A time as Go and Docker write it, in whole numbers.
fn nanoseconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at(unit_at);
        let unit_end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit_end);
        let factor = match unit {
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = behind;
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_nanoseconds() {
        for (text, expected) in [
            ("500ms", Some(500_000_000)),
            ("2s", Some(2_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1h", Some(3_600_000_000_000)),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
        for wrong in ["", "2", "s", "2 s", "-2s", "0s", "1.5s", "2x", "99999999999h"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_configuration_says_what_docker_expects() {
        let config = RootfsConfig {
            entrypoint: vec!["/a".into(), "b".into()],
            env: vec!["X=1".into()],
            user: "10001:10001".into(),
            ports: vec!["8080/tcp".into()],
            healthcheck: Some(Healthcheck {
                test: vec!["CMD".into(), "/a".into()],
                interval: Some("2s".into()),
                timeout: None,
                start_period: None,
                start_interval: Some("500ms".into()),
                retries: Some(3),
            }),
            ..RootfsConfig::default()
        };
        let json =
            String::from_utf8(to_json(&config, &"linux/amd64".parse().unwrap(), Sha256Digest::of(b"")))
                .unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"architecture":"amd64","config":{"User":"10001:10001","ExposedPorts":{"8080/tcp":{}},"#,
                r#""Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","X=1"],"#,
                r#""Entrypoint":["/a","b"],"Healthcheck":{"Test":["CMD","/a"],"Interval":2000000000,"StartInterval":500000000,"Retries":3}},"#,
                r#""created":"2000-01-01T00:00:00Z","#,
                r#""history":[{"created":"2000-01-01T00:00:00Z","created_by":"wt-bundle: rootfs"}],"os":"linux","#,
                r#""rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#
            )
        );
    }

    #[test]
    fn settings_that_mean_nothing_are_refused() {
        let image: ImageName = "a:1".parse().unwrap();
        let good = RootfsConfig::default();
        assert!(check(&image, &good).is_ok());
        for port in ["8080", "0/tcp", "80/http", "70000/tcp"] {
            assert!(
                check(&image, &RootfsConfig { ports: vec![port.into()], ..good.clone() }).is_err(),
                "{port}"
            );
        }
        for variable in ["X", "=1", ""] {
            assert!(check(&image, &RootfsConfig { env: vec![variable.into()], ..good.clone() }).is_err());
        }
    }
}
