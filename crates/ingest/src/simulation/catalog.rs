use std::future::Future;

use alluvium_catalog::{
    AccessKey, Activity, Appended, Bucket, BucketDocument, BucketQuery, Catalog, Channel, ChannelQuery, ChannelWatch,
    Error, Lease, LiveSession, MemoryCatalog, NodeId, OpenSession, Page, SegmentRecord, SessionRecord, Unended,
};
use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, ChannelStatus, ObjectKey, OwnerId, UnixTime};
use async_trait::async_trait;

use super::world::{Caller, Service};

/// The catalog as one process reaches it.
#[derive(Debug)]
pub(super) struct SimCatalog {
    pub(super) caller: Caller,
}

impl SimCatalog {
    fn records(&self) -> &MemoryCatalog {
        &self.caller.world.records
    }

    async fn call<T>(&self, doing: &str, effect: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let course = self.caller.world.course(Service::Catalog);
        let unavailable = || Error::Unavailable {
            reason: "it rains".to_owned(),
        };
        self.caller.call(course, (doing, ""), unavailable, effect).await
    }
}

#[async_trait]
impl Catalog for SimCatalog {
    async fn put_access_key(&self, key: AccessKey) -> Result<(), Error> {
        self.call("put_access_key", self.records().put_access_key(key)).await
    }

    async fn access_key(&self, id: &str) -> Result<AccessKey, Error> {
        self.call("access_key", self.records().access_key(id)).await
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>, Error> {
        self.call("access_keys", self.records().access_keys()).await
    }

    async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        self.call("delete_access_key", self.records().delete_access_key(id))
            .await
    }

    async fn create_bucket(
        &self,
        name: &BucketName,
        owner: &OwnerId,
        acl: Option<Acl>,
        at: UnixTime,
    ) -> Result<Bucket, Error> {
        self.call("create_bucket", self.records().create_bucket(name, owner, acl, at))
            .await
    }

    async fn bucket(&self, name: &BucketName) -> Result<Bucket, Error> {
        self.call("bucket", self.records().bucket(name)).await
    }

    async fn set_bucket_acl(&self, name: &BucketName, acl: Acl) -> Result<(), Error> {
        self.call("set_bucket_acl", self.records().set_bucket_acl(name, acl))
            .await
    }

    async fn bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<Option<String>, Error> {
        self.call("bucket_document", self.records().bucket_document(name, kind))
            .await
    }

    async fn put_bucket_document(&self, name: &BucketName, kind: BucketDocument, document: &str) -> Result<(), Error> {
        self.call(
            "put_bucket_document",
            self.records().put_bucket_document(name, kind, document),
        )
        .await
    }

    async fn delete_bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<(), Error> {
        self.call(
            "delete_bucket_document",
            self.records().delete_bucket_document(name, kind),
        )
        .await
    }

    async fn delete_bucket(&self, name: &BucketName) -> Result<(), Error> {
        self.call("delete_bucket", self.records().delete_bucket(name)).await
    }

    async fn buckets(&self, query: &BucketQuery) -> Result<Page<Bucket>, Error> {
        self.call("buckets", self.records().buckets(query)).await
    }

    async fn put_channel(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        config: &ChannelConfig,
        at: UnixTime,
    ) -> Result<Channel, Error> {
        self.call("put_channel", self.records().put_channel(bucket, name, config, at))
            .await
    }

    async fn set_channel_status(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        status: ChannelStatus,
        at: UnixTime,
    ) -> Result<(), Error> {
        self.call(
            "set_channel_status",
            self.records().set_channel_status(bucket, name, status, at),
        )
        .await
    }

    async fn channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<Channel, Error> {
        self.call("channel", self.records().channel(bucket, name)).await
    }

    async fn channels(&self, bucket: &BucketName, query: &ChannelQuery) -> Result<Page<Channel>, Error> {
        self.call("channels", self.records().channels(bucket, query)).await
    }

    async fn delete_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<(), Error> {
        self.call("delete_channel", self.records().delete_channel(bucket, name))
            .await
    }

    async fn watch_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<ChannelWatch, Error> {
        self.call("watch_channel", self.records().watch_channel(bucket, name))
            .await
    }

    async fn open_session(&self, open: OpenSession) -> Result<Lease, Error> {
        let opened = async {
            let lease = self.records().open_session(open).await?;
            self.caller.world.opened(lease.session);
            Ok(lease)
        };
        self.call("open_session", opened).await
    }

    async fn renew(&self, lease: &Lease, activity: Activity) -> Result<(), Error> {
        self.call("renew", self.records().renew(lease, activity)).await
    }

    async fn append_segment(&self, lease: &Lease, segment: SegmentRecord) -> Result<Appended, Error> {
        let appended = async {
            let appended = self.records().append_segment(lease, segment).await?;
            self.caller.world.appended(lease.session);
            Ok(appended)
        };
        self.call("append_segment", appended).await
    }

    async fn close_session(&self, lease: &Lease, at: UnixTime) -> Result<(), Error> {
        self.call("close_session", self.records().close_session(lease, at))
            .await
    }

    async fn live_session(&self, bucket: &BucketName, channel: &ChannelName) -> Result<Option<LiveSession>, Error> {
        self.call("live_session", self.records().live_session(bucket, channel))
            .await
    }

    async fn recent_sessions(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, Error> {
        self.call(
            "recent_sessions",
            self.records().recent_sessions(bucket, channel, limit),
        )
        .await
    }

    async fn open_sessions(&self, node: &NodeId) -> Result<Vec<Lease>, Error> {
        self.call("open_sessions", self.records().open_sessions(node)).await
    }

    async fn unended(&self, closed_before: UnixTime, limit: usize) -> Result<Vec<Unended>, Error> {
        self.call("unended", self.records().unended(closed_before, limit)).await
    }

    async fn mark_ended(&self, unended: &Unended) -> Result<(), Error> {
        self.call("mark_ended", self.records().mark_ended(unended)).await
    }

    async fn segments_between(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        from: UnixTime,
        to: UnixTime,
        after: Option<UnixTime>,
        limit: usize,
    ) -> Result<Vec<SegmentRecord>, Error> {
        self.call(
            "segments_between",
            self.records().segments_between(bucket, channel, from, to, after, limit),
        )
        .await
    }

    async fn latest_segments(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        count: usize,
    ) -> Result<Vec<SegmentRecord>, Error> {
        self.call(
            "latest_segments",
            self.records().latest_segments(bucket, channel, count),
        )
        .await
    }

    async fn withdraw_segment(&self, bucket: &BucketName, key: &ObjectKey) -> Result<bool, Error> {
        self.call("withdraw_segment", self.records().withdraw_segment(bucket, key))
            .await
    }

    async fn channels_with_segments(&self, bucket: &BucketName) -> Result<Vec<ChannelName>, Error> {
        self.call("channels_with_segments", self.records().channels_with_segments(bucket))
            .await
    }
}
