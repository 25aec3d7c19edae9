use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::console::{Done, Output, now};
use wt_keys::{SigningKey, Utc};
use wt_licensor::request::{Occasion, Usage, merge};
use wt_licensor::{Grade, Id, Request, fingerprint, install_key};

use crate::installed::Installed;
use crate::license_request::{self, Applicant};
use crate::{Error, Places, Result, SiteFile, home, host_snapshot, site};

/// Write the request for a license, `hw.json`, anew: what identifies this host, for the vendor
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install fingerprint --show          what would leave the site\n  wt-install fingerprint -o hw.json\n  wt-install fingerprint --merge node-1.json node-2.json -o hw.json"
)]
pub struct Fingerprint {
    /// Where to write it (left out: `hw.json` in the product's folder)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Why a license is asked for (left out: `renew` where the site has one, else `new`)
    #[arg(long, value_name = "REASON")]
    reason: Option<Occasion>,
    /// Send along what the product counted of its use: a JSON file with `users`, `modules` and `counted_at`
    #[arg(long, value_name = "FILE")]
    usage: Option<PathBuf>,
    /// Make one request of those that several machines of the site wrote; this machine's is one of them
    #[arg(long, value_name = "HW", num_args = 1..)]
    merge: Vec<PathBuf>,
    /// Print exactly what would leave the site; write nothing
    #[arg(long, conflicts_with = "output")]
    show: bool,
    /// Show what would be read of another machine, from a copy of its files below DIR
    #[arg(long, value_name = "DIR", requires = "show", conflicts_with_all = ["output", "reason", "usage", "merge"])]
    sysroot: Option<PathBuf>,
    /// The product that its tags are made for (left out: the one that is installed)
    #[arg(long, value_name = "NAME", requires = "sysroot")]
    product: Option<String>,
    /// Write only what the containers are told of this host: for the unit that runs at boot and hourly
    #[arg(long, hide = true, conflicts_with_all = ["output", "reason", "usage", "merge", "show", "sysroot"])]
    snapshot: bool,
}

impl Fingerprint {
    pub fn run(self, output: Output, places: &Places) -> Done {
        if let Some(sysroot) = &self.sysroot {
            return Ok(self.show_recorded(sysroot, output, places)?);
        }
        super::require_root()?;
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        let (key, now) = (install_key::load_or_make(&places.installation_key())?, now());
        let take_snapshot =
            || host_snapshot::write(places, &installed.product, &installed.data_root, &key, now);
        if self.snapshot {
            return Ok(take_snapshot()?);
        }
        let request = self.request(places, &installed, &key, now)?;
        if self.show {
            let shown = Shown::of(&request);
            output.report(&shown, &request);
            return Ok(());
        }
        take_snapshot()?;
        let path = self.output.unwrap_or_else(|| home::request(&installed.home));
        license_request::write(&request, &key, &path)?;
        output.say(format_args!("{} is written: send it to the vendor", path.display()));
        Ok(())
    }

    fn request(&self, places: &Places, installed: &Installed, key: &SigningKey, now: Utc) -> Result<Request> {
        let mut request = if self.merge.is_empty() {
            let site = SiteFile::read(&places.site_file())?;
            let (product, release) = (&installed.product, &installed.version);
            let license = installed.license.as_deref();
            Applicant { places, site: &site, product, release, license }.request(key, now)?
        } else {
            let requests =
                self.merge.iter().map(|path| Request::read(path)).collect::<Result<Vec<_>, _>>()?;
            merge(&requests, &key.public(), Id::generate()?)?
        };
        if let Some(reason) = self.reason {
            request.reason = reason;
        }
        if let Some(usage) = &self.usage {
            request.usage = Some(Usage::read(usage)?);
        }
        Ok(request)
    }

    /// It has no installation key that we could read, so one component is missing.
    fn show_recorded(&self, sysroot: &Path, output: Output, places: &Places) -> Result<()> {
        let product = match &self.product {
            Some(product) => product.clone(),
            None => Installed::read(places)?.ok_or(Error::NotInstalled)?.product,
        };
        let found = fingerprint::recorded(sysroot, Path::new(site::DATA_ROOT), &product);
        let grade = Grade::of(found.environment, &found.components);
        let text = format!("{}, grade {grade} without an installation key\n{found}", found.environment);
        output.report(&Recorded { schema: "wt.fingerprint.recorded.v1", grade, fingerprint: &found }, text);
        Ok(())
    }
}

/// What leaves is `request`, field by field; the grades are what the vendor's desk will see in it.
#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    grades: Vec<Graded<'a>>,
    request: &'a Request,
}

