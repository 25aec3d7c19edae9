//! What is done to services that stopped by themselves.

use super::{Engine, client};
use crate::Result;

impl Engine {
    /// Has a service run so many times, as it was specified last.
    pub fn scale_service(&self, id: &str, replicas: u64) -> Result<()> {
        client::scale(id, replicas)
    }
}
