//! From RTMP media payloads to access units on one clean timeline, as a pure machine.
//!
//! ```text
//!     FLV tag body -> tag header -+-> H.264: NAL units in order -+-> timeline -> Item
//!                                 +-> AAC: raw frames -----------+
//! ```
//!
//! Call [`Demuxer::receive`] with each audio or video message and its 32-bit timestamp; it hands out what they complete:
//! [`Item::Tracks`] before the first unit and whenever a configuration changes, [`Item::Unit`] for each picture and audio
//! frame, [`Item::Discontinuity`] where the publisher's clock has jumped for good, [`Item::Fault`] for everything odd.
//!
//! What holds of the units:
//!
//! - DTS strictly rises on each track, PTS is never before DTS, and neither goes back when the publisher's clock does.
//! - What the publisher stamps in sync stays in sync; PTS - DTS is the composition time as carried.
//! - Every picture begins with exactly one access unit delimiter. All parameter sets stand before a random access
//!   picture. Filler is gone; the order of everything else is kept.
//! - Audio frames are raw, and placed without gaps where none are.
//!
//! It never ends a session: odd content is told and skipped. It never reads a clock, never waits for more than
//! [`Limits`] allow, and allocates nothing for a frame.
//!
//! | Specification | Where |
//! |---|---|
//! | Adobe FLV 10.1, E.4.2 and E.4.3 tag headers; enhanced RTMP v2, ExAudioTagHeader and ExVideoTagHeader | [`tag`] |
//! | ISO/IEC 14496-15, 5.3.3.1 AVCDecoderConfigurationRecord; 5.3.2 NAL unit lengths | [`AvcConfig`] |
//! | ITU-T H.264, 7.3.2.1 and annex E sequence parameter set; 7.4.1.2 order of NAL units; D.2.8 recovery point; annex B | [`avc`] |
//! | ISO/IEC 14496-3, 1.6 AudioSpecificConfig, signalling of SBR and PS; 1.A.2.2 ADTS | [`AudioSpecificConfig`] |
//! | ISO/IEC 13818-1, 2.4.3.7 the 90 kHz of PTS and DTS | [`Timestamp`] |
//!
//! ```
//! use alluvium_media::{Announced, Demuxer, Item, Kind, Limits};
//!
//! let mut demuxer = Demuxer::new(Limits::default());
//! demuxer.announce(Announced { audio: Some(true), video: Some(false) });
//! let mut frames = 0;
//! let messages = [(0, &[0xAF, 0, 0x12, 0x10][..]), (0, &[0xAF, 1, 0x21, 0x10, 0x04]), (23, &[0xAF, 1, 0x21, 0x10, 0x04])];
//! for (timestamp_ms, payload) in messages {
//!     demuxer.receive(Kind::Audio, timestamp_ms, payload, &mut |item| match item {
//!         Item::Tracks(tracks) => assert_eq!(tracks.audio.as_ref().map(|track| track.sample_rate), Some(44_100)),
//!         Item::Unit(_) => frames += 1,
//!         Item::Discontinuity | Item::Fault(_) => unreachable!(),
//!     });
//! }
//! assert_eq!(frames, 2);
//! ```

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
