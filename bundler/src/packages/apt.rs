//! apt-get with folders of its own. Of this machine's apt only the ways through the network are used (proxies): no
//! source, key, preference, hook, list, installed package or leniency of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use wt_keys::{Sha256Digest, capped};
use wt_manifests::Platform;
use wt_manifests::release::{AptWord, PackageTarget};

use super::given::Given;
use super::mirror;
use super::scratch::Scratch;
use super::unmet::{self, Unmet};
use crate::{Error, Result};

const KEYRING_LIMIT: u64 = 16 << 20;
/// Of what apt says when it fails.
const MOST_LINES: usize = 4;
/// Where the search for causes ends.
const MOST_ASKED: usize = 500;

/// A private apt for one target.
pub struct Apt {
    folder: Scratch,
    pub target: String,
}

/// A package that apt would download.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    pub file_name: String,
    pub size: u64,
    pub sha256: Sha256Digest,
}

impl Apt {
    pub fn create(target: &PackageTarget) -> Result<Self> {
        let apt = Self { folder: Scratch::create(&std::env::temp_dir())?, target: target.target.clone() };
        for name in ["state/lists/partial", "cache/archives/partial", "given"] {
            let path = apt.path(name);
            fs::create_dir_all(&path).map_err(Error::io("create the folder", path))?;
        }
        apt.write_status("")?;
        Ok(apt)
    }

    /// Tells it where the packages of `target` are, and what authenticates them.
    pub fn describe(&self, target: &PackageTarget, platform: &Platform) -> Result<()> {
        if !target.keyring.is_file() {
            return Err(Error::NoKeyring { target: target.target.clone(), path: target.keyring.clone() });
        }
        let architecture = architecture(platform);
        let keyring = self.take_keyring(&target.keyring)?;
        self.write("apt.conf", &configuration(self.folder.path(), architecture))?;
        self.write("archive.sources", &sources(target, architecture, &keyring)?)
    }

    /// Copies the keyring to where apt's own user can read it, under a name that says what it is.
    fn take_keyring(&self, keyring: &Path) -> Result<PathBuf> {
        let bytes = capped::read(keyring, "a keyring", KEYRING_LIMIT)?;
        let armored = bytes.starts_with(b"-----BEGIN PGP");
        let copy = self.path(if armored { "keyring.asc" } else { "keyring.gpg" });
        fs::write(&copy, bytes).map_err(Error::io("write", &copy))?;
        Ok(copy)
    }

    /// Fetches the signed indexes. Anything that apt would only warn about is an error.
    pub fn update(&self) -> Result<()> {
        self.run("read the archive's index", &["update", "-qq", "--error-on=any"], &[]).map(drop)
    }

