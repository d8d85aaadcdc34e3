use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why a catalog did not do what it was asked. Each variant says what the caller can do; none carries a secret.
///
/// After any error but [`Error::Unavailable`] nothing has changed. After `Unavailable` the outcome is unknown:
/// the change may be durable or absent, never half; asking again is safe for every verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such record.
    #[error("there is no such {what}")]
    NotFound {
        /// Which record was missing; the bucket when both it and the channel are.
        what: Missing,
    },

    /// The bucket belongs to another owner.
    #[error("the bucket exists and belongs to another owner")]
    Exists,

    /// The bucket still has channels.
    #[error("the bucket still has channels")]
    NotEmpty,

    /// A session is open on the channel, so it can be neither replaced nor deleted.
    #[error("a session is open on the channel")]
    Live,

    /// The channel is disabled: it takes no publisher.
    #[error("the channel is disabled")]
    Disabled,

    /// Another publisher holds the channel and has sent media recently.
    #[error("the channel is held by {remote_addr}, whose last media came {idle:?} ago")]
    Busy {
        /// The publisher that holds the channel.
        remote_addr: SocketAddr,
        /// How long ago its last media came; its start, when none has come yet.
        idle: Duration,
    },

    /// The lease is void: its session was closed, replaced by a newer epoch, or its records are gone.
    /// The holder must stop; asking again never helps.
    #[error("the lease of epoch {epoch} is void")]
    Fenced {
        /// The epoch of the refused lease.
        epoch: u64,
    },

    /// A segment does not continue its channel. The caller is wrong; asking again never helps.
    #[error("the segment's {field} is {found}, due is {due}")]
    OutOfOrder {
        /// The field of [`crate::SegmentRecord`] that does not fit.
        field: &'static str,
        /// The value asked for; of a name, its milliseconds.
        found: i64,
        /// The exact sequence that was due, or the least value another field may have.
        due: i64,
    },

    /// The records cannot be reached, read or written at the moment. Ask again later.
    #[error("the catalog is unavailable: {reason}")]
    Unavailable {
        /// What the backend said, with the file it concerns.
        reason: String,
    },

    /// The records are there and make no sense. A person must act.
    #[error("the catalog is damaged: {reason}")]
    Damaged {
        /// What is wrong, with the file it concerns.
        reason: String,
    },

    /// The file was written by a newer version, whose records this one cannot read. Nothing was changed.
    #[error("{} has schema version {found}; this version of Alluvium knows versions up to {supported}", path.display())]
    NewerSchema {
        /// The file of the catalog.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest schema version known here.
        supported: i64,
    },
}

/// The record that an [`Error::NotFound`] missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An access key.
    AccessKey,
    /// A bucket.
    Bucket,
    /// A channel of a bucket that exists.
    Channel,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AccessKey => "access key",
            Self::Bucket => "bucket",
            Self::Channel => "channel",
        })
    }
}
