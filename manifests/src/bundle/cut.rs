//! Where a bundle is cut into volumes. FORMAT.md section 8.

use std::ops::Range;

use crate::manifest::CHUNK_SIZE;
use crate::{Error, Result};

/// Volumes have three digits.
pub const MOST_VOLUMES: u64 = 999;

/// The cuts of a bundle: at chunk boundaries, so that damage is always one volume's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// A multiple of the chunk size.
    volume: u64,
    /// What the head lacks to a multiple of the chunk size; volume 1 is shorter by this.
    pad: u64,
    total: u64,
}

impl Cut {
    /// Volumes of at most `wanted` bytes.
    pub fn of(wanted: u64, body_offset: u64, total: u64) -> Result<Self> {
        let smallest = Self::smallest(body_offset, total);
        let volume = wanted / CHUNK_SIZE * CHUNK_SIZE;
        match Self::checked(volume, body_offset, total) {
            Some(cut) => Ok(cut),
            None => Err(Error::VolumeSize { smallest, found: wanted }),
        }
    }

    /// The bundle in one file.
    pub fn whole(body_offset: u64, total: u64) -> Self {
        let pad = pad(body_offset);
        let volume = total.saturating_add(pad).div_ceil(CHUNK_SIZE).saturating_mul(CHUNK_SIZE);
        Self { volume: volume.max(CHUNK_SIZE), pad, total }
    }

    /// The cuts that would give volume `number` this `length`; `last` when it is the last one.
    pub fn from_length(number: u64, length: u64, last: bool, body_offset: u64, total: u64) -> Vec<Self> {
        let pad = pad(body_offset);
        let as_last = (last && number > 1)
            .then(|| (total.checked_add(pad)?.checked_sub(length)?).checked_div(number - 1))
            .flatten();
        let as_other = if number == 1 { length.checked_add(pad) } else { Some(length) };
        [as_other, as_last]
            .into_iter()
            .flatten()
            .filter_map(|volume| Self::checked(volume, body_offset, total))
            .collect()
    }

    fn checked(volume: u64, body_offset: u64, total: u64) -> Option<Self> {
        let cut = Self { volume, pad: pad(body_offset), total };
        let fits = volume.is_multiple_of(CHUNK_SIZE) && volume >= body_offset.checked_add(cut.pad)?;
        (fits && volume > 0 && cut.count() <= MOST_VOLUMES).then_some(cut)
    }

    /// The smallest volumes that a bundle can be cut into.
    fn smallest(body_offset: u64, total: u64) -> u64 {
        let pad = pad(body_offset);
        let by_number = (total + pad).div_ceil(MOST_VOLUMES).next_multiple_of(CHUNK_SIZE);
        by_number.max(body_offset + pad)
    }

    pub fn count(&self) -> u64 {
        self.total.saturating_add(self.pad).div_ceil(self.volume).max(1)
    }

    /// The bytes of the bundle that volume `number`, counted from 1, holds.
    pub fn range(&self, number: u64) -> Range<u64> {
        let at = |number: u64| number.saturating_mul(self.volume).saturating_sub(self.pad).min(self.total);
        at(number.saturating_sub(1))..at(number)
    }

    /// The volume that holds the byte at `offset`.
    pub fn holding(&self, offset: u64) -> u64 {
        1 + offset.saturating_add(self.pad) / self.volume
    }
}

fn pad(body_offset: u64) -> u64 {
    (CHUNK_SIZE - body_offset % CHUNK_SIZE) % CHUNK_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: u64 = 64 << 10;

    #[test]
    fn volumes_follow_each_other_and_are_never_larger_than_wanted() {
        for chunks in [0, 1, 2, 7, 998, 5000] {
            let total = HEAD + chunks * CHUNK_SIZE + 5;
            for wanted in [CHUNK_SIZE, 2 * CHUNK_SIZE + 1, 9 * CHUNK_SIZE] {
                let Ok(cut) = Cut::of(wanted, HEAD, total) else {
                    assert!(total / wanted > 990);
                    continue;
                };
                let ranges: Vec<_> = (1..=cut.count()).map(|number| cut.range(number)).collect();
                assert_eq!((ranges[0].start, ranges[ranges.len() - 1].end), (0, total));
                assert!(ranges.iter().all(|range| range.end - range.start <= wanted && !range.is_empty()));
                assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert!(ranges[1..].iter().all(|range| (range.start - HEAD).is_multiple_of(CHUNK_SIZE)));
                for (number, range) in (1..).zip(&ranges) {
                    assert_eq!(cut.holding(range.start), number);
                    assert_eq!(cut.holding(range.end - 1), number);
                    let last = number == cut.count();
                    let length = range.end - range.start;
                    let found = Cut::from_length(number, length, last, HEAD, total);
                    assert!(last || found.contains(&cut), "any volume's length tells the cut");
                }
            }
        }
    }

    #[test]
    fn the_smallest_size_that_the_error_names_is_accepted() {
        for total in [HEAD + 1, 5000 * CHUNK_SIZE, 999 * CHUNK_SIZE] {
            let Err(Error::VolumeSize { smallest, .. }) = Cut::of(1, HEAD, total) else { panic!() };
            assert!(Cut::of(smallest, HEAD, total).is_ok());
            assert!(Cut::of(smallest - 1, HEAD, total).is_err());
        }
    }
}
