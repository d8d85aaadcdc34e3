use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So much of each connection is kept whatever the others hold: a refusal needs no more.
const BYTES_FREE: usize = 16 * 1024;

/// What all connections hold beyond that; when it is used up, no connection keeps more than it has.
const BYTES_HELD_MAX: usize = 256 * 1024 * 1024;

/// The first bytes of a connection.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    bytes_max: usize,
    /// Bytes that came after the last one kept.
    cut: u64,
    /// Of all connections, beyond what is free to each.
    held: Arc<AtomicUsize>,
    /// This connection's part of it.
    counted: usize,
}

impl Kept {
    pub(crate) fn new(bytes_max: usize, held: Arc<AtomicUsize>) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max,
            cut: 0,
            held,
            counted: 0,
        }
    }

    /// Takes what came in one read.
    pub(crate) fn take(&mut self, input: &[u8]) {
        let room = if self.cut > 0 { 0 } else { self.room(input.len()) };
        let (kept, cut) = input.split_at(room.min(input.len()));
        self.bytes.extend_from_slice(kept);
        self.cut += cut.len() as u64;
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cut
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        mem::take(&mut self.bytes)
    }

    /// How many bytes can be taken without further memory, after an attempt to get some for `wanted`.
    fn room(&mut self, wanted: usize) -> usize {
        let capacity = self.bytes.capacity();
        let needed = self.bytes.len().saturating_add(wanted).min(self.bytes_max);
        if needed > capacity {
            let grown = needed.max(capacity * 2).min(self.bytes_max);
            if self.count(grown.saturating_sub(BYTES_FREE)) {
                self.bytes.reserve_exact(grown - self.bytes.len());
            }
        }
        self.bytes.capacity().min(self.bytes_max) - self.bytes.len()
    }

    /// Counts so much as held by this connection; `false` when there is not so much left.
    fn count(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.counted);
        let held = self.held.fetch_add(more, Ordering::Relaxed);
        if held.saturating_add(more) > BYTES_HELD_MAX {
            self.held.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.counted += more;
        true
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.held.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_are_kept_and_the_rest_is_counted() {
        let mut kept = Kept::new(5, Arc::default());
        kept.take(b"abc");
        kept.take(b"def");
        kept.take(b"g");
        assert_eq!((kept.cut(), kept.into_bytes()), (2, b"abcde".to_vec()));
    }

    #[test]
    fn all_connections_together_hold_no_more_than_the_limit() {
        let others = BYTES_HELD_MAX - 1000;
        let held = Arc::new(AtomicUsize::new(others));
        let bytes = vec![1; BYTES_FREE + 1000];
        let mut first = Kept::new(bytes.len(), Arc::clone(&held));
        first.take(&bytes);
        assert_eq!((first.cut(), held.load(Ordering::Relaxed)), (0, BYTES_HELD_MAX));
        let mut second = Kept::new(bytes.len(), Arc::clone(&held));
        second.take(&bytes[..BYTES_FREE]);
        second.take(&bytes[..1]);
        assert_eq!(second.cut(), 1, "what is free to each, and no more");
        drop(first);
        second.take(&bytes[..1]);
        assert_eq!(
            (second.cut(), second.bytes.len()),
            (2, BYTES_FREE),
            "what is kept has no hole"
        );
        drop(second);
        assert_eq!(held.load(Ordering::Relaxed), others);
    }
}
