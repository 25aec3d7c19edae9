use std::fs;

use rusqlite::params;
use wt_keys::{Sha256Digest, Trust};

use super::*;
use crate::testkit::{Desk, Machine, install_key, now, request};

struct World {
    folder: tempfile::TempDir,
    desk: Desk,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), desk: Desk::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ledger(&self) -> Ledger {
        Ledger::write(&self.path("ledger.db")).unwrap()
    }

    fn trust(&self) -> &Trust {
        &self.desk.signer.trust
    }

    fn issue(&self, ledger: &mut Ledger, id: u8, machine: &Machine, key: u8, name: &str) -> Result<()> {
        ledger.issue(&[self.draft(id, machine, key, name)], &self.desk.signer, &stamp())
    }

    fn draft(&self, id: u8, machine: &Machine, key: u8, name: &str) -> Issue {
        let request = request(machine, &install_key(key));
        let license = crate::issue::draft(
            &request,
            Desk::plan(),
            Id::from_bytes([id; 16]),
            crate::issue::Weak::Accepted,
            now(),
        );
        Issue {
            license: license.unwrap(),
            request: String::from_utf8(request.seal(&install_key(key)).unwrap()).unwrap(),
            plan: None,
            zone: "UTC".into(),
            replaces: vec![],
            output: self.path(name),
            over: false,
        }
    }

    /// Two licenses, and a revocation between them.
    fn filled() -> Self {
        let world = Self::new();
        let mut ledger = world.ledger();
        world.issue(&mut ledger, 1, &Machine::metal(), 1, "one.json").unwrap();
        ledger.revoke(Id::from_bytes([1; 16]), "sold", &stamp()).unwrap();
        world.issue(&mut ledger, 2, &Machine::other_metal(), 2, "two.json").unwrap();
        world
    }
}

fn stamp() -> Stamp {
    Stamp { at: now(), operator: "desk".into() }
}

#[test]
fn what_was_written_down_comes_back_and_verifies() {
    let world = World::filled();
    let ledger = world.ledger();
    let verified = ledger.verify(world.trust(), None).unwrap();
    assert_eq!((verified.entries, verified.licenses, verified.revocations, verified.sealed), (3, 2, 1, 3));
    let holdings = ledger.holdings().unwrap();
    assert_eq!(
        holdings.iter().map(|it| it.standing(now())).collect::<Vec<_>>(),
        [Standing::Revoked, Standing::InForce]
    );
    assert_eq!(fs::read_to_string(world.path("two.json")).unwrap(), holdings[1].signed.file);
    assert_eq!(ledger.holding("0202").unwrap().number, 3);
    assert!(matches!(ledger.holding("0"), Err(Error::SeveralLicenses { several: 2, .. })));
    assert!(matches!(ledger.holding("ff"), Err(Error::NoLicense { .. })));
}

#[test]
fn a_ledger_that_was_altered_is_refused() {
    let bend = |sql: &str| {
        let world = World::filled();
        let ledger = world.ledger();
        ledger.db.execute_batch(sql).unwrap();
        ledger.verify(world.trust(), None)
    };
    assert!(bend("").is_ok());
    for sql in [
        "UPDATE entries SET body = replace(body, 'Acme', 'Evil') WHERE number = 1",
        "UPDATE entries SET body = replace(body, '\"at\"', ' \"at\"') WHERE number = 1",
        "UPDATE entries SET digest = (SELECT digest FROM entries WHERE number = 1) WHERE number = 2",
        "DELETE FROM entries WHERE number = 1",
        "DELETE FROM entries WHERE number = 2",
        "UPDATE entries SET number = 4 WHERE number = 3",
        "UPDATE entries SET seal = NULL",
        "UPDATE entries SET seal = (SELECT seal FROM entries WHERE number = 1) WHERE number = 3",
        "DELETE FROM marks WHERE mark LIKE 'smbios%'",
        "DELETE FROM licenses WHERE number = 2",
        "INSERT INTO marks VALUES ('install_key:00', 1)",
    ] {
        let refused = bend(sql);
        assert!(
            matches!(refused, Err(Error::LedgerAltered { .. } | Error::LedgerEntry { .. })),
            "{sql}: {refused:?}"
        );
    }
}

