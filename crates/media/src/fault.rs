//! Odd content: counted, reported, skipped.

use crate::tag::{AudioCodec, VideoCodec};
use crate::{Kind, aac, avc};

/// Something in a publisher's media that is not as it should be. The session goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A tag ends before its header does.
    #[error("{kind} tag of {length} bytes ends within its header")]
    TagTruncated {
        /// Whose tag.
        kind: Kind,
        /// Bytes there are.
        length: usize,
    },
    /// Video which is not H.264. The track is discarded.
    #[error("video codec {0} is not supported")]
    VideoCodec(VideoCodec),
    /// Audio which is not AAC. The track is discarded.
    #[error("audio codec {0} is not supported")]
    AudioCodec(AudioCodec),
    /// A packet type this crate does not carry: several tracks in one tag, multichannel maps.
    #[error("{kind} packet type {packet_type} is not supported")]
    PacketType {
        /// Whose tag.
        kind: Kind,
        /// `AVCPacketType`, `AACPacketType`, or the enhanced packet type.
        packet_type: u8,
    },
    /// Frames before the configuration that decodes them.
    #[error("{kind} before its sequence header")]
    BeforeSequenceHeader {
        /// Whose frame.
        kind: Kind,
    },
    /// An H.264 sequence header or parameter set that cannot be used.
    #[error("H.264 configuration: {0}")]
    AvcConfig(#[from] avc::Error),
    /// An AAC configuration that cannot be used.
    #[error("AAC configuration: {0}")]
    AudioConfig(#[from] aac::Error),
    /// A NAL unit reaches past the end of its tag. The picture is dropped.
    #[error("NAL unit of {length} bytes at byte {at}, where {left} are left")]
    NalUnitTruncated {
        /// Where its length stands, from the start of the coded data.
        at: usize,
        /// Its length.
        length: usize,
        /// Bytes after the length.
        left: usize,
    },
    /// More NAL units in a picture than [`Limits::nal_units`](crate::Limits::nal_units). The picture is dropped.
    #[error("more than {limit} NAL units in a picture")]
    NalUnits {
        /// The limit.
        limit: usize,
    },
    /// A picture without a slice, parameter sets aside. It is dropped.
    #[error("a picture without slices")]
    NoSlices,
    /// An audio frame which ADTS cannot carry: empty, or longer than 13 bits count. It is dropped.
    #[error("AAC frame of {length} bytes")]
    AudioFrameLength {
        /// Its length.
        length: usize,
    },
    /// A composition time nobody can mean; zero is used.
    #[error("composition time of {ms} ms")]
    CompositionTime {
        /// As carried.
        ms: i32,
    },
    /// A timestamp that does not rise; the unit is placed after the one before it.
    #[error("{kind} timestamp {by_ms} ms behind")]
    Restamped {
        /// Whose unit.
        kind: Kind,
        /// How far behind the track's last unit; 0 when equal.
        by_ms: i64,
    },
    /// A few units stamped far from their neighbours; they are placed between those.
    #[error("{kind} timestamp {by_ms} ms away from its neighbours")]
    Outlier {
        /// Whose unit.
        kind: Kind,
        /// How far from the track's last unit.
        by_ms: i64,
    },
    /// The track's clock has jumped and stays there; the timeline goes on without a hole.
    #[error("{kind} clock jumped by {by_ms} ms")]
    Jump {
        /// Whose clock.
        kind: Kind,
        /// How far.
        by_ms: i64,
    },
    /// The tracks began further apart than any interleaving explains; the second was moved beside the first.
    #[error("{kind} began {by_ms} ms away from the other track")]
    StartsApart {
        /// Which was moved.
        kind: Kind,
        /// How far apart they were.
        by_ms: i64,
    },
}

/// Declares the name of each kind once.
macro_rules! names {
    ($($fault:pat => $name:literal,)*) => {
        impl Fault {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),*];

            /// One word, the same for all faults of a kind: for counting.
            pub fn name(&self) -> &'static str {
                match self {
                    $($fault => $name,)*
                }
            }
        }
    };
}

names! {
    Self::TagTruncated { .. } => "tag_truncated",
    Self::VideoCodec(_) => "video_codec",
    Self::AudioCodec(_) => "audio_codec",
    Self::PacketType { .. } => "packet_type",
    Self::BeforeSequenceHeader { .. } => "before_sequence_header",
    Self::AvcConfig(_) => "avc_config",
    Self::AudioConfig(_) => "audio_config",
    Self::NalUnitTruncated { .. } => "nal_unit_truncated",
    Self::NalUnits { .. } => "nal_units",
    Self::NoSlices => "no_slices",
    Self::AudioFrameLength { .. } => "audio_frame_length",
    Self::CompositionTime { .. } => "composition_time",
    Self::Restamped { .. } => "restamped",
    Self::Outlier { .. } => "outlier",
    Self::Jump { .. } => "jump",
    Self::StartsApart { .. } => "starts_apart",
}
