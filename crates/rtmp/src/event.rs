use crate::{Fault, Metadata};

/// What happened on a connection, in the order of the wire.
#[derive(Debug, PartialEq)]
pub enum Event<'a> {
    /// The peer asks to publish; answer with [`accept`](crate::Connection::accept) or
    /// [`refuse`](crate::Connection::refuse). Media that is received before the answer is dropped: keep the rest of the
    /// input until then, and encoders that send without waiting lose nothing.
    Publish(PublishRequest),
    /// An audio or video message of the accepted publish.
    Media {
        /// Audio or video.
        kind: MediaKind,
        /// Milliseconds on the publisher's 32-bit clock, wraps after 49.7 days.
        timestamp_ms: u32,
        /// The FLV tag's body; may be empty.
        payload: &'a [u8],
    },
    /// `onMetaData` of the accepted publish. The bitstream is right where they differ.
    Metadata(Metadata),
    /// The peer ended its publish, or withdrew its request; it may ask again.
    Unpublish,
    /// A command that has no place here was refused in words; the connection goes on unless
    /// [`phase`](crate::Connection::phase) says `Ended`.
    Refused(Refused),
    /// Something odd was skipped.
    Fault(Fault),
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Message type 8.
    Audio,
    /// Message type 9.
    Video,
}

/// Who wants to publish what, verbatim as the peer said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishRequest {
    /// `app` of `connect`; may be empty, may carry a query.
    pub app: String,
    /// `tcUrl` of `connect`; may be empty.
    pub tc_url: String,
    /// Publish name with its query, escapes kept.
    pub name: String,
    /// `flashVer` of `connect`: how the encoder names itself; may be empty.
    pub encoder: String,
}

/// A command that was refused in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the command: `play`, `seek`, `pause`, `connect`, `publish`, ...
    pub command: String,
    /// The words that went to the peer.
    pub description: String,
}
