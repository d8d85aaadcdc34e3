use std::fmt;
use std::io;
use std::time::Duration;

use alluvium_catalog::ChannelState;
use alluvium_oss::ChannelStatus;
use alluvium_rtmp::{self as rtmp, StatusCode};

use crate::admission::Refusal;
use crate::recorder::Outcome;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gone {
    #[error("the peer closed the connection")]
    Closed,
    #[error("refused: {0}")]
    Refused(String),
    #[error("{0}")]
    Socket(io::Error),
    #[error("{0}")]
    Protocol(#[from] rtmp::Error),
    #[error("no {awaited} within {limit:?}")]
    TimedOut { awaited: &'static str, limit: Duration },
    #[error("the server is stopping")]
    Stopped,
}

/// Why a publish ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The encoder said so; the connection stays.
    Unpublished,
    /// The connection is gone or no longer understood.
    Gone(Gone),
    Silent(Duration),
    NoMedia(Refusal),
    Disabled,
    Deleted,
    Replaced,
    /// The recorder takes no more.
    NotRecorded,
    /// The program has panicked.
    Mistake,
}

const REPLACED: &str = "Another publisher has taken the channel over.";

impl End {
    /// The end that a channel's state means for the session of `epoch`, if it means one.
    pub(crate) fn by_state(state: &ChannelState, epoch: u64) -> Option<Self> {
        match state.status {
            None => Some(Self::Deleted),
            Some(ChannelStatus::Disabled) => Some(Self::Disabled),
            Some(ChannelStatus::Enabled) if state.epoch > epoch => Some(Self::Replaced),
            Some(ChannelStatus::Enabled) => None,
        }
    }

    /// What the encoder is told, where it does not know; `None` where it does, or can no longer be told.
    pub(crate) fn words(&self, outcome: &Outcome) -> Option<Refusal> {
        let (code, reason) = match self {
            Self::Unpublished => return None,
            Self::Gone(Gone::Stopped) => (
                StatusCode::Failed,
                "The server is stopping; what was sent is kept.".into(),
            ),
            Self::Gone(_) => return None,
            Self::Silent(limit) => (StatusCode::Failed, format!("No media came for {} s.", limit.as_secs())),
            Self::NoMedia(refusal) => return Some(refusal.clone()),
            Self::Disabled => (
                StatusCode::PublishDenied,
                "The live channel was disabled by its owner.".into(),
            ),
            Self::Deleted => (StatusCode::PublishDenied, "The live channel was deleted.".into()),
            Self::Replaced => (StatusCode::PublishBadName, REPLACED.into()),
            Self::Mistake => (
                StatusCode::Failed,
                "Internal error; what was sent is kept. Publish again.".into(),
            ),
            Self::NotRecorded => match outcome {
                Outcome::Failed(_, reason) => (StatusCode::Failed, format!("The stream cannot be stored: {reason}")),
                Outcome::Complete(_) | Outcome::Fenced(_) | Outcome::Left(_) => {
                    (StatusCode::PublishBadName, REPLACED.into())
                }
            },
        };
        Some(Refusal { code, reason })
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpublished => formatter.write_str("the publisher ended it"),
            Self::Gone(gone) => gone.fmt(formatter),
            Self::Silent(limit) => write!(formatter, "no media for {limit:?}"),
            Self::NoMedia(refusal) => formatter.write_str(&refusal.reason),
            Self::Disabled => formatter.write_str("the channel was disabled"),
            Self::Deleted => formatter.write_str("the channel was deleted"),
            Self::Replaced => formatter.write_str("another publisher took the channel over"),
            Self::NotRecorded => formatter.write_str("the recording could not go on"),
            Self::Mistake => formatter.write_str("a mistake in the program"),
        }
    }
}
