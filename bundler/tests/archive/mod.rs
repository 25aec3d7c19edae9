//! A small archive of packages, made and signed by the test itself.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use wt_keys::Sha256Digest;

pub struct Archive {
    pub folder: PathBuf,
    gnupg: PathBuf,
}

/// What `run` says on its standard output.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Makes a package `NAME VERSION` with further `fields`.
pub fn deb(folder: &Path, name_and_version: &str, fields: &str) -> PathBuf {
    let (name, version) = name_and_version.split_once(' ').unwrap();
    let root = folder.join("deb");
    fs::create_dir_all(root.join("DEBIAN")).unwrap();
    let architecture = if fields.contains("Architecture: ") { "" } else { "Architecture: amd64\n" };
    let control = format!(
        "Package: {name}\nVersion: {version}\n{architecture}Maintainer: a test\nDescription: a test\n{fields}"
    );
    fs::write(root.join("DEBIAN/control"), control).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(root.join("DEBIAN"), fs::Permissions::from_mode(0o755)).unwrap();
    let file = folder.join(format!("{name}_{}.deb", version.replace(':', "-")));
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&root, &file]));
    fs::remove_dir_all(root).unwrap();
    file
}

impl Archive {
    /// In `folder`, with keys of its own.
    pub fn new(folder: &Path) -> Self {
        let archive = Self { folder: folder.join("archive"), gnupg: folder.join("gnupg") };
        fs::create_dir_all(&archive.folder).unwrap();
        archive.make_key("the archive");
        archive
    }

    fn gpg(&self) -> Command {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", &self.gnupg).args([
            "--batch",
            "--quiet",
            "--yes",
            "--pinentry-mode",
            "loopback",
        ]);
        gpg.args(["--passphrase", ""]);
        gpg
    }

    /// The next release is signed with it; the keyring has it alone.
    pub fn make_key(&self, name: &str) {
        fs::create_dir_all(&self.gnupg).unwrap();
        fs::set_permissions(&self.gnupg, fs::Permissions::from_mode(0o700)).unwrap();
        run(self.gpg().args(["--quick-generate-key", name, "ed25519", "sign", "never"]));
        run(self.gpg().arg("--output").arg(self.keyring()).args(["--export", name]));
    }

    pub fn keyring(&self) -> PathBuf {
        self.folder.join("keyring.gpg")
    }

    /// Puts the packages (`NAME VERSION`, fields) into `suite` and signs it.
    pub fn publish(&self, suite: &str, packages: &[(&str, &str)]) {
        let mut index = String::new();
        let pool = self.folder.join("pool").join(suite);
        fs::create_dir_all(&pool).unwrap();
        for (name, fields) in packages {
            let file = deb(&pool, name, fields);
            let bytes = fs::read(&file).unwrap();
            let control = run(Command::new("dpkg-deb").arg("-f").arg(&file));
            let path = file.strip_prefix(&self.folder).unwrap().display();
            let digest = Sha256Digest::of(&bytes);
            let _ = writeln!(index, "{control}Filename: {path}\nSize: {}\nSHA256: {digest}\n", bytes.len());
        }
        let binary = self.dist(suite).join("main/binary-amd64");
        fs::create_dir_all(&binary).unwrap();
        fs::write(binary.join("Packages"), index).unwrap();
        self.sign(suite, "+1 day");
    }

    fn dist(&self, suite: &str) -> PathBuf {
        self.folder.join("dists").join(suite)
    }

    /// Writes and signs the release file of `suite`, good until then, in words of date(1).
    pub fn sign(&self, suite: &str, until: &str) {
        self.sign_from(suite, "-2 days", until);
    }

    /// As of a day.
    pub fn sign_from(&self, suite: &str, from: &str, until: &str) {
        let time = |when: &str| run(Command::new("date").args(["-u", "-R", "-d", when]).env("LC_ALL", "C"));
        let bytes = fs::read(self.dist(suite).join("main/binary-amd64/Packages")).unwrap();
        let release = format!(
            "Origin: Test\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\nDate: {}Valid-Until: {}SHA256:\n {} {} main/binary-amd64/Packages\n",
            time(from).replace("+0000", "UTC"),
            time(until).replace("+0000", "UTC"),
            Sha256Digest::of(&bytes),
            bytes.len(),
        );
        fs::write(self.dist(suite).join("Release"), release).unwrap();
        self.put_signature(suite, "--clearsign", "InRelease");
    }

    fn put_signature(&self, suite: &str, how: &str, name: &str) {
        let last = run(self.gpg().args(["--list-secret-keys", "--with-colons"]));
        let key = last.lines().filter_map(|line| line.strip_prefix("fpr:")).next_back().unwrap();
        let key = key.trim_matches(':');
        let (signed, release) = (self.dist(suite).join(name), self.dist(suite).join("Release"));
        run(self.gpg().args(["--local-user", key, how, "--output"]).arg(signed).arg(release));
    }

    /// The signature beside the release file, as archives had it long ago.
    pub fn sign_beside(&self, suite: &str) {
        self.put_signature(suite, "-ab", "Release.gpg");
        self.unsign(suite);
    }

    /// The same without a signature.
    pub fn unsign(&self, suite: &str) {
        fs::remove_file(self.dist(suite).join("InRelease")).unwrap();
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // the agent of this folder alone; it would also end when the folder goes
        let _ = Command::new("gpgconf").env("GNUPGHOME", &self.gnupg).args(["--kill", "all"]).status();
    }
}
