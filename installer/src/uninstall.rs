//! The way out: what an installation brought goes, the host is as it was. Data stays unless it is told twice, packages
//! unless it is told, and what is anybody else's stays whatever is told.
//!
//! What is to be done is on the disk before the first thing goes, so a run that was killed is run again and goes on. Every
//! part looks at what is there. The lowest release that may come again, and whose signature it must have, outlive it all.

pub mod scope;
mod traces;

use std::time::{Duration, Instant};

use wt_keys::console::{Progress, Size};
use wt_keys::{Utc, durable};

pub use self::scope::{Scope, Stage};
use crate::engine::SwarmState;
use crate::floor::Floor;
use crate::installed::Installed;
use crate::operation::Operation;
use crate::packages::record::PackageRecord;
use crate::packages::removal::Removal;
use crate::prune::Images;
use crate::release::Release;
use crate::schedule::Schedule;
use crate::{Error, Places, Result, SiteFile, engine_configuration, init_data, restore, site};

const RESTORED: &str = "daemon.json is as it was; Docker reads it when it is started next";

/// Told of each part that did something, and how long it has taken till then.
pub type Observer<'a> = dyn Fn(&'static str, &str, Duration) + 'a;

/// Something that is still there, and why.
pub type Left = String;

/// What is installed, half installed, or was left by an uninstall before; `None` where there is nothing.
pub fn find_scope(places: &Places, now: Utc) -> Result<Option<Scope>> {
    let before = Scope::read(places)?;
    if before.as_ref().is_some_and(|before| before.stage != Stage::Done) {
        return Ok(before);
    }
    let pending = Operation::pending(places)?;
    let installed = Installed::read(places)?;
    let (product, home, data_root) = match (&installed, &pending) {
        (Some(installed), _) => {
            (installed.product.clone(), installed.home.clone(), installed.data_root.clone())
        }
        (None, Some(pending)) => {
            // a run that was killed before it kept the answers has made nothing where they say
            let site = SiteFile::read(&places.site_file()).ok();
            let home = site.as_ref().map(|site| site.home(&pending.product));
            let home = home.unwrap_or_else(|| site::default_home(&pending.product));
            (
                pending.product.clone(),
                home,
                site.map_or_else(|| site::DATA_ROOT.into(), |site| site.data_root),
            )
        }
        (None, None) => return Ok(before),
    };
    let mut data_folders = vec![init_data::place(&data_root, &product)];
    for digest in Release::all_kept(places)? {
        let Ok(release) = Release::kept(places, &digest) else { continue };
        let site = &release.manifest().site;
        data_folders.extend(site.data.iter().chain(&site.logs).map(|folder| data_root.join(&folder.path)));
    }
    data_folders.sort();
    data_folders.dedup();
    Ok(Some(Scope {
        product,
        home,
        data_root,
        data_folders,
        packages: false,
        data: false,
        began: now,
        stage: Stage::Begun,
    }))
}

/// Refuses what cannot be done to its end, before anything has changed.
pub fn check(places: &Places, scope: &Scope) -> Result<()> {
    restore::none_is_pending(places)?;
    let engine = scope.engine()?;
    if !scope.packages {
        return Ok(());
    }
    if let (Some(engine), Some(_)) = (&engine, PackageRecord::read(places)?) {
        let others = engine.others(&scope.product, &images(places)?.images)?;
        if !others.is_empty() {
            return Err(Error::EngineShared { others });
        }
    }
    Ok(())
}

/// Does it all, and returns what is left.
pub fn carry_out(
    places: &Places,
    scope: &mut Scope,
    report: &Observer<'_>,
    progress: &Progress,
) -> Result<Vec<Left>> {
    if let Some(installed) = Installed::read(places)? {
        Floor::raise(places, &installed)?;
    }
    scope.begin(places)?;
    let mut left = Vec::new();
    let started = Instant::now();
    let told = |name, done: Option<String>| {
        if let Some(done) = done {
            report(name, &done, started.elapsed());
        }
    };
    told("schedule", schedule(places, scope)?);
    told("services", services(scope, progress)?);
    told("images", engine_images(places, scope, &mut left)?);
    told("swarm", swarm(scope, &mut left)?);
    told("docker", packages(places, scope, &mut left, progress)?);
    told("folders", traces::folders(places, scope, &mut left)?);
    told("data", traces::data(scope, &mut left)?);
    told("state", traces::state(places, scope, &mut left)?);
    Ok(left)
}

