//! From RTMP media payloads to access units on one clean timeline.

pub mod aac;
pub mod avc;
mod demuxer;
mod fault;
mod hold;
mod limits;
pub mod tag;
mod timeline;
mod timestamp;
mod tracks;
mod unit;

pub use aac::{AAC_FRAME_BYTES_MAX, AudioSpecificConfig};
pub use avc::AvcConfig;
pub use demuxer::{Announced, Demuxer, Item, Kind};
pub use fault::Fault;
pub use limits::Limits;
pub use timestamp::Timestamp;
pub use tracks::{AudioTrack, Tracks, VideoTrack};
pub use unit::{AccessUnit, Content, NalUnits};
