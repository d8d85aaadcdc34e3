use crate::handshake::Handshake;

/// Where a connection stands; each but the last has a deadline of its own at the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The handshake is not over.
    Handshaking,
    /// `connect` and `publish` are awaited; also after a publish has ended.
    Connecting,
    /// The caller's answer to [`Event::Publish`](crate::Event::Publish) is awaited.
    Waiting,
    /// A publish is accepted.
    Publishing,
    /// Nothing more will come of this connection: send what is outgoing, then close.
    Ended,
}

/// The connection's state, with what exists only then.
#[derive(Debug)]
pub(super) enum State {
    Handshaking(Handshake),
    /// `connect` is awaited.
    Unconnected,
    /// `publish` is awaited.
    Connected(Peer),
    /// The caller's answer is awaited, for a publish on this message stream.
    Waiting(Peer, u32),
    /// Media is delivered, for the publish on this message stream.
    Publishing(Peer, u32),
    /// Everything is discarded.
    Ended,
}

/// What `connect` said.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) app: String,
    pub(super) tc_url: String,
    pub(super) encoder: String,
}

impl State {
    pub(super) fn phase(&self) -> Phase {
        match self {
            State::Handshaking(_) => Phase::Handshaking,
            State::Unconnected | State::Connected(_) => Phase::Connecting,
            State::Waiting(..) => Phase::Waiting,
            State::Publishing(..) => Phase::Publishing,
            State::Ended => Phase::Ended,
        }
    }

    /// The message stream of a requested or running publish.
    pub(super) fn publish_stream_id(&self) -> Option<u32> {
        match self {
            State::Waiting(_, stream_id) | State::Publishing(_, stream_id) => Some(*stream_id),
            _ => None,
        }
    }
}
