//! What must never be seen, with the facts that find it in a log.

use std::fmt;
use std::time::Duration;

use crate::clock::Time;
use crate::ledger::End;
use crate::playlist::Date;
use crate::unit::{Damage, UnitId};

/// A broken promise of one channel.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Violation {
    // Listed means readable.
    #[error("{uri} is listed, but is answered with status {status}")]
    Unreadable { uri: String, status: u16 },
    #[error("{uri} is not answered by a server that is up: {error}")]
    Unanswered { uri: String, error: String },
    #[error("{uri} has {body} bytes, its Content-Length is {header:?}")]
    Length {
        uri: String,
        header: Option<u64>,
        body: u64,
    },
    #[error("{uri} has the CRC-64 {body}, its header says {header:?}")]
    Crc {
        uri: String,
        header: Option<u64>,
        body: u64,
    },
    #[error("{uri} had {was} and has {is} now")]
    Changed { uri: String, was: Body, is: Body },
    #[error("{at} was listed and is gone from the end of the playlist")]
    Vanished { at: Place },
    #[error("the playlist, which has listed {listed} segments, is answered with status {status}")]
    PlaylistGone { listed: usize, status: u16 },
    #[error("the playlist cannot be read: {0}")]
    NoPlaylist(String),
    #[error("{live} segments were listed live, {recorded} are in the playlist of all that was recorded")]
    RecordedCount { live: usize, recorded: usize },

    // What is stored is what was sent, once and in order.
    #[error("{at}: {damage}")]
    Damaged { at: Place, damage: Damage },
    #[error("{at} holds no unit at all")]
    Empty { at: Place },
    #[error("{at} holds {unit}, which was never sent here")]
    NeverSent { at: Place, unit: UnitId },
    #[error("{at} holds {unit} again")]
    Twice { at: Place, unit: UnitId },
    #[error("{at} holds {unit} behind units of a later connection")]
    OutOfOrder { at: Place, unit: UnitId },
    #[error("{at} holds units of two connections, the second from {unit} on")]
    Mixed { at: Place, unit: UnitId },
    #[error("{unit} is listed, although the kernel never took its last byte")]
    NeverAccepted { unit: UnitId },
    #[error("{at}: the DTS of {unit} is {dts}, that of the one before is {last}")]
    DtsBack {
        at: Place,
        unit: UnitId,
        dts: u64,
        last: u64,
    },

    #[error("{at} lasts {listed_ms} ms by the playlist; its units span {spanned_ms} ms")]
    Duration { at: Place, listed_ms: u64, spanned_ms: u64 },

    // Accepted means stored.
    #[error("{missing} is missing in the middle: {at} goes on with {unit}")]
    LostInside { at: Place, unit: UnitId, missing: UnitId },
    #[error(
        "{missing} is in no segment, although the kernel had it {} before kill {kill}: accepted {accepted}, killed \
         {killed}, the machine stalled for up to {}; {found}", Ms(accepted.until(*killed)), Ms(*stalled)
    )]
    LostByKill {
        missing: UnitId,
        kill: u32,
        accepted: Time,
        killed: Time,
        stalled: Duration,
        found: Counts,
    },
    #[error("{missing}, accepted {accepted}, is in no segment, although {end}; {found}")]
    LostByEnd {
        missing: UnitId,
        accepted: Time,
        end: End,
        found: Counts,
    },

    // Never backwards.
    #[error("the media sequence went back from {from} to {to}")]
    MediaSequenceBack { from: u64, to: u64 },
    #[error("the discontinuity sequence went back from {from} to {to}")]
    DiscontinuitySequenceBack { from: u64, to: u64 },
    #[error("the {what} of segment {sequence} was {was} and is {is} now")]
    EntryChanged {
        sequence: u64,
        what: &'static str,
        was: String,
        is: String,
    },
    #[error("segment {expected} was never listed: the playlist goes on with {found}")]
    Hole { expected: u64, found: u64 },
    #[error("{at} has the name of segment {before}")]
    Repeated { at: Place, before: u64 },
    #[error("segment {sequence} has the date {date}, segment {before} before it has {before_date}")]
    DateBack {
        sequence: u64,
        date: Date,
        before: u64,
        before_date: Date,
    },

    // One discontinuity for each gap.
    #[error("{at} begins connection {connection} behind units of connection {behind}, with no discontinuity")]
    DiscontinuityMissing { at: Place, connection: u32, behind: u32 },
    #[error("{at} has a discontinuity before it, but goes on with connection {connection} or is the first of all")]
    DiscontinuityExtra { at: Place, connection: u32 },

    // One writer; the channel stays with its publisher, and becomes free.
    #[error("connection {connection} was accepted, although connection {beside} still publishes")]
    SecondPublisher { connection: u32, beside: u32 },
    #[error("the server, which is up, ended connection {connection}: {words}")]
    Ended { connection: u32, words: String },
    #[error("the publisher is not accepted; the last it heard: {0}")]
    NotAccepted(String),
}

/// A segment of the playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) uri: String,
}

/// A segment as it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) length: u64,
    pub(crate) crc: u64,
}

/// How many units of a connection are in segments, of how many that were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pictures: [u32; 2],
    pub(crate) frames: [u32; 2],
}

/// A duration in milliseconds.
pub(crate) struct Ms(pub(crate) Duration);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0.as_secs_f64() * 1_000.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} ({})", self.sequence, self.uri)
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes with CRC-64 {}", self.length, self.crc)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [pictures, of_pictures] = self.pictures;
        let [frames, of_frames] = self.frames;
        write!(
            f,
            "found were {pictures} of {of_pictures} pictures, {frames} of {of_frames} audio frames"
        )
    }
}
