//! AAC: its configuration, and ADTS where an encoder has already put it.

mod adts;
mod bits;
mod config;

pub(crate) use adts::AdtsFrames;
pub use config::{AudioSpecificConfig, Error, Sbr};

/// The longest AAC frame: ADTS counts frame and header in 13 bits.
pub const AAC_FRAME_BYTES_MAX: usize = 0x1FFF - ADTS_HEADER_BYTES;

/// An ADTS header without CRC.
const ADTS_HEADER_BYTES: usize = 7;

/// The sampling frequencies by index, Hz (ISO/IEC 14496-3, table 1.18).
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
