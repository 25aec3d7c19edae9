//! The vectors that this verifier and the one for Node.js both answer: `sdk/vectors/`. Each case states what a site looks
//! like, by its files, and the verdict and the words that both must give.
//!
//! They are made here, from keys that anybody can compute. `WT_BLESS=1` writes them anew: what changes then is what sites
//! and products see.
#![cfg(feature = "issue")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wt_keys::Trust;
use wt_licensor::check::{Bench, Host};
use wt_licensor::{LicenseInputs, Reason, State, Verdict, check, licenses};

#[path = "vectors/cases.rs"]
mod cases;
#[path = "vectors/world.rs"]
mod world;

/// What lies in `sdk/vectors/verdicts.json`. Lines that are the same lie there once.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Vectors {
    warning: String,
    /// In the order of documents: most values, digits of a tag, whether one value in common is enough.
    kinds: Vec<(String, usize, usize, bool)>,
    releases: Vec<String>,
    /// Each with the releases that meet it; `null` if it is none.
    requirements: Vec<(String, Option<Vec<String>>)>,
    /// What texts and words are made of, joined by line feeds.
    lines: Vec<String>,
    texts: BTreeMap<String, Vec<usize>>,
    cases: Vec<Case>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Case {
    name: String,
    /// By the names of their texts; a folder where there is none.
    files: BTreeMap<String, Option<String>>,
    trust: String,
    product: Option<String>,
    release: Option<String>,
    now: String,
    /// Whether there is a host; where not, a desk looks at the license.
    host: bool,
    /// The fields that are others than in the first case.
    verdict: BTreeMap<String, Value>,
    words: Vec<usize>,
}

impl Vectors {
    fn text(&self, name: &str) -> String {
        let lines = self.texts[name].iter().map(|line| self.lines[*line].as_str());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A line for each thing, so that a change can be read.
    fn spelt(&self) -> String {
        let all = serde_json::to_value(self).unwrap();
        let line = |(name, value): (&String, &Value)| match value {
            Value::Array(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                format!("\"{name}\": [\n{}\n]", values.join(",\n"))
            }
            value => format!("\"{name}\": {value}"),
        };
        let lines: Vec<String> = all.as_object().unwrap().iter().map(line).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

impl Case {
    /// What this verifier says, with the folder of the test left out of what it says.
    fn judge(&self, vectors: &Vectors) -> (Verdict, BTreeMap<String, Value>, String) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in &self.files {
            match text {
                Some(text) => fs::write(folder.path().join(name), vectors.text(text)).unwrap(),
                None => fs::create_dir(folder.path().join(name)).unwrap(),
            }
        }
        let path = |name: &str| folder.path().join(name);
        let trust = Trust::parse(vectors.text(&self.trust).as_bytes()).unwrap();
        let (release, now) = (self.release.as_deref(), self.now.parse().unwrap());
        let verdict = if self.host {
            check(&LicenseInputs {
                license: &path("license.json"),
                snapshot: &path("host.json"),
                boot_id: &path("boot_id"),
                trust: &trust,
                product: self.product.as_deref().unwrap(),
                release,
                now,
            })
        } else {
            let past = wt_keys::Utc::START;
            let bench = Bench { trust: &trust, product: self.product.as_deref(), release, now, past };
            licenses::judge_all(&licenses::read(&path("license.json")), &Host::NotCompared, &bench)
        };
        let here = folder.path().display().to_string();
        let json = serde_json::to_string(&verdict).unwrap().replace(&here, "/site");
        let words = verdict.explain().replace(&here, "/site");
        (verdict, serde_json::from_str(&json).unwrap(), words)
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/vectors").join(name)
}

fn written() -> Vectors {
    serde_json::from_slice(&fs::read(file("verdicts.json")).unwrap()).unwrap()
}

#[test]
fn every_vector_is_what_this_verifier_says() {
    let made = cases::all();
    if std::env::var_os("WT_BLESS").is_some() {
        fs::write(file("verdicts.json"), made.spelt()).unwrap();
    }
    let written = written();
    for (made, written) in made.cases.iter().zip(&written.cases) {
        assert_eq!(made, written, "{}", made.name);
    }
    assert!(made == written, "sdk/vectors/verdicts.json is not what is made here");
}

#[test]
fn there_is_a_vector_for_every_reason_and_state() {
    let vectors = written();
    let named = |field: &str| {
        let first = &vectors.cases[0].verdict;
        let names =
            vectors.cases.iter().map(|case| case.verdict.get(field).unwrap_or(&first[field]).to_string());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    // these are the last ones
    let all = (Reason::BootIdUnreadable as usize + 1, State::Unreadable as usize + 1);
    assert_eq!((named("reason").len(), named("state").len()), all, "{:?}", named("reason"));
    assert!(fs::metadata(file("verdicts.json")).unwrap().len() < 290_000, "vectors are to be small");
}

#[test]
fn published_ed25519_vectors_are_answered_strictly() {
    #[derive(Deserialize)]
    struct Vector {
        source: String,
        public: String,
        /// Whether the key by itself is one.
        key: bool,
        message: String,
        signature: String,
        valid: bool,
    }
    let vectors: Vec<Vector> = serde_json::from_slice(&fs::read(file("ed25519.json")).unwrap()).unwrap();
    assert!(vectors.len() > 80);
    for vector in vectors {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let key = bytes(&vector.public).try_into().unwrap();
        assert_eq!(wt_keys::PublicKey::from_bytes(&key).is_ok(), vector.key, "{}", vector.source);
        let signature: Result<[u8; 64], _> = bytes(&vector.signature).try_into();
        let verifies = signature
            .is_ok_and(|signature| wt_keys::testkit::verifies(&key, &bytes(&vector.message), &signature));
        assert_eq!(verifies, vector.valid, "{}", vector.source);
    }
}

/// Its own tests, over the same vectors. Where the whole of the tests is wanted, a machine without Node.js is a failure.
#[test]
fn the_verifier_for_node_gives_the_same_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/node");
    let run = Command::new("node").args(["--test", "--test-reporter=tap"]).current_dir(folder).output();
    let Ok(output) = run else {
        assert!(std::env::var_os("WT_TEST_WHOLE").is_none(), "no node, and WT_TEST_WHOLE is set");
        // not `eprintln`, which a test that passes keeps to itself
        let _ = writeln!(std::io::stderr(), "SKIPPED: no node; ./test installs it");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<&str> = said.split("\n# Subtest: ").filter(|test| test.contains("\nnot ok ")).collect();
    assert!(output.status.success() && failed.is_empty(), "{}", failed.join("\n"));
    let passed = said.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<usize>().ok());
    assert!(passed.is_some_and(|passed| passed > written().cases.len()), "{passed:?} tests ran");
}
