//! What the API tells of publishers, out of what the ingest service knows of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use alluvium_api::{Publisher, Publishers};
use alluvium_ingest::{Ingest, Status};
use alluvium_oss::{BucketName, ChannelName};

/// The publishers of this server.
pub(crate) struct Running(pub(crate) Arc<Ingest>);

impl Publishers for Running {
    fn publisher(&self, bucket: &BucketName, channel: &ChannelName) -> Option<Publisher> {
        self.0.status(bucket, channel).and_then(publisher)
    }

    fn publishers(
        &self,
        buckets: &BTreeSet<BucketName>,
        after: Option<&(BucketName, ChannelName)>,
        limit: usize,
    ) -> Vec<Publisher> {
        let statuses = self.0.statuses(|bucket| buckets.contains(bucket), after, limit);
        statuses.into_iter().filter_map(publisher).collect()
    }
}

fn publisher(status: Status) -> Option<Publisher> {
    // Every field is text, a number or a list of such: there is nothing that JSON could not say.
    let document = serde_json::to_value(&status).ok()?;
    Some(Publisher {
        bucket: status.bucket,
        channel: status.channel,
        document,
    })
}
