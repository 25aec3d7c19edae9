//! Whether the data stores of a site were filled. That belongs to the data: it lies beside it, goes into every backup, and
//! comes back with it on another host.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wt_keys::{Utc, durable};

use crate::{Error, Installation, Result};

#[derive(Serialize)]
struct Filled<'a> {
    product: &'a str,
    release: &'a str,
    at: Utc,
}

/// The file that says that it was done.
pub fn place(data_root: &Path, product: &str) -> PathBuf {
    data_root.join(format!(".{product}-initialised.json"))
}

fn own_place(installation: &Installation) -> PathBuf {
    place(&installation.site.data_root, installation.product())
}

pub fn was_done(installation: &Installation) -> Result<bool> {
    let place = own_place(installation);
    place.try_exists().map_err(Error::io("look for", &place))
}

/// Remembers that it was done; on the disk when this returns.
pub fn remember(installation: &Installation) -> Result<()> {
    let filled = Filled {
        product: installation.product(),
        release: &installation.manifest().release,
        at: (installation.clock)(),
    };
    let bytes = serde_json::to_vec_pretty(&filled).unwrap_or_default(); // strings only: cannot fail
    Ok(durable::write(&own_place(installation), &bytes, 0o644)?)
}
