//! What templates are rendered with.

use wt_manifests::Manifest;
use wt_manifests::template::{
    self, AdministratorVariables, ReleaseVariables, SiteVariables, SmtpVariables, Variables,
};

use crate::{Error, Result, SiteFile};

/// Without passwords: a configuration file can be read by services.
fn variables<'a>(manifest: &'a Manifest, site: &'a SiteFile) -> Variables<'a> {
    let administrator = &site.administrator;
    let domains = site.domains.iter().map(|(name, domain)| (name.as_str(), domain.as_str()));
    Variables {
        release: ReleaseVariables { product: &manifest.product, version: &manifest.version },
        site: SiteVariables {
            address: site.node().address.to_string(),
            domains: domains.collect(),
            company_domain: site.company_domain.as_str(),
            data_root: site.data_root.to_str().unwrap_or_default(), // from TOML: it is UTF-8
        },
        administrator: AdministratorVariables {
            mail: administrator.mail.as_str(),
            username: administrator.username.as_str(),
            name: administrator.name.as_str(),
            password: None,
        },
        smtp: site.smtp.as_ref().map(|smtp| SmtpVariables {
            host: smtp.host.as_str(),
            port: smtp.port,
            user: smtp.user.as_str(),
        }),
    }
}

/// Renders one text. A variable that is not there is an error.
pub fn render(name: &str, text: &str, manifest: &Manifest, site: &SiteFile) -> Result<String> {
    template::render(text, &variables(manifest, site)).map_err(failed(name))
}

/// As [`render`], with the administrator's password: for requests that go to the product itself.
pub fn render_secret(name: &str, text: &str, manifest: &Manifest, site: &SiteFile) -> Result<String> {
    let mut variables = variables(manifest, site);
    variables.administrator.password = Some(site.administrator.password.expose());
    template::render(text, &variables).map_err(failed(name))
}

fn failed(name: &str) -> impl FnOnce(template::Problem) -> Error {
    move |problem| Error::Template { template: name.to_owned(), why: problem.to_string() }
}
