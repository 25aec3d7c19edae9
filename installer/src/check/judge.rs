//! From facts to verdicts. Pure: nothing is asked here.

use wt_keys::Utc;
use wt_keys::console::Size;
use wt_licensor::check::CLOCK_TOLERANCE_DAYS;
use wt_licensor::{Reason, State, Verdict};
use wt_manifests::stack::Run;

use super::facts::{BackupFact, Disk, EngineFact, Facts, Holder, JourneyFact, ServiceFact};
use super::{Finding, Level};
use crate::file_system::Usage;
use crate::operation::Operation;
use crate::site::CheckSettings;

/// Days that a certificate or a license may have left before it is worth a warning, and before it is bad.
const DAYS_WARN: i64 = 30;
const DAYS_BAD: i64 = 7;
/// A backup every day may be as old as a day and what it takes; one more that did not come is bad.
const BACKUP_HOURS_WARN: i64 = 30;
const BACKUP_HOURS_BAD: i64 = 54;
/// On a small file system, what is to be free is no more than this part of it.
const SMALL_PART: u64 = 10;

/// The verdict on every fact; what cannot be known, because something else is bad, is left out.
pub fn judge(facts: &Facts, settings: &CheckSettings) -> Vec<Finding> {
    let mut findings = vec![engine(&facts.engine)];
    findings.extend(facts.services.iter().map(service));
    findings.extend(journey(&facts.journey));
    for disk in &facts.disks {
        findings.push(bytes(disk, settings));
        findings.extend(disk.inodes.map(|usage| inodes(disk, usage, settings)));
    }
    findings.extend(facts.certificate.map(|ends| certificate(ends, facts.now)));
    findings.extend(facts.license.as_ref().map(license));
    findings.push(clock(facts));
    findings.push(operation(facts.operation.as_ref()));
    findings.extend(facts.backup.as_ref().map(|fact| backup(fact, facts.now)));
    findings.extend(facts.holder.as_ref().map(|holder| lock(holder, facts.now)));
    findings.extend(facts.overdue.map(held));
    findings.extend(facts.unsent.as_deref().map(mail));
    findings
}

fn finding(check: &str, level: Level, found: impl Into<String>, expected: impl Into<String>) -> Finding {
    Finding {
        check: check.to_owned(),
        subject: String::new(),
        level,
        found: found.into(),
        expected: expected.into(),
        hint: String::new(),
        number: None,
    }
}

