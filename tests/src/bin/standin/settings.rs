//! Where things are; the environment can say otherwise, which tests do.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub product: String,
    pub version: String,
    pub listen: String,
    /// Whoever was told a service's address may use it so long after the service was told to end.
    pub linger: Duration,
    pub redis: String,
    pub mongodb: String,
    pub elasticsearch: String,
    pub seaweedfs: String,
    /// Where a store keeps its data, and its log.
    pub data: PathBuf,
    pub logs: PathBuf,
    pub conf: PathBuf,
    pub license: PathBuf,
    pub snapshot: PathBuf,
    pub boot_id: PathBuf,
    pub password: PathBuf,
}

impl Settings {
    pub fn from_environment() -> Self {
        let get = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        Self {
            product: get("PRODUCT", "worktile"),
            version: get("VERSION", "0.0.0"),
            listen: get("LISTEN", "0.0.0.0:8080"),
            linger: Duration::from_secs(get("LINGER", "0").parse().unwrap_or_default()),
            redis: get("REDIS", "redis:6379"),
            mongodb: get("MONGODB", "mongodb:27017"),
            elasticsearch: get("ELASTICSEARCH", "elasticsearch:9200"),
            seaweedfs: get("SEAWEEDFS", "seaweedfs:8888"),
            data: get("DATA", "/data").into(),
            logs: get("LOGS", "/logs").into(),
            conf: get("CONF", "/conf/independence.js").into(),
            license: get("LICENSE", "/conf/license.json").into(),
            snapshot: get("SNAPSHOT", "/run/wt/host.json").into(),
            boot_id: get("BOOT_ID", "/proc/sys/kernel/random/boot_id").into(),
            password: get("ADMIN_PASSWORD_FILE", "/run/secrets/admin-password").into(),
        }
    }
}
