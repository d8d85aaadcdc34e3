//! The H.264 decoder's configuration.

use super::Error;
use super::nal::NalKind;

/// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1).
///
/// The extension that High profiles add is not read: it repeats what the sequence parameter set says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvcConfig<'a> {
    /// Bytes of the length before each NAL unit, 1 to 4 (3 is reserved, and read all the same).
    pub nal_length_size: usize,
    /// The record's sets, at most 31 of the first kind and 255 of the second.
    sequence: Vec<&'a [u8]>,
    picture: Vec<&'a [u8]>,
}

impl<'a> AvcConfig<'a> {
    /// Reads a record; bytes after its picture parameter sets are ignored, and so are empty sets and NAL units of any
    /// other type that stand among them.
    ///
    /// # Errors
    /// When it is of another version or cut short.
    ///
    /// ```
    /// use alluvium_media::AvcConfig;
    ///
    /// let record = [1, 66, 0, 30, 0xFF, 0xE1, 0, 2, 0x67, 66, 1, 0, 1, 0x68];
    /// let config = AvcConfig::parse(&record)?;
    /// assert_eq!(config.nal_length_size, 4);
    /// assert_eq!(config.sequence_parameter_sets(), [&[0x67, 66][..]]);
    /// # Ok::<(), alluvium_media::avc::Error>(())
    /// ```
    pub fn parse(record: &'a [u8]) -> Result<Self, Error> {
        let truncated = Error::Truncated { length: record.len() };
        let Some((&[version, _, _, _, length_size, count], mut left)) = record.split_first_chunk() else {
            return Err(truncated);
        };
        if version != 1 {
            return Err(Error::Version(version));
        }
        let sequence = take_sets(&mut left, count & 0x1F, NalKind::Sps).ok_or_else(|| truncated.clone())?;
        let (&count, mut left) = left.split_first().ok_or_else(|| truncated.clone())?;
        let picture = take_sets(&mut left, count, NalKind::Pps).ok_or(truncated)?;
        Ok(Self {
            nal_length_size: usize::from(length_size & 3) + 1,
            sequence,
            picture,
        })
    }

    /// NAL units of type 7, header byte first.
    pub fn sequence_parameter_sets(&self) -> &[&'a [u8]] {
        &self.sequence
    }

    /// NAL units of type 8, header byte first.
    pub fn picture_parameter_sets(&self) -> &[&'a [u8]] {
        &self.picture
    }
}

fn take_sets<'a>(bytes: &mut &'a [u8], count: u8, kind: NalKind) -> Option<Vec<&'a [u8]>> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let (length, left) = bytes.split_first_chunk()?;
        let (set, left) = left.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        *bytes = left;
        if set.first().is_some_and(|header| NalKind::of(*header) == kind) {
            sets.push(set);
        }
    }
    Some(sets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RECORD: [u8; 14] = [1, 66, 0, 30, 0xFC, 0xE1, 0, 2, 0x67, 66, 1, 0, 1, 0x68];

    #[test]
    fn reads_length_sizes() {
        for (byte, size) in [(0xFC, 1), (0xFD, 2), (0xFF, 4)] {
            let mut record = RECORD;
            record[4] = byte;
            assert_eq!(AvcConfig::parse(&record).unwrap().nal_length_size, size);
        }
    }

    #[test]
    fn ignores_the_high_profile_extension() {
        let record = [&RECORD[..], &[0xFD, 0xF8, 0xF8, 0]].concat();
        assert_eq!(AvcConfig::parse(&record), AvcConfig::parse(&RECORD));
    }

    #[test]
    fn refuses_every_truncation() {
        for length in 0..RECORD.len() {
            assert_eq!(AvcConfig::parse(&RECORD[..length]), Err(Error::Truncated { length }));
        }
    }

    #[test]
    fn ignores_units_that_are_no_sets() {
        let record = [
            1, 66, 0, 30, 0xFC, 0xE2, 0, 2, 0x69, 66, 0, 2, 0x67, 66, 2, 0, 1, 0x66, 0, 1, 0x68,
        ];
        assert_eq!(AvcConfig::parse(&record), AvcConfig::parse(&RECORD));
    }

    #[test]
    fn refuses_another_version() {
        assert_eq!(AvcConfig::parse(&[0, 0, 0, 1, 0x67, 66]), Err(Error::Version(0)));
    }

    proptest! {
        #[test]
        fn never_panics(record in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = AvcConfig::parse(&record);
        }
    }
}
