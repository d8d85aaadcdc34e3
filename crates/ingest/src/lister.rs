use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Lease, SegmentRecord};
use alluvium_hls::{Entry, LiveWindow};
use alluvium_oss::{ObjectKey, UnixTime};
use alluvium_store::{self as store, Attributes, Condition, Put, recorded_etag};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::Ingest;
use crate::backlog::Backlog;
use crate::recorder::{Finished, Outcome};
use crate::spool::{Place, Repaired, Spooled, State};
use crate::storing::{Damaged, Stop, Stored, Storing, is_answer, is_final};

pub(crate) const PLAYLIST_CONTENT_TYPE: &str = "application/x-mpegURL";

/// What a session has put before its viewers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listed {
    pub(crate) segments: u64,
    pub(crate) bytes: u64,
}

/// Makes finished segments durable, findable and playable, in this order and one after the other.
///
/// It gives each segment its sequence and its name, so that one which could not be kept leaves no hole.
pub(crate) struct Lister {
    storing: Storing,
    lease: Lease,
    window: LiveWindow,
    next_sequence: u64,
    next_discontinuity_sequence: u64,
    last_name: Option<UnixTime>,
    /// Media is missing before the next segment.
    gap: bool,
    /// Of this session.
    media_end: Option<UnixTime>,
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

impl Lister {
    pub(crate) fn new(ingest: Arc<Ingest>, lease: Lease, stop: CancellationToken) -> Self {
        Self {
            window: window(&lease, lease.config.frag_duration_s),
            next_sequence: lease.next_sequence,
            next_discontinuity_sequence: lease.next_discontinuity_sequence,
            last_name: lease.last_name,
            gap: false,
            media_end: {
                let last = lease.window.last().filter(|last| last.session == lease.session);
                last.map(SegmentRecord::ends)
            },
            playlist: Playlist {
                key: lease.channel.playlist_key(&lease.playlist_name),
                attributes: playlist_attributes(lease.config.frag_duration_s),
                condition: None,
            },
            listed: Listed::default(),
            storing: Storing::of(&lease, ingest, stop),
            lease,
        }
    }

    /// Goes on where the session's first lister was cut off: TARGETDURATION does not fall within a session.
    pub(crate) async fn resuming(ingest: Arc<Ingest>, lease: Lease, stop: CancellationToken) -> Result<Self, Stop> {
        let mut lister = Self::new(ingest, lease, stop);
        if let Some(standing) = lister.standing_target_duration_s().await? {
            let at_least = standing.max(lister.lease.config.frag_duration_s);
            lister.window = window(&lister.lease, at_least);
        }
        Ok(lister)
    }

    /// Lists what comes until no more does.
    pub(crate) async fn run(mut self, mut finished: mpsc::Receiver<Finished>, backlog: &Backlog) -> Outcome {
        while let Some(Finished { written, length, ended }) = finished.recv().await {
            backlog.take_up(ended);
            let Ok(spooled) = written.await else {
                return Outcome::Failed(self.listed, "the spool's writer has ended".to_owned());
            };
            let before = self.listed.segments;
            let done = match self.list(spooled.clone()).await {
                Err(Stop::Fenced) => {
                    self.storing.ingest.fenced(&self.lease);
                    return self.set_all_aside(spooled, finished, backlog).await;
                }
                done => done,
            };
            if let Err(stop) = done {
                return self.stopped(stop);
            }
            if self.listed.segments > before {
                backlog.listed(ended, Instant::now());
            }
            backlog.take_away(length);
        }
        Outcome::Complete(self.listed)
    }

    fn stopped(&self, stop: Stop) -> Outcome {
        let (bucket, channel) = (&self.lease.bucket, &self.lease.channel);
        match stop {
            Stop::Fenced => Outcome::Fenced(self.listed),
            Stop::Left => {
                warn!(event = "left_in_spool", %bucket, %channel, "stopped before all was listed; the next start will list it");
                Outcome::Left(self.listed)
            }
            Stop::Failed(reason) => {
                error!(event = "recording_fails", %bucket, %channel, reason, "the recording cannot go on; what is not listed stays in the spool");
                Outcome::Failed(self.listed, reason)
            }
        }
    }

    async fn list(&mut self, spooled: Spooled) -> Result<(), Stop> {
        let repaired = match spooled.state {
            State::Whole(path, facts) => Some(Repaired {
                path,
                place: spooled.place,
                facts,
                cut: false,
            }),
            State::Torn(_) | State::Unsynced(..) => self.storing.repair(spooled, None).await?,
        };
        match repaired {
            Some(repaired) => self.list_repaired(repaired).await,
            None => {
                self.gap = true;
                Ok(())
            }
        }
    }

