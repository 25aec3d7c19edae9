//! One file of a head and a body that exists: joining, and signing what was built elsewhere.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use wt_keys::nameless::Nameless;
use wt_keys::{Chain, Trust};

use crate::bundle::body_writer::MODE;
use crate::bundle::chunk::Chunks;
use crate::bundle::head;
use crate::bundle::sealing::SignedBundle;
use crate::{Error, Result};

/// Writes `chain` and the body of `chunks` to what will be `output`. Every chunk is authenticated before it is written, and
/// the whole was read back.
#[inline(never)] // a test looks for this name in what customers get
pub fn assemble_bundle(
    chunks: &Chunks<'_>,
    chain: &Chain,
    trust: &Trust,
    output: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SignedBundle> {
    let head = head::to_bytes(&chain.to_bytes())?;
    let nameless = Nameless::create(output, MODE)?;
    let write =
        |bytes: &[u8], at| nameless.file().write_all_at(bytes, at).map_err(Error::io("write", output));
    write(&head, 0)?;
    let mut bytes = Vec::new();
    for index in 0..chunks.body.chunks.len() {
        let offset = chunks.authenticate_into(index, &mut bytes)?;
        write(&bytes, head.len() as u64 + offset)?;
        progress(bytes.len() as u64);
    }
    nameless.file().sync_all().map_err(Error::io("write", output))?;
    SignedBundle::read_back(nameless, output.to_owned(), trust, &|_| {})
}
