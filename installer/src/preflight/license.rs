//! Whether a product that is licensed stays so: for the release that comes, and under the trust that comes with it.

use semver::Version;
use wt_licensor::{LicenseInputs, Reason, State, check};

use super::{Row, Scene, Verdict};
use crate::Result;
use crate::check::facts;
use crate::installed::Installed;

/// Nothing where no license is in force: then the release changes nothing about it.
pub(super) fn rows(scene: &Scene<'_>) -> Result<Vec<Row>> {
    let installation = scene.installation;
    let (places, now) = (&installation.places, (installation.clock)());
    let Some(installed) = Installed::read(places)? else { return Ok(Vec::new()) };
    let today = facts::license(&installed, places, now)?;
    let (Some(license), true) = (&installed.license, today.is_some_and(|verdict| verdict.is_licensed()))
    else {
        return Ok(Vec::new());
    };
    let trusted = installation.release.trusted();
    let then = check(&LicenseInputs {
        license,
        snapshot: &places.snapshot(&installed.product),
        boot_id: &places.boot_id(),
        trust: &trusted.trust,
        product: &installed.product,
        release: Some(&trusted.document.version.to_string()),
        now,
    });
    Ok(vec![row(then.state, then.reason, &trusted.document.version)])
}

fn row(state: State, reason: Reason, version: &Version) -> Row {
    Row::new(
        "license",
        Verdict::or_fail(state.is_licensed()),
        format_args!("{state} ({reason}) with this release"),
        format_args!("a license for {version}, under the keys that come with it"),
        "ask the vendor for a license that is good for this release, too, put it into service with `wt-install license FILE`, then upgrade",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_would_take_the_license_away_is_not_begun() {
        let verdict = |state, reason| row(state, reason, &Version::new(6, 0, 0)).verdict;
        assert_eq!(verdict(State::Match, Reason::ExpiresSoon), Verdict::Ok);
        assert_eq!(verdict(State::Drift, Reason::HwDrift), Verdict::Ok);
        assert_eq!(verdict(State::WrongRelease, Reason::WrongRelease), Verdict::Fail);
        assert_eq!(verdict(State::Untrusted, Reason::IssuerUnknown), Verdict::Fail);
    }
}
