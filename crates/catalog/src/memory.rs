use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, ChannelStatus, ObjectKey, OwnerId, UnixTime};
use async_trait::async_trait;

use crate::position::{Claim, HISTORY_MAX, LEFT_MAX, Left, Position, Publish, Renewal, Step};
use crate::watch::{Change, Place, Watches};
use crate::{
    AccessKey, Activity, Appended, Bucket, BucketDocument, BucketQuery, Catalog, Channel, ChannelQuery, ChannelState,
    ChannelWatch, Error, Lease, LiveSession, Missing, NodeId, OpenSession, Page, SegmentRecord, SessionId,
    SessionRecord, Unended,
};

/// A catalog that is gone with its process: for tests of what stands above it.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    /// Held only within one call, which never waits.
    records: Mutex<Records>,
    watches: Arc<Watches>,
}

#[derive(Debug, Default)]
struct Records {
    keys: BTreeMap<String, AccessKey>,
    buckets: BTreeMap<BucketName, Bucket>,
    documents: BTreeMap<(BucketName, BucketDocument), String>,
    channels: BTreeMap<Place, Channel>,
    recordings: BTreeMap<Place, Recording>,
}

/// What stays of a channel until its bucket goes, and its history.
#[derive(Debug, Default)]
struct Recording {
    position: Position,
    renewal: Option<Renewal>,
    history: VecDeque<SessionRecord>,
    segments: BTreeMap<UnixTime, SegmentRecord>,
    /// The oldest first; at most [`LEFT_MAX`].
    left: Vec<Left>,
}

