//! What the kernel must be able to do for containers: file systems, networks, limits.

use std::fs;
use std::path::Path;

use rustix::fs::MemfdFlags;

use super::{Row, Scene, Verdict};

/// Something that a kernel has built in, as a module, or not at all.
struct Feature {
    what: &'static str,
    why: &'static str,
    /// Below the root of a host: where it is there, the feature works now.
    sign: &'static str,
    /// A word that stands in the sign; empty: that it is there is enough.
    word: &'static str,
    module: &'static str,
    option: &'static str,
}

const FEATURES: [Feature; 4] = [
    Feature {
        what: "overlayfs",
        why: "layers of images",
        sign: "proc/filesystems",
        word: "overlay",
        module: "overlay",
        option: "CONFIG_OVERLAY_FS",
    },
    Feature {
        what: "VXLAN",
        why: "the network between services",
        sign: "sys/module/vxlan",
        word: "",
        module: "vxlan",
        option: "CONFIG_VXLAN",
    },
    Feature {
        what: "bridge filter",
        why: "the network of containers",
        sign: "proc/sys/net/bridge/bridge-nf-call-iptables",
        word: "",
        module: "br_netfilter",
        option: "CONFIG_BRIDGE_NETFILTER",
    },
    Feature {
        what: "address translation",
        why: "published ports",
        sign: "proc/sys/net/netfilter/nf_conntrack_max",
        word: "",
        module: "nf_nat",
        option: "CONFIG_NF_NAT",
    },
];

/// What the engine limits and counts.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Support {
    Works,
    /// It is there when it is needed.
    Available,
    Absent,
    Unknown,
}

pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let root = scene.installation.places.root();
    let release = fs::read_to_string(root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
    let release = release.trim();
    let mut rows: Vec<Row> =
        FEATURES.iter().map(|feature| row(feature, feature.support(root, release), release)).collect();
    rows.extend([controllers(root), memory_files()]);
    rows
}

fn row(feature: &Feature, support: Support, release: &str) -> Row {
    let (verdict, found) = match support {
        Support::Works => (Verdict::Ok, "there".to_owned()),
        Support::Available => (Verdict::Ok, "there when it is needed".to_owned()),
        Support::Absent => (Verdict::Fail, format!("Linux {release} has none")),
        Support::Unknown => (Verdict::Warn, format!("Linux {release} does not say")),
    };
    Row::new(
        format_args!("kernel: {}", feature.what),
        verdict,
        found,
        format_args!("it, for {}", feature.why),
        format_args!("run a kernel of the distribution; `modprobe {}` tries it", feature.module),
    )
}

impl Feature {
    fn support(&self, root: &Path, release: &str) -> Support {
        if self.works(root) {
            return Support::Works;
        }
        let modules = root.join("lib/modules").join(release);
        let file = format!("/{}.ko", self.module);
        let lists = ["modules.builtin", "modules.dep"].map(|list| fs::read_to_string(modules.join(list)));
        if lists.iter().flatten().any(|list| list.contains(&file)) {
            return Support::Available;
        }
        match fs::read_to_string(root.join(format!("boot/config-{release}"))) {
            Ok(config) if ["y", "m"].iter().any(|set| config.contains(&format!("{}={set}", self.option))) => {
                Support::Available
            }
            Ok(_) => Support::Absent,
            Err(_) if lists.iter().all(Result::is_ok) => Support::Absent,
            Err(_) => Support::Unknown,
        }
    }

    fn works(&self, root: &Path) -> bool {
        let sign = root.join(self.sign);
        match self.word {
            "" => sign.exists(),
            word => {
                fs::read_to_string(sign).is_ok_and(|text| text.split_whitespace().any(|found| found == word))
            }
        }
    }
}

fn controllers(root: &Path) -> Row {
    let found = controllers_of(root);
    let missing: Vec<&str> =
        CONTROLLERS.into_iter().filter(|name| !found.iter().any(|found| found == name)).collect();
    let said = if missing.is_empty() { "there".to_owned() } else { format!("no {}", missing.join(", ")) };
    Row::new(
        "kernel: control groups",
        Verdict::or_fail(missing.is_empty()),
        said,
        CONTROLLERS.join(", "),
        "enable them at boot: `cgroup_enable=memory` on the kernel's command line",
    )
}

/// Of the second version, where it is mounted alone; else those of the first that are switched on.
fn controllers_of(root: &Path) -> Vec<String> {
    if let Ok(text) = fs::read_to_string(root.join("sys/fs/cgroup/cgroup.controllers")) {
        return text.split_whitespace().map(str::to_owned).collect();
    }
    let text = fs::read_to_string(root.join("proc/cgroups")).unwrap_or_default();
    let enabled = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        matches!(fields[..], [_, _, _, "1"]).then(|| fields[0].to_owned())
    };
    text.lines().filter_map(enabled).collect()
}

/// What is said to programs, and what they say, passes through these: a secret touches no disk.
fn memory_files() -> Row {
    let made = rustix::fs::memfd_create("wt", MemfdFlags::CLOEXEC);
    let found = made.as_ref().map_or_else(ToString::to_string, |_| "there".to_owned());
    Row::new(
        "kernel: files in memory",
        Verdict::or_fail(made.is_ok()),
        found,
        "memfd",
        "run Linux 3.17 or later",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_works_is_available_is_absent_or_nobody_says() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let vxlan = &FEATURES[1];
        let support = || vxlan.support(root.path(), "6.1");
        assert_eq!(support(), Support::Unknown);
        write("lib/modules/6.1/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
        write("lib/modules/6.1/modules.dep", "kernel/net/bridge/bridge.ko.xz:\n");
        assert_eq!(support(), Support::Absent);
        write("lib/modules/6.1/modules.dep", "kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/x.ko\n");
        assert_eq!(support(), Support::Available);
        write("lib/modules/6.1/modules.dep", "");
        write("boot/config-6.1", "CONFIG_VXLAN=m\n");
        assert_eq!(support(), Support::Available);
        write("sys/module/vxlan/x", "");
        assert_eq!(support(), Support::Works);
        write("proc/filesystems", "nodev\tsysfs\n\text4\n");
        assert!(!FEATURES[0].works(root.path()));
        write("proc/filesystems", "nodev\toverlay\n");
        assert!(FEATURES[0].works(root.path()));
    }

    #[test]
    fn control_groups_are_those_of_whichever_version_is_there() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc")).unwrap();
        let text =
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\nmemory\t0\t1\t0\npids\t2\t1\t1\n";
        fs::write(root.path().join("proc/cgroups"), text).unwrap();
        let row = controllers(root.path());
        assert_eq!((row.verdict, row.found.as_str()), (Verdict::Fail, "no memory"));
        fs::create_dir_all(root.path().join("sys/fs/cgroup")).unwrap();
        fs::write(root.path().join("sys/fs/cgroup/cgroup.controllers"), "cpuset cpu io memory pids\n")
            .unwrap();
        assert_eq!(controllers(root.path()).verdict, Verdict::Ok);
    }
}
