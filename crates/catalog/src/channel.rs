use alluvium_oss::{BucketName, ChannelConfig, ChannelName, ChannelStatus, UnixTime};

/// A live channel of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// The bucket that holds it.
    pub bucket: BucketName,
    /// Unique in its bucket.
    pub name: ChannelName,
    /// As last put, with the status as last set.
    pub config: ChannelConfig,
    /// When `config` last changed.
    pub modified: UnixTime,
}

/// Which channels of a bucket a listing asks for.
#[derive(Clone, Debug, Default)]
pub struct ChannelQuery {
    /// Only names that begin so; empty is every name.
    pub prefix: String,
    /// Only names strictly after this one in byte order; empty is from the first.
    pub after: String,
    /// At most so many, at least 1.
    pub limit: usize,
}

/// What a publisher must know of its channel while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// `None` when the channel is deleted.
    pub status: Option<ChannelStatus>,
    /// The newest epoch; 0 when no session was ever opened. A publisher with a smaller one has been replaced.
    pub epoch: u64,
}
