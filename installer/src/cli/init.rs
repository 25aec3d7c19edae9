use std::path::PathBuf;

use wt_keys::console::{Done, Failure, Output, is_interactive, now};
use wt_keys::durable;

use super::open::{self, TrustArgument, VolumeFolders};
use crate::init::{Document, Given, Interview, Known, Person, Summary, Terminal, ask_all};
use crate::installed::Installed;
use crate::release::Release;
use crate::{Places, Result, SiteFile};

/// Ask for the answers about this site and write site.toml
///
/// At a terminal every answer is asked for and checked as it is given; what site.toml says already is offered again, and
/// its comments stay. Elsewhere flags say what it does not.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  wt-install init worktile-5.2.0-amd64.tar.zst\n  wt-install init --domain web=worktile.example.com --admin-password-file password"
)]
pub struct Init {
    /// The bundle that is to be installed: it says which host names the product has (left out: what is installed)
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    volumes: VolumeFolders,
    #[command(flatten)]
    trust: TrustArgument,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    site: PathBuf,
    #[command(flatten)]
    given: Given,
}

impl Init {
    pub fn run(self, output: Output, places: &Places) -> Done {
        super::require_root()?; // the file must belong to who installs
        let known = self.known(places)?;
        let document = if self.site.exists() { Document::read(&self.site)? } else { Document::new() };
        let was = document.text();
        let mut terminal = Terminal(output);
        let person = if is_interactive() { Some(&mut terminal as &mut dyn Person) } else { None };
        let mut interview = Interview { document, person, missing: Vec::new() };
        check_names(&interview, &self.given, &known)?;
        ask_all(&mut interview, &self.given, &known)?;
        if !interview.missing.is_empty() {
            return Err(Failure::usage(
                format!(
                    "nobody is at a terminal, and these answers are missing:\n  {}",
                    interview.missing.join("\n  ")
                ),
                "say them with these flags, or run this at a terminal",
            ));
        }
        let text = interview.document.text();
        let site = SiteFile::of_text(&text, &self.site)?;
        output.say(format_args!("\n{}", Summary(&site)));
        if *text == *was {
            output.say(format_args!("{} says so already", self.site.display()));
            return Ok(());
        }
        if is_interactive() && !interview.agrees(&format!("write {}? [y/N]", self.site.display()))? {
            return Err(Failure::usage("not confirmed: nothing was written", "answer `y` to write it"));
        }
        durable::write(&self.site, text.as_bytes(), 0o600)?;
        output.say(format_args!(
            "{} is written; `wt-install plan BUNDLE` says what would be done",
            self.site.display()
        ));
        Ok(())
    }

    /// What the bundle says, or what is installed.
    fn known(&self, places: &Places) -> Result<Known> {
        let release = match &self.bundle {
            Some(bundle) => {
                let bundle = open::bundle(bundle, &self.volumes, &self.trust, places)?;
                Some(Release::Bundle(Box::new(bundle)))
            }
            None => match Installed::read(places)? {
                Some(installed) => Some(Release::kept(places, &installed.manifest)?),
                None => None,
            },
        };
        let manifest = release.as_ref().map(Release::manifest);
        Ok(Known {
            domains: manifest.map(|manifest| manifest.site.domains.clone()),
            product: manifest.map(|manifest| manifest.product.clone()),
            path: self.site.clone(),
            now: now(),
        })
    }
}

/// Somebody must say which host names the product has.
fn check_names(interview: &Interview<'_>, given: &Given, known: &Known) -> Result<(), Failure> {
    let somebody =
        known.domains.is_some() || interview.document.has_table("domains") || !given.domains.is_empty();
    if somebody {
        return Ok(());
    }
    Err(Failure::usage(
        "nothing says which host names the product has",
        "name its bundle: `wt-install init BUNDLE`",
    ))
}
