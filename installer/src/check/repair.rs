//! What stopped by itself is started again, a service that the swarm does not come to begin is made anew, and the host
//! snapshot is written where it is not of this boot. What the operator stopped stays stopped, and so does an engine.

use wt_manifests::stack::Run;

use super::facts::{self, ServiceFact};
use crate::deployment::Deployment;
use crate::engine::{Engine, MADE_ANEW, SwarmState, daemon};
use crate::{Error, Installation, Result, host_snapshot};

/// Something to be done about a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// They are not there at all.
    Deploy(Vec<String>),
    Scale {
        name: String,
        id: String,
        replicas: u64,
    },
    /// The engine has given up starting it.
    Restart {
        name: String,
    },
}

/// Does what there is to do, and says what was done. Whoever calls holds the lock, and nothing is under way.
pub fn carry_out(installation: &Installation) -> Result<Vec<String>> {
    let mut done = Vec::new();
    if !host_snapshot::is_of_this_boot(installation)? || host_snapshot::is_ahead(installation) {
        host_snapshot::renew(installation)?;
        done.push("wrote the host snapshot".to_owned());
    }
    let engine = match Engine::connect() {
        Err(Error::NoEngine { .. }) if daemon::died(installation.places.root())? => {
            done.push("started Docker".to_owned());
            daemon::start()?
        }
        Err(Error::NoEngine { .. }) => return Ok(done),
        answer => answer?,
    };
    if !matches!(engine.swarm_state()?, SwarmState::Manager | SwarmState::NewManager) {
        return Ok(done);
    }
    let made_anew = engine.make_stuck_anew(installation.stack_name())?;
    done.extend(made_anew.iter().map(|name| format!("{name} {MADE_ANEW}")));
    let services = facts::services(installation, &engine)?;
    // the engine has only just been told to begin those
    let coming = |fact: &&ServiceFact| made_anew.contains(&fact.name);
    let others: Vec<ServiceFact> = services.iter().filter(|fact| !coming(fact)).cloned().collect();
    for repair in plan(&others) {
        done.extend(repair.carry_out(installation, &engine, &services)?);
    }
    Ok(done)
}

/// What there is to do.
fn plan(services: &[ServiceFact]) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let wanted = || services.iter().filter(|fact| fact.run == Run::AsDescribed && fact.replicas != Some(0));
    let missing: Vec<String> =
        wanted().filter(|fact| fact.service.is_none()).map(|fact| fact.name.clone()).collect();
    if !missing.is_empty() {
        repairs.push(Repair::Deploy(missing));
    }
    for fact in wanted() {
        let Some(service) = &fact.service else { continue };
        if service.is_updating() {
            continue;
        }
        match fact.replicas {
            Some(replicas) if service.wanted < replicas => {
                repairs.push(Repair::Scale { name: fact.name.clone(), id: service.id.clone(), replicas });
            }
            _ if service.wanted > 0 && !service.tasks.iter().any(|task| task.wanted) => {
                repairs.push(Repair::Restart { name: fact.name.clone() });
            }
            _ => {}
        }
    }
    repairs
}

impl Repair {
    /// In words what was done; `None` where it is the operator's to decide.
    fn carry_out(
        &self,
        installation: &Installation,
        engine: &Engine,
        services: &[ServiceFact],
    ) -> Result<Option<String>> {
        Ok(Some(match self {
            Self::Scale { name, id, replicas } => {
                engine.scale_service(id, *replicas)?;
                format!("started {name}")
            }
            Self::Restart { name } => {
                let Some(service) = find(services, name) else { return Ok(None) };
                engine.restart_service(service)?;
                format!("restarted {name}")
            }
            Self::Deploy(missing) => {
                let running: Vec<_> = services.iter().filter_map(|fact| fact.service.clone()).collect();
                let deployment = Deployment::of(installation, engine)?;
                // configuration that was edited waits for the operator to say so
                if deployment.changed(&running).iter().any(|name| !missing.contains(name)) {
                    return Ok(None);
                }
                deployment.deploy(installation, engine)?;
                format!("brought back {}", missing.join(", "))
            }
        }))
    }
}

fn find<'a>(services: &'a [ServiceFact], name: &str) -> Option<&'a crate::engine::Service> {
    services.iter().find(|fact| fact.name == name)?.service.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Service, Task};

    fn fact(name: &str, wanted: u64, tasks: &[bool]) -> ServiceFact {
        let tasks = tasks.iter().map(|wanted| Task { wanted: *wanted, ..Task::default() }).collect();
        let service =
            Service { id: format!("id-{name}"), name: name.into(), wanted, tasks, ..Service::default() };
        ServiceFact { name: name.into(), run: Run::AsDescribed, replicas: Some(1), service: Some(service) }
    }

    #[test]
    fn what_stopped_by_itself_is_started_and_what_is_coming_back_is_left_to_the_engine() {
        let started = |fact: ServiceFact| plan(&[fact]);
        assert_eq!(started(fact("web", 1, &[true, false])), []);
        assert_eq!(started(fact("web", 1, &[false])), [Repair::Restart { name: "web".into() }]);
        let scale = Repair::Scale { name: "web".into(), id: "id-web".into(), replicas: 1 };
        assert_eq!(started(fact("web", 0, &[])), [scale]);
        let absent = ServiceFact { service: None, ..fact("web", 1, &[]) };
        assert_eq!(started(absent.clone()), [Repair::Deploy(vec!["web".into()])]);
        for run in [Run::Stopped, Run::Removed] {
            assert_eq!(started(ServiceFact { run, ..absent.clone() }), []);
            assert_eq!(started(ServiceFact { run, ..fact("web", 0, &[]) }), []);
        }
    }
}
