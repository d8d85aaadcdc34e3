//! The AAC decoder's configuration.

use super::bits::Bits;
use super::{AAC_FRAME_BYTES_MAX, ADTS_HEADER_BYTES, SAMPLE_RATES};

/// An AAC decoder's configuration (ISO/IEC 14496-3, 1.6.2.1) which ADTS can express.
///
/// With HE-AAC it describes the core: the ADTS header names the core's object type and rate, and the decoder finds SBR
/// and PS in the frames. [`output_rate`](Self::output_rate) and [`channels`](Self::channels) say what comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// 1 Main, 2 LC, 3 SSR, 4 LTP: what fits the two bits of an ADTS header.
    object_type: u8,
    /// The core's rate, Hz.
    sample_rate: u32,
    /// 1 to 7.
    channel_configuration: u8,
    sbr: Sbr,
    /// Parametric stereo is signalled: a mono core comes out in stereo.
    parametric_stereo: bool,
}

/// What a configuration says of spectral band replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sbr {
    /// Signalled as absent, or the core's rate is too high for it.
    Absent,
    /// Not signalled, yet the frames may hold it: only decoding them would tell.
    Unsignalled,
    /// Signalled, by object type 5 or 29 or by the backward compatible extension.
    Present {
        /// Samples per second after SBR.
        output_rate: u32,
    },
}

impl Sbr {
    /// SBR keeps the core's rate or doubles it; any other pair of rates is a mistake of the encoder.
    fn signalled(core_rate: u32, output_rate: u32) -> Self {
        if output_rate == core_rate || output_rate == core_rate * 2 {
            Self::Present { output_rate }
        } else {
            Self::unsignalled(core_rate)
        }
    }

    fn unsignalled(core_rate: u32) -> Self {
        if core_rate <= SBR_CORE_RATE_MAX {
            Self::Unsignalled
        } else {
            Self::Absent
        }
    }
}

/// Why a configuration cannot be carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before its last field.
    #[error("the AudioSpecificConfig ends after {length} bytes")]
    Truncated {
        /// Bytes there are.
        length: usize,
    },
    /// ADTS has no number for this object type (low delay, scalable, USAC).
    #[error("AAC object type {0} cannot be carried in ADTS")]
    ObjectType(u8),
    /// A reserved frequency index.
    #[error("sampling frequency index {0} is reserved")]
    FrequencyIndex(u8),
    /// An escaped rate which no AAC stream has.
    #[error("a sample rate of {0} Hz is outside of {SAMPLE_RATE_MIN} to {SAMPLE_RATE_MAX}")]
    SampleRate(u32),
    /// Channels described by a program config element or by numbers that ADTS does not have.
    #[error("channel configuration {0} cannot be carried in ADTS")]
    ChannelConfiguration(u8),
    /// 960 samples per frame; ADTS cannot say so.
    #[error("frames of 960 samples cannot be carried in ADTS")]
    ShortFrames,
}

impl AudioSpecificConfig {
    /// Samples per channel in a frame of the core.
    pub const FRAME_SAMPLES: u32 = 1_024;

