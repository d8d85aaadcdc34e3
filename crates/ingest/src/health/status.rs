use std::fmt::Display;
use std::net::SocketAddr;

use alluvium_catalog::Lease;
use alluvium_oss::{BucketName, ChannelName, UnixTime};
use serde::{Serialize, Serializer};

/// What is known of a running publish: what `GET /-/api/v1/live` tells its owner.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The bucket.
    #[serde(serialize_with = "text")]
    pub bucket: BucketName,
    /// The channel.
    #[serde(serialize_with = "text")]
    pub channel: ChannelName,
    /// The session's name, as in the log and the spool.
    pub session: String,
    /// Address and port of the publisher.
    pub peer: String,
    /// How the encoder names itself; anybody's text.
    pub encoder: String,
    /// When the publish began.
    #[serde(serialize_with = "iso8601")]
    pub since: UnixTime,
    /// When all below was measured.
    #[serde(serialize_with = "iso8601")]
    pub at: UnixTime,
    /// The channel's FragDuration, seconds.
    pub frag_duration_s: u32,
    /// `None` until video has come.
    pub video: Option<VideoStatus>,
    /// `None` until audio has come that is recorded.
    pub audio: Option<AudioStatus>,
    /// Audio frames that were left out, since their codec is not recorded.
    pub audio_frames_discarded: u64,
    /// By how much audio comes before the picture of the same moment, milliseconds; negative when it comes after.
    pub audio_ahead_ms: Option<i64>,
    /// Seconds of media that arrive in a second.
    pub pace: Option<f64>,
    /// What was odd and left out or put right, by kind.
    pub faults: Vec<FaultStatus>,
    /// What is wrong now.
    pub conditions: Vec<ConditionStatus>,
    /// How the store keeps up.
    pub store: StoreStatus,
}

impl Status {
    /// Of a publish of which nothing is known yet.
    pub(crate) fn beginning(lease: &Lease, peer: SocketAddr, encoder: &str, now: UnixTime) -> Self {
        Self {
            bucket: lease.bucket.clone(),
            channel: lease.channel.clone(),
            session: lease.session.to_string(),
            peer: peer.to_string(),
            encoder: encoder.chars().take(ENCODER_CHARACTERS_MAX).collect(),
            since: now,
            at: now,
            frag_duration_s: lease.config.frag_duration_s,
            video: None,
            audio: None,
            audio_frames_discarded: 0,
            audio_ahead_ms: None,
            pace: None,
            faults: Vec::new(),
            conditions: Vec::new(),
            store: StoreStatus::default(),
        }
    }
}

/// The video of a running publish.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VideoStatus {
    /// `H.264`.
    pub codec: &'static str,
    /// `Baseline`, `Main`, `High`, or the number of another.
    pub profile: String,
    /// As `3.1`.
    pub level: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures per second, as measured over the last seconds.
    pub frame_rate: Option<f64>,
    /// Bits per second, as received over the last seconds.
    pub bitrate: u64,
    /// `None` until two keyframes have come.
    pub keyframe_interval_s: Option<KeyframeInterval>,
}

/// The latest intervals between keyframes, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KeyframeInterval {
    /// Half of them are not longer.
    pub median: f64,
    /// The longest.
    pub max: f64,
}

/// The audio of a running publish.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AudioStatus {
    /// `AAC`.
    pub codec: &'static str,
    /// Hertz, as played.
    pub sample_rate: u32,
    /// As played.
    pub channels: u8,
    /// Bits per second, as received over the last seconds.
    pub bitrate: u64,
}

/// Faults of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Its name: see `docs/health.md`.
    pub kind: &'static str,
    /// How many there were since the publish began.
    pub count: u64,
    /// When the last one came.
    #[serde(serialize_with = "iso8601")]
    pub last: UnixTime,
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionStatus {
    /// Its name: see `docs/health.md`.
    pub code: &'static str,
    /// What it is, and what to change.
    pub words: String,
    /// Since when.
    #[serde(serialize_with = "iso8601")]
    pub since: UnixTime,
}

/// How the store keeps up with a running publish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct StoreStatus {
    /// Segments of this publish that were listed.
    pub segments_listed: u64,
    /// Segments that are complete and not yet listed.
    pub segments_waiting: u64,
    /// How long the oldest of these has waited, milliseconds.
    pub oldest_waiting_ms: u64,
    /// From the end of the segment that was listed last to its listing, milliseconds.
    pub lag_ms: u64,
}

/// Encoders name themselves in far less; the rest would be shown to nobody's use.
const ENCODER_CHARACTERS_MAX: usize = 256;

fn text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn iso8601<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.iso8601_millis())
}
