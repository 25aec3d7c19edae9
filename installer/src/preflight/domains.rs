//! Whether the names of the site lead here. People ask other resolvers than this host does, and a load balancer may stand
//! before it: a warning.

use std::net::{IpAddr, TcpListener};
use std::thread;

use super::{Row, Scene, Verdict};
use crate::resolver;
use crate::site::Domain;

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let domains: Vec<(&String, &Domain)> = scene.installation.site.domains.iter().collect();
    // a resolver that is silent is waited for once, not for every name
    thread::scope(|scope| {
        let asked: Vec<_> = domains
            .iter()
            .map(|(_, domain)| scope.spawn(|| resolver::addresses(domain).map_err(|error| error.to_string())))
            .collect();
        let answers =
            asked.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        domains
            .iter()
            .zip(answers)
            .map(|((name, domain), answer)| row(name, domain, answer, is_ours))
            .collect()
    })
}

/// Whether it is an address of this host: a socket can be bound to it.
pub fn is_ours(address: IpAddr) -> bool {
    TcpListener::bind((address, 0)).is_ok()
}

fn row(
    name: &str,
    domain: &Domain,
    answer: Result<Vec<IpAddr>, String>,
    is_ours: impl Fn(IpAddr) -> bool,
) -> Row {
    let (well, found) = match answer {
        Ok(addresses) if addresses.is_empty() => (false, format!("nobody knows {domain}")),
        Ok(addresses) => {
            let spelled: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let ours = addresses.iter().any(|address| is_ours(*address));
            let whose = if ours { "this host" } else { "not this host" };
            (ours, format!("{domain} is {}, {whose}", spelled.join(", ")))
        }
        Err(why) => (false, format!("{domain}: {why}")),
    };
    Row::new(
        format_args!("domain {name}"),
        Verdict::or_warn(well),
        found,
        "a name that leads to this host, or to what stands before it",
        "add the name to the site's DNS, or to /etc/hosts where only this host is asked",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_or_nowhere_is_a_warning() {
        let domain: Domain = "im.example.com".parse().unwrap();
        let of = |addresses: &[[u8; 4]]| {
            let answer = addresses.iter().map(|address| IpAddr::from(*address)).collect();
            row("im", &domain, Ok(answer), |address| address == IpAddr::from([192, 0, 2, 10]))
        };
        assert_eq!(of(&[[192, 0, 2, 10]]).verdict, Verdict::Ok);
        assert_eq!(of(&[[192, 0, 2, 9], [192, 0, 2, 10]]).verdict, Verdict::Ok);
        assert_eq!(of(&[[192, 0, 2, 9]]).found, "im.example.com is 192.0.2.9, not this host");
        assert_eq!(of(&[[192, 0, 2, 9]]).verdict, Verdict::Warn);
        assert_eq!(of(&[]).found, "nobody knows im.example.com");
        assert_eq!(row("im", &domain, Err("no answer".into()), |_| true).verdict, Verdict::Warn);
    }

    #[test]
    fn this_host_has_its_own_addresses() {
        assert!(is_ours([127, 0, 0, 1].into()));
        assert!(!is_ours([192, 0, 2, 77].into()));
    }
}
