use std::time::{SystemTime, UNIX_EPOCH};

use crate::Utc;

/// The time by this machine's clock; 1970 where it is set to before that.
pub fn now() -> Utc {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    i64::try_from(seconds).ok().and_then(Utc::from_unix).unwrap_or(Utc::START)
}
