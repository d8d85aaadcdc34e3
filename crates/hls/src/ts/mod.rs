//! MPEG-2 transport stream, written: ISO/IEC 13818-1.
//!
//! ```text
//!   tables (PAT, PMT) ──┐
//!   pes (header) ───────┼──> packet (188 bytes, stuffing, continuity) ──> one growing batch
//!   clock (PCR) ────────┘
//! ```

mod audio;
mod clock;
mod muxer;
mod packet;
mod pes;
pub mod pid;
mod tables;

pub use muxer::TsMuxer;
pub(crate) use muxer::ticks;
pub(crate) use packet::{PACKET, PAYLOAD};
