//! Which packet identifiers the stream uses: ISO/IEC 13818-1, 2.4.3.3.

/// Program association table.
pub const PAT: u16 = 0x0000;

/// Program map table of the only program.
pub const PMT: u16 = 0x1000;

/// Video, and the PCR wherever there is video.
pub const VIDEO: u16 = 0x0100;

/// Audio, and the PCR where there is nothing else.
pub const AUDIO: u16 = 0x0101;
