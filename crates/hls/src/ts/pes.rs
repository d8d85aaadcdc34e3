//! PES packet headers: ISO/IEC 13818-1, 2.4.3.6 and 2.4.3.7.

use super::clock::wrap;
use alluvium_media::Timestamp;

/// `stream_id` of the first video stream.
pub(crate) const VIDEO: u8 = 0xE0;

/// `stream_id` of the first audio stream.
pub(crate) const AUDIO: u8 = 0xC0;

/// The header of one PES packet, ready to be written.
#[derive(Debug)]
pub(crate) struct PesHeader {
    bytes: [u8; 19],
    length: usize,
}

impl PesHeader {
    /// A header for `payload` bytes. Where 16 bits cannot count them, the length is 0, "unbounded", which video may have.
    pub(crate) fn new(stream_id: u8, pts: Timestamp, dts: Timestamp, payload: usize) -> Self {
        let mut bytes = [0, 0, 1, stream_id, 0, 0, 0x84, 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let length = if pts == dts {
            bytes[9..14].copy_from_slice(&stamp(0b0010, pts));
            14
        } else {
            (bytes[7], bytes[8]) = (0xC0, 10);
            bytes[9..14].copy_from_slice(&stamp(0b0011, pts));
            bytes[14..19].copy_from_slice(&stamp(0b0001, dts));
            19
        };
        let counted = u16::try_from(length - 6 + payload).unwrap_or(0);
        bytes[4..6].copy_from_slice(&counted.to_be_bytes());
        Self { bytes, length }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The 33 bits of a time stamp among their prefix and marker bits.
fn stamp(prefix: u8, time: Timestamp) -> [u8; 5] {
    let ticks = wrap(time.as_ticks());
    [
        prefix << 4 | (ticks >> 29) as u8 & 0x0E | 1,
        (ticks >> 22) as u8,
        (ticks >> 14) as u8 & 0xFE | 1,
        (ticks >> 7) as u8,
        (ticks << 1) as u8 | 1,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ts::clock::BASE;

    fn at(ticks: i64) -> Timestamp {
        Timestamp::from_ticks(ticks - BASE)
    }

    #[test]
    fn one_stamp_when_decoding_and_presentation_coincide() {
        let header = PesHeader::new(AUDIO, at(0x1_5555_5555), at(0x1_5555_5555), 100);
        assert_eq!(
            header.bytes(),
            [0, 0, 1, 0xC0, 0, 108, 0x84, 0x80, 5, 0x2B, 0x55, 0x55, 0xAA, 0xAB]
        );
    }

    #[test]
    fn two_stamps_when_they_differ() {
        let header = PesHeader::new(VIDEO, at(3600), at(0), 100);
        assert_eq!(header.bytes()[..9], [0, 0, 1, 0xE0, 0, 113, 0x84, 0xC0, 10]);
        assert_eq!(header.bytes()[9..], [0x31, 0, 1, 0x1C, 0x21, 0x11, 0, 1, 0, 1]);
    }

    #[test]
    fn length_is_zero_only_past_sixteen_bits() {
        let length = |payload| PesHeader::new(VIDEO, at(0), at(0), payload).bytes()[4..6].to_vec();
        assert_eq!(length(65_527), [0xFF, 0xFF]);
        assert_eq!(length(65_528), [0, 0]);
    }

    #[test]
    fn stamps_wrap_at_33_bits() {
        let bytes = |ticks| PesHeader::new(AUDIO, at(ticks), at(ticks), 1).bytes()[9..].to_vec();
        assert_eq!(bytes((1 << 33) - 1), [0x2F, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(bytes(1 << 33), [0x21, 0, 1, 0, 1]);
        assert_eq!(bytes(-1), bytes((1 << 33) - 1));
    }
}
