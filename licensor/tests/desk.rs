//! The vendor's desk, with the real `wt-license`: a request comes in, a license goes out, and is checked.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod world;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use wt_keys::testkit::Vendor;
use wt_licensor::{Kind, Quality, Tag};

use world::{Desk, HERE, THERE, code, said};

#[test]
fn a_license_fits_the_machine_that_asked_and_no_other() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    desk.request("other.json", THERE, 12, "Acme GmbH");
    let signed = desk.sign(&[]);
    assert_eq!(code(&signed), 0, "{}", said(&signed));
    assert!(signed.stdout.is_empty());
    assert!(said(&signed).contains(
        "warning: `node-1` can be told from others only in part: it is bound to machine_id, install_key and to nothing \
         of its hardware; a copy of its disk has these too and passes for it on any machine\n"
    ));
    assert_eq!(code(&desk.verify(&[])), 0);
    let verdict = desk.verify(&["--hardware", "hw.json", "--json"]);
    assert_eq!(code(&verdict), 0);
    assert!(String::from_utf8(verdict.stdout).unwrap().contains("\"state\": \"MATCH\""));
    let verdict = desk.verify(&["--hardware", "other.json"]);
    assert_eq!(
        (code(&verdict), said(&verdict)),
        (4, "error: the license is refused: FOREIGN (HW_FOREIGN)\n".into())
    );
    assert!(
        String::from_utf8(verdict.stdout).unwrap().contains("machine_id   medium      weight  15  differs")
    );
}

#[test]
fn a_changed_license_is_not_trusted() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    assert_eq!(code(&desk.sign(&["-q"])), 0);
    let mut license = fs::read(desk.path("license.json")).unwrap();
    license[200] ^= 1;
    fs::write(desk.path("license.json"), license).unwrap();
    assert_eq!(code(&desk.verify(&[])), 3);
}

#[test]
fn what_is_no_request_is_refused_with_a_hint() {
    let desk = Desk::new();
    fs::write(desk.path("hw.json"), "{\"cpu\": \"x\"}").unwrap();
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 3);
    assert!(said(&refused).starts_with("error: `hw.json` is not a hardware request that can be trusted\n"));
    assert!(said(&refused).contains("\nhint: ask the site for the `hw.json`"));
    fs::remove_file(desk.path("hw.json")).unwrap();
    assert_eq!(code(&desk.sign(&[])), 1);
}

#[test]
fn a_fingerprint_that_could_be_any_machines_is_refused_unless_accepted() {
    let desk = Desk::new();
    desk.request("hw.json", "uninitialized", 11, "Acme GmbH");
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 4);
    assert!(said(&refused).contains("grade C: only install_key"), "{}", said(&refused));
    assert!(!Path::new(&desk.path("license.json")).exists());
    assert_eq!(code(&desk.sign(&["--accept-weak"])), 0);
}

#[test]
fn a_request_that_is_not_there_is_answered_with_where_it_comes_from() {
    let refused = Desk::new().run(&["sign", "missing.json", "--key", "license.key"]);
    assert_eq!(code(&refused), 1);
    assert!(
        said(&refused)
            .ends_with("hint: name the `hw.json` that `wt-install fingerprint` wrote at the site\n")
    );
}

#[test]
fn off_a_terminal_a_missing_flag_is_named() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "");
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("hint: say it: `--customer NAME`"));
    let refused = desk.run(&["sign", "hw.json", "--customer", "Acme GmbH"]);
    assert_eq!(code(&refused), 2);
    assert!(said(&refused).contains("`--key FILE`"));
    assert_eq!(code(&desk.sign(&["--customer", "a\tb"])), 2);
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--expires", "2020-02-01"])), 2);
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--days", "367"])), 1, "the certificate allows 366");
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "--dry-run"])), 0);
    assert!(!desk.path("license.json").exists());
    assert_eq!(code(&desk.sign(&["--customer", "Acme", "-o", "acme.json"])), 0);
    assert!(desk.path("acme.json").exists());
}

#[test]
fn the_desk_decides_for_which_product_and_how_many_nodes() {
    let desk = Desk::new();
    desk.request_with("hw.json", HERE, 11, |request| {
        let mut second = request.nodes[0].clone();
        second.label = "node-2".into();
        request.nodes.push(second);
    });
    let refused = desk.sign(&[]);
    assert_eq!(code(&refused), 4, "{}", said(&refused));
    assert!(said(&refused).contains("\n  expected at most 1\n  found    2\nhint: "), "{}", said(&refused));
    let refused = desk.sign(&["--nodes", "2", "--product", "other"]);
    assert_eq!(code(&refused), 4, "{}", said(&refused));
    assert!(said(&refused).contains("\n  expected `other`\n  found    `worktile`\n"), "{}", said(&refused));
    assert!(!desk.path("license.json").exists());
    let signed = desk.sign(&["--nodes", "2", "--json"]);
    assert_eq!(code(&signed), 0, "{}", said(&signed));
    assert!(said(&signed).contains("license of `worktile`, as the request names it, for 2 node(s)\n"));
    assert!(String::from_utf8(signed.stdout).unwrap().contains("\"nodes\": 2"));
    let signed = desk.sign(&["--nodes", "2", "--product", "worktile", "--output", "named.json", "--rehost"]);
    assert!(said(&signed).contains("license of `worktile` for 2 node(s)\n"), "{}", said(&signed));
}