impl MemoryCatalog {
    /// Makes an empty catalog.
    pub fn new() -> Self {
        Self::default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn put_access_key(&self, key: AccessKey) -> Result<(), Error> {
        self.records().keys.insert(key.id.clone(), key);
        Ok(())
    }

    async fn access_key(&self, id: &str) -> Result<AccessKey, Error> {
        self.records().keys.get(id).cloned().ok_or(Error::NotFound {
            what: Missing::AccessKey,
        })
    }

    async fn access_keys(&self) -> Result<Vec<AccessKey>, Error> {
        Ok(self.records().keys.values().cloned().collect())
    }

    async fn delete_access_key(&self, id: &str) -> Result<(), Error> {
        let removed = self.records().keys.remove(id);
        removed.map(drop).ok_or(Error::NotFound {
            what: Missing::AccessKey,
        })
    }

    async fn create_bucket(
        &self,
        name: &BucketName,
        owner: &OwnerId,
        acl: Option<Acl>,
        at: UnixTime,
    ) -> Result<Bucket, Error> {
        let mut records = self.records();
        let bucket = records.buckets.entry(name.clone()).or_insert_with(|| Bucket {
            name: name.clone(),
            owner: owner.clone(),
            acl: Acl::default(),
            created: at,
            documents: BTreeSet::new(),
        });
        if bucket.owner != *owner {
            return Err(Error::Exists);
        }
        bucket.acl = acl.unwrap_or(bucket.acl);
        Ok(bucket.clone())
    }

    async fn bucket(&self, name: &BucketName) -> Result<Bucket, Error> {
        self.records().bucket(name).cloned()
    }

    async fn set_bucket_acl(&self, name: &BucketName, acl: Acl) -> Result<(), Error> {
        self.records().bucket_mut(name)?.acl = acl;
        Ok(())
    }

    async fn bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<Option<String>, Error> {
        let records = self.records();
        records.bucket(name)?;
        Ok(records.documents.get(&(name.clone(), kind)).cloned())
    }

    async fn put_bucket_document(&self, name: &BucketName, kind: BucketDocument, document: &str) -> Result<(), Error> {
        let mut records = self.records();
        records.bucket_mut(name)?.documents.insert(kind);
        records.documents.insert((name.clone(), kind), document.to_owned());
        Ok(())
    }

    async fn delete_bucket_document(&self, name: &BucketName, kind: BucketDocument) -> Result<(), Error> {
        let mut records = self.records();
        records.bucket_mut(name)?.documents.remove(&kind);
        records.documents.remove(&(name.clone(), kind));
        Ok(())
    }

    async fn delete_bucket(&self, name: &BucketName) -> Result<(), Error> {
        let mut records = self.records();
        records.bucket(name)?;
        if records.channels.keys().any(|(bucket, _)| bucket == name) {
            return Err(Error::NotEmpty);
        }
        records.buckets.remove(name);
        records.recordings.retain(|(bucket, _), _| bucket != name);
        records.documents.retain(|(bucket, _), _| bucket != name);
        Ok(())
    }

    async fn buckets(&self, query: &BucketQuery) -> Result<Page<Bucket>, Error> {
        let records = self.records();
        let found = records
            .buckets
            .values()
            .filter(|bucket| query.owner.as_ref().is_none_or(|owner| bucket.owner == *owner))
            .filter(|bucket| is_asked(bucket.name.as_str(), &query.prefix, &query.after))
            .take(query.limit.saturating_add(1))
            .cloned()
            .collect();
        Ok(Page::cut(found, query.limit, |bucket| bucket.name.as_str()))
    }

    async fn put_channel(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        config: &ChannelConfig,
        at: UnixTime,
    ) -> Result<Channel, Error> {
        let mut records = self.records();
        records.bucket(bucket)?;
        let place = (bucket.clone(), name.clone());
        records.idle(&place)?;
        let channel = Channel {
            bucket: bucket.clone(),
            name: name.clone(),
            config: config.clone(),
            modified: at,
        };
        records.channels.insert(place.clone(), channel.clone());
        self.watches.publish(&place, &Change::Status(Some(config.status)));
        Ok(channel)
    }

    async fn set_channel_status(
        &self,
        bucket: &BucketName,
        name: &ChannelName,
        status: ChannelStatus,
        at: UnixTime,
    ) -> Result<(), Error> {
        let mut records = self.records();
        let place = (bucket.clone(), name.clone());
        records.channel(&place)?;
        if let Some(channel) = records.channels.get_mut(&place)
            && channel.config.status != status
        {
            channel.config.status = status;
            channel.modified = at;
            self.watches.publish(&place, &Change::Status(Some(status)));
        }
        Ok(())
    }

    async fn channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<Channel, Error> {
        self.records().channel(&(bucket.clone(), name.clone())).cloned()
    }

    async fn channels(&self, bucket: &BucketName, query: &ChannelQuery) -> Result<Page<Channel>, Error> {
        let records = self.records();
        records.bucket(bucket)?;
        let found = records
            .channels
            .values()
            .filter(|channel| channel.bucket == *bucket)
            .filter(|channel| is_asked(channel.name.as_str(), &query.prefix, &query.after))
            .take(query.limit.saturating_add(1))
            .cloned()
            .collect();
        Ok(Page::cut(found, query.limit, |channel| channel.name.as_str()))
    }

    async fn delete_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<(), Error> {
        let mut records = self.records();
        let place = (bucket.clone(), name.clone());
        records.channel(&place)?;
        records.idle(&place)?;
        records.channels.remove(&place);
        if let Some(recording) = records.recordings.get_mut(&place) {
            recording.history.clear();
        }
        self.watches.publish(&place, &Change::Status(None));
        Ok(())
    }

    async fn watch_channel(&self, bucket: &BucketName, name: &ChannelName) -> Result<ChannelWatch, Error> {
        let records = self.records();
        let place = (bucket.clone(), name.clone());
        let status = Some(records.channel(&place)?.config.status);
        let epoch = records
            .recordings
            .get(&place)
            .map_or(0, |recording| recording.position.epoch);
        Ok(self.watches.watch(place, ChannelState { status, epoch }))
    }

    async fn open_session(&self, open: OpenSession) -> Result<Lease, Error> {
        let mut records = self.records();
        let place = (open.bucket.clone(), open.channel.clone());
        let config = records.channel(&place)?.config.clone();
        let recording = records.recordings.entry(place.clone()).or_default();
        let opening = recording
            .position
            .open(SessionId::random(), &open, &config, recording.renewal.as_ref())?;
        recording.remember(opening.replaced);
        recording.leave(opening.left);
        self.watches.publish(&place, &Change::Epoch(recording.position.epoch));
        Ok(recording.lease(&place, config).expect("the session was opened above"))
    }

    async fn renew(&self, lease: &Lease, activity: Activity) -> Result<(), Error> {
        let mut records = self.records();
        let recording = records.held(lease)?;
        if !recording.position.holds(Claim::of(lease)) {
            return Err(Claim::of(lease).fenced());
        }
        recording.renewal = Some(Renewal::after(recording.renewal.as_ref(), &activity));
        Ok(())
    }

    async fn append_segment(&self, lease: &Lease, segment: SegmentRecord) -> Result<Appended, Error> {
        let mut records = self.records();
        let Recording { position, segments, .. } = records.held(lease)?;
        match position.append(Claim::of(lease), &segment, || {
            Ok(segments.get(&segment.name) == Some(&segment))
        })? {
            Step::New(appended) => {
                segments.insert(segment.name, segment);
                Ok(appended)
            }
            Step::Known(appended) => Ok(appended),
        }
    }

    async fn close_session(&self, lease: &Lease, at: UnixTime) -> Result<(), Error> {
        let mut records = self.records();
        let recording = records.held(lease)?;
        let closed = recording.position.close(Claim::of(lease), at)?;
        recording.remember(closed);
        Ok(())
    }

    async fn live_session(&self, bucket: &BucketName, channel: &ChannelName) -> Result<Option<LiveSession>, Error> {
        let records = self.records();
        let place = (bucket.clone(), channel.clone());
        records.channel(&place)?;
        let recording = records.recordings.get(&place);
        Ok(recording.and_then(|recording| recording.position.live(recording.renewal.as_ref())))
    }

    async fn recent_sessions(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        limit: usize,
    ) -> Result<Vec<SessionRecord>, Error> {
        let records = self.records();
        let place = (bucket.clone(), channel.clone());
        records.channel(&place)?;
        let Some(recording) = records.recordings.get(&place) else {
            return Ok(Vec::new());
        };
        let skipped = recording.history.len().saturating_sub(limit);
        Ok(recording.history.iter().skip(skipped).copied().collect())
    }

    async fn open_sessions(&self, node: &NodeId) -> Result<Vec<Lease>, Error> {
        let records = self.records();
        let of_node =
            |recording: &&Recording| matches!(&recording.position.publish, Publish::Open(held) if held.node == *node);
        let open = records.recordings.iter().filter(|(_, recording)| of_node(recording));
        Ok(open
            .filter_map(|(place, recording)| recording.lease(place, records.channels.get(place)?.config.clone()))
            .collect())
    }

    async fn unended(&self, closed_before: UnixTime, limit: usize) -> Result<Vec<Unended>, Error> {
        let records = self.records();
        let mut found: Vec<Unended> = records
            .recordings
            .iter()
            .flat_map(|(place, recording)| recording.unended(place, closed_before))
            .collect();
        found.sort_by_key(|unended| unended.closed);
        found.truncate(limit);
        Ok(found)
    }

    async fn mark_ended(&self, unended: &Unended) -> Result<(), Error> {
        let mut records = self.records();
        let place = (unended.bucket.clone(), unended.channel.clone());
        let recording = records
            .recordings
            .get_mut(&place)
            .ok_or(Error::Fenced { epoch: unended.epoch })?;
        match recording.left.iter().position(|left| left.is(unended)) {
            Some(at) => {
                recording.left.remove(at);
                Ok(())
            }
            None => recording.position.mark_ended(unended.epoch),
        }
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
        let records = self.records();
        let Some(recording) = records.recordings.get(&(bucket.clone(), channel.clone())) else {
            return Ok(Vec::new());
        };
        let first = after
            .filter(|after| *after >= from)
            .map_or(Bound::Included(from), Bound::Excluded);
        let later = recording
            .segments
            .range((first, Bound::Unbounded))
            .map(|(_, segment)| *segment);
        Ok(later.take_while(|segment| segment.name <= to).take(limit).collect())
    }

    async fn latest_segments(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        count: usize,
    ) -> Result<Vec<SegmentRecord>, Error> {
        let records = self.records();
        let recording = records.recordings.get(&(bucket.clone(), channel.clone()));
        Ok(recording.map(|recording| recording.latest(count)).unwrap_or_default())
    }

    async fn withdraw_segment(&self, bucket: &BucketName, key: &ObjectKey) -> Result<bool, Error> {
        let Some((channel, name)) = key.segment() else {
            return Ok(false);
        };
        let mut records = self.records();
        let Some(recording) = records.recordings.get_mut(&(bucket.clone(), channel)) else {
            return Ok(false);
        };
        let Some(segment) = recording.segments.remove(&name) else {
            return Ok(false);
        };
        recording.position.withdraw(segment.sequence);
        Ok(true)
    }

    async fn channels_with_segments(&self, bucket: &BucketName) -> Result<Vec<ChannelName>, Error> {
        let records = self.records();
        let recordings = records.recordings.iter().filter(|((holder, _), _)| holder == bucket);
        let recorded = recordings.filter(|(_, recording)| !recording.segments.is_empty());
        Ok(recorded.map(|((_, channel), _)| channel.clone()).collect())
    }
}

impl Records {
    fn bucket(&self, name: &BucketName) -> Result<&Bucket, Error> {
        self.buckets.get(name).ok_or(Error::NotFound { what: Missing::Bucket })
    }