    /// What would be installed where nothing is, by name, in order; `preferences` choose among versions.
    pub fn simulate(&self, names: &[String], preferences: &str) -> Result<Vec<String>> {
        self.write("preferences", preferences)?;
        let option = format!("-oDir::Etc::preferences={}", self.path("preferences").display());
        let said = self.install("resolve the packages", &["--simulate", &option], names)?;
        let names = said.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// What would be downloaded to install `names`, which may be paths of the `given` files.
    pub fn plan(&self, names: &[String], given: &[Given]) -> Result<Vec<Planned>> {
        let said = match self.install("resolve the packages", &["--print-uris"], names) {
            Err(failed) => return Err(self.unmet(names)?.unwrap_or(failed)),
            Ok(said) => said,
        };
        let is_given = |line: &&str| given.iter().any(|given| file_name(line) == Some(&given.file_name));
        let plan = |line: &str| {
            planned(line)
                .ok_or_else(|| Error::AptAnswer { target: self.target.clone(), found: line.to_owned() })
        };
        let lines = said.lines().filter(|line| !line.is_empty() && !is_given(line));
        lines.map(plan).collect()
    }

    /// What cannot be had, where that is why apt refuses. It looks one step far, so what it will not install is asked
    /// for, until all reasons are known.
    fn unmet(&self, names: &[String]) -> Result<Option<Error>> {
        let mut asked = names.to_vec();
        loop {
            let said = self.say(&["install", "-q", "--simulate", "--"], &asked)?;
            let found = unmet::read(&String::from_utf8_lossy(&said.stdout));
            let mut more: Vec<String> = found.iter().filter_map(Unmet::refused).collect();
            more.retain(|name| !asked.contains(name));
            if more.is_empty() || asked.len() > MOST_ASKED {
                let target = self.target.clone();
                return Ok((!found.is_empty()).then(|| Error::Unmet { target, unmet: unmet::causes(found) }));
            }
            asked.extend(more);
        }
    }

    pub fn download(&self, names: &[String]) -> Result<()> {
        self.install("download the packages", &["--download-only", "--assume-yes"], names).map(drop)
    }

    fn install(&self, action: &'static str, options: &[&str], names: &[String]) -> Result<String> {
        let arguments: Vec<&str> =
            ["install", "-qq"].into_iter().chain(options.iter().copied()).chain(["--"]).collect();
        self.run(action, &arguments, names)
    }

    fn run(&self, action: &'static str, arguments: &[&str], names: &[String]) -> Result<String> {
        let output = self.say(arguments, names)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = essence(&String::from_utf8_lossy(&output.stderr));
        Err(Error::Apt { action, target: self.target.clone(), said })
    }

    fn say(&self, arguments: &[&str], names: &[String]) -> Result<Output> {
        Command::new("apt-get")
            .arg("-c") // read behind the machine's apt.conf.d: what it says is the last word
            .arg(self.path("apt.conf"))
            .args(arguments)
            .args(names)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::NoApt { source })
    }

    /// What apt takes to be installed on the target.
    pub fn write_status(&self, status: &str) -> Result<()> {
        self.write("status", status)
    }

    pub fn lists(&self) -> PathBuf {
        self.path("state/lists")
    }

    pub fn archives(&self) -> PathBuf {
        self.path("cache/archives")
    }

    /// Where the files that are given by hand are copied to.
    pub fn given(&self) -> PathBuf {
        self.path("given")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, content).map_err(Error::io("write", path))
    }
}

/// The lines that say what is wrong, each once; the rest of them repeats it.
fn essence(said: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in said.lines().map(str::trim_end).filter(|line| line.starts_with("E: ")) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if lines.is_empty() {
        lines = said.lines().collect();
    }
    let left = lines.len().saturating_sub(MOST_LINES);
    let mut said: Vec<String> = lines.iter().take(MOST_LINES).map(|line| format!("  {line}")).collect();
    said.extend((left > 0).then(|| format!("  and {left} more")));
    said.join("\n")
}

/// The second word: what the file is to be called.
fn file_name(line: &str) -> Option<&str> {
    line.strip_prefix('\'')?.split_once("' ")?.1.split(' ').next()
}

/// `'http://…/runc_1.1.5_amd64.deb' runc_1.1.5_amd64.deb 2709960 SHA256:04e0…`
fn planned(line: &str) -> Option<Planned> {
    let (_, rest) = line.strip_prefix('\'')?.split_once("' ")?;
    let mut words = rest.split(' ');
    let file_name = words.next().filter(|name| !name.contains('/'))?.to_owned();
    let size = words.next()?.parse().ok()?;
    let sha256 = words.next()?.strip_prefix("SHA256:")?.parse().ok()?;
    Some(Planned { file_name, size, sha256 })
}

/// What Debian calls the machine of `platform`.
pub fn architecture(platform: &Platform) -> &str {
    match (platform.machine(), platform.variant()) {
        ("386", _) => "i386",
        ("arm", None | Some("v7")) => "armhf",
        ("arm", Some(_)) => "armel",
        ("ppc64le", _) => "ppc64el",
        ("mips64le", _) => "mips64el",
        (machine, _) => machine,
    }
}