/// Who has the file and no key computes all digests anew.
fn forge(ledger: &Ledger, change: impl Fn(&mut Entry)) {
    let mut previous = start();
    for row in ledger.rows().unwrap() {
        let mut entry = Entry::parse(&row.body).unwrap();
        entry.previous = previous;
        change(&mut entry);
        let body = entry.to_json();
        previous = Sha256Digest::of(body.as_bytes());
        let update = "UPDATE entries SET body = ?1, digest = ?2 WHERE number = ?3";
        ledger.db.execute(update, params![body, previous.to_string(), row.number]).unwrap();
    }
}

#[test]
fn a_chain_that_was_computed_anew_lacks_the_key_s_seal() {
    let world = World::filled();
    let ledger = world.ledger();
    forge(&ledger, |_| {});
    assert!(ledger.verify(world.trust(), None).is_ok(), "nothing was changed");
    forge(&ledger, |entry| entry.operator = "somebody else".into());
    assert!(ledger.entries().is_ok(), "the chain itself is whole");
    let refused = ledger.verify(world.trust(), None);
    assert!(matches!(refused, Err(Error::LedgerAltered { number: 1, .. })), "{refused:?}");
    forge(&ledger, |entry| {
        entry.operator = "desk".into();
        if let Event::Signed(signed) = &mut entry.event {
            signed.license.seats += 1;
        }
    });
    assert!(matches!(ledger.verify(world.trust(), None), Err(Error::LedgerAltered { number: 1, .. })));
}

#[test]
fn entries_that_were_taken_from_the_end_are_missed_by_who_noted_the_digest() {
    let world = World::filled();
    let ledger = world.ledger();
    let noted = ledger.verify(world.trust(), None).unwrap().head;
    let cut = "DELETE FROM entries WHERE number = 3; DELETE FROM marks WHERE number = 3; DELETE FROM licenses WHERE number = 3";
    ledger.db.execute_batch(cut).unwrap();
    let verified = ledger.verify(world.trust(), None).unwrap();
    assert_eq!(
        (verified.entries, verified.sealed),
        (2, 1),
        "what stands after a seal may have been anything"
    );
    assert!(ledger.verify(world.trust(), Some(verified.head)).is_ok());
    assert!(matches!(ledger.verify(world.trust(), Some(noted)), Err(Error::LedgerAltered { .. })));
}

#[test]
fn another_vendor_s_ledger_is_not_trusted() {
    let world = World::filled();
    let stranger = wt_keys::testkit::Vendor::insecure(77).trust;
    assert!(world.ledger().verify(&stranger, None).is_err());
    let later = Desk::trust(|trust| trust.version = 2);
    assert!(world.ledger().verify(&later, None).is_ok(), "the same roots say something new");
}

