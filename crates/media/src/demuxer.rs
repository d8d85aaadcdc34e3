//! One publisher's media, from tags to access units.

use std::fmt;

use crate::avc::PictureReader;
use crate::{AccessUnit, Fault, Limits, Tracks};

/// Which of a publisher's tracks a payload belongs to: the RTMP message type, 8 or 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Message type 8.
    Audio,
    /// Message type 9.
    Video,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// What comes out of a [`Demuxer`].
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// The tracks there are. Before the first unit, and again when one appears or its configuration changes; the units
    /// that follow belong to these.
    Tracks(&'a Tracks),
    /// One picture or one audio frame.
    Unit(AccessUnit<'a>),
    /// The publisher's clock has jumped for good: what follows does not continue what went before.
    Discontinuity,
    /// Something odd, to be counted. The session goes on.
    Fault(Fault),
}

/// What a publisher's metadata says it will send. A hint: it decides how long the first units wait for a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Whether there will be audio; `None` when nothing is said.
    pub audio: Option<bool>,
    /// Whether there will be video; `None` when nothing is said.
    pub video: Option<bool>,
}

/// Takes the media messages of one publish and hands out its tracks and access units.
pub struct Demuxer {
    announced: Announced,
    pictures: PictureReader,
}

impl Demuxer {
    /// A demuxer for one publish.
    pub fn new(limits: Limits) -> Self {
        Self {
            announced: Announced::default(),
            pictures: PictureReader::new(&limits),
        }
    }

    /// Takes a hint from metadata.
    pub fn announce(&mut self, announced: Announced) {
        self.announced = announced;
    }

    /// Takes a media message and hands out what it completes.
    pub fn receive(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8], each: &mut dyn FnMut(Item<'_>)) {
        let _ = (kind, timestamp_ms, payload, each);
    }

    /// Ends the publish: what is still held comes out.
    pub fn finish(&mut self, each: &mut dyn FnMut(Item<'_>)) {
        let _ = each;
    }
}