    fn bucket_mut(&mut self, name: &BucketName) -> Result<&mut Bucket, Error> {
        self.buckets
            .get_mut(name)
            .ok_or(Error::NotFound { what: Missing::Bucket })
    }

    fn channel(&self, place: &Place) -> Result<&Channel, Error> {
        self.bucket(&place.0)?;
        self.channels
            .get(place)
            .ok_or(Error::NotFound { what: Missing::Channel })
    }

    /// Refuses while a session is open.
    fn idle(&self, place: &Place) -> Result<(), Error> {
        match self.recordings.get(place) {
            Some(recording) if recording.position.is_open() => Err(Error::Live),
            _ => Ok(()),
        }
    }

    fn held(&mut self, lease: &Lease) -> Result<&mut Recording, Error> {
        let place = (lease.bucket.clone(), lease.channel.clone());
        self.recordings.get_mut(&place).ok_or(Claim::of(lease).fenced())
    }
}

impl Recording {
    /// Moves a session that is over into the history.
    fn remember(&mut self, over: Option<SessionRecord>) {
        let Some(over) = over else { return };
        self.renewal = None;
        self.history.push_back(over);
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
    }

    fn lease(&self, (bucket, channel): &Place, config: ChannelConfig) -> Option<Lease> {
        self.position.lease(bucket, channel, config, self.window())
    }

