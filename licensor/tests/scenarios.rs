//! What happens to machines in the field, and what a license then says: every row of the table in `docs/fingerprint.md`,
//! over recorded machines.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod machines;

use std::fmt::Write as _;

use machines::{Machine, NAMES, PRODUCT, Seen};
use wt_keys::testkit::Vendor;
use wt_keys::{Role, Utc};
use wt_licensor::check::{Bench, Host, judge};
use wt_licensor::issue::{Plan, Weak, draft, issue_license};
use wt_licensor::plans::Preset;
use wt_licensor::request::{Node, Occasion};
use wt_licensor::term::Dates;
use wt_licensor::{Environment, Error, Grade, Id, Kind, Quality, Request, State, Verdict};

/// Something that happens to a machine, and what is left of its likeness.
struct Case(fn(&mut Machine), u32, State);

struct Row {
    event: &'static str,
    metal: Option<Case>,
    virtual_machine: Option<Case>,
    cloud: Option<Case>,
}

type Column = (&'static str, &'static [&'static str]);
type Cell = fn(&Row) -> &Option<Case>;

/// The machine that each column of the table is of, and those that must be judged the same, though they may have fewer
/// components and so other scores.
const METAL: Column = ("metal", &["laptop"]);
const VIRTUAL: Column = ("vmware", &["kvm", "hyperv"]);
const CLOUD: Column = ("aws", &[]);

const ROWS: [Row; 17] = [
    Row {
        event: "memory or processors changed, migrated while it runs, stopped and started",
        metal: Some(Case(other_processors, 100, State::Match)),
        virtual_machine: Some(Case(other_processors, 100, State::Match)),
        cloud: Some(Case(other_processors, 100, State::Match)),
    },
    Row {
        event: "networks of containers come and go, a card on USB is plugged in",
        metal: Some(Case(other_networks, 100, State::Match)),
        virtual_machine: Some(Case(other_networks, 100, State::Match)),
        cloud: Some(Case(other_networks, 100, State::Match)),
    },
    Row {
        event: "a network card added",
        metal: Some(Case(another_card, 100, State::Match)),
        virtual_machine: Some(Case(another_card, 100, State::Match)),
        cloud: Some(Case(another_card, 100, State::Match)),
    },
    Row {
        event: "virtual hardware raised to a later version: the UUID in the other byte order",
        metal: None,
        virtual_machine: Some(Case(swap_uuid, 100, State::Match)),
        cloud: None,
    },
    Row {
        event: "all network cards replaced",
        metal: Some(Case(Machine::new_cards, 85, State::Match)),
        virtual_machine: Some(Case(Machine::new_cards, 85, State::Match)),
        cloud: Some(Case(Machine::new_cards, 95, State::Match)),
    },
    Row {
        event: "all disks replaced, data restored",
        metal: Some(Case(Machine::new_disks, 80, State::Match)),
        virtual_machine: Some(Case(Machine::new_disks, 85, State::Match)),
        cloud: Some(Case(Machine::new_disks, 90, State::Match)),
    },
    Row {
        event: "system installed anew on a new disk, state lost",
        metal: Some(Case(reinstall, 60, State::Match)),
        virtual_machine: Some(Case(reinstall, 50, State::Match)),
        cloud: Some(Case(reinstall, 65, State::Match)),
    },
    Row {
        event: "mainboard replaced, the maker's serial numbers set again",
        metal: Some(Case(board_with_old_serials, 60, State::Match)),
        virtual_machine: None,
        cloud: None,
    },
    Row {
        event: "mainboard replaced, or disks moved to another chassis",
        metal: Some(Case(other_board, 40, State::Drift)),
        virtual_machine: None,
        cloud: None,
    },
    Row {
        event: "restored as a new virtual machine with the old addresses",
        metal: None,
        virtual_machine: Some(Case(restore_with_addresses, 50, State::Drift)),
        cloud: None,
    },
    Row {
        event: "restored as a new virtual machine, started as a new instance of an image",
        metal: None,
        virtual_machine: Some(Case(restore, 35, State::Drift)),
        cloud: Some(Case(new_instance, 25, State::Drift)),
    },
    Row {
        event: "a new instance with the data's old volume",
        metal: None,
        virtual_machine: None,
        cloud: Some(Case(new_instance_with_data, 35, State::Drift)),
    },
    Row {
        event: "virtual machine cloned, said to be a copy: new UUID and addresses",
        metal: None,
        virtual_machine: Some(Case(copy, 50, State::Drift)),
        cloud: None,
    },
    Row {
        event: "an image of the disk on another machine",
        metal: Some(Case(image_elsewhere, 20, State::Foreign)),
        virtual_machine: None,
        cloud: None,
    },
    Row {
        event: "license and state of the installation copied to another machine",
        metal: Some(Case(state_elsewhere, 5, State::Foreign)),
        virtual_machine: Some(Case(state_elsewhere, 15, State::Foreign)),
        cloud: Some(Case(state_elsewhere, 10, State::Foreign)),
    },
    Row {
        event: "license alone on another machine",
        metal: Some(Case(elsewhere, 0, State::Foreign)),
        virtual_machine: Some(Case(elsewhere, 0, State::Foreign)),
        cloud: Some(Case(elsewhere, 0, State::Foreign)),
    },
    Row {
        event: "virtual machine cloned, said to be moved: **cannot be seen**",
        metal: None,
        virtual_machine: Some(Case(|_| {}, 100, State::Match)),
        cloud: None,
    },
];

fn other_processors(machine: &mut Machine) {
    machine.exchange(|path| path == "proc/meminfo");
    let hypervisor = machine.fingerprint().environment != Environment::Metal;
    let flag = if hypervisor { " hypervisor" } else { "" };
    machine.put("proc/cpuinfo", &format!("processor\t: 7\nmodel name\t: Other\nflags\t\t: fpu sse2{flag}\n"));
}

fn other_networks(machine: &mut Machine) {
    machine.exchange(|path| path.contains("/docker") || path.contains("/veth"));
    machine.put("sys/class/net/br-0123456789ab/address", "02:42:ac:13:00:01\n");
    machine.put("sys/class/net/enx00e04c681234/address", "00:e0:4c:68:12:34\n");
    machine.put("sys/class/net/enx00e04c681234/device/bInterfaceNumber", "00\n");
    machine.link("sys/class/net/enx00e04c681234/device/subsystem", "../../../../../bus/usb");
}

fn another_card(machine: &mut Machine) {
    machine.put("sys/class/net/ens9/address", "0a:33:44:55:66:77\n");
    machine.put("sys/class/net/ens9/addr_assign_type", "0\n");
    machine.put("sys/class/net/ens9/device/vendor", "0x1af4\n");
}

/// `2c8a4d56-f391-704b-…` → `564d8a2c-91f3-4b70-…`
fn swap_uuid(machine: &mut Machine) {
    machine.change("sys/class/dmi/id/product_uuid", |uuid| {
        let pair = |n: usize| &uuid[n..n + 2];
        let swapped = [6, 4, 2, 0, 11, 9, 16, 14].map(pair);
        let (first, rest) = swapped.split_at(4);
        format!("{}-{}-{}{}", first.concat(), rest[..2].concat(), rest[2..].concat(), &uuid[18..])
    });
}

fn reinstall(machine: &mut Machine) {
    machine.new_disks();
    machine.new_system();
    machine.new_key();
}

fn board_with_old_serials(machine: &mut Machine) {
    machine.new_uuid();
    machine.new_cards();
    machine.exchange(|path| path.ends_with("/board_serial"));
}

fn other_board(machine: &mut Machine) {
    machine.new_board();
    machine.new_cards();
}

fn restore_with_addresses(machine: &mut Machine) {
    machine.new_uuid();
    machine.new_disks();
}

fn restore(machine: &mut Machine) {
    restore_with_addresses(machine);
    machine.new_cards();
}

fn new_instance(machine: &mut Machine) {
    machine.new_instance();
    machine.new_disks();
    machine.new_cards();
}

fn new_instance_with_data(machine: &mut Machine) {
    machine.new_instance();
    machine.new_cards();
    machine.exchange(|path| path.ends_with("nvme0n1/wwid"));
}

fn copy(machine: &mut Machine) {
    machine.new_uuid();
    machine.new_cards();
}

fn image_elsewhere(machine: &mut Machine) {
    machine.new_board();
    machine.new_cards();
    machine.new_disks();
}

fn state_elsewhere(machine: &mut Machine) {
    machine.new_instance();
    machine.new_cards();
    machine.new_disks();
    machine.new_system();
}

fn elsewhere(machine: &mut Machine) {
    state_elsewhere(machine);
    machine.new_key();
}

fn now() -> Utc {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn request(machine: &Seen) -> Request {
    Request {
        request_id: Id::from_bytes([1; 16]),
        reason: Occasion::New,
        previous_license: None,
        product: PRODUCT.into(),
        release: "5.2.0".into(),
        customer_hint: "Acme GmbH".into(),
        collected_at: now(),
        nodes: vec![Node::new("node-1", machine.fingerprint.clone())],
        usage: None,
        install_key: machine.key,
    }
}

/// What a license for `machine` says on `host`; `Err` where the desk would not sign one.
fn licensed(machine: &Seen, host: &Seen, weak: Weak) -> Result<Verdict, Error> {
    let vendor = Vendor::insecure(1).trusting(|trust| trust.issued = now());
    let signer = vendor.signer(3, Role::License, |certificate| certificate.product = PRODUCT.into());
    let (now, end) = (now(), now().plus_days(300));
    let dates = Dates { not_before: now, notify_at: now.plus_days(270), expires_at: end, restrict_at: end };
    let plan = Plan::of(Preset::default(), "Acme GmbH".into(), dates);
    let license = draft(&request(machine), plan, Id::from_bytes([7; 16]), weak, now)?;
    let license = issue_license(&license, &signer)?.to_bytes();
    let bench =
        Bench { trust: &signer.trust, product: Some(PRODUCT), release: Some("5.2.0"), now, past: Utc::START };
    Ok(judge(&license, &Host::Components(&host.fingerprint.components), &bench))
}

/// The same once something has happened to the licensed machine.
fn judged(machine: &Machine, licensed_as: &Seen, event: impl FnOnce(&mut Machine)) -> (u32, State) {
    let mut host = machine.clone();
    event(&mut host);
    let verdict = licensed(licensed_as, &host.seen(), Weak::Refused).unwrap();
    (verdict.score_percent.unwrap(), verdict.state)
}

#[test]
fn every_row_of_the_table_gives_its_verdict() {
    let columns: [(Column, Cell); 3] =
        [(METAL, |row| &row.metal), (VIRTUAL, |row| &row.virtual_machine), (CLOUD, |row| &row.cloud)];
    let mut wrong = String::new();
    for ((name, alike), cell) in columns {
        for machine_name in [&[name], alike].concat() {
            let machine = Machine::recorded(machine_name);
            let seen = machine.seen();
            for row in &ROWS {
                let Some(Case(change, percent, state)) = cell(row) else { continue };
                let found = judged(&machine, &seen, change);
                if found.1 != *state || (machine_name == name && found.0 != *percent) {
                    let event = row.event;
                    let _ = writeln!(wrong, "{machine_name}: {event}: not {percent} {state}: {found:?}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_table_in_the_documentation_is_this_one() {
    let cell = |case: &Option<Case>| match case {
        Some(Case(_, percent, state)) => format!("{percent} {state}"),
        None => "–".to_owned(),
    };
    let mut table =
        String::from("| what happens | bare metal | virtual machine | cloud |\n|---|---|---|---|\n");
    for Row { event, metal, virtual_machine, cloud } in &ROWS {
        let cells = [metal, virtual_machine, cloud].map(cell).join(" | ");
        let _ = writeln!(table, "| {event} | {cells} |");
    }
    let page = include_str!("../../docs/fingerprint.md");
    assert!(page.contains(&table), "docs/fingerprint.md should say:\n{table}");
}

#[test]
fn the_weights_in_the_documentation_are_these() {
    let page = include_str!("../../docs/fingerprint.md");
    for component in Machine::recorded("metal").fingerprint().components {
        let kind = component.kind;
        let plus = if kind == Kind::TpmEk { "+" } else { "" };
        let weight = |environment| match kind.weight(environment) {
            0 => "–".to_owned(),
            weight => format!("{plus}{weight}"),
        };
        let weights = [Environment::Metal, Environment::Virtual, Environment::Cloud].map(weight).join(" | ");
        let start = format!("| `{kind}` |");
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap_or_default();
        assert!(
            row.ends_with(&format!("| {} | {weights} |", kind.class())),
            "{row}: {} {weights}",
            kind.class()
        );
    }
}

#[test]
fn of_each_recorded_machine_the_right_things_are_read() {
    let read = |name: &str| {
        let found = Machine::recorded(name).fingerprint();
        let usable = found.components.iter().filter(|component| component.quality == Quality::Ok);
        let usable = usable.map(|c| format!("{} {}", c.kind, c.tags.len())).collect::<Vec<_>>().join(", ");
        format!("{:?} {} {usable}", found.environment, Grade::of(found.environment, &found.components))
    };
    let expected = [
        "Metal A smbios_uuid 1, serials 3, disk 2, nic 3, machine_id 1, install_key 1",
        "Metal A smbios_uuid 1, serials 3, disk 1, nic 1, machine_id 1, install_key 1",
        "Virtual A smbios_uuid 1, disk 2, nic 1, machine_id 1, install_key 1",
        "Virtual A smbios_uuid 1, nic 1, machine_id 1, install_key 1",
        "Virtual A smbios_uuid 1, disk 1, nic 1, machine_id 1, install_key 1",
        "Cloud A smbios_uuid 1, cloud_instance 1, disk 2, nic 1, machine_id 1, install_key 1",
        "Metal C install_key 1",
        "Metal C install_key 1",
    ];
    assert_eq!(NAMES.map(read), expected);
}

#[test]
fn what_does_not_count_is_named() {
    let left_out = |name: &str| {
        let found = Machine::recorded(name).fingerprint();
        found.components.into_iter().flat_map(|component| component.left_out).collect::<Vec<_>>()
    };
    assert_eq!(
        left_out("metal"),
        [
            "tpm0: the kernel does not show its key",
            "bond0: is virtual",
            "docker0: is virtual",
            "docker_gwbridge: is virtual",
            "veth…: is virtual",
            "idrac: is on USB",
        ]
    );
    assert_eq!(
        left_out("junk"),
        [
            "UUID: `03000200-0400-0500-0006-000700080009`",
            "board serial: `Default string`",
            "product serial: `System Serial Number`",
            "chassis serial: `0123456789`",
            "sda device/wwid: `t10.ATA     QEMU HARDDISK                 ",
            "br-…: is virtual",
            "docker0: is virtual",
            "veth…: is virtual",
            "eth0: has a locally administered address",
            "eth1: has an address that was set or made up",
            "machine-id: `uninitialized`",
        ]
    );
    assert!(left_out("nothing").is_empty());
}

/// All of them are then worth no more than the state of the installation, which can be copied: the desk refuses, and
/// who accepts it anyway knows.
#[test]
fn a_machine_that_shows_nothing_of_its_own_gets_a_license_only_by_acceptance() {
    for name in ["junk", "nothing"] {
        let machine = Machine::recorded(name);
        let seen = machine.seen();
        assert!(matches!(licensed(&seen, &seen, Weak::Refused), Err(Error::Weak { .. })), "{name}");
        let copied_to = Machine::recorded("metal"); // with the same installation key
        let mut installed_anew = machine.clone();
        installed_anew.new_key();
        let state = |host: &Machine| licensed(&seen, &host.seen(), Weak::Accepted).unwrap().state;
        assert_eq!((state(&machine), state(&copied_to)), (State::Match, State::Match), "{name}");
        assert_eq!(state(&installed_anew), State::Foreign, "{name}");
    }
}

/// Beside a key that does not leave the module, a copy of all files is worth less.
#[test]
fn a_trusted_platform_module_tells_a_machine_from_its_copy() {
    const PUBEK: &str = "sys/class/tpm/tpm0/pubek";
    let mut machine = Machine::recorded("metal");
    machine
        .put(PUBEK, &format!("Modulus:\n{}", "a0 1b 2c 3d 4e 5f 60 71 82 93 a4 b5 c6 d7 e8 f9\n".repeat(16)));
    let seen = machine.seen();
    let judged = |event: fn(&mut Machine), module: bool| {
        judged(&machine, &seen, |host| {
            event(host);
            host.exchange(|path| module && path == PUBEK);
        })
    };
    assert_eq!(judged(|_| {}, false), (100, State::Match));
    assert_eq!(judged(|_| {}, true), (71, State::Match), "a new module");
    assert_eq!(judged(reinstall, false), (71, State::Match));
    assert_eq!(judged(other_board, true), (28, State::Drift));
    assert_eq!(judged(image_elsewhere, true), (14, State::Foreign));
}

#[test]
fn no_recorded_machine_passes_for_another() {
    let machines = NAMES.map(|name| Machine::recorded(name).seen());
    let others = NAMES.map(|name| {
        let mut other = Machine::recorded(name);
        other.new_key();
        other.seen()
    });
    for (a, machine) in NAMES.iter().zip(&machines) {
        for (b, other) in NAMES.iter().zip(&others).filter(|(b, _)| *b != a) {
            let verdict = licensed(machine, other, Weak::Accepted).unwrap();
            assert_eq!((verdict.state, verdict.score_percent), (State::Foreign, Some(0)), "{a} on {b}");
        }
    }
}