impl Finding {
    fn of(self, subject: impl ToString) -> Self {
        Self { subject: subject.to_string(), ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    fn number(self, number: impl Into<i64>) -> Self {
        Self { number: Some(number.into()), ..self }
    }
}

fn engine(engine: &EngineFact) -> Finding {
    const CHECK: &str = "engine";
    match engine {
        EngineFact::Answers { version } => {
            finding(CHECK, Level::Good, format!("Docker {version} answers"), "an answer")
        }
        EngineFact::NoSwarm { version, state } => finding(
            CHECK,
            Level::Bad,
            format!("Docker {version} answers, and its swarm is gone: {state}"),
            "a manager of a swarm",
        )
        .hint("`docker info` says more; `wt-install BUNDLE` makes it a manager again"),
        EngineFact::Silent { why } => finding(CHECK, Level::Bad, why, "an answer").hint(
            "`systemctl start docker` (or `service docker start`) starts it; its log says why it ended",
        ),
    }
}

fn service(fact: &ServiceFact) -> Finding {
    let name = &fact.name;
    let expected = match fact.replicas {
        Some(count) => format!("{count} running and healthy"),
        None => "one running and healthy on every node".to_owned(),
    };
    let as_told = |level, found: &str| finding("service", level, found, &*expected).of(name);
    match (fact.run, &fact.service) {
        (Run::Removed, _) => as_told(Level::Good, "removed, as the operator wants it"),
        (Run::Stopped, _) => as_told(Level::Good, "stopped, as the operator wants it"),
        (Run::AsDescribed, None) => {
            as_told(Level::Bad, "not there").hint(format!("`wt-install start {name}` starts it"))
        }
        (Run::AsDescribed, Some(service)) => match service.ailment() {
            None if fact.is_enough(service.wanted) => {
                as_told(Level::Good, &format!("{} of {} running", service.running, service.wanted))
            }
            None => as_told(Level::Bad, &format!("told to run {} times", service.wanted))
                .hint(format!("`wt-install start {name}` has it run as the release says")),
            Some(ailment) => as_told(Level::Bad, &ailment)
                .hint(format!("`wt-install logs {name}` shows what it says; `wt-install restart {name}`")),
        },
    }
}

fn journey(journey: &JourneyFact) -> Option<Finding> {
    const CHECK: &str = "journey";
    let expected = "a person can log in";
    Some(match journey {
        JourneyFact::None => return None,
        JourneyFact::Walked { steps } => {
            finding(CHECK, Level::Good, format!("all {steps} steps pass"), expected)
        }
        JourneyFact::NotWalked { stopped } => {
            let found = format!("not walked: the operator stopped {}", stopped.join(", "));
            finding(CHECK, Level::Good, found, expected)
        }
        JourneyFact::Failed { why, as_administrator } => {
            let finding = finding(CHECK, Level::Bad, why, expected);
            if *as_administrator {
                finding.hint(
                    "the services may say more: `wt-install logs`. If the administrator's password was changed in the \
                     product, give the check an account of its own: `[check.account]` in site.toml",
                )
            } else {
                finding.hint(
                    "the services may say more: `wt-install logs`; is the account of `[check.account]` good?",
                )
            }
        }
    })
}

fn level(percent: u8, settings: &CheckSettings) -> Level {
    match percent {
        bad if bad >= settings.disk_bad => Level::Bad,
        warn if warn >= settings.disk_warn => Level::Warn,
        _ => Level::Good,
    }
}

fn bytes(disk: &Disk, settings: &CheckSettings) -> Finding {
    let usage = disk.bytes;
    let percent = usage.percent();
    let needed = settings.disk_free.0.min((usage.used + usage.free) / SMALL_PART);
    let level = if usage.free < needed { Level::Bad } else { level(percent, settings) };
    finding(
        "disk",
        level,
        format!("{percent} % used, {} free", Size(usage.free)),
        format!("less than {} % used, {} free", settings.disk_warn, Size(needed)),
    )
    .of(disk.mount.display())
    .number(percent)
    .hint(if level == Level::Good { "" } else { "`wt-install prune` removes images of old releases" })
}

fn inodes(disk: &Disk, usage: Usage, settings: &CheckSettings) -> Finding {
    let percent = usage.percent();
    finding(
        "inodes",
        level(percent, settings),
        format!("{percent} % used"),
        format!("less than {} % used", settings.disk_warn),
    )
    .of(disk.mount.display())
    .number(percent)
}

fn certificate(ends: Utc, now: Utc) -> Finding {
    let days = now.days_until(ends);
    let level = match days {
        _ if days <= DAYS_BAD => Level::Bad,
        _ if days <= DAYS_WARN => Level::Warn,
        _ => Level::Good,
    };
    let found = if now > ends { format!("it ended {ends}") } else { format!("until {ends}, {days} days") };
    let hint = if level == Level::Good {
        ""
    } else {
        "`wt-install certificate CERTIFICATE KEY` puts another into service"
    };
    finding("certificate", level, found, format!("more than {DAYS_WARN} days")).hint(hint).number(days)
}

/// A site that has none yet has just been installed.
fn license(verdict: &Verdict) -> Finding {
    let level = match (verdict.state, verdict.reason) {
        (State::Missing, _) => Level::Warn,
        (state, _) if !state.is_licensed() => Level::Bad,
        _ if verdict.days_left.is_some_and(|days| days <= DAYS_BAD) => Level::Bad,
        (State::Match | State::Valid, Reason::Ok | Reason::NotCompared)
            if verdict.days_left.is_none_or(|days| days > DAYS_WARN) =>
        {
            Level::Good
        }
        _ => Level::Warn,
    };
    let days = verdict.days_left.map_or_else(String::new, |days| format!(", {days} days left"));
    let found = format!("{} ({}){days}", verdict.state, verdict.reason);
    let hint = if level == Level::Good { "" } else { "`wt-install license` explains it" };
    Finding {
        number: verdict.days_left,
        ..finding("license", level, found, format!("a license with more than {DAYS_WARN} days")).hint(hint)
    }
}

/// A clock behind what is known to be past is wrong; one that is ahead may be right.
fn clock(facts: &Facts) -> Finding {
    let known = facts.past.max(facts.latest);
    let behind = facts.now.plus_days(CLOCK_TOLERANCE_DAYS) < known
        || facts.license.as_ref().is_some_and(|verdict| verdict.clock_behind);
    let expected = format!("{known} or later");
    if !behind {
        return finding("clock", Level::Good, facts.now.to_string(), expected);
    }
    finding("clock", Level::Bad, facts.now.to_string(), expected).hint(
        "set the clock; if it is right now and was wrong before, `wt-install check --clock-is-right` forgets that",
    )
}

fn operation(pending: Option<&Operation>) -> Finding {
    let Some(pending) = pending else {
        return finding("operation", Level::Good, "nothing unfinished", "nothing unfinished");
    };
    let (kind, version) = (pending.kind.as_str(), &pending.to.version);
    let found = format!("the {kind} to {version} was begun on {} and not finished", pending.began);
    finding("operation", Level::Bad, found, "nothing unfinished").hint(format!(
        "finish it with the bundle of {version}, or go back with `wt-install rollback`; until then nothing is started here"
    ))
}

/// A site whose answers were changed since the last one is given the same time anew.
fn backup(fact: &BackupFact, now: Utc) -> Finding {
    let from = fact.last.map_or(fact.asked, |last| last.max(fact.asked));
    let level = match (now.unix() - from.unix()) / 3600 {
        hours if hours >= BACKUP_HOURS_BAD => Level::Bad,
        hours if hours >= BACKUP_HOURS_WARN => Level::Warn,
        _ => Level::Good,
    };
    let found = fact.last.map_or_else(|| "none yet".to_owned(), |last| format!("the last one is of {last}"));
    let hint = if level == Level::Good {
        ""
    } else {
        "`wt-install backup` makes one, or says why it cannot; `systemctl status 'wt-*-backup*'` shows the timer"
    };
    finding("backup", level, found, format!("one in every {BACKUP_HOURS_WARN} hours")).hint(hint)
}

fn lock(holder: &Holder, now: Utc) -> Finding {
    let hours = holder.hours(now);
    let level = if hours >= Holder::TOO_LONG { Level::Bad } else { Level::Warn };
    let process = holder.process.map_or_else(String::new, |process| format!(" (process {process})"));
    let hint = match holder.process {
        Some(process) => format!(
            "`ps -o pid,stat,etime,args -p {process}` shows it; with a `D` in STAT it waits for a disk. Until it ends, nothing is started here"
        ),
        None => "until it ends, nothing is started here".to_owned(),
    };
    let found = format!("another run of wt-install{process} has been at work for {hours} h");
    finding("lock", level, found, format!("less than {} h", Holder::TOO_LONG)).hint(hint)
}

fn held(until: Utc) -> Finding {
    finding("held", Level::Bad, "services are held still", format!("that they go on by {until}"))
        .hint("`docker ps --filter status=paused` shows them; `wt-install start` lets them go on")
}

fn mail(unsent: &str) -> Finding {
    let found = format!("the last one could not be sent: {unsent}");
    finding("mail", Level::Warn, found, "mail that reaches somebody")
        .hint("see `[smtp]` in site.toml; it is tried again every minute")
}

#[cfg(test)]
mod tests {
    use wt_keys::Utc;

    use super::*;
    use crate::engine::{Service, Task};
    use crate::installed::Build;
    use crate::operation::Kind;

    fn at(text: &str) -> Utc {
        text.parse().unwrap()
    }

    fn facts() -> Facts {
        Facts {
            now: at("2026-11-24T08:00:00Z"),
            past: at("2026-11-20T08:00:00Z"),
            latest: at("2026-11-24T07:59:00Z"),
            engine: EngineFact::Answers { version: "20.10.24".into() },
            services: vec![service("web", 1)],
            journey: JourneyFact::Walked { steps: 2 },
            disks: vec![disk(50, 50 << 30)],
            certificate: Some(at("2027-11-24T08:00:00Z")),
            license: None,
            operation: None,
            unsent: None,
            holder: None,
            overdue: None,
            backup: None,
        }
    }

    fn service(name: &str, wanted: u64) -> ServiceFact {
        let task = Task { state: "running".into(), wanted: true, current: true, ..Task::default() };
        let tasks = std::iter::repeat_n(task, usize::try_from(wanted).unwrap()).collect();
        let service = Service { name: name.into(), wanted, running: wanted, tasks, ..Service::default() };
        ServiceFact { name: name.into(), run: Run::AsDescribed, replicas: Some(1), service: Some(service) }
    }

    fn disk(percent: u64, free: u64) -> Disk {
        let usage = |free: u64| Usage { used: free * percent / (100 - percent), free };
        Disk { mount: "/data".into(), bytes: usage(free), inodes: Some(usage(1000)) }
    }

    fn levels(facts: &Facts) -> Vec<(String, Level)> {
        let found = judge(facts, &CheckSettings::default()).into_iter();
        found.filter(|f| f.level != Level::Good).map(|f| (f.what(), f.level)).collect()
    }

    #[track_caller]
    fn one(facts: &Facts, what: &str, level: Level) {
        assert_eq!(levels(facts), [(what.to_owned(), level)]);
    }

    #[test]
    fn all_is_good_and_each_bad_fact_is_one_finding() {
        assert_eq!(levels(&facts()), []);
        let silent = Facts {
            engine: EngineFact::Silent { why: "no".into() },
            services: vec![],
            journey: JourneyFact::None,
            ..facts()
        };
        one(&silent, "engine", Level::Bad);
        let failed = JourneyFact::Failed { why: "401".into(), as_administrator: true };
        one(&Facts { journey: failed, ..facts() }, "journey", Level::Bad);
        let build = Build { version: "5.3.0".parse().unwrap(), manifest: wt_keys::Sha256Digest::of(b"") };
        let operation = Operation {
            kind: Kind::Upgrade,
            product: "worktile".into(),
            to: build,
            from: None,
            began: at("2026-11-24T07:00:00Z"),
        };
        one(&Facts { operation: Some(operation), ..facts() }, "operation", Level::Bad);
    }

    #[test]
    fn a_service_is_bad_unless_the_operator_wants_it_so() {
        let with = |service: ServiceFact| Facts { services: vec![service], ..facts() };
        one(&with(service("web", 0)), "service web", Level::Bad);
        one(&with(ServiceFact { service: None, ..service("web", 1) }), "service web", Level::Bad);
        one(&with(ServiceFact { replicas: Some(2), ..service("web", 1) }), "service web", Level::Bad);
        assert_eq!(levels(&with(ServiceFact { run: Run::Stopped, ..service("web", 0) })), []);
        let removed = ServiceFact { run: Run::Removed, service: None, ..service("web", 0) };
        assert_eq!(levels(&with(removed)), []);
    }

    #[test]
    fn a_disk_is_judged_by_its_percentage_and_by_what_is_left() {
        let with = |disk: Disk| Facts { disks: vec![Disk { inodes: None, ..disk }], ..facts() };
        assert_eq!(levels(&with(disk(84, 50 << 30))), []);
        one(&with(disk(85, 50 << 30)), "disk /data", Level::Warn);
        one(&with(disk(95, 50 << 30)), "disk /data", Level::Bad);
        one(&with(disk(93, 511 << 20)), "disk /data", Level::Bad);
        assert_eq!(levels(&with(disk(80, 20 << 20))), [], "a small one needs a tenth");
        let inodes = Disk { inodes: Some(Usage { used: 97, free: 3 }), ..disk(10, 50 << 30) };
        one(&Facts { disks: vec![inodes], ..facts() }, "inodes /data", Level::Bad);
    }

    #[test]
    fn a_certificate_is_told_of_before_it_ends() {
        let with = |ends: &str| Facts { certificate: Some(at(ends)), ..facts() };
        assert_eq!(levels(&with("2026-12-25T08:00:00Z")), []);
        one(&with("2026-12-24T08:00:00Z"), "certificate", Level::Warn);
        one(&with("2026-12-01T08:00:00Z"), "certificate", Level::Bad);
        one(&with("2026-11-24T07:00:00Z"), "certificate", Level::Bad);
        assert_eq!(levels(&Facts { certificate: None, ..facts() }), []);
    }

    fn licensed(state: State, reason: Reason, days_left: Option<i64>) -> Facts {
        let license = Verdict { days_left, ..Verdict::new(state, reason) };
        Facts { license: Some(license), ..facts() }
    }

    #[test]
    fn a_license_is_told_of_before_it_expires() {
        let with = |days: i64| licensed(State::Match, Reason::Ok, Some(days));
        assert_eq!(levels(&with(31)), []);
        one(&with(30), "license", Level::Warn);
        one(&with(8), "license", Level::Warn);
        one(&with(7), "license", Level::Bad);
        assert_eq!(levels(&licensed(State::Match, Reason::Ok, None)), [], "it has no end");
        let said = judge(&with(30), &CheckSettings::default());
        let row = said.iter().find(|finding| finding.check == "license").unwrap();
        assert_eq!((row.found.as_str(), row.number), ("MATCH (OK), 30 days left", Some(30)));
        assert_eq!(row.hint, "`wt-install license` explains it");
    }

    #[test]
    fn a_license_that_will_not_do_for_long_is_a_warning_and_one_that_does_not_do_is_bad() {
        let of = |state, reason| licensed(state, reason, Some(300));
        one(&of(State::Drift, Reason::HwDrift), "license", Level::Warn);
        one(&of(State::Match, Reason::ExpiresSoon), "license", Level::Warn);
        one(&licensed(State::Missing, Reason::LicenseMissing, None), "license", Level::Warn);
        one(&licensed(State::Grace, Reason::ExpiredGrace, Some(-3)), "license", Level::Bad);
        for (state, reason) in [
            (State::Foreign, Reason::HwForeign),
            (State::Expired, Reason::Expired),
            (State::Revoked, Reason::LicenseRevoked),
            (State::Untrusted, Reason::SigBad),
            (State::Unreadable, Reason::SnapshotMissing),
        ] {
            one(&of(state, reason), "license", Level::Bad);
        }
    }

    #[test]
    fn a_daily_backup_that_did_not_come_is_told_of() {
        let with = |last: Option<&str>, asked: &str| Facts {
            backup: Some(BackupFact { last: last.map(at), asked: at(asked) }),
            ..facts()
        };
        let long_ago = "2026-01-01T00:00:00Z";
        assert_eq!(levels(&with(Some("2026-11-23T02:01:00Z"), long_ago)), []);
        one(&with(Some("2026-11-23T02:00:00Z"), long_ago), "backup", Level::Warn);
        one(&with(Some("2026-11-22T02:00:00Z"), long_ago), "backup", Level::Bad);
        one(&with(None, long_ago), "backup", Level::Bad);
        assert_eq!(levels(&with(None, "2026-11-24T00:00:00Z")), [], "it was asked for only now");
        assert_eq!(levels(&with(Some(long_ago), "2026-11-24T00:00:00Z")), []);
    }

    #[test]
    fn a_run_that_takes_too_long_and_what_it_holds_still_is_told_of() {
        let with =
            |since: &str| Facts { holder: Some(Holder { process: Some(17), since: at(since) }), ..facts() };
        one(&with("2026-11-24T06:59:00Z"), "lock", Level::Warn);
        one(&with("2026-11-24T02:00:00Z"), "lock", Level::Bad);
        let said = judge(&with("2026-11-24T02:00:00Z"), &CheckSettings::default());
        let row = said.iter().find(|finding| finding.check == "lock").unwrap();
        assert_eq!(row.found, "another run of wt-install (process 17) has been at work for 6 h");
        one(&Facts { overdue: Some(at("2026-11-24T07:00:00Z")), ..facts() }, "held", Level::Bad);
    }

    #[test]
    fn a_clock_is_wrong_a_day_behind_what_is_known_to_be_past() {
        let with = |now: &str| Facts { now: at(now), ..facts() };
        assert_eq!(levels(&with("2026-11-23T08:00:00Z")), []);
        one(&with("2026-11-23T07:58:59Z"), "clock", Level::Bad);
        let ahead = Facts { certificate: None, ..with("2030-01-01T00:00:00Z") };
        assert_eq!(levels(&ahead), []);
        one(&Facts { past: at("2027-01-01T00:00:00Z"), ..facts() }, "clock", Level::Bad);
    }
}
