//! H.264: its configuration and its NAL units.

mod config;
mod nal;
mod picture;
mod sets;
mod sps;
#[cfg(test)]
mod testing;

use h264_reader::rbsp::{BitReader, ByteReader};

pub use config::AvcConfig;
pub(crate) use picture::{Picture, PictureReader};
pub(crate) use sets::{Change, ParameterSets};
pub use sps::Sps;

/// Why an H.264 configuration or parameter set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It ends before its last field.
    #[error("the AVCDecoderConfigurationRecord ends after {length} bytes")]
    Truncated {
        /// Bytes there are.
        length: usize,
    },
    /// `configurationVersion` is not 1.
    #[error("AVCDecoderConfigurationRecord version {0}")]
    Version(u8),
    /// A sequence header longer than all parameter sets within the limits.
    #[error("a sequence header of {length} bytes, more than {limit}")]
    SequenceHeaderLength {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A parameter set longer than [`Limits::parameter_set_bytes`](crate::Limits::parameter_set_bytes).
    #[error("a parameter set of {length} bytes, more than {limit}")]
    ParameterSetLength {
        /// Its length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// More parameter sets than [`Limits::parameter_sets`](crate::Limits::parameter_sets).
    #[error("more than {limit} parameter sets of a kind")]
    ParameterSets {
        /// The limit.
        limit: usize,
    },
    /// A sequence parameter set that does not parse.
    #[error("sequence parameter set: {0}")]
    Sps(String),
    /// A picture parameter set that does not parse.
    #[error("picture parameter set: {0}")]
    Pps(String),
    /// Pictures of no size, or larger than any level allows.
    #[error("pictures of {width} x {height}")]
    Dimensions {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// Reads a NAL unit's payload behind its header byte, emulation prevention removed.
type RbspReader<'a> = BitReader<ByteReader<&'a [u8]>>;

fn rbsp(unit: &[u8]) -> RbspReader<'_> {
    BitReader::new(ByteReader::skipping_h264_header(unit))
}