    /// Lists a segment; one that turns out to be damaged is mended first.
    pub(crate) async fn list_repaired(&mut self, repaired: Repaired) -> Result<(), Stop> {
        let place = repaired.place;
        let Err(Damaged) = self.try_list(repaired.clone()).await? else {
            return Ok(());
        };
        let state = State::Torn(repaired.path);
        if let Some(mended) = self.storing.repair(Spooled { place, state }, None).await?
            && let Ok(()) = self.try_list(mended).await?
        {
            return Ok(());
        }
        error!(event = "segment_lost", bucket = %self.lease.bucket, channel = %self.lease.channel, order = place.order, "a segment in the spool was damaged, and is lost");
        self.gap = true;
        Ok(())
    }

    async fn try_list(&mut self, segment: Repaired) -> Result<Result<(), Damaged>, Stop> {
        let Repaired {
            path,
            mut place,
            facts,
            cut,
        } = segment;
        // There is nothing that the channel's first segment could fail to continue.
        place.discontinuity = (place.discontinuity || self.gap) && self.next_sequence > 0;
        let name = match self.last_name {
            Some(last) if place.name <= last => last.plus(Duration::from_millis(1)),
            _ => place.name,
        };
        let Stored { name, losses } = match self.storing.store(name, &path, &facts).await? {
            Ok(stored) => stored,
            Err(Damaged) => return Ok(Err(Damaged)),
        };
        let record = SegmentRecord {
            session: self.lease.session,
            sequence: self.next_sequence,
            discontinuity_sequence: self.discontinuity_sequence(&place),
            discontinuity: place.discontinuity,
            name,
            program_date_time: place.program_date_time,
            duration: facts.duration,
            length: facts.length,
            crc64: facts.crc64,
        };
        let listable_from = self.append(record).await?;
        self.storing.ingest.spool.remove(path);
        self.gap = cut;
        self.next_sequence += 1;
        self.next_discontinuity_sequence = record.discontinuity_sequence + 1;
        self.last_name = Some(name);
        self.media_end = Some(record.ends());
        let listable_from = self.withdraw_if_lost(&record, losses).await?.unwrap_or(listable_from);
        self.window.push(entry(&record));
        self.window.retain_from(listable_from);
        self.publish().await?;
        self.listed.segments += 1;
        self.listed.bytes += record.length;
        debug!(
            bucket = %self.lease.bucket, channel = %self.lease.channel, sequence = record.sequence,
            length = record.length, "segment listed"
        );
        Ok(Ok(()))
    }

    fn discontinuity_sequence(&self, place: &Place) -> u64 {
        match place.discontinuity {
            true => self.next_discontinuity_sequence,
            false => self.next_discontinuity_sequence.saturating_sub(1),
        }
    }

    /// Step 2. Gives the first sequence number that a live playlist may still list.
    async fn append(&self, record: SegmentRecord) -> Result<u64, Stop> {
        let key = self.lease.channel.segment_key(record.name);
        let appended = self
            .storing
            .persist("recording a segment", &key, is_final, || {
                self.storing.ingest.catalog.append_segment(&self.lease, record)
            })
            .await?;
        match appended {
            Ok(appended) => Ok(appended.listable_from),
            Err(catalog::Error::Fenced { .. }) => Err(Stop::Fenced),
            Err(error) => Err(Stop::Failed(error.to_string())),
        }
    }

    /// A client may have deleted or replaced the object between steps 1 and 2, when there was no record to withdraw yet.
    /// Then the record goes too; gives the first sequence that may be listed after that.
    async fn withdraw_if_lost(&self, record: &SegmentRecord, losses: Option<u64>) -> Result<Option<u64>, Stop> {
        let (bucket, ingest) = (&self.lease.bucket, &self.storing.ingest);
        let key = self.lease.channel.segment_key(record.name);
        if losses.is_some() && ingest.store.losses(bucket, &key) == losses {
            return Ok(None);
        }
        match ingest.store.head(bucket, &key).await {
            Err(store::Error::NotFound { .. }) => {}
            Ok(info) if (info.length, info.crc64) != (record.length, record.crc64) => {}
            // Deleting withdraws the record first from now on; a store that does not answer has not deleted it.
            _ => return Ok(None),
        }
        self.storing
            .persist("withdrawing a deleted segment", &key, is_final, || {
                ingest.catalog.withdraw_segment(bucket, &key)
            })
            .await?
            .map_err(|error| Stop::Failed(error.to_string()))?;
        Ok(Some(record.sequence + 1))
    }