    /// What the newest session's playlist lists.
    fn window(&self) -> Vec<SegmentRecord> {
        self.latest(usize::try_from(self.position.window_count()).unwrap_or(usize::MAX))
    }

    /// A session was opened, which writes another playlist than the one before, where there is one `left`.
    fn leave(&mut self, left: Option<Left>) {
        self.left.extend(left);
        if let Publish::Open(opened) = &self.position.publish {
            self.left.retain(|left| left.playlist_name != opened.playlist_name);
        }
        if self.left.len() > LEFT_MAX {
            self.left.remove(0);
        }
    }

    fn unended(&self, (bucket, channel): &Place, closed_before: UnixTime) -> Vec<Unended> {
        let left = self.left.iter().filter(|left| left.closed < closed_before);
        let left = left.map(|left| Unended {
            window: self.listed(left),
            ..left.unended(bucket, channel)
        });
        let closed = self.position.unended(bucket, channel, closed_before);
        let closed = closed.map(|unended| Unended {
            window: self.window(),
            ..unended
        });
        left.chain(closed).collect()
    }

    fn listed(&self, left: &Left) -> Vec<SegmentRecord> {
        let listed = self.segments.range(..=left.last_name).map(|(_, segment)| *segment);
        listed.filter(|segment| segment.sequence >= left.window_from).collect()
    }

    fn latest(&self, count: usize) -> Vec<SegmentRecord> {
        let listable = |segment: &&SegmentRecord| segment.sequence >= self.position.listable_from;
        let mut latest: Vec<_> = self
            .segments
            .values()
            .rev()
            .take_while(listable)
            .take(count)
            .copied()
            .collect();
        latest.reverse();
        latest
    }
}

fn is_asked(name: &str, prefix: &str, after: &str) -> bool {
    name.starts_with(prefix) && (after.is_empty() || name > after)
}

#[cfg(test)]
mod tests {
    use super::MemoryCatalog;

    crate::catalog_conformance!(|| (MemoryCatalog::new(), ()), 256);
}
