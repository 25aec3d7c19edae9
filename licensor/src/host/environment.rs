//! What kind of machine it is, by what its firmware and its processor say.

use std::fs;
use std::path::Path;

use super::{Found, dmi};
use crate::Environment;

/// A cloud, what tells it, and where it shows the name of a virtual machine without a network.
pub struct Cloud {
    told_by: Value,
    pub instance: Instance,
}

#[derive(Clone, Copy)]
pub enum Instance {
    /// Amazon, on its Nitro machines: `i-0123456789abcdef0`
    BoardAssetTag,
    ProductSerial,
    /// There it is the name itself. The serial number may be the host's that it runs on.
    Uuid,
}

/// A file of the firmware's and what it holds.
type Value = (&'static str, &'static str);

/// As each of them documents it, and as cloud-init tells them. A Chromebook is Google's as well: only a product tells.
const CLOUDS: [Cloud; 9] = [
    Cloud { told_by: ("sys_vendor", "Amazon EC2"), instance: Instance::BoardAssetTag },
    Cloud { told_by: ("product_name", "Google Compute Engine"), instance: Instance::ProductSerial },
    Cloud { told_by: ("product_name", "Alibaba Cloud ECS"), instance: Instance::ProductSerial },
    Cloud { told_by: ("sys_vendor", "DigitalOcean"), instance: Instance::ProductSerial },
    Cloud { told_by: ("sys_vendor", "Hetzner"), instance: Instance::ProductSerial },
    Cloud { told_by: ("sys_vendor", "Vultr"), instance: Instance::ProductSerial },
    // Azure, where a virtual machine is otherwise Hyper-V's
    Cloud { told_by: ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77"), instance: Instance::Uuid },
    Cloud { told_by: ("product_name", "OpenStack Nova"), instance: Instance::Uuid },
    Cloud { told_by: ("product_name", "OpenStack Compute"), instance: Instance::Uuid },
];

/// Hypervisors that can be told to hide themselves from programs that look at the processor.
const HYPERVISORS: [Value; 6] = [
    ("sys_vendor", "QEMU"),
    ("sys_vendor", "VMware, Inc."),
    ("sys_vendor", "Xen"),
    ("sys_vendor", "innotek GmbH"),
    ("product_name", "KVM"),
    ("product_name", "Virtual Machine"),
];

pub fn environment(sysroot: &Path) -> Environment {
    match () {
        () if cloud(sysroot).is_some() => Environment::Cloud,
        () if says_hypervisor(sysroot) || HYPERVISORS.iter().any(|value| holds(sysroot, *value)) => {
            Environment::Virtual
        }
        () => Environment::Metal,
    }
}

pub fn cloud(sysroot: &Path) -> Option<&'static Cloud> {
    CLOUDS.iter().find(|cloud| holds(sysroot, cloud.told_by))
}

fn holds(sysroot: &Path, (file, expected): Value) -> bool {
    matches!(dmi::value(sysroot, file), Found::Value(found) if found == expected)
}

/// A processor that runs under a hypervisor says so.
fn says_hypervisor(sysroot: &Path) -> bool {
    let cpu = fs::read_to_string(sysroot.join("proc/cpuinfo")).unwrap_or_default();
    let flags = cpu.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "hypervisor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::Machine;

    #[test]
    fn a_hypervisor_is_noticed_by_the_processor_or_by_the_firmware() {
        let machine = Machine::metal();
        assert_eq!(environment(machine.sysroot()), Environment::Metal);
        machine.put("sys/class/dmi/id/sys_vendor", "QEMU\n");
        assert_eq!(environment(machine.sysroot()), Environment::Virtual, "one that hides itself");
        machine.put("sys/class/dmi/id/sys_vendor", "Dell Inc.\n");
        assert_eq!(environment(machine.sysroot()), Environment::Metal);
        machine.put("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n");
        assert_eq!(environment(machine.sysroot()), Environment::Virtual);
    }

    #[test]
    fn a_cloud_is_told_by_its_firmware_also_on_bare_metal() {
        let machine = Machine::metal();
        machine.put("sys/class/dmi/id/sys_vendor", "Google\n");
        machine.put("sys/class/dmi/id/product_name", "Eve\n");
        assert_eq!(environment(machine.sysroot()), Environment::Metal, "a Chromebook");
        machine.put("sys/class/dmi/id/product_name", "Google Compute Engine\n");
        assert_eq!(environment(machine.sysroot()), Environment::Cloud);
    }
}
