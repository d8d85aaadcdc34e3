/// The AAC frames of one PES packet, walked from header to header.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER],
    header_length: usize,
    /// Bytes of the frame that are still to come.
    left: usize,
    /// How long the whole frames last, 90 kHz.
    ticks: u64,
}

impl Frames {
    /// Walks on. `None`: there is no header where one must be.
    pub(super) fn walk(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let (now, later) = if self.left > 0 {
                bytes.split_at(bytes.len().min(self.left))
            } else {
                bytes.split_at(bytes.len().min(HEADER - self.header_length))
            };
            if self.left > 0 {
                self.left -= now.len();
            } else {
                self.header[self.header_length..][..now.len()].copy_from_slice(now);
                self.header_length += now.len();
                if self.header_length == HEADER {
                    self.begin()?;
                }
            }
            bytes = later;
        }
        Some(())
    }

    /// How long all frames last together, if the last one is whole.
    pub(super) fn duration(&self) -> Option<u64> {
        (self.left == 0 && self.header_length == 0).then_some(self.ticks)
    }

    fn begin(&mut self) -> Option<()> {
        let [0xFF, 0xF1, kind, length_high, length, length_low, 0xFC] = self.header else {
            return None;
        };
        let length = u16::from_be_bytes([length_high & 3, length]) << 3 | u16::from(length_low >> 5);
        self.left = usize::from(length).checked_sub(HEADER).filter(|left| *left > 0)?;
        self.header_length = 0;
        self.ticks += SAMPLES * 90_000 / SAMPLE_RATES.get(usize::from(kind >> 2 & 0x0F))?;
        Some(())
    }
}

/// Bytes of a header without CRC.
const HEADER: usize = 7;

/// Samples of a frame; ADTS tells no other number.
const SAMPLES: u64 = 1_024;

/// The sampling frequencies by index, Hz (ISO/IEC 14496-3, table 1.18).
const SAMPLE_RATES: [u64; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_media::{AAC_FRAME_BYTES_MAX, AudioSpecificConfig};

    fn frames(lengths: &[usize]) -> Vec<u8> {
        let config = AudioSpecificConfig::parse(&[0x12, 0x10]).unwrap();
        let frame = |&length: &usize| [&config.adts_header(length)[..], &vec![0xFF; length]].concat();
        lengths.iter().flat_map(frame).collect()
    }

    #[test]
    fn frames_are_counted_at_any_split() {
        let bytes = frames(&[1, 300, AAC_FRAME_BYTES_MAX, 2]);
        for step in [1, 2, 6, 7, 8, 170, 184, bytes.len()] {
            let mut walked = Frames::default();
            assert!(bytes.chunks(step).all(|piece| walked.walk(piece).is_some()));
            assert_eq!(walked.duration(), Some(4 * (1_024 * 90_000 / 44_100)));
        }
    }

    #[test]
    fn a_frame_that_is_not_whole_has_no_duration() {
        let bytes = frames(&[5, 5]);
        for end in 0..bytes.len() {
            let mut walked = Frames::default();
            assert_eq!(walked.walk(&bytes[..end]), Some(()));
            let whole = [0, 12].contains(&end);
            assert_eq!(walked.duration().is_some(), whole, "{end}");
        }
    }

    #[test]
    fn what_is_no_header_is_told() {
        let good = *frames(&[1]).first_chunk::<HEADER>().unwrap();
        assert_eq!(Frames::default().walk(&good), Some(()));
        for (at, byte, what) in [
            (0, 0xFE, "sync word"),
            (1, 0xF0, "with CRC"),
            (2, 0x74, "a rate that does not exist"),
            (5, 0xDF, "a frame shorter than its header"),
            (5, 0xFF, "a frame without bytes"),
            (6, 0xFD, "several blocks"),
        ] {
            let mut header = good;
            // Eight bytes become seven where the lower bits say so.
            header[4] = if at == 5 { 0 } else { good[4] };
            header[at] = byte;
            assert_eq!(Frames::default().walk(&header), None, "{what}");
        }
    }
}
