use std::path::Path;
use std::sync::Arc;

use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, ChannelStatus, ObjectKey, OwnerId, UnixTime};
use async_trait::async_trait;
use rusqlite::Connection;

use super::failure::Failure;
use super::known::{Changing, Known};
use super::readers::Readers;
use super::running::Running;
use super::writer::Writer;
use super::{access_keys, buckets, channels, schema, segments, sessions};
use crate::position::Claim;
use crate::watch::{Change, Watches};
use crate::{
    AccessKey, Activity, Appended, Bucket, BucketDocument, BucketQuery, Catalog, Channel, ChannelQuery, ChannelWatch,
    Error, Lease, LiveSession, NodeId, OpenSession, Page, SegmentRecord, SessionRecord, Unended,
};

/// A catalog in one SQLite file, which one process owns: only access keys may be changed by another one beside it.
///
/// Changes are durable when answered (write-ahead log, `synchronous=FULL`); those that wait together share one fsync.
/// The file is readable by its owner alone, since it holds the secrets of access keys. Dropping the catalog waits for
/// the changes under way.
#[derive(Debug)]
pub struct SqliteCatalog {
    writer: Writer,
    readers: Readers,
    known: Arc<Known>,
    running: Arc<Running>,
    watches: Arc<Watches>,
}

