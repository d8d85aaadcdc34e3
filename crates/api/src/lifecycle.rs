//! Deleting what has expired (contract, 4.7).

use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{BucketDocument, BucketQuery, Catalog, Error as CatalogError};
use alluvium_oss::{BucketName, ChannelName, Clock, Error, Expiration, LifecycleConfiguration, ObjectKey, UnixTime};
use alluvium_store::{Error as StoreError, ListQuery, ObjectInfo, ObjectStore};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::error;
use crate::object::change::{self, Effect};

/// Follows the lifecycle rules of all buckets.
///
/// An object that a live playlist lists, or listed a moment ago, stays, however old it is, and so does that playlist; the
/// segments that a channel listed last go together, once the newest of them has expired. Segment records are withdrawn before
/// their objects go.
///
/// One object is deleted after the other: a pass is always the least that the store has to do.
pub struct Lifecycle {
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
}

/// What one look at all rules has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Objects deleted.
    pub deleted: u64,
    /// Objects that have expired and are listed.
    pub kept: u64,
    /// Objects that could not be deleted, and buckets that could not be read; the next pass tries again.
    pub failed: u64,
}

impl Lifecycle {
    /// The rules in a catalog over the objects in a store.
    pub fn new(store: Arc<dyn ObjectStore>, catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Lifecycle { store, catalog, clock }
    }

    /// Makes a pass at once and then each time `every` is over, until `stop` is cancelled.
    ///
    /// # Panics
    ///
    /// When `every` is zero.
    pub async fn run(self, every: Duration, stop: CancellationToken) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = stop.cancelled() => return,
            }
            let Pass { deleted, kept, failed } = self.pass(&stop).await;
            if deleted + kept + failed > 0 {
                tracing::info!(deleted, kept, failed, "lifecycle rules were followed");
            }
        }
    }

    /// Deletes every object that has expired by now, or as many as there are before `stop` is cancelled.
    pub async fn pass(&self, stop: &CancellationToken) -> Pass {
        let mut pass = Pass::default();
        let mut query = BucketQuery {
            limit: BUCKETS_AT_ONCE,
            ..BucketQuery::default()
        };
        loop {
            let page = match self.catalog.buckets(&query).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "cannot ask for the buckets with lifecycle rules");
                    pass.failed += 1;
                    return pass;
                }
            };
            for bucket in &page.items {
                let followed = bucket.documents.contains(&BucketDocument::Lifecycle);
                if followed && self.follow(&bucket.name, &mut pass, stop).await.is_err() {
                    pass.failed += 1;
                    tracing::warn!(bucket = %bucket.name, "the rest of the bucket's lifecycle rules waits for the next pass");
                }
            }
            match page.next {
                Some(next) => query.after = next,
                None => return pass,
            }
        }
    }

    /// Follows the rules of one bucket. The error has been logged.
    async fn follow(&self, bucket: &BucketName, pass: &mut Pass, stop: &CancellationToken) -> Result<(), Error> {
        let document = match self.catalog.bucket_document(bucket, BucketDocument::Lifecycle).await {
            Ok(Some(document)) => document,
            Ok(None) | Err(CatalogError::NotFound { .. }) => return Ok(()),
            Err(other) => return Err(error::from_catalog(other)),
        };
        let rules = LifecycleConfiguration::from_xml(document.as_bytes()).inspect_err(|refused| {
            tracing::error!(%bucket, error = %refused, "the bucket's lifecycle rules cannot be read");
        })?;
        let mut bucket = Bucket {
            lifecycle: self,
            name: bucket,
            now: self.clock.now(),
            failures: 0,
        };
        for rule in rules.rules.iter().filter(|rule| rule.enabled) {
            bucket.expire(&rule.prefix, rule.expiration, pass, stop).await?;
        }
        Ok(())
    }
}

/// One bucket during a pass.
struct Bucket<'a> {
    lifecycle: &'a Lifecycle,
    name: &'a BucketName,
    now: UnixTime,
    /// Objects that could not be deleted.
    failures: u32,
}

