//! Builds the vendor's roots into the program: `WT_ROOTS=$PWD/vendor/trust.json cargo build --release -p wt-installer`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-env-changed=WT_ROOTS");
    let built_in = match env::var_os("WT_ROOTS") {
        Some(path) => {
            println!("cargo::rerun-if-changed={}", path.to_string_lossy());
            fs::read(path)?
        }
        None => Vec::new(),
    };
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("trust.json"), built_in)
}