#[derive(Serialize)]
struct Graded<'a> {
    node: &'a str,
    grade: Grade,
}

#[derive(Serialize)]
struct Recorded<'a> {
    schema: &'static str,
    grade: Grade,
    fingerprint: &'a wt_licensor::Fingerprint,
}

impl<'a> Shown<'a> {
    fn of(request: &'a Request) -> Self {
        let graded = |node: &'a wt_licensor::request::Node| Graded {
            node: &node.label,
            grade: Grade::of(node.environment, &node.components),
        };
        Self { schema: "wt.fingerprint.v2", grades: request.nodes.iter().map(graded).collect(), request }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use wt_keys::durable;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        verb: Fingerprint,
    }

    fn parsed(arguments: &[&str]) -> Result<Fingerprint, clap::Error> {
        Ok(Line::try_parse_from([&["fingerprint"], arguments].concat())?.verb)
    }

    /// A machine of a site, below a root of its own, with installation key `n`.
    struct Machine {
        folder: tempfile::TempDir,
        places: Places,
        installed: Installed,
        key: SigningKey,
    }

    impl Machine {
        fn new(n: u8) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let places = Places::below(folder.path());
            let site = format!(
                "company-domain = \"acme\"\n[domains]\n[administrator]\nmail = \"root@example.com\"\nusername = \"root\"\n\
                 name = \"Root\"\npassword = \"a secret\"\n[[node]]\nname = \"node{n}\"\naddress = \"192.0.2.{n}\"\n\
                 roles = [\"app\"]\n"
            );
            durable::create_folder(&places.state(), 0o700).unwrap();
            durable::write(&places.site_file(), site.as_bytes(), 0o600).unwrap();
            let installed = serde_json::json!({
                "product": "worktile", "version": "5.2.0", "release": "v5.2", "home": folder.path(),
                "data_root": "/data", "bundle_signed_by": "00", "manifest": "00".repeat(32),
                "created": "2026-11-23T08:00:00Z", "services": [], "license": null,
            });
            let installed = serde_json::from_value(installed).unwrap();
            Self { folder, places, installed, key: SigningKey::from_seed(&[n; 32]) }
        }

        fn request(&self, arguments: &[&str]) -> Result<Request> {
            let now = "2026-11-29T08:00:00Z".parse().unwrap();
            parsed(arguments).unwrap().request(&self.places, &self.installed, &self.key, now)
        }

        fn write(&self, name: &str, request: &Request) -> String {
            let path = self.folder.path().join(name);
            license_request::write(request, &self.key, &path).unwrap();
            path.display().to_string()
        }
    }

    #[test]
    fn the_files_of_another_machine_are_shown_and_never_signed() {
        assert!(parsed(&["--sysroot", "x", "--show", "--product", "worktile"]).is_ok());
        for wrong in [
            &["--sysroot", "x"][..],
            &["--sysroot", "x", "-o", "hw.json"],
            &["--sysroot", "x", "--show", "--merge", "a.json"],
            &["--sysroot", "x", "--show", "--reason", "renew"],
            &["--product", "worktile", "--show"],
            &["--reason", "because"],
            &["--snapshot", "--show"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_request_says_why_and_what_was_used() {
        let machine = Machine::new(1);
        let request = machine.request(&[]).unwrap();
        assert_eq!((request.reason, request.previous_license, request.usage), (Occasion::New, None, None));
        let usage = machine.folder.path().join("usage.json");
        std::fs::write(&usage, r#"{"users": 9, "modules": [], "counted_at": "2026-11-23T08:00:00Z"}"#)
            .unwrap();
        let request = machine.request(&["--reason", "add-node", "--usage", usage.to_str().unwrap()]).unwrap();
        assert_eq!((request.reason, request.usage.unwrap().users), (Occasion::AddNode, 9));
    }

    #[test]
    fn the_machines_of_a_site_ask_together() {
        let (first, second) = (Machine::new(1), Machine::new(2));
        let one = first.write("one.json", &first.request(&[]).unwrap());
        let two = second.write("two.json", &second.request(&[]).unwrap());
        let merged = first.request(&["--merge", &one, &two, "--reason", "rehost"]).unwrap();
        let labels: Vec<_> = merged.nodes.iter().map(|node| node.label.as_str()).collect();
        assert_eq!((merged.reason, &labels[..]), (Occasion::Rehost, &["node1", "node2"][..]));
        first.write("hw.json", &merged);
        assert!(first.request(&["--merge", &two]).is_err(), "without its own");
        let shown = serde_json::to_value(Shown::of(&merged)).unwrap();
        assert_eq!(shown["request"], serde_json::to_value(&merged).unwrap(), "as it is sent");
    }
}
