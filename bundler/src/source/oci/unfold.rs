use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use wt_keys::Sha256Digest;

use crate::decompress::Coding;
use crate::hashed::Hashed;

/// Pieces that wait to be unfolded.
const WAITING: usize = 16;

/// Reads `stored` once, for `take` and, unfolded in a thread of its own, for its digest; of more than `largest` bytes there
/// is none.
pub fn while_taken<T>(
    stored: impl Read,
    coding: Coding,
    largest: u64,
    take: impl FnOnce(&mut dyn Read) -> T,
) -> (T, io::Result<Option<Sha256Digest>>) {
    let (pieces, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let digest = scope.spawn(move || {
            let mut unfolded = Hashed::new(coding.decoder(Pieces { receiver, now: Cursor::default() })?);
            let length = io::copy(&mut (&mut unfolded).take(largest), &mut io::sink())?;
            let more = length == largest && unfolded.read(&mut [0])? > 0;
            if more { Ok(None) } else { unfolded.finish().map(Some) }
        });
        let taken = take(&mut Copied { stored, pieces: Some(pieces) });
        let digest = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (taken, digest)
    })
}

/// Passes a copy of what is read on, while somebody takes it.
struct Copied<R> {
    stored: R,
    pieces: Option<SyncSender<Vec<u8>>>,
}

impl<R: Read> Read for Copied<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.stored.read(out)?;
        if let Some(pieces) =
            self.pieces.take_if(|pieces| got > 0 && pieces.send(out[..got].to_vec()).is_err())
        {
            drop(pieces);
        }
        Ok(got)
    }
}

struct Pieces {
    receiver: Receiver<Vec<u8>>,
    now: Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.now.read(out)? {
                0 if !out.is_empty() => match self.receiver.recv() {
                    Ok(piece) => self.now = Cursor::new(piece),
                    Err(_) => return Ok(0),
                },
                got => return Ok(got),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn unfold(stored: &[u8], coding: Coding, largest: u64) -> io::Result<Option<Sha256Digest>> {
        let take = |reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let (taken, digest) = while_taken(stored, coding, largest, take);
        assert!(taken == stored, "what is taken does not depend on what it unfolds to");
        digest
    }

    #[test]
    fn what_is_taken_is_unfolded_beside() {
        let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&content).unwrap();
        let gzip = gzip.finish().unwrap();
        let expected = Some(Sha256Digest::of(&content));
        assert_eq!(unfold(&gzip, Coding::Gzip, 1_200_000).unwrap(), expected);
        assert_eq!(unfold(&content, Coding::Plain, 1 << 30).unwrap(), expected);
        assert_eq!(unfold(&gzip, Coding::Gzip, 1_199_999).unwrap(), None);
        assert!(unfold(&content, Coding::Gzip, 1 << 30).is_err());
        assert!(unfold(&gzip[..gzip.len() / 2], Coding::Gzip, 1 << 30).is_err());
    }
}
