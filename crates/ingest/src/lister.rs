use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Lease, SegmentRecord};
use alluvium_hls::{Entry, LiveWindow, Segment};
use alluvium_oss::{ObjectKey, UnixTime};
use alluvium_store::{self as store, Attributes, Condition, Put, recorded_etag};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, error, info, warn};

use crate::Ingest;
use crate::recorder::{Finished, Outcome};
use crate::retry::Retry;
use crate::spool::Place;

/// Names tried for one segment when objects that are not ours already stand under the first ones.
const NAMES_TRIED_MAX: u32 = 16;

/// Segments are immutable: a year, the longest that RFC 9111 caches care for.
const SEGMENT_CACHE_CONTROL: &str = "max-age=31536000, immutable";

const SEGMENT_CONTENT_TYPE: &str = "video/mp2t";
pub(crate) const PLAYLIST_CONTENT_TYPE: &str = "application/x-mpegURL";

/// What a session has put before its viewers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listed {
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
}

/// Makes finished segments durable, findable and playable, in this order and one after the other.
pub(crate) struct Lister {
    ingest: Arc<Ingest>,
    lease: Lease,
    window: LiveWindow,
    next_discontinuity_sequence: u64,
    playlist: Playlist,
    listed: Listed,
}

/// The channel's playlist object, as this writer knows it.
struct Playlist {
    key: ObjectKey,
    attributes: Attributes,
    /// What the next put requires, so that it never overwrites what a newer writer has put; `None`: to be looked up.
    condition: Option<Condition>,
}

/// Why nothing more can be listed.
enum Stop {
    Fenced,
    Failed(String),
}

impl Lister {
    pub(crate) fn new(ingest: Arc<Ingest>, lease: Lease) -> Self {
        let config = &lease.config;
        let window = LiveWindow::new(
            config.frag_count as usize,
            config.frag_duration_s,
            lease.window.iter().map(entry),
        );
        let playlist = Playlist {
            key: lease.channel.playlist_key(&lease.playlist_name),
            attributes: playlist_attributes(config.frag_duration_s),
            condition: None,
        };
        let next_discontinuity_sequence = lease.next_discontinuity_sequence;
        Self {
            ingest,
            lease,
            window,
            next_discontinuity_sequence,
            playlist,
            listed: Listed::default(),
        }
    }

    /// Lists what comes until no more does.
    pub(crate) async fn run(mut self, mut finished: mpsc::Receiver<Finished>) -> Outcome {
        while let Some(next) = finished.recv().await {
            let length = next.segment.length;
            match self.list(next).await {
                Ok(()) => {
                    self.listed.segments += 1;
                    self.listed.bytes += length;
                }
                Err(Stop::Fenced) => return Outcome::Fenced(self.listed),
                Err(Stop::Failed(reason)) => return Outcome::Failed(self.listed, reason),
            }
        }
        Outcome::Complete(self.listed)
    }

    async fn list(&mut self, finished: Finished) -> Result<(), Stop> {
        let Finished {
            written,
            place,
            segment,
        } = finished;
        let path = spooled(written.await)?;
        let name = self.store(&path, &place, &segment).await?;
        let record = self.record(&place, &segment, name);
        let listable_from = self.append(record).await?;
        let listable_from = self.withdraw_if_deleted(&record).await?.unwrap_or(listable_from);
        self.window.push(entry(&record));
        self.window.retain_from(listable_from);
        self.publish().await?;
        debug!(
            bucket = %self.lease.bucket, channel = %self.lease.channel, sequence = record.sequence,
            length = record.length, "segment listed"
        );
        Ok(())
    }

    fn record(&mut self, place: &Place, segment: &Segment, name: UnixTime) -> SegmentRecord {
        let discontinuity_sequence = match place.discontinuity {
            true => self.next_discontinuity_sequence,
            false => self.next_discontinuity_sequence.saturating_sub(1),
        };
        self.next_discontinuity_sequence = discontinuity_sequence + 1;
        SegmentRecord {
            session: self.lease.session,
            sequence: place.sequence,
            discontinuity_sequence,
            discontinuity: place.discontinuity,
            name,
            program_date_time: place.program_date_time,
            duration: segment.duration,
            length: segment.length,
            crc64: segment.crc64,
        }
    }

