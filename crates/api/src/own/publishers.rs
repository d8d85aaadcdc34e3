use std::collections::BTreeSet;

use alluvium_oss::{BucketName, ChannelName};
use serde_json::Value;

/// Who knows the publishers that run now: the room that serves them, which this one never sees.
pub trait Publishers: Send + Sync {
    /// The channel's publisher; `None` when it has none.
    fn publisher(&self, bucket: &BucketName, channel: &ChannelName) -> Option<Publisher>;

    /// The publishers in these buckets, ascending by bucket and channel: of those after `after` the first `limit`.
    fn publishers(
        &self,
        buckets: &BTreeSet<BucketName>,
        after: Option<&(BucketName, ChannelName)>,
        limit: usize,
    ) -> Vec<Publisher>;
}

/// A running publish.
#[derive(Debug, Clone, PartialEq)]
pub struct Publisher {
    /// The bucket.
    pub bucket: BucketName,
    /// The channel.
    pub channel: ChannelName,
    /// All that its owner is told of it: an object.
    pub document: Value,
}

/// Nobody publishes here.
pub(crate) struct Nobody;

impl Publishers for Nobody {
    fn publisher(&self, _: &BucketName, _: &ChannelName) -> Option<Publisher> {
        None
    }

    fn publishers(&self, _: &BTreeSet<BucketName>, _: Option<&(BucketName, ChannelName)>, _: usize) -> Vec<Publisher> {
        Vec::new()
    }
}
