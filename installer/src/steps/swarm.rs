use wt_keys::console::Progress;

use super::{Need, Step};
use crate::engine::SwarmState;
use crate::{Installation, Result, network};

/// Makes this host a Swarm of one, in which it has the roles that the site gives it.
#[derive(Debug)]
pub struct PrepareSwarm;

impl Step for PrepareSwarm {
    fn name(&self) -> &'static str {
        "swarm"
    }

    fn need(&self, installation: &Installation) -> Result<Need> {
        let work = || Ok(Need::Work("start a Swarm of this host".to_owned()));
        let Some(engine) = installation.find_engine()? else { return work() };
        if engine.swarm_state()? != SwarmState::Manager {
            return work();
        }
        let node = installation.site.node();
        if engine.has_roles(&node.roles)? {
            return Ok(Need::Nothing);
        }
        Ok(Need::Work(format!("give {} its roles", node.name)))
    }

    fn apply(&self, installation: &Installation, _: &Progress) -> Result<String> {
        let engine = installation.engine()?;
        engine.init_swarm(network::for_product(installation.places.root())?)?;
        let node = installation.site.node();
        engine.give_roles(&node.roles)?;
        let roles: Vec<&str> = node.roles.iter().map(|role| role.as_str()).collect();
        Ok(format!("a Swarm of this host, for {}", roles.join(", ")))
    }
}
