use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Memory for pieces of bodies, used again when a piece was sent: fresh memory is cleared first, and its pages have to be
/// given by the system and taken back, which takes a good part of the time that a read takes.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Held while one is taken or brought back.
    idle: Mutex<Vec<Vec<u8>>>,
}

/// Room for a piece.
pub(super) struct Piece {
    bytes: Vec<u8>,
    /// How much of it is the piece.
    length: usize,
    pieces: Arc<Pieces>,
}

impl Pieces {
    /// Room for `length` bytes, at most [`PIECE_BYTES`].
    pub(super) fn take(self: &Arc<Self>, length: usize) -> Piece {
        let idle = match length {
            SHARED_BYTES_MIN.. => self.idle().pop(),
            _ => None,
        };
        let bytes = idle.unwrap_or_else(|| match length {
            SHARED_BYTES_MIN.. => vec![0; PIECE_BYTES as usize],
            _ => vec![0; length],
        });
        Piece {
            bytes,
            length,
            pieces: Arc::clone(self),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // A list of buffers is whole whoever panicked.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece {
    /// To be filled.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }

    /// The first `length` bytes of it, which were filled.
    pub(super) fn filled(mut self, length: usize) -> Bytes {
        self.length = self.length.min(length);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.bytes.len() < PIECE_BYTES as usize {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let mut idle = self.pieces.idle();
        if idle.len() < IDLE_MAX {
            idle.push(bytes);
        }
    }
}

/// A thousand slow viewers hold a quarter of a GiB at the most, and a hop to a thread costs little beside reading so much.
pub(super) const PIECE_BYTES: u64 = 128 * 1024;

/// A shorter piece has memory of its own, which is not much more than it is long.
const SHARED_BYTES_MIN: usize = PIECE_BYTES as usize / 4;

/// A MiB at the most that nobody uses: enough for those who are served at one moment.
const IDLE_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_and_at_most_so_much_is_kept() {
        let pieces = Arc::new(Pieces::default());
        let take = |length: usize| {
            let mut piece = pieces.take(length);
            piece.room().fill(7);
            piece.filled(length - 1)
        };
        let many: Vec<_> = (0..IDLE_MAX + 5).map(|_| take(PIECE_BYTES as usize)).collect();
        assert!(
            many.iter()
                .all(|bytes| bytes.len() + 1 == PIECE_BYTES as usize && bytes[0] == 7)
        );
        drop(many);
        assert_eq!(pieces.idle().len(), IDLE_MAX);
        let again = take(SHARED_BYTES_MIN);
        assert_eq!(again, vec![7; SHARED_BYTES_MIN - 1]);
        assert_eq!(pieces.idle().len(), IDLE_MAX - 1);
        let slice = again.slice(5..6);
        drop(again);
        assert_eq!(pieces.idle().len(), IDLE_MAX - 1, "it is in use");
        drop(slice);
        assert_eq!(pieces.idle().len(), IDLE_MAX);
        drop(take(SHARED_BYTES_MIN - 1));
        assert_eq!(pieces.idle().len(), IDLE_MAX);
    }
}
