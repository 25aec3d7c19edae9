//! What templates are rendered with.

use wt_manifests::Manifest;
use wt_manifests::template::{
    self, AdministratorVariables, ReleaseVariables, SiteVariables, SmtpVariables, TlsVariables, Variables,
};

use crate::site::Administrator;
use crate::{Error, Installation, Result, SiteFile, certificate};

/// What the texts of a release are rendered with on a site.
#[derive(Debug)]
pub struct Values<'a> {
    manifest: &'a Manifest,
    site: &'a SiteFile,
    /// Who logs in.
    who: &'a Administrator,
    /// The site has a certificate.
    tls: bool,
}

impl<'a> Values<'a> {
    pub fn of(installation: &'a Installation) -> Result<Self> {
        let tls = certificate::current(installation)?.is_some();
        Ok(Self {
            manifest: installation.manifest(),
            site: &installation.site,
            who: &installation.site.administrator,
            tls,
        })
    }

    #[must_use]
    pub fn logging_in_as(self, who: &'a Administrator) -> Self {
        Self { who, ..self }
    }

    /// Renders one text. A variable that is not there is an error.
    pub fn render(&self, name: &str, text: &str) -> Result<String> {
        template::render(text, &self.variables()).map_err(failed(name))
    }

    /// As [`Values::render`], with the administrator's password: for requests that go to the product itself.
    pub fn render_secret(&self, name: &str, text: &str) -> Result<String> {
        let mut variables = self.variables();
        variables.administrator.password = Some(self.who.password.expose());
        template::render(text, &variables).map_err(failed(name))
    }

    /// Without passwords: a configuration file can be read by services.
    fn variables(&self) -> Variables<'a> {
        let (manifest, site) = (self.manifest, self.site);
        let administrator = self.who;
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
            tls: self.tls.then_some(TlsVariables {}),
        }
    }
}

fn failed(name: &str) -> impl FnOnce(template::Problem) -> Error {
    move |problem| Error::Template { template: name.to_owned(), why: problem.to_string() }
}
