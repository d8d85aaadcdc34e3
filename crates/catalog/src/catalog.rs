use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, ChannelStatus, ObjectKey, OwnerId, UnixTime};
use async_trait::async_trait;

use crate::{
    AccessKey, Activity, Appended, Bucket, BucketDocument, BucketQuery, Channel, ChannelQuery, ChannelWatch, Error,
    Lease, LiveSession, NodeId, OpenSession, Page, SegmentRecord, SessionRecord, Unended,
};

/// The records of buckets, channels, sessions and segments.
///
/// # What every backend keeps
///
/// - **Durable.** `Ok` from a verb that changes something means that a power cut loses none of it;
///   only [`renew`](Self::renew) need not survive. A reader sees every change that was answered before it asked.
/// - **One writer.** A channel has at most one open session. Opening one raises the channel's epoch, and from then on
///   [`renew`](Self::renew), [`append_segment`](Self::append_segment) and [`close_session`](Self::close_session) with
///   the lease of an older epoch are [`Error::Fenced`] and change nothing, from whatever process they come.
/// - **Never backwards.** A channel's *position* (epoch, next sequence, next discontinuity sequence, last name, end of
///   its media, first listable sequence) only rises. It outlives sessions, restarts and the channel itself: a
///   channel created again under its name continues it. It goes with the bucket.
/// - **Several processes.** Nothing in the contract assumes that callers share a process, or a clock: times are
///   arguments. [`NodeId`] tells whose sessions are whose.
///
/// # When the outcome is unknown
///
/// After [`Error::Unavailable`], and when the future of a call was dropped, the change may have happened. Every verb can
/// be asked again: [`append_segment`](Self::append_segment) knows the very same record, closing a closed session and
/// putting what is there change nothing. A session whose lease never reached its caller ends as that of a dead publisher
/// does: the next [`open_session`](Self::open_session) replaces it once it is no longer busy.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    // Access keys.

    /// Adds the key, or replaces the one with its identifier.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn put_access_key(&self, key: AccessKey) -> Result<(), Error>;

    /// The key with this identifier, enabled or not.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn access_key(&self, id: &str) -> Result<AccessKey, Error>;

    /// Every key, ascending by identifier.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn access_keys(&self) -> Result<Vec<AccessKey>, Error>;

    /// Deletes the key. What its owner has stays his.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn delete_access_key(&self, id: &str) -> Result<(), Error>;

    // Buckets.

    /// Creates a bucket, private unless `acl` says otherwise.
    ///
    /// Its owner may create it again: then `acl`, when given, replaces the ACL, and the rest stays.
    ///
    /// # Errors
    ///
    /// `Exists` when it is another's; `Unavailable`, `Damaged`.
    async fn create_bucket(
        &self,
        name: &BucketName,
        owner: &OwnerId,
        acl: Option<Acl>,
        at: UnixTime,
    ) -> Result<Bucket, Error>;

    /// The bucket.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn bucket(&self, name: &BucketName) -> Result<Bucket, Error>;

    /// Replaces the bucket's ACL.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn set_bucket_acl(&self, name: &BucketName, acl: Acl) -> Result<(), Error>;

    /// The bucket's document of this kind, as it was put; `None` when there is none.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<Option<String>, Error>;

    /// Puts the bucket's document of this kind in the place of the one that was there.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn put_bucket_document(&self, name: &BucketName, kind: BucketDocument, document: &str) -> Result<(), Error>;

    /// Deletes the bucket's document of this kind, if there is one.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn delete_bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<(), Error>;

    /// Deletes the bucket with its documents and with the positions and segment records of all channels that it ever had.
    ///
    /// The catalog knows nothing of objects: whether the bucket still holds any is the caller's question.
    ///
    /// # Errors
    ///
    /// `NotFound`; `NotEmpty` while a channel remains; `Unavailable`, `Damaged`.
    async fn delete_bucket(&self, name: &BucketName) -> Result<(), Error>;

    /// A page of buckets, ascending in byte order of their names.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn buckets(&self, query: &BucketQuery) -> Result<Page<Bucket>, Error>;

    // Channels.

    /// Creates the channel, or replaces its configuration whole; its history and position stay.
    ///
    /// # Errors
    ///
    /// `NotFound` without the bucket; `Live` while a session is open, and nothing has changed; `Unavailable`, `Damaged`.
    async fn put_channel(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        config: &ChannelConfig,
        at: UnixTime,
    ) -> Result<Channel, Error>;

    /// Enables or disables the channel, also while a session is open; watchers see it.
    ///
    /// Disabling ends no session here: the publisher does, when its watch tells it. Setting the status which the channel
    /// has changes nothing, `modified` neither.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn set_channel_status(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        status: ChannelStatus,
        at: UnixTime,
    ) -> Result<(), Error>;

    /// The channel.
    ///
    /// # Errors
    ///
    /// `NotFound`, of the bucket when that is missing too; `Unavailable`, `Damaged`.
    async fn channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<Channel, Error>;

    /// A page of the bucket's channels, ascending in byte order of their names.
    ///
    /// # Errors
    ///
    /// `NotFound` without the bucket; `Unavailable`, `Damaged`.
    async fn channels(&self, bucket: &BucketName, query: &ChannelQuery) -> Result<Page<Channel>, Error>;

    /// Deletes the channel and its history. Its segment records and its position stay.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Live` while a session is open; `Unavailable`, `Damaged`.
    async fn delete_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<(), Error>;

    /// Watches the channel's status and epoch, also over its deletion and re-creation.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn watch_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<ChannelWatch, Error>;

    // Sessions.

    /// Gives the channel to a publisher.
    ///
    /// An open session in place is replaced: it goes into the history with its last known activity, its lease is void,
    /// and watchers see the new epoch. Of several callers at once exactly one gets the channel, unless each of them is
    /// allowed to replace the one before it.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Disabled`; `Busy` while the last media of the session in place (its start, when none has come) is
    /// less than `busy_within` before `at`; `Unavailable`, `Damaged`.
    async fn open_session(&self, open: OpenSession) -> Result<Lease, Error>;

    /// Tells that the publisher is alive. Called about once a second by each publisher, so it must be cheap.
    ///
    /// It need not be durable, since after a loss it is a second old: a backend that owns its file alone keeps it in
    /// memory, because the sessions it speaks of end with the same process. A backend that serves several nodes must
    /// let [`open_session`](Self::open_session) on any of them see it.
    ///
    /// # Errors
    ///
    /// `Fenced`; `Unavailable`, `Damaged`.
    async fn renew(&self, lease: &Lease, activity: Activity) -> Result<(), Error>;

    /// Records a stored segment. The object must be durable before, and no playlist may name it earlier.
    ///
    /// The sequence must be exactly the next, the name later than the channel's last, the discontinuity sequence not
    /// smaller than the channel's. The very same record again is `Ok` and changes nothing, also when it has been
    /// withdrawn meanwhile; `listable_from` then stands above it.
    ///
    /// # Errors
    ///
    /// `Fenced`; `OutOfOrder`; `Unavailable`, `Damaged`.
    async fn append_segment(&self, lease: &Lease, segment: SegmentRecord) -> Result<Appended, Error>;

    /// Ends the session; it goes into the history, ended at `at`. Closing the channel's last session again is `Ok` and
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// `Fenced` when it has been replaced; `Unavailable`, `Damaged`.
    async fn close_session(&self, lease: &Lease, at: UnixTime) -> Result<(), Error>;

    /// The channel's open session.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn live_session(&self, bucket: &BucketName, channel: &ChannelName) -> Result<Option<LiveSession>, Error>;

    /// The newest `limit` ended sessions, ascending in the order of their epochs, of those which the backend keeps: at
    /// least the newest 10 of a channel.
    ///
    /// # Errors
    ///
    /// `NotFound`; `Unavailable`, `Damaged`.
    async fn recent_sessions(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, Error>;

    /// The sessions which this node opened and nobody closed or replaced: asked at the start of a node, what its dead
    /// process left. The leases are as good as the first ones: recovered segments are appended with them, then they are
    /// closed. A node that never does so leaves its channels live until the next publisher.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn open_sessions(&self, node: &NodeId) -> Result<Vec<Lease>, Error>;

    /// At most `limit` live playlists whose last session was closed before `closed_before`, with nobody back since and no
    /// [`mark_ended`](Self::mark_ended); the longest closed first. Those of deleted channels are among them, and those of
    /// channels that are published to under another playlist name: of these a channel has the newest 100 at least.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn unended(&self, closed_before: UnixTime, limit: usize) -> Result<Vec<Unended>, Error>;

    /// Tells that the playlist has its ENDLIST. Again for the same epoch is `Ok` as long as no newer session was opened.
    ///
    /// # Errors
    ///
    /// `Fenced` when a newer session was opened that writes this playlist, or the bucket is gone; `Unavailable`, `Damaged`.
    async fn mark_ended(&self, unended: &Unended) -> Result<(), Error>;

    // Segments. The bucket and the channel need not exist any more: without records these verbs answer "none".

    /// At most `limit` segments whose names lie between `from` and `to`, both inclusive, and after `after`; ascending.
    ///
    /// The next page is asked with the last name as `after`. The cost is that of the page, whatever the channel holds.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn segments_between(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        from: UnixTime,
        to: UnixTime,
        after: Option<UnixTime>,
        limit: usize,
    ) -> Result<Vec<SegmentRecord>, Error>;

    /// The newest `count` segments that a live playlist may list, ascending: none at or before a withdrawn one.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn latest_segments(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        count: usize,
    ) -> Result<Vec<SegmentRecord>, Error>;

    /// Forgets the segment with this key before its object is deleted or overwritten. `true`: there was one.
    ///
    /// No later live playlist lists it or anything before it, because a hole in a live window would shift the media
    /// sequence of what follows: the first listable sequence rises to the one after it. VOD ranges just lack it.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn withdraw_segment(&self, bucket: &BucketName, key: &ObjectKey) -> Result<bool, Error>;

    /// The channels of which there are segment records, deleted ones too, ascending in byte order.
    ///
    /// # Errors
    ///
    /// `Unavailable`, `Damaged`.
    async fn channels_with_segments(&self, bucket: &BucketName) -> Result<Vec<ChannelName>, Error>;
}