impl Bucket<'_> {
    /// Deletes what has expired of the objects below a prefix.
    async fn expire(
        &mut self,
        prefix: &str,
        expiration: Expiration,
        pass: &mut Pass,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let mut query = ListQuery {
            prefix: prefix.to_owned(),
            limit: OBJECTS_AT_ONCE,
            ..ListQuery::default()
        };
        loop {
            let page = self.lifecycle.store.list(self.name, &query).await;
            let page = page.map_err(|error| error::from_listing(error, self.name))?;
            for ObjectInfo { key, modified, .. } in &page.objects {
                if stop.is_cancelled() {
                    return Ok(());
                }
                if !expiration.is_due(*modified, self.now) {
                    continue;
                }
                match self.remove(key, expiration).await {
                    Ok(Fate::Deleted) => pass.deleted += 1,
                    Ok(Fate::Listed) => pass.kept += 1,
                    Ok(Fate::Renewed) => {}
                    Err(error) => {
                        self.failures += 1;
                        if self.failures > FAILURES_MAX {
                            return Err(error);
                        }
                        pass.failed += 1;
                    }
                }
            }
            match page.next {
                Some(next) => query.after = next,
                None => return Ok(()),
            }
        }
    }

    async fn remove(&self, key: &ObjectKey, expiration: Expiration) -> Result<Fate, Error> {
        if self.is_listed(key, expiration).await.map_err(error::from_catalog)? {
            return Ok(Fate::Listed);
        }
        let Lifecycle { store, catalog, .. } = self.lifecycle;
        // It may have been put again since the page was read.
        match store.head(self.name, key).await {
            Ok(info) if !expiration.is_due(info.modified, self.now) => return Ok(Fate::Renewed),
            Err(StoreError::NotFound { .. }) => return Ok(Fate::Renewed),
            Ok(_) | Err(StoreError::Damaged { .. }) => {}
            Err(other) => return Err(error::from_store(other, self.name, key)),
        }
        let delete = store.delete(self.name, key);
        change::withdrawing(catalog.as_ref(), self.name, key, Effect::Replaces, delete).await?;
        tracing::debug!(bucket = %self.name, %key, "an object has expired");
        Ok(Fate::Deleted)
    }

    /// Whether a live playlist lists the object or is it, or the window that a channel closed with does.
    async fn is_listed(&self, key: &ObjectKey, expiration: Expiration) -> Result<bool, CatalogError> {
        let catalog = &self.lifecycle.catalog;
        let Some((channel, below)) = key.as_str().split_once('/') else {
            return Ok(false);
        };
        let Ok(channel) = ChannelName::parse(channel) else {
            return Ok(false);
        };
        let live = match catalog.live_session(self.name, &channel).await {
            Ok(live) => live,
            Err(CatalogError::NotFound { .. }) => None,
            Err(other) => return Err(other),
        };
        let Some((_, segment)) = key.segment() else {
            return Ok(live.is_some_and(|live| live.playlist_name.as_str() == below));
        };
        let Some(live) = live else {
            let window = catalog.latest_segments(self.name, &channel, FRAG_COUNT_MAX).await?;
            let closed = window
                .last()
                .map(|newest| newest.ends().plus(PLAYLIST_AFTER_SEGMENT_MAX));
            let is_in_window = window.first().is_some_and(|oldest| segment >= oldest.name);
            return Ok(is_in_window && closed.is_some_and(|at| !expiration.is_due(at, self.now)));
        };
        // What players hold may be a playlist older than the one that stands (RFC 8216, 6.2.2); what is newer than every
        // record is about to be recorded.
        let count = 2 * live.frag_count as usize + 1;
        let window = catalog.latest_segments(self.name, &channel, count).await?;
        Ok(window.first().is_none_or(|oldest| segment >= oldest.name))
    }
}

/// What became of an object that seemed to have expired.
enum Fate {
    Deleted,
    /// A playlist still lists it.
    Listed,
    /// It is another object by now, or gone.
    Renewed,
}

/// Buckets asked of the catalog at a time.
const BUCKETS_AT_ONCE: usize = 100;

/// Objects asked of the store at a time, so that nobody waits long behind a page.
const OBJECTS_AT_ONCE: usize = 250;

/// With so many failures in a bucket it is not the objects that fail.
const FAILURES_MAX: u32 = 16;

/// The most that a channel's window can hold (contract, 1.1); a closed session no longer tells its own.
const FRAG_COUNT_MAX: usize = 100;

/// A playlist is put for the last time when its ENDLIST is written, the reconnect window after its last segment. When that
/// much more has passed the playlist has expired with the window, and both go in the same pass.
const PLAYLIST_AFTER_SEGMENT_MAX: Duration = Duration::from_secs(60 * 60);