#[test]
fn a_second_license_of_a_machine_needs_to_replace_the_first() {
    let world = World::new();
    let mut ledger = world.ledger();
    world.issue(&mut ledger, 1, &Machine::metal(), 1, "one.json").unwrap();
    for (machine, key) in [(Machine::metal(), 1), (Machine::metal(), 2), (Machine::other_metal(), 1)] {
        let refused = world.issue(&mut ledger, 2, &machine, key, "two.json");
        let Err(Error::SecondLicense { license, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(license, Id::from_bytes([1; 16]));
    }
    assert!(!world.path("two.json").exists());
    assert_eq!(ledger.entries().unwrap().len(), 1, "what was refused is not written down");
    let draft = world.draft(2, &Machine::metal(), 1, "two.json");
    let replacing = Issue { replaces: vec![Id::from_bytes([1; 16])], ..draft };
    ledger.issue(&[replacing], &world.desk.signer, &stamp()).unwrap();
    assert_eq!(ledger.holdings().unwrap()[0].standing(now()), Standing::Replaced);
    let refused = world.issue(&mut ledger, 3, &Machine::metal(), 1, "three.json");
    assert!(
        matches!(refused, Err(Error::SecondLicense { license, .. }) if license == Id::from_bytes([2; 16]))
    );
    // what was revoked, or is over, stands in nobody's way
    ledger.revoke(Id::from_bytes([2; 16]), "sold", &stamp()).unwrap();
    world.issue(&mut ledger, 3, &Machine::metal(), 1, "three.json").unwrap();
    let over = now().plus_days(365 + 31);
    let license = world.draft(4, &Machine::metal(), 1, "four.json").license;
    assert_eq!(ledger.earlier(&license, now()).unwrap().len(), 1);
    assert!(ledger.earlier(&license, over).unwrap().is_empty());
}

#[test]
fn all_of_a_batch_are_signed_or_none() {
    let world = World::new();
    let mut ledger = world.ledger();
    let drafts = [
        world.draft(1, &Machine::metal(), 1, "one.json"),
        world.draft(2, &Machine::other_metal(), 2, "two.json"),
        world.draft(3, &Machine::metal(), 3, "three.json"),
    ];
    assert!(matches!(ledger.issue(&drafts, &world.desk.signer, &stamp()), Err(Error::SecondLicense { .. })));
    assert_eq!((ledger.entries().unwrap().len(), ledger.has_pending().unwrap()), (0, false));
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 2, "the ledger and its journal");
    ledger.issue(&drafts[..2], &world.desk.signer, &stamp()).unwrap();
    assert_eq!(ledger.verify(world.trust(), None).unwrap().sealed, 2);
    assert!(world.path("one.json").exists() && world.path("two.json").exists());
}

#[test]
fn a_license_without_its_file_gets_it_when_the_ledger_is_opened_again() {
    let world = World::new();
    let mut ledger = world.ledger();
    // as if the run had been killed when the ledger had the license and its folder was not there yet
    assert!(world.issue(&mut ledger, 1, &Machine::metal(), 1, "later/one.json").is_err());
    drop(ledger);
    let mut ledger = world.ledger();
    assert!(ledger.has_pending().unwrap());
    fs::create_dir(world.path("later")).unwrap();
    let settled = ledger.settle().unwrap();
    assert_eq!((settled.len(), &settled[0].failed), (1, &None));
    let file = fs::read_to_string(world.path("later/one.json")).unwrap();
    assert_eq!(file, ledger.holdings().unwrap()[0].signed.file);
    assert!(ledger.settle().unwrap().is_empty(), "once");
}

#[test]
fn what_lies_in_the_way_of_a_killed_run_stays() {
    let world = World::new();
    let mut ledger = world.ledger();
    fs::write(world.path("one.json"), "another license").unwrap();
    assert!(world.issue(&mut ledger, 1, &Machine::metal(), 1, "one.json").is_err());
    let settled = ledger.settle().unwrap();
    assert!(settled[0].failed.as_ref().unwrap().contains("one.json"));
    assert_eq!(fs::read_to_string(world.path("one.json")).unwrap(), "another license");
    assert!(!ledger.has_pending().unwrap(), "it was said");
    // where the run was told to replace it, it is replaced
    let over = Issue { over: true, ..world.draft(2, &Machine::other_metal(), 2, "one.json") };
    ledger.issue(&[over], &world.desk.signer, &stamp()).unwrap();
    assert_eq!(
        fs::read_to_string(world.path("one.json")).unwrap(),
        ledger.holdings().unwrap()[1].signed.file
    );
}

#[test]
fn a_ledger_is_its_owner_s_and_of_a_version_that_is_known() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let ledger = world.ledger();
    assert_eq!(fs::metadata(ledger.path()).unwrap().permissions().mode() & 0o777, 0o600);
    ledger.db.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(ledger);
    for opened in [Ledger::open(&world.path("ledger.db")), Ledger::write(&world.path("ledger.db"))] {
        assert!(matches!(opened, Err(Error::LedgerVersion { expected: 1, found: 2, .. })));
    }
    assert!(matches!(Ledger::open(&world.path("none.db")), Err(Error::NoLedger { .. })));
}

#[test]
fn two_do_not_write_at_a_time() {
    let world = World::new();
    let first = world.ledger();
    let second = Ledger::connect(first.path()).unwrap();
    second.db.busy_timeout(Duration::ZERO).unwrap();
    assert!(matches!(second.make_tables(""), Err(Error::LedgerBusy { .. })));
    assert!(matches!(second.entries(), Err(Error::LedgerBusy { .. })), "nor reads one what another writes");
    drop(first);
    assert!(second.make_tables("").is_ok());
}
