//! `build --check` of what came from a registry.

use std::fs;

use crate::fixture::{Kind, Registry};
use crate::layout::Layout;
use crate::{AMD64, BUNDLE, World, done, said};

#[test]
fn a_build_from_a_registry_is_made_again_in_the_form_that_it_has() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let host = registry.host();
    registry.push(&Layout::new(AMD64, &[(1, 5000)]), "a:1");
    let plain = ["--plain-http", &host];
    for form in [&[][..], &["--verbatim"]] {
        let world = World::new(&[format!("docker://{host}/a:1")]);
        done(&world.build(&[&plain[..], form].concat()));
        let check = || {
            let mut check = world.program();
            check.args(["build", "release", "--check", BUNDLE, "--trust"]).arg(world.key("trust.json"));
            // as its author would, who has the key in the environment
            check.args(plain).env("WT_KEY", world.key("bundle.key")).output().unwrap()
        };
        let same = check();
        done(&same);
        assert_eq!(String::from_utf8_lossy(&same.stdout), "same\n");
        registry.push(&Layout::new(AMD64, &[(2, 5000)]), "a:1");
        let differs = said(&check(), 1);
        assert!(
            differs.contains("is not what this release gives: the image `test/0:1`\n  expected config "),
            "{differs}"
        );
        fs::remove_file(world.path(BUNDLE)).unwrap();
        registry.push(&Layout::new(AMD64, &[(1, 5000)]), "a:1");
    }
}