    /// Reads a configuration; bytes after its end are ignored.
    ///
    /// # Errors
    /// When it is cut short, reserved, or describes what ADTS cannot carry.
    ///
    /// ```
    /// use alluvium_media::AudioSpecificConfig;
    ///
    /// let config = AudioSpecificConfig::parse(&[0x12, 0x10])?;
    /// assert_eq!((config.sample_rate(), config.channels()), (44_100, 2));
    /// # Ok::<(), alluvium_media::aac::Error>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let truncated = Error::Truncated { length: bytes.len() };
        let mut bits = Bits::new(bytes);
        let mut object_type = object_type(&mut bits).ok_or(truncated)?;
        let sample_rate = sample_rate(&mut bits).ok_or(truncated)??;
        let channel_configuration = bits.read(4).ok_or(truncated)? as u8;
        let mut sbr = Sbr::unsignalled(sample_rate);
        let mut parametric_stereo = false;
        let hierarchical = object_type == SBR || object_type == PARAMETRIC_STEREO;
        if hierarchical {
            parametric_stereo = object_type == PARAMETRIC_STEREO;
            sbr = Sbr::signalled(sample_rate, self::sample_rate(&mut bits).ok_or(truncated)??);
            object_type = self::object_type(&mut bits).ok_or(truncated)?;
        }
        if !(1..=4).contains(&object_type) {
            return Err(Error::ObjectType(object_type));
        }
        if !(1..=7).contains(&channel_configuration) {
            return Err(Error::ChannelConfiguration(channel_configuration));
        }
        // GASpecificConfig, ISO/IEC 14496-3, 4.4.1.
        if bits.flag().ok_or(truncated)? {
            return Err(Error::ShortFrames);
        }
        if bits.flag().ok_or(truncated)? {
            bits.read(14).ok_or(truncated)?;
        }
        bits.flag().ok_or(truncated)?;
        if !hierarchical && let Some(extension) = Extension::read(&mut bits, sample_rate) {
            sbr = extension.sbr;
            parametric_stereo = extension.parametric_stereo;
        }
        Ok(Self {
            object_type,
            sample_rate,
            channel_configuration,
            sbr,
            parametric_stereo,
        })
    }

    /// The configuration which an ADTS header states.
    pub(super) fn from_adts(object_type: u8, frequency_index: u8, channel_configuration: u8) -> Result<Self, Error> {
        let index = usize::from(frequency_index);
        let sample_rate = *SAMPLE_RATES.get(index).ok_or(Error::FrequencyIndex(frequency_index))?;
        if channel_configuration == 0 {
            return Err(Error::ChannelConfiguration(0));
        }
        let sbr = Sbr::unsignalled(sample_rate);
        Ok(Self {
            object_type,
            sample_rate,
            channel_configuration,
            sbr,
            parametric_stereo: false,
        })
    }

    /// The core's object type, 1 to 4; 2 is AAC-LC.
    pub fn object_type(&self) -> u8 {
        self.object_type
    }

    /// Samples per second of the core, Hz: what an ADTS header carries.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Samples per second which come out of a decoder, Hz.
    pub fn output_rate(&self) -> u32 {
        match self.sbr {
            Sbr::Present { output_rate } => output_rate,
            Sbr::Absent | Sbr::Unsignalled => self.sample_rate,
        }
    }

    /// Samples per channel of one frame at [`output_rate`](Self::output_rate).
    pub fn output_samples(&self) -> u32 {
        match self.sbr {
            // Downsampled SBR puts out the core's rate.
            Sbr::Present { output_rate } if output_rate > self.sample_rate => Self::FRAME_SAMPLES * 2,
            Sbr::Present { .. } | Sbr::Absent | Sbr::Unsignalled => Self::FRAME_SAMPLES,
        }
    }

    /// Channels which come out of a decoder, 1 to 8.
    pub fn channels(&self) -> u8 {
        match self.channel_configuration {
            1 if self.parametric_stereo => 2,
            7 => 8,
            count => count,
        }
    }

    /// Whether the other one has the same core: all that an ADTS header tells.
    pub(crate) fn has_core_of(&self, other: &Self) -> bool {
        let core = |config: &Self| (config.object_type, config.sample_rate, config.channel_configuration);
        core(self) == core(other)
    }

    /// What is known of spectral band replication.
    pub fn sbr(&self) -> Sbr {
        self.sbr
    }

    /// The header before a frame of `frame_length` bytes (ISO/IEC 14496-3, 1.A.2.2.1), without CRC.
    ///
    /// `frame_length` is at most [`AAC_FRAME_BYTES_MAX`]; what the 13-bit field cannot hold is cut off.
    pub fn adts_header(&self, frame_length: usize) -> [u8; ADTS_HEADER_BYTES] {
        debug_assert!(frame_length <= AAC_FRAME_BYTES_MAX);
        let length = frame_length + ADTS_HEADER_BYTES;
        let (profile, index, channels) = (self.object_type - 1, self.frequency_index(), self.channel_configuration);
        [
            0xFF,
            // MPEG-4, layer 0, no CRC.
            0xF1,
            profile << 6 | index << 2 | channels >> 2,
            (channels & 3) << 6 | (length >> 11 & 3) as u8,
            (length >> 3) as u8,
            // Buffer fullness 0x7FF: variable rate.
            (length as u8 & 7) << 5 | 0x1F,
            // One raw data block.
            0xFC,
        ]
    }

    /// The index of the core's rate; for a rate without one, that of the range which holds it (ISO/IEC 14496-3,
    /// table 4.82).
    fn frequency_index(&self) -> u8 {
        const LOWEST: [u32; 11] = [
            92_017, 75_132, 55_426, 46_009, 37_566, 27_713, 23_004, 18_783, 13_856, 11_502, 9_391,
        ];
        let exact = SAMPLE_RATES.iter().position(|&rate| rate == self.sample_rate);
        let index = exact.or_else(|| LOWEST.iter().position(|&lowest| self.sample_rate >= lowest));
        index.unwrap_or(LOWEST.len()) as u8
    }
}