    /// Step 1. Retries until the store has answered for the object; gives the name under which it stands.
    async fn store(&self, path: &Path, place: &Place, segment: &Segment) -> Result<UnixTime, Stop> {
        let mut name = place.name;
        let mut names_tried = 1;
        let mut retry = Retry::new();
        loop {
            let key = self.lease.channel.segment_key(name);
            let mut put = Put::file(
                path,
                segment.length,
                segment.crc64,
                recorded_etag(segment.crc64, segment.length),
                segment_attributes(),
                self.ingest.clock.now(),
            );
            put.condition = Condition::Absent;
            match self.ingest.store.put(&self.lease.bucket, &key, put).await {
                Ok(_) => {
                    recovered("storing a segment", &retry, &key);
                    return Ok(name);
                }
                Err(store::Error::Exists { .. }) if self.holds(&key, segment.length, segment.crc64).await => {
                    // The store has the bytes; it did not get round to taking the file.
                    let _ = tokio::fs::remove_file(path).await;
                    return Ok(name);
                }
                Err(store::Error::Exists { .. }) if names_tried < NAMES_TRIED_MAX => {
                    name = name.plus(Duration::from_millis(1));
                    names_tried += 1;
                }
                Err(error) => {
                    self.wait("storing a segment", &key, &error, is_permanent(&error), &mut retry)
                        .await?
                }
            }
        }
    }

    /// Whether an earlier attempt, of whose success we did not hear, has stored these very bytes.
    async fn holds(&self, key: &ObjectKey, length: u64, crc64: u64) -> bool {
        let head = self.ingest.store.head(&self.lease.bucket, key).await;
        head.is_ok_and(|info| info.length == length && info.crc64 == crc64)
    }

    /// Step 2. Gives the first sequence number that a live playlist may still list.
    async fn append(&self, record: SegmentRecord) -> Result<u64, Stop> {
        let key = self.lease.channel.segment_key(record.name);
        let mut retry = Retry::new();
        loop {
            match self.ingest.catalog.append_segment(&self.lease, record).await {
                Ok(appended) => return Ok(appended.listable_from),
                Err(catalog::Error::Fenced { .. }) => return Err(Stop::Fenced),
                Err(error) => {
                    let permanent = !matches!(error, catalog::Error::Unavailable { .. });
                    self.wait("recording a segment", &key, &error, permanent, &mut retry)
                        .await?;
                }
            }
        }
    }

    /// A client may have deleted the object between steps 1 and 2, when there was no record to withdraw yet. Then the
    /// record goes too; gives the first sequence that may be listed after that.
    async fn withdraw_if_deleted(&self, record: &SegmentRecord) -> Result<Option<u64>, Stop> {
        let key = self.lease.channel.segment_key(record.name);
        match self.ingest.store.head(&self.lease.bucket, &key).await {
            Err(store::Error::NotFound { .. }) => {}
            // Deleting withdraws the record first from now on; a store that does not answer has not deleted it.
            _ => return Ok(None),
        }
        let mut retry = Retry::new();
        loop {
            match self.ingest.catalog.withdraw_segment(&self.lease.bucket, &key).await {
                Ok(_) => return Ok(Some(record.sequence + 1)),
                Err(error) => {
                    let permanent = !matches!(error, catalog::Error::Unavailable { .. });
                    self.wait("withdrawing a deleted segment", &key, &error, permanent, &mut retry)
                        .await?;
                }
            }
        }
    }

    /// Step 4. Puts the window's playlist over the one that was there, unless a newer writer has put its own.
    async fn publish(&mut self) -> Result<(), Stop> {
        let text = Bytes::from(self.window.playlist(false));
        let etag = recorded_etag(store::crc64(&text), text.len() as u64);
        let mut retry = Retry::new();
        loop {
            let attempt = self.try_publish(text.clone(), etag.clone()).await;
            match attempt {
                Ok(()) => {
                    recovered("writing the playlist", &retry, &self.playlist.key);
                    self.playlist.condition = Some(Condition::Etag(etag));
                    return Ok(());
                }
                Err(
                    store::Error::Precondition { .. } | store::Error::Exists { .. } | store::Error::NotFound { .. },
                ) => {
                    self.require_lease().await?;
                    self.playlist.condition = None;
                }
                Err(error) => {
                    // The put may have succeeded all the same: what stands there now is looked up again.
                    self.playlist.condition = None;
                    let key = self.playlist.key.clone();
                    self.wait("writing the playlist", &key, &error, is_permanent(&error), &mut retry)
                        .await?;
                    self.require_lease().await?;
                }
            }
        }
    }

