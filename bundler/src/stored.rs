//! What entries cost in the file.

use wt_manifests::manifest::{Entry, Manifest};

/// The bytes in the file that each entry takes, in the order of the manifest. An entry alone in its frame, as layers
/// and packages are, takes the frame; several share theirs by their sizes.
pub fn stored(manifest: &Manifest) -> Vec<u64> {
    let frames = manifest.entries.chunk_by(|a, b| a.frame == b.frame);
    frames.flat_map(|entries| shares(entries, manifest.body.frames[entries[0].frame].length)).collect()
}

fn shares(entries: &[Entry], length: u64) -> Vec<u64> {
    let weight = |entry: &Entry| u128::from(entry.size) + 512; // the header of the tar is compressed, too
    let total: u128 = entries.iter().map(weight).sum();
    let share = |entry| u64::try_from(u128::from(length) * weight(entry) / total).unwrap_or(length);
    entries.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wt_keys::Sha256Digest;
    use wt_manifests::manifest::Mode;

    #[test]
    fn an_entry_alone_takes_its_frame_and_several_share_theirs() {
        let entry = |size| Entry {
            path: "a".parse().unwrap(),
            size,
            mode: Mode::Data,
            sha256: Sha256Digest::of(b""),
            frame: 0,
        };
        assert_eq!(shares(&[entry(u64::MAX)], 7), [7]);
        assert_eq!(shares(&[entry(0), entry(1024)], 100), [25, 75]);
    }
}