    /// Step 4. Puts the window's playlist over the one that was there, unless a newer writer has put its own.
    pub(crate) async fn publish(&mut self) -> Result<(), Stop> {
        let text = Bytes::from(self.window.playlist(false));
        let etag = recorded_etag(store::crc64(&text), text.len() as u64);
        loop {
            let condition = match self.playlist.condition.take() {
                Some(condition) => condition,
                None => {
                    let standing = self.standing_playlist().await?;
                    self.require_lease().await?;
                    standing
                }
            };
            if condition == Condition::Etag(etag.clone()) {
                self.playlist.condition = Some(condition);
                return Ok(());
            }
            if self.try_publish(text.clone(), etag.clone(), condition).await? {
                self.playlist.condition = Some(Condition::Etag(etag));
                return Ok(());
            }
        }
    }

    /// Whether the playlist was put. If not, another one stands there than was expected: that of an attempt which we
    /// took for failed, a client's, or a newer writer's.
    async fn try_publish(&self, text: Bytes, etag: String, condition: Condition) -> Result<bool, Stop> {
        let key = &self.playlist.key;
        let put = Put::bytes(text, etag, self.playlist.attributes.clone(), self.now()).when(condition);
        let done = self
            .storing
            .persist("writing the playlist", key, is_answer, || {
                self.storing.ingest.store.put(&self.lease.bucket, key, put.clone())
            })
            .await?;
        match done {
            Ok(_) => Ok(true),
            Err(store::Error::Precondition { .. } | store::Error::Exists { .. } | store::Error::NotFound { .. }) => {
                Ok(false)
            }
            Err(error) => Err(Stop::Failed(error.to_string())),
        }
    }

    /// What a put requires that replaces the playlist which stands there now.
    async fn standing_playlist(&self) -> Result<Condition, Stop> {
        let key = &self.playlist.key;
        let found = self
            .storing
            .persist("looking at the playlist", key, is_answer, || {
                self.storing.ingest.store.head(&self.lease.bucket, key)
            })
            .await?;
        Ok(match found {
            Ok(info) => Condition::Etag(info.etag),
            Err(store::Error::NotFound { .. }) => Condition::Absent,
            // Its bytes are lost; a new one is the only remedy.
            Err(_) => Condition::None,
        })
    }

    /// The TARGETDURATION that the session's readers have seen last.
    async fn standing_target_duration_s(&self) -> Result<Option<u32>, Stop> {
        let (store, key) = (&self.storing.ingest.store, &self.playlist.key);
        let found = self
            .storing
            .persist("reading the playlist", key, is_answer, || {
                Box::pin(async move {
                    let object = store.get(&self.lease.bucket, key, None).await?;
                    object.bytes().await
                })
            })
            .await?;
        Ok(found
            .ok()
            .map(|text| target_duration_s(&String::from_utf8_lossy(&text))))
    }

    /// Before the standing playlist is overwritten: are we still the writer?
    async fn require_lease(&self) -> Result<(), Stop> {
        let (bucket, channel) = (&self.lease.bucket, &self.lease.channel);
        let live = self
            .storing
            .persist("checking the lease", &self.playlist.key, is_final, || {
                self.storing.ingest.catalog.live_session(bucket, channel)
            })
            .await?;
        match live {
            Ok(Some(live)) if live.epoch == self.lease.epoch => Ok(()),
            Ok(_) | Err(catalog::Error::NotFound { .. }) => Err(Stop::Fenced),
            Err(error) => Err(Stop::Failed(error.to_string())),
        }
    }

    /// Media is missing before what comes next.
    pub(crate) fn expect_gap(&mut self) {
        self.gap = true;
    }

    /// What a fenced writer still has goes where nobody loses it and no playlist shows it.
    async fn set_all_aside(self, first: Spooled, mut finished: mpsc::Receiver<Finished>, backlog: &Backlog) -> Outcome {
        let mut next = Some(first);
        loop {
            if let Some(spooled) = next.take()
                && let Err(stop) = self.storing.set_aside(self.lease.session, spooled).await
            {
                return self.stopped(stop);
            }
            let Some(Finished { written, length, .. }) = finished.recv().await else {
                return Outcome::Fenced(self.listed);
            };
            backlog.take_away(length);
            next = written.await.ok();
        }
    }

    /// Where the media of the session ends that is recorded; `None` where there is none.
    pub(crate) fn media_end(&self) -> Option<UnixTime> {
        self.media_end
    }

    fn now(&self) -> UnixTime {
        self.storing.ingest.clock.now()
    }
}

fn window(lease: &Lease, target_duration_s: u32) -> LiveWindow {
    let count = lease.config.frag_count as usize;
    LiveWindow::new(count, target_duration_s, lease.window.iter().map(entry))
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

/// The target duration of a playlist that a session has written: it must not fall within the session.
pub(crate) fn target_duration_s(text: &str) -> u32 {
    text.lines()
        .find_map(|line| line.strip_prefix("#EXT-X-TARGETDURATION:")?.trim().parse().ok())
        .unwrap_or(1)
}
