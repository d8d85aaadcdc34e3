use std::mem;

/// The message of one chunk stream while its chunks arrive.
#[derive(Debug)]
pub(super) enum Assembly {
    /// No byte of it has come.
    Idle,
    /// Its bytes are kept.
    Collecting(Vec<u8>),
    /// Nobody wants it: its bytes are counted.
    Skipping(usize),
}

impl Assembly {
    /// Bytes that have come.
    pub(super) fn received(&self) -> usize {
        match self {
            Assembly::Idle => 0,
            Assembly::Collecting(buffer) => buffer.len(),
            Assembly::Skipping(received) => *received,
        }
    }

    /// Takes more of a message that will be `length` long in the end. `false`: its buffer would pass the limit.
    pub(super) fn append(&mut self, bytes: &[u8], length: usize, limit: usize, buffers: &mut Buffers) -> bool {
        match self {
            Assembly::Idle => bytes.is_empty(),
            Assembly::Collecting(buffer) => buffers.push(buffer, bytes, length, limit),
            Assembly::Skipping(received) => {
                *received += bytes.len();
                true
            }
        }
    }
}

/// The buffers that messages are put together in, used again and again.
///
/// `held` is the capacity of all buffers that are out; none grows past the limit. A buffer grows with what arrives, not
/// with what a header announces.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    held: usize,
    /// Empty, at most [`SPARE_BYTES_MAX`] of capacity.
    spare: Vec<u8>,
    /// The last whole message, lent to the caller.
    delivered: Vec<u8>,
}

impl Buffers {
    /// An empty buffer.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let buffer = mem::take(&mut self.spare);
        self.held += buffer.capacity();
        buffer
    }

    /// Appends to a buffer that will be `length` long in the end. `false`: the limit forbids it.
    pub(super) fn push(&mut self, buffer: &mut Vec<u8>, bytes: &[u8], length: usize, limit: usize) -> bool {
        let needed = buffer.len() + bytes.len();
        let before = buffer.capacity();
        if needed > before {
            let capacity = needed.max(2 * before).min(length);
            if self.held - before + capacity > limit {
                return false;
            }
            buffer.reserve_exact(capacity - buffer.len());
            self.held += buffer.capacity() - before;
        }
        buffer.extend_from_slice(bytes);
        true
    }

    /// Keeps a whole message until [`Buffers::recycle`].
    pub(super) fn deliver(&mut self, buffer: Vec<u8>) {
        self.held -= buffer.capacity();
        self.delivered = buffer;
    }

    /// Gives up an unfinished message.
    pub(super) fn abandon(&mut self, buffer: Vec<u8>) {
        self.held -= buffer.capacity();
    }

    /// Takes the delivered message back: the larger of two small buffers is kept for the next one.
    pub(super) fn recycle(&mut self) {
        let mut buffer = mem::take(&mut self.delivered);
        if buffer.capacity() > self.spare.capacity() && buffer.capacity() <= SPARE_BYTES_MAX {
            buffer.clear();
            self.spare = buffer;
        }
    }

    /// Gives back what is kept for the next message.
    pub(super) fn rest(&mut self) {
        self.delivered = Vec::new();
        self.spare = Vec::new();
    }

    pub(super) fn delivered(&self) -> &[u8] {
        &self.delivered
    }

    /// Capacity of everything, bytes.
    #[cfg(test)]
    pub(super) fn footprint(&self) -> usize {
        self.held + self.spare.capacity() + self.delivered.capacity()
    }
}

/// Capacity that a connection keeps between messages: it holds the ordinary pictures of a few Mbit/s, while an idle
/// publisher stays far below 48 KiB.
pub(super) const SPARE_BYTES_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_nothing_for_a_rest() {
        let mut buffers = Buffers::default();
        let mut buffer = buffers.take();
        assert!(buffers.push(&mut buffer, &[7; 100], 100, 1 << 20));
        buffers.deliver(buffer);
        buffers.rest();
        assert_eq!(buffers.footprint(), 0);
    }

    #[test]
    fn grows_with_what_arrives() {
        let mut buffers = Buffers::default();
        let mut buffer = buffers.take();
        assert!(buffers.push(&mut buffer, &[7; 100], 8 << 20, 1 << 20));
        assert_eq!(buffers.footprint(), 100);
        assert!(buffers.push(&mut buffer, &[7; 20], 8 << 20, 1 << 20));
        assert_eq!(buffers.footprint(), 200);
    }

    #[test]
    fn takes_exactly_the_limit_and_not_a_byte_more() {
        for (length, fits) in [(1000, true), (1001, false)] {
            let mut buffers = Buffers::default();
            let mut buffer = buffers.take();
            let pushed = (0..length)
                .take_while(|_| buffers.push(&mut buffer, &[1], length, 1000))
                .count();
            assert_eq!(pushed == length, fits, "{pushed} of {length}");
            assert!(buffers.footprint() <= 1000);
        }
    }

    #[test]
    fn keeps_a_small_buffer_and_drops_a_large_one() {
        for (length, kept) in [(SPARE_BYTES_MAX, SPARE_BYTES_MAX), (SPARE_BYTES_MAX + 1, 0)] {
            let mut buffers = Buffers::default();
            let mut buffer = buffers.take();
            assert!(buffers.push(&mut buffer, &vec![1; length], length, 1 << 20));
            buffers.deliver(buffer);
            assert_eq!(buffers.delivered().len(), length);
            buffers.recycle();
            assert_eq!(buffers.footprint(), kept);
        }
    }
}
