use std::collections::BTreeMap;
use std::path::PathBuf;

use wt_keys::console::{Failure, first_line};
use zeroize::Zeroizing;

/// What flags say of the answers.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Answers")]
pub struct Given {
    /// The customer's short name
    #[arg(long, value_name = "NAME")]
    pub company_domain: Option<String>,
    /// What this host is called at the site
    #[arg(long, value_name = "NAME")]
    pub node_name: Option<String>,
    /// Its address
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// What it is for: of ha, lb, app, cache, db
    #[arg(long, value_name = "ROLE,…")]
    pub roles: Option<String>,
    /// A host name of the product, or an address; once for each name that the release asks for
    #[arg(long = "domain", value_name = "NAME=HOST", value_parser = domain)]
    pub domains: Vec<(String, String)>,
    /// The certificate of all the host names, PEM; next to site.toml, or absolute
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "no_certificate")]
    pub certificate: Option<String>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<String>,
    /// Serve plain HTTP
    #[arg(long)]
    pub no_certificate: bool,
    /// Where data and logs lie
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<String>,
    /// The product's folder
    #[arg(long, value_name = "DIR")]
    pub home: Option<String>,
    /// The administrator's mail address
    #[arg(long, value_name = "ADDRESS")]
    pub admin_mail: Option<String>,
    /// The name that the administrator logs in with
    #[arg(long, value_name = "NAME")]
    pub admin_username: Option<String>,
    /// The administrator's name, for people
    #[arg(long, value_name = "NAME")]
    pub admin_name: Option<String>,
    /// The administrator's first password: the first line of FILE
    #[arg(long, value_name = "FILE")]
    pub admin_password_file: Option<PathBuf>,
    /// The mail server
    #[arg(long, value_name = "HOST", conflicts_with = "no_smtp")]
    pub smtp_host: Option<String>,
    /// Its port
    #[arg(long, value_name = "PORT", conflicts_with = "no_smtp")]
    pub smtp_port: Option<String>,
    /// How the connection is kept from others: starttls, tls or none
    #[arg(long, value_name = "HOW", conflicts_with = "no_smtp")]
    pub smtp_security: Option<String>,
    /// The account there
    #[arg(long, value_name = "NAME", conflicts_with = "no_smtp")]
    pub smtp_user: Option<String>,
    /// Its password: the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "no_smtp")]
    pub smtp_password_file: Option<PathBuf>,
    /// Who mails are from
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_smtp")]
    pub smtp_from: Option<String>,
    /// Who signed the server's certificate, PEM, where this host does not know them
    #[arg(long, value_name = "FILE", conflicts_with = "no_smtp")]
    pub smtp_ca: Option<String>,
    /// Send no mail
    #[arg(long)]
    pub no_smtp: bool,
}

impl Given {
    pub fn admin_password(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        read(self.admin_password_file.as_ref())
    }

    pub fn smtp_password(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        read(self.smtp_password_file.as_ref())
    }

    pub fn domains(&self) -> BTreeMap<&str, &str> {
        self.domains.iter().map(|(name, host)| (name.as_str(), host.as_str())).collect()
    }
}

fn read(file: Option<&PathBuf>) -> Result<Option<Zeroizing<String>>, Failure> {
    Ok(file.map(|file| first_line(file)).transpose()?)
}

fn domain(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, host)) if !name.is_empty() && !host.is_empty() => Ok((name.to_owned(), host.to_owned())),
        _ => Err("expected a name of the release and a host: `web=worktile.example.com`".to_owned()),
    }
}
