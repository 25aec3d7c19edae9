//! The exit code of every error, and what to do about it.

use wt_keys::console::{Exit, Explain};
use wt_licensor::State;

use super::Error;
use crate::operation::Kind;

impl Explain for Error {
    fn exit(&self) -> Exit {
        match self {
            Self::Keys(error) => error.exit(),
            Self::Bundle(error) => error.exit(),
            Self::License(error) => error.exit(),
            Self::NoSiteFile { .. }
            | Self::SiteFileMode { .. }
            | Self::SiteFileOwner { .. }
            | Self::SiteFile { .. }
            | Self::NoService { .. }
            | Self::BackupInside { .. }
            | Self::BackupEncrypted
            | Self::NoSuchBundle { .. } => Exit::Usage,
            Self::NoTrust
            | Self::OtherProduct { .. }
            | Self::Older { .. }
            | Self::BackupSigner { .. }
            | Self::BackupInvalid { .. }
            | Self::BackupLength { .. }
            | Self::BackupDamaged { .. }
            | Self::BackupDiffers { .. } => Exit::NotTrusted,
            Self::LicenseRefused { verdict } if verdict.state == State::Untrusted => Exit::NotTrusted,
            Self::LicenseRefused { .. } | Self::LicenseOutranked { .. } => Exit::LicenseRefused,
            Self::Preflight { .. }
            | Self::Certificate { .. }
            | Self::CertificateRefused { .. }
            | Self::NoRoom { .. }
            | Self::BackupRelease { .. }
            | Self::BackupRoot { .. }
            | Self::RestoreMount { .. }
            | Self::LinkedRoot { .. }
            | Self::RestoreInTheWay { .. }
            | Self::EngineConfiguration { .. }
            | Self::NameTaken { .. }
            | Self::CannotFollow { .. }
            | Self::NoPackages { .. }
            | Self::PackageConflict { .. }
            | Self::PackagesBroken { .. }
            | Self::PackagesRefused { .. }
            | Self::NoNetwork
            | Self::EngineShared { .. }
            | Self::Swarm { .. } => Exit::PreflightFailed,
            Self::NoEngine { .. }
            | Self::EngineTooOld { .. }
            | Self::Engine { .. }
            | Self::Client { .. }
            | Self::Daemon { .. }
            | Self::EngineAnswer { .. }
            | Self::EngineClosed
            | Self::EngineSilent { .. }
            | Self::LoadRefused { .. }
            | Self::ImageMissing { .. }
            | Self::ImageDiffers { .. } => Exit::Engine,
            Self::RolledBack { .. } | Self::ExchangeBack { .. } | Self::RestoreUndone { .. } => {
                Exit::Unhealthy
            }
            // neither release could be brought into service for want of an engine
            Self::RollbackFailed { back, .. }
            | Self::ExchangeLost { back, .. }
            | Self::RestoreStuck { back, .. }
                if back.exit() == Exit::Engine =>
            {
                Exit::Engine
            }
            Self::Locked { .. } | Self::PackagesBusy { .. } => Exit::Locked,
            Self::Io { .. }
            | Self::Record { .. }
            | Self::NotRoot
            | Self::NotInstalled
            | Self::Template { .. }
            | Self::Journey { .. }
            | Self::LogInRefused { .. }
            | Self::Hook { .. }
            | Self::ConfTooLarge { .. }
            | Self::ConfEmpty { .. }
            | Self::NotKept { .. }
            | Self::BundleNeeded { .. }
            | Self::UnderWay { .. }
            | Self::UninstallUnderWay
            | Self::NoPrevious
            | Self::NoPreviousCertificate
            | Self::ExchangeLost { .. }
            | Self::Mail { .. }
            | Self::RollbackFailed { .. }
            | Self::NotHealthy { .. }
            | Self::StackUnhealthy { .. }
            | Self::NotGone { .. }
            | Self::Unwell { .. }
            | Self::Command { .. }
            | Self::CommandFailed { .. }
            | Self::CommandTime { .. }
            | Self::AptAnswer { .. }
            | Self::NoBackup { .. }
            | Self::BackupIdentity { .. }
            | Self::Identities { .. }
            | Self::BackupBounds { .. }
            | Self::HeldTooLong { .. }
            | Self::NotStill { .. }
            | Self::RestorePending { .. }
            | Self::RestoreStuck { .. }
            | Self::Staging { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Keys(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::License(error) => error.hint(),
            Self::LicenseRefused { verdict } => verdict.next_step().map(str::to_owned),
            Self::Unwell { hint, .. } => hint.clone(),
            Self::RolledBack { source, .. } | Self::ExchangeBack { source, .. } => source.hint(),
            _ => self
                .site_hint()
                .or_else(|| self.engine_hint())
                .or_else(|| self.packages_hint())
                .or_else(|| self.release_hint())
                .or_else(|| self.backup_hint()),
        }
    }
}

/// One for each room of errors; none where the message says it all.
impl Error {
    /// The site and its file.
    fn site_hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSiteFile { .. } => {
                "write one (the vendor's documentation has an example) and name it with `--site FILE`".into()
            }
            Self::SiteFileMode { path, .. } => format!("chmod 600 `{}`", path.display()),
            Self::SiteFileOwner { path, me, .. } => format!("chown {me} `{}`", path.display()),
            Self::SiteFile { .. } => "`wt-install init BUNDLE` asks for what it lacks, and checks it".into(),
            Self::NoTrust => "pass the vendor's roots with `--trust FILE`".into(),
            Self::NotRoot => "run it with sudo".into(),
            Self::Record { path, .. } => format!(
                "is the disk sound? Bring back `{}` from a copy, or ask the vendor before it is moved away",
                path.display()
            ),
            Self::Locked { .. } => "wait for it to end; `wt-install status` works meanwhile".into(),
            Self::NoSuchBundle { near: Some(verb), .. } => format!("did you mean `wt-install {verb}`?"),
            Self::NoSuchBundle { near: None, .. } => "`wt-install --help` lists what it can do".into(),
            Self::NotInstalled => "install a release with `wt-install BUNDLE`".into(),
            Self::Mail { problem, .. } => problem.hint().into(),
            Self::Certificate { .. } | Self::CertificateRefused { .. } => {
                "`wt-install certificate CRT KEY --dry-run` looks at another pair".into()
            }
            Self::NoPreviousCertificate => "`wt-install certificate` shows the one in service".into(),
            Self::LicenseOutranked { .. } => {
                "the vendor's last word counts: to go back to this one, take the other out of the folder first".into()
            }
            Self::ExchangeLost { .. } => "run this again; `wt-install status` shows what runs".into(),
            Self::ConfTooLarge { .. } | Self::ConfEmpty { .. } => {
                "put back what was there: `wt-install` with the bundle writes a file that is missing".into()
            }
            Self::Staging { path } => format!("see what `{}` is, and remove it", path.display()),
            Self::LogInRefused { .. } => {
                "does site.toml have the administrator's password of today? `[check.account]` may name an account of its own".into()
            }
            Self::Journey { .. } => {
                "`wt-install status` shows the services; `wt-install logs NAME` says what one of them had to say".into()
            }
            Self::NoNetwork => {
                "`ip route` shows what it reaches; take back a route that is wider than it need be".into()
            }
            _ => return None,
        })
    }

    /// The engine and what runs in it.
    fn engine_hint(&self) -> Option<String> {
        Some(match self {
            Self::NotHealthy { stack, services } => {
                let name = services.first().map_or("", String::as_str);
                format!(
                    "`docker service ps {stack}_{name}` says why; `wt-install restart {name}` starts it anew"
                )
            }
            Self::NameTaken { name, .. } => format!(
                "whose it is, `docker ps --filter ancestor={name}` may tell; give it another name: `docker tag {name} other:1 && docker rmi {name}`"
            ),
            Self::NotGone { stack, .. } => {
                format!(
                    "`docker ps --filter label=com.docker.stack.namespace={stack}` lists them; run this again"
                )
            }
            Self::NoEngine { .. } => {
                "`systemctl start docker` (or `service docker start`) starts it; `systemctl status docker` or /var/log/docker.log says why it does not run".into()
            }
            Self::EngineTooOld { .. } => "upgrade Docker on this host".into(),
            Self::EngineConfiguration { .. } => {
                "the engine would not start with it; mend it, then run this again".into()
            }
            Self::Daemon { .. } => "`systemctl status docker` and `journalctl -u docker`, or /var/log/docker.log, say why".into(),
            Self::EngineSilent { .. } => {
                "`systemctl restart containerd docker` (or `service docker restart`) frees an engine that hangs (it restarts every container); then run this again".into()
            }
            Self::EngineAnswer { .. } => {
                "is it Docker that listens there? `docker version` says what it is".into()
            }
            Self::Swarm { .. } => {
                "`docker info` shows its swarm; `docker swarm leave` takes it out of another's, `docker swarm unlock` opens one that is locked".into()
            }
            Self::Engine { .. }
            | Self::Client { .. }
            | Self::EngineClosed
            | Self::LoadRefused { .. }
            | Self::ImageMissing { .. } => {
                "`journalctl -u docker` (or /var/log/docker.log) may say why; is its disk full? Then run this again".into()
            }
            Self::ImageDiffers { .. } => {
                "remove that image or tag from the engine (`docker image rm`), then run this again".into()
            }
            Self::StackUnhealthy { services, .. } => {
                let name = services.first().map_or("", |(name, _)| name.as_str());
                format!("`wt-install logs {name}` says more; run this again when it is mended")
            }
            _ => return None,
        })
    }

    /// The packages that bring the engine.
    fn packages_hint(&self) -> Option<String> {
        Some(match self {
            Self::NoPackages { .. } | Self::AptAnswer { .. } => {
                "install Docker 20.10 or later by other means, then run this again".into()
            }
            Self::PackagesRefused { .. } => {
                "mend what it names, or install Docker by other means; then run this again".into()
            }
            Self::PackageConflict { .. } => "remove what conflicts, or install Docker by other means".into(),
            Self::PackagesBroken { .. } => {
                "`dpkg --audit` names it; mend it with `dpkg --configure -a` or apt".into()
            }
            Self::PackagesBusy { .. } => {
                "`fuser -v /var/lib/dpkg/lock-frontend` says who; run this again when it is done".into()
            }
            Self::EngineShared { .. } => "leave out `--packages`, or remove these first".into(),
            _ => return None,
        })
    }

    /// From one release to another.
    fn release_hint(&self) -> Option<String> {
        Some(match self {
            Self::Hook { .. } => "mend what it names, then run this again".into(),
            Self::OtherProduct { .. } => {
                "one host has one product: `wt-install uninstall` takes it away".into()
            }
            Self::CannotFollow { .. } => {
                "ask the vendor for a release between the two, and install that first".into()
            }
            Self::Older { .. } => "ask the vendor for a current release".into(),
            Self::NotKept { .. } | Self::BundleNeeded { .. } => {
                "run `wt-install BUNDLE` with the bundle of that release".into()
            }
            Self::UnderWay { kind: Kind::Rollback, .. } => "finish it with `wt-install rollback`".into(),
            Self::UnderWay { version, .. } => format!(
                "finish it with `wt-install` and the bundle of {version}, or go back with `wt-install rollback`"
            ),
            Self::UninstallUnderWay => "finish it with `wt-install uninstall`".into(),
            Self::NoPrevious => "the release that was replaced last can be brought back, once".into(),
            Self::RollbackFailed { .. } => {
                "`wt-install status` shows what runs; `wt-install rollback` tries again".into()
            }
            _ => return None,
        })
    }

    /// Backups and what is made of them.
    fn backup_hint(&self) -> Option<String> {
        Some(match self {
            Self::NoBackup { .. } => "`wt-install backup --list` shows those that there are".into(),
            Self::BackupSigner { found, .. } => format!(
                "was it made on another host, and does that host's `wt-install backup --list` name this key? Then say `--signed-by {found}`"
            ),
            Self::BackupLength { .. } | Self::BackupDamaged { .. } | Self::BackupDiffers { .. } => {
                "copy it again from where it was made, or take another backup".into()
            }
            Self::BackupEncrypted | Self::BackupIdentity { .. } => {
                "name the file with the private key that it is encrypted for: `--identity FILE`".into()
            }
            Self::BackupInside { .. } => {
                "name another folder with `-o`, or in `[backup]` of site.toml".into()
            }
            Self::NoRoom { .. } => "make room there, or name another folder".into(),
            Self::BackupBounds { .. } => {
                "see what fills it, and take away what no service needs; a service may have run wild".into()
            }
            Self::LinkedRoot { .. } => {
                "put what it points at in its place, or mount the disk at the folder above it".into()
            }
            Self::HeldTooLong { .. } => {
                "is the disk of the data, or that of the backup, slow or failing? Where there is just so much, `hold-at-most` in `[backup]` of site.toml allows more".into()
            }
            Self::NotStill { .. } => "`docker ps` shows them; run this again".into(),
            Self::BackupRelease { found, .. } => {
                format!(
                    "install {found} with `wt-install BUNDLE` on a host that has no newer release, then restore there"
                )
            }
            Self::RestorePending { backup } | Self::RestoreStuck { backup, .. } => {
                format!("finish it with `wt-install restore {}`", backup.display())
            }
            Self::RestoreMount { .. } => "mount the disk at the folder above it".into(),
            Self::RestoreInTheWay { path } => format!("see what `{}` is, and move it away", path.display()),
            Self::RestoreUndone { source } => return source.hint(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_way_back_failed_for_want_of_an_engine_the_engine_is_to_blame() {
        let failed = |back| Error::RollbackFailed {
            version: "5.2.0".into(),
            back: Box::new(back),
            source: Box::new(Error::NoPrevious),
        };
        assert_eq!(failed(Error::EngineClosed).exit(), Exit::Engine);
        assert_eq!(failed(Error::NoPrevious).exit(), Exit::Failed);
    }
}
