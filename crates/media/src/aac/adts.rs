//! ADTS frames in places where raw ones belong.

use super::{ADTS_HEADER_BYTES, AudioSpecificConfig, Error};

/// The frames of a payload which is ADTS from its first to its last byte.
///
/// A raw frame cannot be mistaken for one: its first three bits are an element's name, and `111` is the end.
pub(crate) struct AdtsFrames<'a> {
    left: &'a [u8],
}

/// One ADTS frame (ISO/IEC 14496-3, 1.A.2.2).
pub(crate) struct AdtsFrame<'a> {
    /// What its header says of the decoder.
    pub(crate) config: Result<AudioSpecificConfig, Error>,
    /// The raw frame.
    pub(crate) frame: &'a [u8],
}

impl<'a> AdtsFrames<'a> {
    /// `None` when the payload is not a whole number of ADTS frames of one raw data block each.
    pub(crate) fn recognise(payload: &'a [u8]) -> Option<Self> {
        let mut left = payload;
        while !left.is_empty() {
            left = split(left)?.1;
        }
        (!payload.is_empty()).then_some(Self { left: payload })
    }
}

impl<'a> Iterator for AdtsFrames<'a> {
    type Item = AdtsFrame<'a>;

    fn next(&mut self) -> Option<AdtsFrame<'a>> {
        let (frame, left) = split(self.left)?;
        self.left = left;
        Some(frame)
    }
}

fn split(bytes: &[u8]) -> Option<(AdtsFrame<'_>, &[u8])> {
    let header: &[u8; ADTS_HEADER_BYTES] = bytes.first_chunk()?;
    let without_crc = header[1] & 1 == 1;
    let start = if without_crc {
        ADTS_HEADER_BYTES
    } else {
        ADTS_HEADER_BYTES + 2
    };
    let end = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
    let is_header = header[0] == 0xFF && header[1] & 0xF6 == 0xF0 && header[6] & 3 == 0;
    if !is_header || end <= start || end > bytes.len() {
        return None;
    }
    let config = AudioSpecificConfig::from_adts(
        (header[2] >> 6) + 1,
        header[2] >> 2 & 15,
        (header[2] & 1) << 2 | header[3] >> 6,
    );
    Some((
        AdtsFrame {
            config,
            frame: &bytes[start..end],
        },
        &bytes[end..],
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrap(config: &AudioSpecificConfig, frame: &[u8]) -> Vec<u8> {
        [&config.adts_header(frame.len())[..], frame].concat()
    }

    #[test]
    fn splits_several_frames() {
        let config = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
        let payload = [wrap(&config, &[1, 2, 3]), wrap(&config, &[4])].concat();
        let frames: Vec<_> = AdtsFrames::recognise(&payload).unwrap().collect();
        assert_eq!(
            frames.iter().map(|frame| frame.frame).collect::<Vec<_>>(),
            [&[1, 2, 3][..], &[4]]
        );
        assert_eq!(frames[0].config.as_ref(), Ok(&config));
    }

    #[test]
    fn skips_the_crc() {
        let payload = [0xFF, 0xF0, 0x4C, 0x80, 0x01, 0x5F, 0xFC, 0xAA, 0xBB, 7];
        let frames: Vec<_> = AdtsFrames::recognise(&payload)
            .unwrap()
            .map(|frame| frame.frame)
            .collect();
        assert_eq!(frames, [&[7][..]]);
    }

    #[test]
    fn raw_frames_are_not_adts() {
        let config = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
        let whole = wrap(&config, &[1, 2, 3]);
        for payload in [&[][..], &[0x21, 0x10, 0x04], &whole[..9], &[&whole[..], &[0]].concat()] {
            assert!(AdtsFrames::recognise(payload).is_none());
        }
    }

    proptest! {
        #[test]
        fn reads_what_the_header_writes(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..300), 1..5)) {
            let config = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
            let payload: Vec<u8> = frames.iter().flat_map(|frame| wrap(&config, frame)).collect();
            let read: Vec<_> = AdtsFrames::recognise(&payload).unwrap().map(|frame| frame.frame.to_vec()).collect();
            prop_assert_eq!(read, frames);
        }
    }
}