impl SqliteCatalog {
    /// Opens the catalog in the file at `path`, creating it in a folder that exists. Blocks.
    ///
    /// # Errors
    ///
    /// All name the file: `Unavailable` when it cannot be created, read or written; `Damaged` when it is no catalog;
    /// `NewerSchema` when a newer version wrote it.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = schema::open(path)?;
        let running = Arc::new(Running::default());
        for (session, epoch) in sessions::open_everywhere(&connection).map_err(|failure| failure.at(path))? {
            running.opened(session, epoch);
        }
        let path: Arc<Path> = path.into();
        Ok(Self {
            writer: Writer::start(connection, Arc::clone(&path))?,
            readers: Readers::new(path),
            known: Arc::default(),
            running,
            watches: Arc::default(),
        })
    }

    /// A change of buckets; from now until its fate is known, nothing is known of them but what is read.
    async fn change_buckets<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let changing = self.known.change();
        let work = move |connection: &_| {
            let changing = changing;
            Ok((change(connection)?, changing))
        };
        let then = |(outcome, changing): (T, Changing)| {
            drop(changing);
            outcome
        };
        self.writer.run(work, then).await
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn put_access_key(&self, key: AccessKey) -> Result<(), Error> {
        self.writer
            .run(move |connection| access_keys::put(connection, &key), done)
            .await
    }

    async fn access_key(&self, id: &str) -> Result<AccessKey, Error> {
        let id = id.to_owned();
        self.readers
            .run(move |connection| access_keys::find(connection, &id))
            .await
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>, Error> {
        self.readers.run(access_keys::list).await
    }

    async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.writer
            .run(move |connection| access_keys::delete(connection, &id), done)
            .await
    }

    async fn create_bucket(
        &self,
        name: &BucketName,
        owner: &OwnerId,
        acl: Option<Acl>,
        at: UnixTime,
    ) -> Result<Bucket, Error> {
        let (name, owner) = (name.clone(), owner.clone());
        self.change_buckets(move |connection| buckets::create(connection, &name, &owner, acl, at))
            .await
    }

    async fn bucket(&self, name: &BucketName) -> Result<Bucket, Error> {
        let begun = match self.known.bucket(name) {
            Ok(bucket) => return Ok(bucket),
            Err(begun) => begun,
        };
        let name = name.clone();
        let bucket = self
            .readers
            .run(move |connection| buckets::find(connection, &name))
            .await?;
        self.known.keep_bucket(begun, &bucket);
        Ok(bucket)
    }

    async fn set_bucket_acl(&self, name: &BucketName, acl: Acl) -> Result<(), Error> {
        let name = name.clone();
        self.change_buckets(move |connection| buckets::set_acl(connection, &name, acl))
            .await
    }

    async fn bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<Option<String>, Error> {
        let begun = match self.known.document(name, kind) {
            Ok(document) => return Ok(Some(document)),
            Err(begun) => begun,
        };
        let place = name.clone();
        let document = self
            .readers
            .run(move |connection| buckets::document(connection, &place, kind))
            .await?;
        if let Some(document) = &document {
            self.known.keep_document(begun, name, kind, document);
        }
        Ok(document)
    }

    async fn put_bucket_document(&self, name: &BucketName, kind: BucketDocument, document: &str) -> Result<(), Error> {
        let (name, document) = (name.clone(), document.to_owned());
        self.change_buckets(move |connection| buckets::put_document(connection, &name, kind, &document))
            .await
    }

    async fn delete_bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<(), Error> {
        let name = name.clone();
        self.change_buckets(move |connection| buckets::delete_document(connection, &name, kind))
            .await
    }

    async fn delete_bucket(&self, name: &BucketName) -> Result<(), Error> {
        let name = name.clone();
        self.change_buckets(move |connection| buckets::delete(connection, &name))
            .await
    }

    async fn buckets(&self, query: &BucketQuery) -> Result<Page<Bucket>, Error> {
        let query = query.clone();
        self.readers
            .run(move |connection| buckets::list(connection, &query))
            .await
    }

    async fn put_channel(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        config: &ChannelConfig,
        at: UnixTime,
    ) -> Result<Channel, Error> {
        let (place, config) = ((bucket.clone(), name.clone()), config.clone());
        let watches = Arc::clone(&self.watches);
        let put = move |connection: &_| channels::put(connection, &place.0, &place.1, &config, at);
        let tell = move |channel: Channel| {
            let place = (channel.bucket.clone(), channel.name.clone());
            watches.publish(&place, &Change::Status(Some(channel.config.status)));
            channel
        };
        self.writer.run(put, tell).await
    }

    async fn set_channel_status(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        status: ChannelStatus,
        at: UnixTime,
    ) -> Result<(), Error> {
        let place = (bucket.clone(), name.clone());
        let watches = Arc::clone(&self.watches);
        let set = move |connection: &_| {
            channels::set_status(connection, &place.0, &place.1, status, at)?;
            Ok(place)
        };
        self.writer
            .run(set, move |place| watches.publish(&place, &Change::Status(Some(status))))
            .await
    }

    async fn channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<Channel, Error> {
        let (bucket, name) = (bucket.clone(), name.clone());
        self.readers
            .run(move |connection| channels::find(connection, &bucket, &name))
            .await
    }

    async fn channels(&self, bucket: &BucketName, query: &ChannelQuery) -> Result<Page<Channel>, Error> {
        let (bucket, query) = (bucket.clone(), query.clone());
        self.readers
            .run(move |connection| channels::list(connection, &bucket, &query))
            .await
    }

    async fn delete_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<(), Error> {
        let place = (bucket.clone(), name.clone());
        let watches = Arc::clone(&self.watches);
        let delete = move |connection: &_| {
            channels::delete(connection, &place.0, &place.1)?;
            Ok(place)
        };
        self.writer
            .run(delete, move |place| watches.publish(&place, &Change::Status(None)))
            .await
    }

    async fn watch_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<ChannelWatch, Error> {
        let place = (bucket.clone(), name.clone());
        let watches = Arc::clone(&self.watches);
        // In the writer's turn, so that no change falls between the look and the watch.
        let look = move |connection: &_| Ok((channels::state(connection, &place.0, &place.1)?, place));
        self.writer
            .run(look, move |(state, place)| watches.watch(place, state))
            .await
    }

    async fn open_session(&self, open: OpenSession) -> Result<Lease, Error> {
        let (running, watches) = (Arc::clone(&self.running), Arc::clone(&self.watches));
        let step = {
            let running = Arc::clone(&running);
            move |connection: &_| sessions::open(connection, &open, &running)
        };
        let tell = move |(lease, replaced): (Lease, Option<_>)| {
            if let Some(replaced) = replaced {
                running.closed(replaced);
            }
            running.opened(lease.session, lease.epoch);
            let place = (lease.bucket.clone(), lease.channel.clone());
            watches.publish(&place, &Change::Epoch(lease.epoch));
            lease
        };
        self.writer.run(step, tell).await
    }

    async fn renew(&self, lease: &Lease, activity: Activity) -> Result<(), Error> {
        self.running.renew(Claim::of(lease), &activity)
    }

    async fn append_segment(&self, lease: &Lease, segment: SegmentRecord) -> Result<Appended, Error> {
        let (bucket, channel, claim) = (lease.bucket.clone(), lease.channel.clone(), Claim::of(lease));
        let append = move |connection: &_| segments::append(connection, &bucket, &channel, claim, &segment);
        self.writer.run(append, |appended| appended).await
    }

    async fn close_session(&self, lease: &Lease, at: UnixTime) -> Result<(), Error> {
        let (bucket, channel, claim) = (lease.bucket.clone(), lease.channel.clone(), Claim::of(lease));
        let running = Arc::clone(&self.running);
        let close = move |connection: &_| sessions::close(connection, &bucket, &channel, claim, at);
        self.writer.run(close, move |()| running.closed(claim.session)).await
    }

    async fn live_session(&self, bucket: &BucketName, channel: &ChannelName) -> Result<Option<LiveSession>, Error> {
        let (bucket, channel) = (bucket.clone(), channel.clone());
        let running = Arc::clone(&self.running);
        self.readers
            .run(move |connection| sessions::live(connection, &bucket, &channel, &running))
            .await
    }

    async fn recent_sessions(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, Error> {
        let (bucket, channel) = (bucket.clone(), channel.clone());
        self.readers
            .run(move |connection| sessions::recent(connection, &bucket, &channel, limit))
            .await
    }

    async fn open_sessions(&self, node: &NodeId) -> Result<Vec<Lease>, Error> {
        let node = node.clone();
        self.readers
            .run(move |connection| sessions::open_of_node(connection, &node))
            .await
    }

    async fn unended(&self, closed_before: UnixTime, limit: usize) -> Result<Vec<Unended>, Error> {
        self.readers
            .run(move |connection| sessions::unended(connection, closed_before, limit))
            .await
    }

    async fn mark_ended(&self, unended: &Unended) -> Result<(), Error> {
        let unended = unended.clone();
        self.writer
            .run(move |connection| sessions::mark_ended(connection, &unended), done)
            .await
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
        let (bucket, channel) = (bucket.clone(), channel.clone());
        let read = move |connection: &_| segments::between(connection, &bucket, &channel, (from, to), after, limit);
        self.readers.run(read).await
    }

    async fn latest_segments(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        count: usize,
    ) -> Result<Vec<SegmentRecord>, Error> {
        let (bucket, channel) = (bucket.clone(), channel.clone());
        self.readers
            .run(move |connection| segments::latest_of_channel(connection, &bucket, &channel, count))
            .await
    }

    async fn withdraw_segment(&self, bucket: &BucketName, key: &ObjectKey) -> Result<bool, Error> {
        let Some((channel, name)) = key.segment() else {
            return Ok(false);
        };
        let bucket = bucket.clone();
        self.writer
            .run(
                move |connection| segments::withdraw(connection, &bucket, &channel, name),
                |was| was,
            )
            .await
    }

    async fn channels_with_segments(&self, bucket: &BucketName) -> Result<Vec<ChannelName>, Error> {
        let bucket = bucket.clone();
        self.readers
            .run(move |connection| segments::channels(connection, &bucket))
            .await
    }
}

fn done((): ()) {}
