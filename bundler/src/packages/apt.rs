//! apt-get with folders of its own. Of this machine's apt only the ways through the network are used (proxies): no
//! source, key, preference, hook, list, installed package or leniency of it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use wt_keys::Sha256Digest;
use wt_manifests::release::PackageTarget;

use super::mirror;
use super::scratch::Scratch;
use crate::{Error, Result};

/// A private apt for one target.
pub struct Apt {
    folder: Scratch,
    target: String,
}

/// A package that apt would download.
#[derive(Debug, PartialEq, Eq)]
pub struct Planned {
    pub file_name: String,
    pub size: u64,
    pub sha256: Sha256Digest,
}

impl Apt {
    pub fn prepare(target: &PackageTarget, platform: &str) -> Result<Self> {
        if !target.keyring.is_file() {
            return Err(Error::NoKeyring { target: target.target.clone(), path: target.keyring.clone() });
        }
        let architecture = platform.split_once('/').map_or(platform, |(_, machine)| machine);
        let apt = Self { folder: Scratch::create(&std::env::temp_dir())?, target: target.target.clone() };
        for name in ["state/lists/partial", "cache/archives/partial"] {
            let path = apt.path(name);
            fs::create_dir_all(&path).map_err(Error::io("create the folder", path))?;
        }
        apt.write_status("")?;
        apt.write("apt.conf", &configuration(apt.folder.path(), architecture))?;
        apt.write("sources.list", &sources(target, architecture)?)?;
        Ok(apt)
    }

    /// Fetches the signed indexes. Anything that apt would only warn about is an error.
    pub fn update(&self) -> Result<()> {
        self.run("read the archive's index", &["update", "-qq", "--error-on=any"]).map(drop)
    }

    /// What would be installed beside what is, by name, in order.
    pub fn simulate(&self, names: &[String]) -> Result<Vec<String>> {
        let said = self.install("resolve the packages", &["--simulate"], names)?;
        let names = said.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// What would be downloaded, in the order of the file names.
    pub fn plan(&self, names: &[String]) -> Result<Vec<Planned>> {
        let said = self.install("resolve the packages", &["--print-uris"], names)?;
        let plan = |line: &str| {
            planned(line)
                .ok_or_else(|| Error::AptAnswer { target: self.target.clone(), found: line.to_owned() })
        };
        let mut all = said.lines().filter(|line| !line.is_empty()).map(plan).collect::<Result<Vec<_>>>()?;
        all.sort_by(|a, b| a.file_name.cmp(&b.file_name));
        Ok(all)
    }

    pub fn download(&self, names: &[String]) -> Result<()> {
        self.install("download the packages", &["--download-only", "--assume-yes"], names).map(drop)
    }

    fn install(&self, action: &'static str, options: &[&str], names: &[String]) -> Result<String> {
        let names = names.iter().map(String::as_str);
        let arguments: Vec<&str> = ["install", "-qq"]
            .into_iter()
            .chain(options.iter().copied())
            .chain(["--"])
            .chain(names)
            .collect();
        self.run(action, &arguments)
    }

    fn run(&self, action: &'static str, arguments: &[&str]) -> Result<String> {
        let output = Command::new("apt-get")
            .arg("-c") // read behind the machine's apt.conf.d: what it says is the last word
            .arg(self.path("apt.conf"))
            .args(arguments)
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::NoApt { source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().take(20).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        Err(Error::Apt { action, target: self.target.clone(), said })
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

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.path(name);
        fs::write(&path, content).map_err(Error::io("write", path))
    }
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
Dir::Etc::sourcelist "{folder}/sources.list";
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

fn sources(target: &PackageTarget, architecture: &str) -> Result<String> {
    let keyring = target.keyring.display();
    let components = target.components.join(" ");
    let mut sources = String::new();
    for suite in &target.suites {
        let mirror = match &target.mirror {
            Some(mirror) => mirror.clone(),
            None => mirror::of_this_machine(&target.target, suite)?,
        };
        let _ =
            writeln!(sources, "deb [signed-by={keyring} arch={architecture}] {mirror} {suite} {components}");
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
