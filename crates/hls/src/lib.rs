//! From access units to MPEG-TS segments, and playlists as text.
//!
//! ```text
//!   AccessUnit ──> Segmenter ──> TsMuxer ──> batches of TS packets ──> (store)
//!                      └─ cut ──> Segment ──> Entry ──> LiveWindow, MediaPlaylist ──> text
//!
//!   bytes of a segment that was cut off ──> Salvage ──> Salvaged: how many of them are whole units
//! ```
//!
//! Tell a [`Segmenter`] the tracks, push every access unit in the order of arrival, and take its bytes as often as
//! you like. Whenever a push returns [`Closed`], a segment is complete: its last bytes are in the answer, with its
//! duration, length and CRC-64. When it is stored, make an [`Entry`] of it and push that to the [`LiveWindow`].
//!
//! What a killed process or a power cut has left of a segment, [`Salvage`] reads back, and says how much can be kept.
//!
//! The crate never reads a clock, a file or a socket; it never copies a picture anywhere but into its TS packets, and
//! it never decides what may be listed: who pushes an [`Entry`] vouches for the stored segment.
//!
//! | Specification | Where |
//! |---|---|
//! | ISO/IEC 13818-1, 2.4.3.2 to 2.4.3.5 TS packet, adaptation field, PCR | `ts/packet` |
//! | ISO/IEC 13818-1, 2.4.3.6 and 2.4.3.7 PES packet | `ts/pes` |
//! | ISO/IEC 13818-1, 2.4.4 PAT and PMT, annex A CRC-32 | `ts/tables` |
//! | ISO/IEC 13818-1, 2.7.2 at most 100 ms between PCRs | `ts/clock` |
//! | ISO/IEC 13818-7, 6.2 ADTS | `ts/audio` |
//! | the same, read back from damaged bytes | `salvage` |
//! | ITU-T H.264, annex B start codes | `ts/muxer` |
//! | RFC 8216, 3.2 MPEG-2 transport streams | `segmenter` |
//! | RFC 8216, 4.3 playlist tags; 6.2.2 live playlists | `playlist` |
//! | RFC 8216, 4.1 URI lines, 4.2 attribute lists | `playlist/references` |
//!
//! ```
//! use alluvium_hls::{Segmenter, SegmenterConfig};
//! use alluvium_media::{AccessUnit, Content, NalUnits, Timestamp, Tracks, VideoTrack};
//! use std::time::Duration;
//!
//! let mut segmenter = Segmenter::new(SegmenterConfig { frag_duration: Duration::from_secs(2), audio_only: false });
//! segmenter.set_tracks(&Tracks {
//!     video: Some(VideoTrack {
//!         width: 640,
//!         height: 360,
//!         frame_rate: Some(25.0),
//!         profile_idc: 66,
//!         level_idc: 30,
//!         generation: 0,
//!     }),
//!     audio: None,
//! });
//! let (mut bytes, mut segments) = (0, Vec::new());
//! for picture in 0..150 {
//!     let time = Timestamp::from_ms(picture * 40);
//!     let unit = AccessUnit {
//!         pts: time,
//!         dts: time,
//!         random_access: picture % 50 == 0,
//!         content: Content::Video(NalUnits::new(&[9, 0xF0, 0x65, 0x88, 0x84], &[0..2, 2..5])),
//!     };
//!     if let Some(closed) = segmenter.push(&unit) {
//!         bytes += closed.tail.len();
//!         segments.push((closed.segment, std::mem::take(&mut bytes) as u64));
//!     }
//!     bytes += segmenter.take_batch().len();
//! }
//! assert_eq!(segments.len(), 2);
//! for (segment, bytes) in segments {
//!     assert_eq!((segment.duration, segment.length), (180_000, bytes));
//! }
//! ```

mod playlist;
mod salvage;
mod segment;
mod segmenter;
pub mod ts;

pub use playlist::{Entry, LiveWindow, MediaPlaylist, References};
pub use salvage::{Salvage, Salvaged};
pub use segment::{Beginning, Closed, Segment};
pub use segmenter::{Dropped, Segmenter, SegmenterConfig, regular_duration};
pub use ts::TsMuxer;
