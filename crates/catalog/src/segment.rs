use std::time::Duration;

use alluvium_oss::UnixTime;

use crate::SessionId;

/// One stored segment of a channel.
///
/// Along a channel, names and sequences rise strictly and discontinuity sequences never fall, over sessions,
/// restarts and the channel's deletion and re-creation. The object's key is `ChannelName::segment_key(name)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRecord {
    /// The session that recorded it.
    pub session: SessionId,
    /// Media sequence (RFC 8216, 3), from 0, without gaps as appended.
    pub sequence: u64,
    /// Discontinuities of the channel up to the beginning of this segment (RFC 8216, 6.2.1).
    pub discontinuity_sequence: u64,
    /// Whether one stands right before this segment (RFC 8216, 4.3.2.3).
    pub discontinuity: bool,
    /// The number in the object's name: wall clock at which the segment began, moved on where it was taken.
    pub name: UnixTime,
    /// Wall clock of the first sample (RFC 8216, 4.3.2.6).
    pub program_date_time: UnixTime,
    /// Ticks of 90 kHz.
    pub duration: u64,
    /// Bytes of the object.
    pub length: u64,
    /// CRC-64/XZ of the object.
    pub crc64: u64,
}

impl SegmentRecord {
    /// Wall clock at which the segment's media end, rounded to the millisecond.
    pub fn ends(&self) -> UnixTime {
        self.program_date_time.plus(Duration::from_millis(
            self.duration.saturating_add(TICKS_PER_MS / 2) / TICKS_PER_MS,
        ))
    }
}

/// What a publisher learns from a stored segment record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Sequences below were withdrawn or stand before a withdrawn one: no later live playlist lists any of them.
    /// Never falls along a channel. Above the appended sequence when that segment itself is withdrawn already.
    pub listable_from: u64,
}

/// Durations are on the 90 kHz clock of MPEG-2 systems (ISO/IEC 13818-1, 2.4.2).
const TICKS_PER_MS: u64 = 90;