    async fn try_publish(&mut self, text: Bytes, etag: String) -> Result<(), store::Error> {
        let condition = match self.playlist.condition.take() {
            Some(condition) => condition,
            None => self.standing_playlist().await?,
        };
        let mut put = Put::bytes(text, etag, self.playlist.attributes.clone(), self.ingest.clock.now());
        put.condition = condition;
        self.ingest
            .store
            .put(&self.lease.bucket, &self.playlist.key, put)
            .await
            .map(drop)
    }

    async fn standing_playlist(&self) -> Result<Condition, store::Error> {
        match self.ingest.store.head(&self.lease.bucket, &self.playlist.key).await {
            Ok(info) => Ok(Condition::Etag(info.etag)),
            Err(store::Error::NotFound { .. }) => Ok(Condition::Absent),
            Err(error) => Err(error),
        }
    }

    /// Before the standing playlist is looked up and overwritten: are we still the writer?
    async fn require_lease(&self) -> Result<(), Stop> {
        let mut retry = Retry::new();
        loop {
            match self
                .ingest
                .catalog
                .live_session(&self.lease.bucket, &self.lease.channel)
                .await
            {
                Ok(Some(live)) if live.epoch == self.lease.epoch => return Ok(()),
                Ok(_) => return Err(Stop::Fenced),
                Err(error) => {
                    let permanent = !matches!(error, catalog::Error::Unavailable { .. });
                    self.wait("checking the lease", &self.playlist.key, &error, permanent, &mut retry)
                        .await?;
                }
            }
        }
    }

    /// After a failure: waits for the next attempt, or gives up where no attempt can succeed.
    async fn wait(
        &self,
        doing: &'static str,
        key: &ObjectKey,
        error: &(dyn std::error::Error + Sync),
        permanent: bool,
        retry: &mut Retry,
    ) -> Result<(), Stop> {
        let bucket = &self.lease.bucket;
        if permanent {
            error!(%bucket, %key, %error, doing, "the recording cannot go on; the segment stays in the spool");
            return Err(Stop::Failed(format!("{doing} failed: {error}")));
        }
        let delay = retry.after_failure();
        warn!(%bucket, %key, %error, doing, attempt = retry.attempts(), ?delay, "failed; trying again");
        sleep(delay).await;
        Ok(())
    }
}

/// What a playlist says of a recorded segment.
pub(crate) fn entry(record: &SegmentRecord) -> Entry {
    Entry {
        uri: format!("{:013}.ts", record.name.as_millis()),
        duration: record.duration,
        sequence: record.sequence,
        discontinuity_sequence: record.discontinuity_sequence,
        discontinuity: record.discontinuity,
        program_date_time_ms: record.program_date_time.as_millis(),
    }
}

/// A live playlist is good for half a target duration.
pub(crate) fn playlist_attributes(frag_duration_s: u32) -> Attributes {
    Attributes {
        content_type: Some(PLAYLIST_CONTENT_TYPE.to_owned()),
        cache_control: Some(format!("max-age={}", (frag_duration_s / 2).max(1))),
        ..Attributes::default()
    }
}

fn segment_attributes() -> Attributes {
    Attributes {
        content_type: Some(SEGMENT_CONTENT_TYPE.to_owned()),
        cache_control: Some(SEGMENT_CACHE_CONTROL.to_owned()),
        ..Attributes::default()
    }
}

/// The path of the complete file, or why there is none.
fn spooled(written: Result<io::Result<PathBuf>, oneshot::error::RecvError>) -> Result<PathBuf, Stop> {
    let error = match written {
        Ok(Ok(path)) => return Ok(path),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "its writer has ended".to_owned(),
    };
    error!(%error, "the spool cannot be written; the recording stops");
    Err(Stop::Failed(format!("the recording disk cannot be written: {error}")))
}

fn is_permanent(error: &store::Error) -> bool {
    !matches!(error, store::Error::Unavailable { .. })
}

fn recovered(what: &'static str, retry: &Retry, key: &ObjectKey) {
    if retry.attempts() > 0 {
        info!(%key, attempts = retry.attempts() + 1, "{what} succeeded again");
    }
}