#[test]
fn a_license_that_is_there_is_replaced_only_on_demand() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    assert_eq!(code(&desk.sign(&["-q"])), 0);
    let before = fs::read(desk.path("license.json")).unwrap();
    let refused = desk.sign(&["-q"]);
    assert_eq!(
        (code(&refused), said(&refused)),
        (
            1,
            "error: `license.json` is there already\n\
             hint: name another file with `--output`, or replace it with `--replace`\n"
                .into()
        )
    );
    assert!(fs::read(desk.path("license.json")).unwrap() == before);
    assert_eq!(code(&desk.sign(&["-q", "--replace", "--rehost"])), 0);
    assert!(fs::read(desk.path("license.json")).unwrap() != before, "another license id");
}

#[test]
fn the_desk_sees_how_many_values_a_component_has() {
    let desk = Desk::new();
    desk.request_with("hw.json", HERE, 11, |request| {
        let component = &mut request.nodes[0].components[5];
        component.quality = Quality::Ok;
        component.tags = (0..3).map(|n| Tag::of("worktile", Kind::Nic, &n.to_string())).collect();
        component.tags.sort();
    });
    let shown = said(&desk.sign(&["--dry-run"]));
    assert!(
        shown.contains("machine     `node-1`, grade B: nic (3 values), machine_id, install_key\n"),
        "{shown}"
    );
}

/// What it says on a terminal to whoever types `answers`.
fn typed(desk: &Desk, line: &str, answers: &str) -> String {
    let program = desk.command(line);
    let words: Vec<_> = [program.get_program()].into_iter().chain(program.get_args()).collect();
    let words = words.join(std::ffi::OsStr::new(" "));
    let mut script = Command::new("script");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => script.env(name, value),
            None => script.env_remove(name),
        };
    }
    script.args(["-q", "-c"]).arg(words).arg("/dev/null").current_dir(desk.path("."));
    let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    script.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    String::from_utf8(script.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn on_a_terminal_it_asks_shows_what_was_said_and_signs_what_was_confirmed() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    let sign = "sign hw.json --key license.key --zone Asia/Shanghai";
    // customer, edition, seats, modules, nodes, spares, last day
    let said = typed(&desk, sign, "\n\n0\n250\nmessages,drive\n\n1\n\nn\n");
    for expected in [
        "Customer [Acme GmbH]: ",
        "  no: expected a number, 1 or more\r\nSeats [100]: ",
        "  seats       250\r\n",
        "  modules     messages, drive\r\n",
        "Sign this license? [y/N] ",
        "nothing was signed\r\n",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    assert!(!desk.path("license.json").exists() && !desk.path("ledger.db").exists());
    let said = typed(&desk, &format!("{sign} --plan standard"), "Müller\n\n250\n\n\n\n\ny\n");
    assert!(said.contains("license written to `license.json`\r\n"), "{said}");
    let listed = desk.listed("");
    assert_eq!((&listed[0]["customer"], &listed[0]["seats"]), (&"Müller".into(), &250.into()));
    let id = listed[0]["license_id"].as_str().unwrap();
    let said = typed(&desk, &format!("revoke {id} --reason sold --ledger ledger.db"), "no\n");
    assert!(said.contains("? [y/N] ") && said.contains("error: nothing was revoked\r\n"), "{said}");
    assert_eq!(desk.listed("")[0]["standing"], "in_force");
}

#[test]
fn who_signs_hears_of_earlier_trust_documents_that_are_missing() {
    let desk = Desk::new();
    desk.request("hw.json", HERE, 11, "Acme GmbH");
    let later = Vendor::insecure(1).trusting(|trust| trust.version = 2);
    fs::rename(desk.path("trust.json"), desk.path("trust-1.json")).unwrap();
    fs::write(desk.path("trust.json"), later.trust.to_bytes()).unwrap();
    let warning = "warning: trust-1.json is missing beside `./trust.json`: sites that missed it cannot follow, if it brought \
                   other roots\n";
    let signed = desk.sign(&[]);
    assert!(code(&signed) == 0 && !said(&signed).contains(warning), "{}", said(&signed));
    fs::remove_file(desk.path("license.json")).unwrap();
    fs::remove_file(desk.path("trust-1.json")).unwrap();
    desk.request("hw.json", THERE, 12, "Acme GmbH");
    let signed = desk.sign(&[]);
    assert!(code(&signed) == 0 && said(&signed).contains(warning), "{}", said(&signed));
}