/// The backward compatible signalling after the core's configuration (ISO/IEC 14496-3, 1.6.6.1).
struct Extension {
    sbr: Sbr,
    parametric_stereo: bool,
}

impl Extension {
    /// Reads it where there is one that makes sense; a damaged one is as good as none.
    fn read(bits: &mut Bits<'_>, core_rate: u32) -> Option<Self> {
        if bits.read(11)? != 0x2B7 || object_type(bits)? != SBR {
            return None;
        }
        if !bits.flag()? {
            return Some(Self {
                sbr: Sbr::Absent,
                parametric_stereo: false,
            });
        }
        let output_rate = sample_rate(bits)?.ok()?;
        let parametric_stereo = bits.left() >= 12 && bits.read(11)? == 0x548 && bits.flag()?;
        Some(Self {
            sbr: Sbr::signalled(core_rate, output_rate),
            parametric_stereo,
        })
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    match bits.read(5)? {
        31 => Some(32 + bits.read(6)? as u8),
        object_type => Some(object_type as u8),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Option<Result<u32, Error>> {
    Some(match bits.read(4)? {
        15 => match bits.read(24)? {
            rate if (SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&rate) => Ok(rate),
            rate => Err(Error::SampleRate(rate)),
        },
        index => SAMPLE_RATES
            .get(index as usize)
            .copied()
            .ok_or(Error::FrequencyIndex(index as u8)),
    })
}

/// Object type of SBR.
const SBR: u8 = 5;
/// Object type of SBR with parametric stereo.
const PARAMETRIC_STEREO: u8 = 29;
/// SBR doubles the core's rate, and nothing above 48 kHz comes out of an HE-AAC profile.
const SBR_CORE_RATE_MAX: u32 = 24_000;
/// Below the lowest rate in the table by some margin; less would make frames of seconds.
const SAMPLE_RATE_MIN: u32 = 6_000;
/// The highest rate in the table.
const SAMPLE_RATE_MAX: u32 = 96_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Packs `(value, bits)` fields.
    fn pack(fields: &[(u32, usize)]) -> Vec<u8> {
        let bits: Vec<bool> = fields
            .iter()
            .flat_map(|&(value, count)| (0..count).rev().map(move |bit| value >> bit & 1 == 1))
            .collect();
        bits.chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |all, (at, &bit)| all | u8::from(bit) << (7 - at))
            })
            .collect()
    }

    #[test]
    fn reads_all_thirteen_rates() {
        for (index, &rate) in SAMPLE_RATES.iter().enumerate() {
            let config = AudioSpecificConfig::parse(&pack(&[(2, 5), (index as u32, 4), (2, 4), (0, 3)])).unwrap();
            assert_eq!(config.sample_rate(), rate);
            assert_eq!(usize::from(config.adts_header(100)[2] >> 2 & 15), index);
        }
    }

    #[test]
    fn reads_the_escaped_rate() {
        for (rate, index) in [
            (44_100, 4),
            (48_000, 3),
            (44_000, 4),
            (50_000, 3),
            (7_350, 12),
            (6_000, 11),
        ] {
            let config = AudioSpecificConfig::parse(&pack(&[(2, 5), (15, 4), (rate, 24), (1, 4), (0, 3)])).unwrap();
            assert_eq!(config.sample_rate(), rate);
            assert_eq!(config.adts_header(0)[2] >> 2 & 15, index, "{rate}");
        }
    }

    #[test]
    fn counts_channels_up_to_seven_point_one() {
        for (configuration, channels) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6), (7, 8)] {
            let config = AudioSpecificConfig::parse(&pack(&[(2, 5), (3, 4), (configuration, 4), (0, 3)])).unwrap();
            assert_eq!(config.channels(), channels);
            let header = config.adts_header(1);
            assert_eq!(u32::from((header[2] & 1) << 2 | header[3] >> 6), configuration);
        }
    }

    #[test]
    fn reads_every_signalling_of_sbr_and_ps() {
        let core = [(2, 5), (6, 4), (1, 4), (0, 3)];
        let with = |tail: &[(u32, usize)]| pack(&[&core[..], tail].concat());
        let table = [
            ("implicit", with(&[]), Sbr::Unsignalled, 24_000, 1_024, 1),
            (
                "absent",
                with(&[(0x2B7, 11), (5, 5), (0, 1)]),
                Sbr::Absent,
                24_000,
                1_024,
                1,
            ),
            (
                "extension",
                with(&[(0x2B7, 11), (5, 5), (1, 1), (3, 4)]),
                Sbr::Present { output_rate: 48_000 },
                48_000,
                2_048,
                1,
            ),
            (
                "extension with ps",
                with(&[(0x2B7, 11), (5, 5), (1, 1), (3, 4), (0x548, 11), (1, 1)]),
                Sbr::Present { output_rate: 48_000 },
                48_000,
                2_048,
                2,
            ),
            (
                "hierarchical",
                pack(&[(5, 5), (6, 4), (2, 4), (3, 4), (2, 5), (0, 3)]),
                Sbr::Present { output_rate: 48_000 },
                48_000,
                2_048,
                2,
            ),
            (
                "hierarchical with ps",
                pack(&[(29, 5), (6, 4), (1, 4), (3, 4), (2, 5), (0, 3)]),
                Sbr::Present { output_rate: 48_000 },
                48_000,
                2_048,
                2,
            ),
            (
                "downsampled",
                pack(&[(5, 5), (3, 4), (2, 4), (3, 4), (2, 5), (0, 3)]),
                Sbr::Present { output_rate: 48_000 },
                48_000,
                1_024,
                2,
            ),
        ];
        for (name, bytes, sbr, rate, samples, channels) in table {
            let config = AudioSpecificConfig::parse(&bytes).expect(name);
            let read = (
                config.sbr(),
                config.output_rate(),
                config.output_samples(),
                config.channels(),
            );
            assert_eq!(read, (sbr, rate, samples, channels), "{name}");
            assert_eq!(config.adts_header(0)[2] >> 6, 1, "{name}: the header names the LC core");
        }
    }

    #[test]
    fn refuses_what_adts_cannot_carry() {
        let table = [
            (vec![], Error::Truncated { length: 0 }),
            (vec![0x12], Error::Truncated { length: 1 }),
            (pack(&[(2, 5), (13, 4), (2, 4), (0, 3)]), Error::FrequencyIndex(13)),
            (pack(&[(2, 5), (15, 4), (0, 24), (2, 4), (0, 3)]), Error::SampleRate(0)),
            (pack(&[(2, 5), (3, 4), (0, 4), (0, 3)]), Error::ChannelConfiguration(0)),
            (
                pack(&[(2, 5), (3, 4), (12, 4), (0, 3)]),
                Error::ChannelConfiguration(12),
            ),
            (pack(&[(2, 5), (3, 4), (2, 4), (4, 3)]), Error::ShortFrames),
            (pack(&[(31, 5), (7, 6), (3, 4), (2, 4), (0, 3)]), Error::ObjectType(39)),
        ];
        for (bytes, error) in table {
            assert_eq!(AudioSpecificConfig::parse(&bytes), Err(error));
        }
    }

    #[test]
    fn adts_header_counts_itself() {
        let config = AudioSpecificConfig::parse(&[0x12, 0x10]).unwrap();
        assert_eq!(config.adts_header(0x1234), [0xFF, 0xF1, 0x50, 0x82, 0x47, 0x7F, 0xFC]);
    }

    proptest! {
        #[test]
        fn never_panics_and_always_writes_a_header(bytes in proptest::collection::vec(any::<u8>(), 0..16)) {
            if let Ok(config) = AudioSpecificConfig::parse(&bytes) {
                prop_assert_eq!(config.adts_header(AAC_FRAME_BYTES_MAX)[0], 0xFF);
                prop_assert!((1..=8).contains(&config.channels()));
            }
        }
    }
}
