//! Recorded machines: what a kernel shows of them in files, one TOML each, and what may happen to them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde::Deserialize;
use wt_keys::{PublicKey, SigningKey};
use wt_licensor::{Fingerprint, fingerprint};

pub const PRODUCT: &str = "worktile";
pub const NAMES: [&str; 8] = ["metal", "laptop", "vmware", "kvm", "hyperv", "aws", "junk", "nothing"];

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    files: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    /// Which installation key lies on it.
    #[serde(skip)]
    key: u8,
}

#[derive(Clone, Debug)]
pub struct Seen {
    pub fingerprint: Fingerprint,
    pub key: PublicKey,
}

impl Machine {
    pub fn recorded(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machines").join(format!("{name}.toml"));
        toml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// What `wt-install` sees of it.
    pub fn seen(&self) -> Seen {
        Seen { fingerprint: self.fingerprint(), key: self.key().public() }
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_seed(&[self.key + 1; 32])
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in &self.files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for (path, target) in &self.links {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(target, path).unwrap();
        }
        fingerprint::collect(folder.path(), Path::new("/data"), PRODUCT, &self.key().public())
    }

    pub fn put(&mut self, path: &str, content: &str) {
        self.files.insert(path.to_owned(), content.to_owned());
    }

    pub fn link(&mut self, path: &str, target: &str) {
        self.links.insert(path.to_owned(), target.to_owned());
    }

    pub fn change(&mut self, path: &str, to: impl FnOnce(&str) -> String) {
        let value = self.files.get_mut(path).unwrap();
        *value = to(value);
    }

    pub fn new_uuid(&mut self) {
        self.exchange(|path| path.ends_with("/product_uuid"));
    }

    pub fn new_board(&mut self) {
        self.new_uuid();
        self.exchange(|path| path.ends_with("_serial"));
    }

    /// The name that a cloud gives; it gives a new UUID with it.
    pub fn new_instance(&mut self) {
        self.new_board();
        self.exchange(|path| path.ends_with("/board_asset_tag"));
    }

    pub fn new_cards(&mut self) {
        let addresses = ["/address", "/perm_hwaddr", "/macaddress"];
        self.exchange(|path| path.contains("/net/") && addresses.iter().any(|name| path.ends_with(name)));
    }

    pub fn new_disks(&mut self) {
        self.exchange(|path| path.ends_with("/wwid"));
    }

    pub fn new_system(&mut self) {
        self.exchange(|path| path == "etc/machine-id");
    }

    /// The state of the installation is lost, or another installation's is put there.
    pub fn new_key(&mut self) {
        self.key += 1;
    }

    pub fn exchange(&mut self, of: impl Fn(&str) -> bool) {
        for (_, value) in self.files.iter_mut().filter(|(path, _)| of(path)) {
            *value = another(value);
        }
    }
}

/// A value of the same form: its last five digits, or letters that are digits, are the next ones.
fn another(value: &str) -> String {
    let mut left = 5;
    let mut next = |c: char| {
        let other = match c {
            '9' => '0',
            'f' => 'a',
            'F' => 'A',
            '0'..='8' | 'a'..='e' | 'A'..='E' => char::from_u32(c as u32 + 1).unwrap(),
            c => return c,
        };
        if left == 0 {
            return c;
        }
        left -= 1;
        other
    };
    let reversed: String = value.chars().rev().map(&mut next).collect();
    reversed.chars().rev().collect()
}