fn schedule(places: &Places, scope: &Scope) -> Result<Option<String>> {
    let schedule = Schedule::new(places, &scope.product, &scope.home, None);
    Ok(schedule.remove()?.then(|| "nothing runs by itself any more".to_owned()))
}

fn services(scope: &Scope, progress: &Progress) -> Result<Option<String>> {
    let Some(engine) = scope.engine()? else { return Ok(None) };
    let count = engine.services(&scope.product)?.len();
    let phase = progress.phase("removing the services", None);
    engine.remove_stack(&scope.product, &phase)?;
    Ok((count > 0).then(|| format!("{count} services, with their networks, secrets and configurations")))
}

fn images(places: &Places) -> Result<Images> {
    let mut images = Images::default();
    for digest in Release::all_kept(places)? {
        if let Ok(release) = Release::kept(places, &digest) {
            images.add(&release);
        }
    }
    Ok(images)
}

fn engine_images(places: &Places, scope: &Scope, left: &mut Vec<Left>) -> Result<Option<String>> {
    let Some(engine) = scope.engine()? else { return Ok(None) };
    let images = images(places)?;
    let discard = engine.plan_discard(&images.images, &[], None)?;
    let count = engine.discard(&discard)?;
    left.extend(discard.used.iter().map(|(name, user)| format!("the image {name}: {user} uses it")));
    Ok((count > 0).then(|| format!("{count} images, {}", Size(images.bytes(&discard.layers)))))
}

fn swarm(scope: &Scope, left: &mut Vec<Left>) -> Result<Option<String>> {
    let Some(engine) = scope.engine()? else { return Ok(None) };
    if engine.leave_swarm()? {
        return Ok(Some("the swarm that was made for it".to_owned()));
    }
    if engine.swarm_state()? != SwarmState::None {
        left.push("the swarm: it was there before, or others have services in it".to_owned());
    }
    Ok(None)
}

/// Docker's configuration is put back in any case.
fn packages(
    places: &Places,
    scope: &mut Scope,
    left: &mut Vec<Left>,
    progress: &Progress,
) -> Result<Option<String>> {
    let restored = engine_configuration::restore(places)?;
    let Some(record) = PackageRecord::read(places)? else {
        return Ok(restored.then(|| RESTORED.to_owned()));
    };
    if !scope.packages {
        let names: Vec<&str> = record.packages.keys().map(String::as_str).collect();
        left.push(format!(
            "the packages that came with it: {} (`wt-install uninstall --packages` removes them)",
            names.join(", ")
        ));
        return Ok(restored.then(|| RESTORED.to_owned()));
    }
    if let Some(engine) = scope.engine()? {
        let others = engine.others(&scope.product, &[])?;
        if !others.is_empty() {
            return Err(Error::EngineShared { others });
        }
    }
    let phase = progress.phase("removing Docker", None);
    let removal = Removal::plan(places, &record)?;
    scope.reach(Stage::EngineGone, places)?;
    engine_configuration::set_aside(places)?;
    removal.carry_out(places, &record)?;
    engine_configuration::bring_back(places)?;
    drop(phase);
    if !removal.needed.is_empty() {
        left.push(format!("packages that others need by now: {}", removal.needed.join(", ")));
    }
    durable::remove_file(&places.packages())?;
    Ok((!removal.packages.is_empty()).then(|| format!("removed {}", removal.packages.join(", "))))
}

/// What `uninstall` would take away, in words.
pub fn outline(places: &Places, scope: &Scope) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if let Some(engine) = scope.engine()? {
        let names: Vec<String> =
            engine.services(&scope.product)?.into_iter().map(|service| service.name).collect();
        if !names.is_empty() {
            lines.push(format!("the services {}", names.join(", ")));
        }
        let images = images(places)?;
        let discard = engine.plan_discard(&images.images, &[], Some(&scope.product))?;
        if !discard.images.is_empty() {
            let size = Size(images.bytes(&discard.layers));
            lines.push(format!("{} images, {size}", discard.images.len()));
        }
    }
    lines.push(format!("{}, but for what is not ours", scope.home.display()));
    if let (true, Some(record)) = (scope.packages, PackageRecord::read(places)?) {
        let names: Vec<&str> = record.packages.keys().map(String::as_str).collect();
        lines.push(format!("the packages {}", names.join(", ")));
    }
    if scope.data {
        let folders: Vec<String> =
            scope.data_folders.iter().map(|folder| folder.display().to_string()).collect();
        lines.push(format!("ALL DATA: {}", folders.join(", ")));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests;
