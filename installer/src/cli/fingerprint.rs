use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use wt_keys::console::{Done, Output, now};
use wt_licensor::{Request, install_key};

use crate::installation::Installed;
use crate::steps::request::{self, Applicant};
use crate::steps::snapshot;
use crate::{Error, Places, SiteFile};

/// Write the request for a license, `hw.json`, anew: what identifies this host, for the vendor
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install fingerprint --show          what would leave the site\n  wt-install fingerprint -o hw.json"
)]
pub struct Fingerprint {
    /// Where to write it (left out: `hw.json` in the product's folder)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print exactly what would leave the site; write nothing
    #[arg(long, conflicts_with = "output")]
    show: bool,
    /// Write only what the containers are told of this host: for the unit that runs at boot and hourly
    #[arg(long, hide = true, conflicts_with_all = ["output", "show"])]
    snapshot: bool,
}

impl Fingerprint {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?;
        let installed = Installed::read(places)?.ok_or(Error::NotInstalled)?;
        let (key, now) = (install_key::load_or_make(&places.installation_key())?, now());
        if self.snapshot {
            return Ok(snapshot::write(places, &installed.product, &installed.data_root, &key, now)?);
        }
        let site = SiteFile::read(&places.site_file())?;
        let (product, release) = (&installed.product, &installed.version);
        let request = Applicant { places, site: &site, product, release }.request(&key, now)?;
        if self.show {
            let shown = Shown { schema: "wt.fingerprint.v1", request: &request };
            output.report(&shown, &shown);
            return Ok(());
        }
        snapshot::write(places, product, &site.data_root, &key, now)?;
        let path = self.output.unwrap_or_else(|| request::request_path(&installed.home));
        request::write(&request, &key, &path)?;
        output.say(format_args!("{} is written: send it to the vendor", path.display()));
        Ok(())
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    schema: &'static str,
    #[serde(flatten)]
    request: &'a Request,
}

/// Every field of the request, with the public key by its id.
impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        writeln!(f, "{:<12} {} {}", "product", request.product, request.release)?;
        writeln!(f, "{:<12} {}", "customer", request.customer_hint)?;
        writeln!(f, "{:<12} {}, for a new license, {}", "request", request.request_id, request.collected_at)?;
        writeln!(f, "{:<12} {}", "signed by", request.install_key.id())?;
        for node in request.nodes.iter().cloned() {
            writeln!(f, "\n{:<12} {}, {:?}", "node", node.label, node.environment)?;
            let fingerprint = wt_licensor::Fingerprint {
                environment: node.environment,
                components: node.components,
                info: node.info,
            };
            write!(f, "{fingerprint}")?;
        }
        Ok(())
    }
}
