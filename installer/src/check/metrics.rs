//! The report as Prometheus reads it (text format 0.0.4).

use std::fmt::{Display, Write as _};

use super::facts::{Facts, JourneyFact};
use super::{Level, Report};
use wt_manifests::stack::Run;

/// A family of samples.
struct Family {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Vec<(&'static str, String)>, f64)>,
}

impl Family {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, samples: Vec::new() }
    }

    fn one(self, value: impl Into<f64>) -> Self {
        self.with([], value)
    }

    fn with<const N: usize>(
        mut self,
        labels: [(&'static str, &dyn Display); N],
        value: impl Into<f64>,
    ) -> Self {
        let labels = labels.map(|(name, value)| (name, value.to_string())).to_vec();
        self.samples.push((labels, value.into()));
        self
    }
}

/// Every family has its HELP and TYPE; one without samples is left out.
pub fn text(report: &Report, facts: &Facts) -> String {
    let mut text = String::new();
    for family in families(report, facts).iter().filter(|family| !family.samples.is_empty()) {
        let _ = writeln!(text, "# HELP {} {}", family.name, family.help);
        let _ = writeln!(text, "# TYPE {} gauge", family.name);
        for (labels, value) in &family.samples {
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{labels} {value}", family.name);
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; days and bytes fit it well enough")]
fn families(report: &Report, facts: &Facts) -> Vec<Family> {
    let release = [("product", &report.product as &dyn Display), ("version", &report.version)];
    let mut found = vec![
        Family::new("wt_release_info", "The installed release.").with(release, 1),
        Family::new("wt_check_timestamp_seconds", "When the check looked.").one(report.at.unix() as f64),
        Family::new("wt_check_good", "1 if nothing is bad.").one(report.good),
    ];
    let mut levels = Family::new("wt_check_level", "Of each check: 0 good, 1 worth a warning, 2 bad.");
    for finding in &report.findings {
        let level = match finding.level {
            Level::Good => 0,
            Level::Warn => 1,
            Level::Bad => 2,
        };
        levels = levels.with([("check", &finding.check), ("subject", &finding.subject)], level);
    }
    found.push(levels);
    let engine = report.findings.iter().all(|finding| finding.check != "engine" || !finding.is_bad());
    found.push(Family::new("wt_engine_up", "1 if the engine answers and manages its swarm.").one(engine));
    found.extend(services(facts));
    found.extend(disks(facts));
    let journey = match facts.journey {
        JourneyFact::Walked { .. } => Some(true),
        JourneyFact::Failed { .. } => Some(false),
        JourneyFact::None | JourneyFact::NotWalked { .. } => None,
    };
    let passes =
        Family::new("wt_journey_passes", "1 if the user journey passes; absent if it was not walked.");
    found.extend(journey.map(|good| passes.one(good)));
    if let Some(ends) = facts.certificate {
        let days = Family::new("wt_certificate_days", "Whole days until the certificate ends.");
        found.push(days.one(facts.now.days_until(ends) as f64));
    }
    if let Some(verdict) = &facts.license {
        let valid = Family::new("wt_license_valid", "1 if the product is licensed.");
        found.push(valid.one(verdict.state.is_licensed()));
        let days = Family::new("wt_license_days", "Whole days until the license expires.");
        found.extend(verdict.days_left.map(|left| days.one(left as f64)));
    }
    if let Some(last) = facts.backup.as_ref().and_then(|backup| backup.last) {
        let made =
            Family::new("wt_backup_timestamp_seconds", "When the last of the site's backups was made.");
        found.push(made.one(last.unix() as f64));
    }
    let pending = Family::new("wt_operation_pending", "1 if a change was begun and not finished.");
    found.push(pending.one(facts.operation.is_some()));
    found
}

#[expect(clippy::cast_precision_loss, reason = "nobody runs 2^53 containers")]
fn services(facts: &Facts) -> [Family; 3] {
    let mut healthy = Family::new("wt_service_healthy", "1 if the service is as the operator wants it.");
    let mut running = Family::new("wt_service_running", "Containers that run.");
    let mut wanted = Family::new("wt_service_wanted", "Containers that are to run.");
    for fact in &facts.services {
        let service = || [("service", &fact.name as &dyn Display)];
        let runs = fact.service.as_ref().map_or(0, |service| service.running);
        let wants = match fact.run {
            Run::AsDescribed => fact.replicas.or(fact.service.as_ref().map(|s| s.wanted)).unwrap_or(1),
            Run::Stopped | Run::Removed => 0,
        };
        healthy = healthy.with(service(), fact.is_well());
        running = running.with(service(), runs as f64);
        wanted = wanted.with(service(), wants as f64);
    }
    [healthy, running, wanted]
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn disks(facts: &Facts) -> [Family; 3] {
    let mut used = Family::new("wt_disk_used_ratio", "Of the file system, as df counts it.");
    let mut free = Family::new("wt_disk_free_bytes", "Left on the file system.");
    let mut inodes = Family::new("wt_inodes_used_ratio", "Of the file system's inodes.");
    for disk in &facts.disks {
        let mount = disk.mount.display();
        used = used.with([("mount", &mount)], f64::from(disk.bytes.percent()) / 100.0);
        free = free.with([("mount", &mount)], disk.bytes.free as f64);
        if let Some(usage) = disk.inodes {
            inodes = inodes.with([("mount", &mount)], f64::from(usage.percent()) / 100.0);
        }
    }
    [used, free, inodes]
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_escaped() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }
}
