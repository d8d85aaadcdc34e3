//! What is needed of a sequence parameter set.

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, Integer, Primitive};

use super::{Error, RbspReader, rbsp};

/// The facts of a sequence parameter set (ITU-T H.264, 7.3.2.1.1) which a server needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0 to 31.
    pub id: u8,
    /// `profile_idc`.
    pub profile_idc: u8,
    /// `level_idc`, as stated: encoders are often wrong about it.
    pub level_idc: u8,
    /// Displayed width in pixels, 1 to 16,880.
    pub width: u32,
    /// Displayed height in pixels, 1 to 16,880.
    pub height: u32,
    /// Pictures per second declared by the VUI, 0.01 to 1,000.
    pub frame_rate: Option<f64>,
}

impl Sps {
    /// Reads a NAL unit of type 7, header byte included.
    ///
    /// # Errors
    /// When it ends before its dimensions, or these make no sense.
    pub fn parse(unit: &[u8]) -> Result<Self, Error> {
        let [_, profile_idc, _, level_idc, ..] = *unit else {
            return Err(Error::Sps(format!("only {} bytes", unit.len())));
        };
        // A set damaged in its VUI still tells the picture.
        let sps = SeqParameterSet::from_bits(Facts {
            reader: rbsp(unit),
            vui: true,
        })
        .or_else(|_| {
            SeqParameterSet::from_bits(Facts {
                reader: rbsp(unit),
                vui: false,
            })
        })
        .map_err(|error| Error::Sps(format!("{error:?}")))?;
        let (width, height) = sps
            .pixel_dimensions()
            .map_err(|error| Error::Sps(format!("{error:?}")))?;
        if !(1..=DIMENSION_MAX).contains(&width) || !(1..=DIMENSION_MAX).contains(&height) {
            return Err(Error::Dimensions { width, height });
        }
        let frame_rate = sps
            .fps()
            .filter(|rate| (FRAME_RATE_MIN..=FRAME_RATE_MAX).contains(rate));
        Ok(Self {
            id: sps.id().id(),
            profile_idc,
            level_idc,
            width,
            height,
            frame_rate,
        })
    }
}

/// Level 6.2 allows 139,264 macroblocks and a side of sqrt(8 * 139,264) of them (ITU-T H.264, A.3.1).
const DIMENSION_MAX: u32 = 16_880;
/// Slide shows have been seen with a picture in 10 s.
const FRAME_RATE_MIN: f64 = 0.01;
/// RTMP counts milliseconds.
const FRAME_RATE_MAX: f64 = 1_000.0;

/// A level which the library knows no limits of.
const UNKNOWN_LEVEL: [u8; 1] = [0xFF];

/// Reads a sequence parameter set as far as the facts reach, and says of the rest that it is not there.
///
/// The library refuses sets whose level is too low for the picture size or whose last fields contradict each other.
/// Hardware encoders send such sets, and players play them.
struct Facts<'a> {
    reader: RbspReader<'a>,
    /// Whether to read the video usability information.
    vui: bool,
}

impl BitRead for Facts<'_> {
    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        self.reader.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        self.reader.read_se(name)
    }

    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        match name {
            // Nothing behind these is needed.
            "hrd_parameters_present_flag" | "pic_struct_present_flag" | "bitstream_restriction_flag" => Ok(false),
            "vui_parameters_present_flag" if !self.vui => Ok(false),
            _ => self.reader.read_bit(name),
        }
    }

    fn read<const BITS: u32, I: Integer>(&mut self, name: &'static str) -> Result<I, BitReaderError> {
        let value = self.reader.read::<BITS, I>(name)?;
        match name {
            "level_idc" => BitReader::new(&UNKNOWN_LEVEL[..]).read::<BITS, I>(name),
            _ => Ok(value),
        }
    }

    fn read_var<I: Integer>(&mut self, bit_count: u32, name: &'static str) -> Result<I, BitReaderError> {
        self.reader.read_var(bit_count, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.reader.read_to(name)
    }

    fn skip(&mut self, bit_count: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.reader.skip(bit_count, name)
    }

    fn byte_aligned(&self) -> bool {
        self.reader.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.reader.has_more_rbsp_data(name)
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        Ok(())
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::avc::testing::{HIGH_1080, unhex};

    #[test]
    fn reads_dimensions_after_cropping_and_the_frame_rate() {
        let table = [
            (HIGH_1080, 100, 40, 1_920, 1_080, 30_000.0 / 1_001.0),
            (
                "6742c01ed900a02ff97011000003000100000300320f162e48",
                66,
                30,
                640,
                360,
                25.0,
            ),
            (
                "674d401feca06c1ef3780880000003008000003c078c18cb",
                77,
                31,
                854,
                480,
                60.0,
            ),
        ];
        for (unit, profile_idc, level_idc, width, height, frame_rate) in table {
            let expected = Sps {
                id: 0,
                profile_idc,
                level_idc,
                width,
                height,
                frame_rate: Some(frame_rate),
            };
            assert_eq!(Sps::parse(&unhex(unit)), Ok(expected));
        }
    }

    #[test]
    fn believes_the_picture_when_the_level_is_too_low_for_it() {
        let mut unit = unhex(HIGH_1080);
        unit[3] = 10;
        let sps = Sps::parse(&unit).unwrap();
        assert_eq!((sps.level_idc, sps.width, sps.height), (10, 1_920, 1_080));
    }

    #[test]
    fn a_set_that_ends_within_its_vui_tells_the_picture() {
        let unit = unhex(HIGH_1080);
        let sps = Sps::parse(&unit[..14]).unwrap();
        assert_eq!((sps.width, sps.height, sps.frame_rate), (1_920, 1_080, None));
    }

    #[test]
    fn refuses_what_ends_before_its_dimensions() {
        let unit = unhex(HIGH_1080);
        for length in 0..8 {
            assert!(matches!(Sps::parse(&unit[..length]), Err(Error::Sps(_))), "{length}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(unit in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sps::parse(&unit);
        }

        #[test]
        fn any_damage_leaves_sane_dimensions(at in 1usize..25, byte: u8) {
            let mut unit = unhex(HIGH_1080);
            unit[at] = byte;
            if let Ok(sps) = Sps::parse(&unit) {
                prop_assert!((1..=DIMENSION_MAX).contains(&sps.width) && (1..=DIMENSION_MAX).contains(&sps.height));
            }
        }
    }
}