fn configuration(folder: &Path, architecture: &str) -> String {
    let folder = folder.display();
    format!(
        r#"#clear APT::Architectures;
#clear APT::NeverAutoRemove;
#clear APT::Default-Release;
#clear Acquire::Min-ValidTime;
#clear Acquire::Max-ValidTime;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Install::Pre-Invoke;
#clear APT::Install::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Log "{folder}";
Dir::Etc::sourcelist "{folder}/archive.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "/dev/null";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Get::AllowUnauthenticated "false";
APT::Get::Always-Include-Phased-Updates "true";
APT::Keep-Downloaded-Packages "true";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::AllowReleaseInfoChange "false";
Acquire::Check-Date "true";
Acquire::Check-Valid-Until "true";
Acquire::ForceHash "SHA256";
Acquire::GzipIndexes "false";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
"#
    )
}

/// In deb822, where a value is one and no more (the release's values are plain words besides).
fn sources(target: &PackageTarget, architecture: &str, keyring: &Path) -> Result<String> {
    let components: Vec<&str> = target.components.iter().map(AptWord::as_str).collect();
    let mut sources = String::new();
    for suite in &target.suites {
        let mirror = match &target.mirror {
            Some(mirror) => mirror.clone(),
            None => mirror::of_this_machine(&target.target, suite.as_str())?,
        };
        let uri = match mirror.as_str().strip_prefix("file:") {
            Some(folder) => format!("copy:{folder}"), // with `file:` apt would not copy packages to our folder
            None => mirror.to_string(),
        };
        let check = if target.snapshot { "no" } else { "yes" };
        let _ = writeln!(
            sources,
            "Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {}\nArchitectures: {architecture}\n\
             Signed-By: {}\nCheck-Valid-Until: {check}\n",
            components.join(" "),
            keyring.display()
        );
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_prints_is_read() {
        let digest = Sha256Digest::of(b"");
        let line = format!("'http://h/a%2bb_1.deb' a+b_1%3a2_amd64.deb 12 SHA256:{digest}");
        let expected = Planned { file_name: "a+b_1%3a2_amd64.deb".into(), size: 12, sha256: digest };
        assert_eq!(planned(&line), Some(expected));
        for wrong in [
            format!("'http://h/a' ../a.deb 12 SHA256:{digest}"),
            "'http://h/a' a.deb 12 MD5Sum:0".to_owned(),
            format!("'http://h/a' a.deb x SHA256:{digest}"),
            "WARNING: something".to_owned(),
        ] {
            assert_eq!(planned(&wrong), None, "{wrong}");
        }
    }

    /// A machine that was told to take anything; apt itself says what it makes of both.
    #[test]
    fn the_leniency_of_the_machine_has_no_say() {
        const STRICT: [&str; 6] = [
            r#"APT::Get::AllowUnauthenticated "false";"#,
            r#"Acquire::AllowDowngradeToInsecureRepositories "false";"#,
            r#"Acquire::AllowInsecureRepositories "false";"#,
            r#"Acquire::AllowWeakRepositories "false";"#,
            r#"Acquire::Check-Date "true";"#,
            r#"Acquire::Check-Valid-Until "true";"#,
        ];
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
        let swapped = |line: &str| match line.strip_suffix("\"false\";") {
            Some(name) => format!("{name}\"true\";\n"),
            None => line.replace("true", "false") + "\n",
        };
        fs::create_dir(folder.path().join("parts")).unwrap();
        write("parts/99lenient", &(STRICT.map(swapped).concat() + "Acquire::Min-ValidTime \"99999999\";\n"));
        write("machine.conf", &format!("Dir::Etc::parts \"{}/parts\";\n", folder.path().display()));
        write("apt.conf", &configuration(folder.path(), "amd64"));
        let dump = |arguments: &[&str]| {
            let mut apt_config = Command::new("apt-config");
            apt_config.current_dir(folder.path()).env("APT_CONFIG", "machine.conf").args(arguments);
            String::from_utf8(apt_config.arg("dump").output().unwrap().stdout).unwrap()
        };
        let (lenient, ours) = (dump(&[]), dump(&["-c", "apt.conf"]));
        for line in STRICT {
            assert!(lenient.lines().any(|found| found == swapped(line).trim_end()), "{line} in\n{lenient}");
            assert!(ours.lines().any(|found| found == line), "{line} in\n{ours}");
        }
        assert!(lenient.contains("99999999") && !ours.contains("99999999"), "{ours}");
    }
}
