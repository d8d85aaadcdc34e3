//! Access units: what a picture or an audio frame is once it has left its tag.

use std::ops::Range;

use crate::Timestamp;

/// One picture's NAL units, or one AAC frame, with its times.
///
/// `dts` strictly rises from unit to unit of the same track.
#[derive(Clone, Copy, Debug)]
pub struct AccessUnit<'a> {
    /// When it is presented. Never before `dts`; equal to it for audio.
    pub pts: Timestamp,
    /// When it is decoded.
    pub dts: Timestamp,
    /// A decoder that knows nothing of what came before can begin here. Always true for audio.
    pub random_access: bool,
    /// The bytes.
    pub content: Content<'a>,
}

/// The bytes of an access unit.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A picture (ITU-T H.264, 7.4.1.2.3).
    Video(NalUnits<'a>),
    /// A raw AAC frame (ISO/IEC 14496-3, `raw_data_block`), without ADTS header.
    Audio {
        /// The frame, 1 to [`AAC_FRAME_BYTES_MAX`](crate::AAC_FRAME_BYTES_MAX) bytes.
        frame: &'a [u8],
        /// Samples per channel which it decodes to, at the track's output rate:
        /// `samples / AudioTrack::sample_rate` is its duration in seconds.
        samples: u32,
    },
}

/// The NAL units of one picture, in decoding order, without start codes or lengths.
///
/// Those a [`Demuxer`](crate::Demuxer) hands out begin with exactly one access unit delimiter; before a random access
/// picture stand all parameter sets; there is no filler.
#[derive(Clone, Copy, Debug)]
pub struct NalUnits<'a> {
    /// What stands before the units of the payload.
    head: Pieces<'a>,
    body: Pieces<'a>,
}

/// Units as places in a buffer, so that a picture costs no list of slices.
#[derive(Clone, Copy, Debug)]
struct Pieces<'a> {
    bytes: &'a [u8],
    ranges: &'a [Range<usize>],
}

impl<'a> NalUnits<'a> {
    /// The NAL units at `ranges` of `payload`.
    ///
    /// # Panics
    /// Iterating panics when a range lies outside of `payload`.
    pub fn new(payload: &'a [u8], ranges: &'a [Range<usize>]) -> Self {
        Self::with_head(&[], &[], payload, ranges)
    }

    /// The same, after units from another buffer.
    pub(crate) fn with_head(
        head: &'a [u8],
        head_ranges: &'a [Range<usize>],
        payload: &'a [u8],
        ranges: &'a [Range<usize>],
    ) -> Self {
        Self {
            head: Pieces {
                bytes: head,
                ranges: head_ranges,
            },
            body: Pieces { bytes: payload, ranges },
        }
    }

    /// Each unit, header byte first.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.head.iter().chain(self.body.iter())
    }

    /// How many units there are.
    pub fn count(&self) -> usize {
        self.head.ranges.len() + self.body.ranges.len()
    }

    /// Bytes of all units together, start codes not counted.
    pub fn byte_length(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }
}

impl<'a> Pieces<'a> {
    fn iter(self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.ranges.iter().map(move |range| &self.bytes[range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_comes_before_body() {
        let (head_ranges, ranges) = ([0..2, 2..3], [1..3, 3..4]);
        let units = NalUnits::with_head(&[9, 0xF0, 7], &head_ranges, &[0, 6, 5, 1], &ranges);
        assert_eq!(units.iter().collect::<Vec<_>>(), [&[9, 0xF0][..], &[7], &[6, 5], &[1]]);
        assert_eq!((units.count(), units.byte_length()), (4, 6));
    }
}
