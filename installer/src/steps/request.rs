use wt_keys::console::Progress;
use wt_licensor::install_key;

use super::{Need, Step};
use crate::license_request::{self, Applicant};
use crate::{Installation, Result, home};

/// Writes `hw.json`: what the vendor needs to make a license for this site.
#[derive(Debug)]
pub struct WriteRequest;

impl Step for WriteRequest {
    fn name(&self) -> &'static str {
        "hw.json"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let path = home::request(&installation.home());
        if installation.places.installation_key().exists()
            && license_request::is_current(installation, &path)?
        {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("write {}", path.display())))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let key = install_key::load_or_make(&installation.places.installation_key())?;
        let license = installation.license();
        let applicant = Applicant::of(installation, license.as_deref());
        let request = applicant.request(&key, (installation.clock)())?;
        let path = home::request(&installation.home());
        license_request::write(&request, &key, &path)?;
        Ok(path.display().to_string())
    }
}
