//! What lies where in the product's folder.

use std::path::{Path, PathBuf};

/// The configuration, a folder for each service.
pub fn conf(home: &Path) -> PathBuf {
    home.join("conf/apps")
}

/// This program, for units, scripts and operators.
pub fn program(home: &Path) -> PathBuf {
    home.join("bin/wt-install")
}

/// The request for a license.
pub fn request(home: &Path) -> PathBuf {
    home.join("hw.json")
}
