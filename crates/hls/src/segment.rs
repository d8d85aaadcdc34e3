use alluvium_media::Timestamp;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

/// One TS object of a channel, complete and not yet stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// First DTS, 90 kHz, on the session's own timeline.
    pub start: Timestamp,
    /// 90 kHz: to the next segment's first DTS; at the end of a timeline to where the last unit ends.
    pub duration: u64,
    /// Bytes, a multiple of 188.
    pub length: u64,
    /// CRC-64/XZ of all bytes.
    pub crc64: u64,
    /// Its timeline or its tracks do not continue the session's segment before.
    pub discontinuity: bool,
    /// It begins with a random access unit: a decoder can begin here.
    pub random_access: bool,
    /// It was ended for want of a random access unit, or because it reached a bound.
    pub forced: bool,
}

/// A segment together with those of its bytes that had not been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The last bytes; empty when all had been taken.
    pub tail: Bytes,
    /// What the segment turned out to be.
    pub segment: Segment,
}

/// How an open segment began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beginning {
    /// First DTS.
    pub start: Timestamp,
    /// See [`Segment::discontinuity`].
    pub discontinuity: bool,
    /// See [`Segment::random_access`].
    pub random_access: bool,
}

/// Length and CRC-64/XZ of what has been taken of the open segment.
#[derive(Debug)]
pub(crate) struct Tally {
    digest: Digest,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            digest: Digest::new(CrcAlgorithm::Crc64Xz),
        }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
    }

    /// Length and checksum; counts from nothing again.
    pub(crate) fn finish(&mut self) -> (u64, u64) {
        (self.length(), self.digest.finalize_reset())
    }

    pub(crate) fn length(&self) -> u64 {
        self.digest.get_amount()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_is_crc64_xz_over_any_split() {
        let mut tally = Tally::new();
        for split in 0..=9 {
            let (head, rest) = b"123456789".split_at(split);
            tally.add(head);
            tally.add(rest);
            assert_eq!(tally.length(), 9);
            assert_eq!(tally.finish(), (9, 11_051_210_869_376_104_954));
        }
    }
}
