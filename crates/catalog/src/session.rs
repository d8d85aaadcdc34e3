use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use alluvium_oss::{BucketName, ChannelConfig, ChannelName, PlaylistName, UnixTime};

use crate::SegmentRecord;

/// The name of one session: 64 random bits, so that two nodes never make the same one by counting.
///
/// Prints as 16 lower-case hex digits and parses from them, so that a folder may be named after a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    /// Makes a session's name from its bits.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the name.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(SessionIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| SessionIdError)
    }
}

/// A text that names no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session is named by 16 lower-case hex digits")]
pub struct SessionIdError;

/// The name of one ingest node, the same over its restarts and never shared by two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// Makes a node's name from any text.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a publisher asks for when it wants a channel.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The bucket.
    pub bucket: BucketName,
    /// The channel.
    pub channel: ChannelName,
    /// The node that serves the publisher.
    pub node: NodeId,
    /// The publisher.
    pub remote_addr: SocketAddr,
    /// The playlist named in the ingest URL; `None` is the channel's own.
    pub playlist_name: Option<PlaylistName>,
    /// Now.
    pub at: UnixTime,
    /// Refuse while the session in place sent media less than this ago; zero always takes over.
    pub busy_within: Duration,
}

/// The right to append to a channel, and where the channel stands.
///
/// Valid until the session is closed or a newer epoch is opened; after that every use is [`crate::Error::Fenced`].
/// The position (`next_sequence` and all below it) is that of the moment the lease was given; its holder counts on.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The bucket.
    pub bucket: BucketName,
    /// The channel.
    pub channel: ChannelName,
    /// The channel's configuration; apart from its status it cannot change while the session is open.
    pub config: ChannelConfig,
    /// The live playlist of this session.
    pub playlist_name: PlaylistName,
    /// The session that holds the right.
    pub session: SessionId,
    /// Generation of the right, from 1, one higher with each session of the channel.
    pub epoch: u64,
    /// The sequence which the next segment must have; 0 on a channel that has never had one.
    pub next_sequence: u64,
    /// The discontinuity sequence of the first segment after a discontinuity here: one above the last segment's,
    /// and 0 on a channel that has never had a segment.
    pub next_discontinuity_sequence: u64,
    /// The name of the channel's last segment; the next must be later.
    pub last_name: Option<UnixTime>,
    /// Where the media of the channel's segments end; the next PROGRAM-DATE-TIME must not be earlier.
    pub last_program_date_time: Option<UnixTime>,
    /// The newest segments that a live playlist may list, ascending, at most `config.frag_count`; none that had left the
    /// window of an earlier session, so that a larger window does not reach back.
    pub window: Vec<SegmentRecord>,
}

/// A publisher's sign of life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Activity {
    /// Now.
    pub at: UnixTime,
    /// When its last media came; the start of the session as long as none has come.
    pub last_media: UnixTime,
    /// What it sends.
    pub statistics: Statistics,
}

/// What a publisher sends, averaged over the recent past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// `None` until video has come.
    pub video: Option<VideoStatistics>,
    /// `None` until audio has come.
    pub audio: Option<AudioStatistics>,
}

/// What a publisher's video is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoStatistics {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whole frames per second, rounded down.
    pub frame_rate: u32,
    /// Bytes per second.
    pub bandwidth: u64,
}

/// What a publisher's audio is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioStatistics {
    /// Hertz, as played.
    pub sample_rate: u32,
    /// Bytes per second.
    pub bandwidth: u64,
}

/// The open session of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// The session.
    pub session: SessionId,
    /// Its epoch.
    pub epoch: u64,
    /// The publisher.
    pub remote_addr: SocketAddr,
    /// When it was opened.
    pub connected: UnixTime,
    /// When its last media came, as far as renewals told; `connected` before that.
    pub last_media: UnixTime,
    /// As last renewed.
    pub statistics: Statistics,
    /// The live playlist's name below the channel.
    pub playlist_name: PlaylistName,
    /// How many segments the live playlist lists.
    pub frag_count: u32,
}

/// A session that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub session: SessionId,
    /// When it was opened.
    pub started: UnixTime,
    /// When it was closed; of a replaced one, its last known activity. Never before `started`.
    pub ended: UnixTime,
    /// The publisher.
    pub remote_addr: SocketAddr,
}

/// A live playlist whose last session is closed and that has not been given its ENDLIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unended {
    /// The bucket.
    pub bucket: BucketName,
    /// The channel, which may be deleted by now: its playlist object stays, and players still wait on it.
    pub channel: ChannelName,
    /// The live playlist of the closed session; the channel may be live by now, with another one.
    pub playlist_name: PlaylistName,
    /// The epoch of the closed session.
    pub epoch: u64,
    /// When it was closed.
    pub closed: UnixTime,
    /// The segments that the playlist listed last, ascending, but for those that were withdrawn since.
    pub window: Vec<SegmentRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_the_printed_name_of_a_session_and_nothing_else() {
        for bits in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            let session = SessionId::from_bits(bits);
            assert_eq!(session.to_string().parse(), Ok(session));
        }
        assert_eq!(SessionId::from_bits(0xab).to_string(), "00000000000000ab");
        for odd in [
            "",
            "ab",
            "+0000000000000ab",
            "00000000000000AB",
            "0123456789abcdef0",
            "0123456789abcde\u{e9}",
        ] {
            assert_eq!(odd.parse::<SessionId>(), Err(SessionIdError), "{odd}");
        }
    }
}
