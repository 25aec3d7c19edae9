//! A change from one release to another, as it is written down: begun before anything changes, ended when the new release is
//! healthy or the old one is back. What a killed run began, the next one goes on with.

use serde::{Deserialize, Serialize};
use wt_keys::{Utc, durable};

use crate::conf::left;
use crate::installed::{Build, Installed};
use crate::journal::Event;
use crate::release::Release;
use crate::uninstall::scope::Scope;
use crate::{Error, Installation, Places, Result, record_file};

/// In the journal, where an operation begins.
pub const NAME: &str = "operation";

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Install,
    Upgrade,
    Rollback,
}

/// A change that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub kind: Kind,
    pub product: String,
    pub to: Build,
    pub from: Option<Build>,
    pub began: Utc,
}

impl Kind {
    /// In a sentence.
    pub fn with_article(self) -> &'static str {
        match self {
            Self::Install => "an installation",
            Self::Upgrade => "an upgrade",
            Self::Rollback => "a rollback",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "installation",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
        }
    }
}

impl Operation {
    /// The change that this host is in the middle of. One whose release is installed has only not been cleared away.
    pub fn pending(places: &Places) -> Result<Option<Self>> {
        let Some(found) = record_file::read::<Self>(&places.operation())? else { return Ok(None) };
        let installed = Installed::read(places)?;
        Ok(Some(found).filter(|found| installed.is_none_or(|now| now.manifest != found.to.manifest)))
    }

    /// Refuses what cannot be done in the middle of one.
    pub fn refuse_pending(places: &Places) -> Result<()> {
        Self::pending(places)?.map_or(Ok(()), |pending| Err(pending.into()))
    }

    /// What bringing `installation`'s release would be; `None` where it is what is installed.
    pub fn of(installation: &Installation) -> Option<Self> {
        let to = Build::of(&installation.release);
        let (kind, from) = match &installation.installed {
            Some(installed) if installed.manifest == to.manifest => return None,
            Some(installed) => (Kind::Upgrade, Some(Build::from(installed))),
            None => (Kind::Install, None),
        };
        let product = installation.product().to_owned();
        Some(Self { kind, product, to, from, began: (installation.clock)() })
    }

    /// Refuses to begin something else than what is under way.
    pub fn check(installation: &Installation) -> Result<()> {
        if Scope::is_pending(&installation.places)? {
            return Err(Error::UninstallUnderWay);
        }
        match Self::pending(&installation.places)? {
            Some(pending)
                if pending.kind == Kind::Rollback || pending.to != Build::of(&installation.release) =>
            {
                Err(pending.into())
            }
            _ => Ok(()),
        }
    }

    /// Remembers on the disk that it has begun, and what the configuration was before.
    pub(crate) fn begin(&self, installation: &Installation, leaving: Option<&Release>) -> Result<()> {
        let places = &installation.places;
        if Self::pending(places)?.is_some_and(|pending| (pending.kind, &pending.to) == (self.kind, &self.to))
        {
            return Ok(());
        }
        durable::create_folder(&places.state(), 0o700)?;
        if let Some(leaving) = leaving {
            left::copy(installation, leaving)?;
        }
        durable::remove_file(&places.uninstall())?; // one before this is over, and this is what is here now
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default(); // strings and numbers only: cannot fail
        installation.journal.record(self.began, NAME, Event::Began, self.kind.as_str())?;
        Ok(durable::write(&places.operation(), &bytes, 0o600)?)
    }

    pub(crate) fn end(places: &Places) -> Result<()> {
        Ok(durable::remove_file(&places.operation())?)
    }
}

impl From<Operation> for Error {
    fn from(pending: Operation) -> Self {
        Self::UnderWay { kind: pending.kind, version: pending.to.version.to_string() }
    }
}
