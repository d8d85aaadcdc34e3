use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Lease, SegmentRecord, SessionId};
use alluvium_oss::{BucketName, ChannelName, ObjectKey, UnixTime};
use alluvium_store::{self as store, Attributes, Condition, Put, recorded_etag};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Ingest;
use crate::retry::Retry;
use crate::spool::{Facts, Inspected, Repaired, Spooled, State};

/// Names tried for one segment when objects that are not ours stand under the first ones; the steps between them double,
/// from a millisecond to nine hours.
const NAMES_TRIED_MAX: u32 = 26;

/// One attempt takes no longer: a put of a large segment to a slow store is still well within it.
const ATTEMPT_MAX: Duration = Duration::from_secs(120);

/// An attempt that is under way when the server stops is waited for so long.
const ATTEMPT_WHILE_STOPPING_MAX: Duration = Duration::from_secs(10);

/// A disk that is full, read-only or failing is waited for so long before a segment that must be mended on it is given up.
const MENDING_MAX: Duration = Duration::from_secs(3600);

/// Records of a channel looked at in one go.
const RECORDS_PAGE: usize = 256;

/// Segments are immutable: a year, the longest that RFC 9111 caches care for.
const SEGMENT_CACHE_CONTROL: &str = "max-age=31536000, immutable";
const SEGMENT_CONTENT_TYPE: &str = "video/mp2t";

/// Puts a channel's segments into the store, and asks store and catalog until they answer.
pub(crate) struct Storing {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) bucket: BucketName,
    pub(crate) channel: ChannelName,
    /// The server stops.
    pub(crate) stop: CancellationToken,
}

/// Why nothing more can be listed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Another writer has the channel.
    Fenced,
    /// The server stops, and nobody answers.
    Left,
    Failed(String),
}

/// Where a segment that was found in the spool stands among the records of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It comes behind all of them.
    New,
    /// It is one of them; only its file was left, or came back with a crash of the machine, and may be damaged.
    Recorded,
    /// Some that come behind it are recorded, and it is not: it was unreadable when it was its turn.
    PassedOver,
}

/// A segment that is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) name: UnixTime,
    /// What the store counts where its object is, from before it was put.
    pub(crate) losses: Option<u64>,
}

/// The bytes in the spool are not those of the segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Storing {
    pub(crate) fn of(lease: &Lease, ingest: Arc<Ingest>, stop: CancellationToken) -> Self {
        Self {
            ingest,
            bucket: lease.bucket.clone(),
            channel: lease.channel.clone(),
            stop,
        }
    }

    /// Stores a segment under `name`, or the next that is free. `Err(Damaged)`: the file is not what `facts` say, or is
    /// gone.
    pub(crate) async fn store(
        &self,
        name: UnixTime,
        path: &Path,
        facts: &Facts,
    ) -> Result<Result<Stored, Damaged>, Stop> {
        let (mut name, mut step) = (name, Duration::from_millis(1));
        for _ in 0..NAMES_TRIED_MAX {
            let key = self.channel.segment_key(name);
            let losses = self.ingest.store.losses(&self.bucket, &key);
            let put = self.segment_put(path, facts);
            let stored = self
                .persist("storing a segment", &key, is_answer, || {
                    self.put_and_verify(&key, put.clone(), path).boxed()
                })
                .await?;
            match stored {
                Ok(_) => return Ok(Ok(Stored { name, losses })),
                // An attempt of whose success we did not hear has stored these very bytes.
                Err(store::Error::Exists { .. }) if self.holds(&key, facts).await? => {
                    return Ok(Ok(Stored { name, losses: None }));
                }
                Err(store::Error::Exists { .. }) => {
                    name = name.plus(step);
                    step *= 2;
                }
                Err(_) => return Ok(Err(Damaged)),
            }
        }
        Err(Stop::Failed(format!(
            "objects stand under all names tried for a segment, the last {}",
            self.channel.segment_key(name)
        )))
    }

    /// A store that says it has the object is asked once more what it has, unless it answers at first hand; without its
    /// file a put can never succeed.
    async fn put_and_verify(&self, key: &ObjectKey, put: Put, path: &Path) -> Result<(), store::Error> {
        let (length, crc64) = (put.length, put.crc64);
        let store = &self.ingest.store;
        match store.put(&self.bucket, key, put).await {
            Ok(_) if store.capabilities().answers_at_first_hand => return Ok(()),
            Ok(_) => {}
            Err(store::Error::Unavailable { .. }) if self.ingest.spool.is_gone(path.to_owned()).await => {
                return Err(store::Error::Mismatch {
                    fact: "length",
                    stated: length,
                    found: 0,
                });
            }
            Err(error) => return Err(error),
        }
        let wrong = match store.head(&self.bucket, key).await {
            Ok(info) if info.length == length && info.crc64 == crc64 => return Ok(()),
            Ok(info) => format!("the store took {length} bytes and holds {} others", info.length),
            Err(error) => format!("the store took it, and then: {error}"),
        };
        Err(store::Error::unavailable("verify", key, wrong))
    }

    fn segment_put(&self, path: &Path, facts: &Facts) -> Put {
        Put::file(
            path,
            facts.length,
            facts.crc64,
            recorded_etag(facts.crc64, facts.length),
            Attributes {
                content_type: Some(SEGMENT_CONTENT_TYPE.to_owned()),
                cache_control: Some(SEGMENT_CACHE_CONTROL.to_owned()),
                ..Attributes::default()
            },
            self.ingest.clock.now(),
        )
        .when(Condition::Absent)
    }

    async fn holds(&self, key: &ObjectKey, facts: &Facts) -> Result<bool, Stop> {
        let head = self
            .persist("looking at a segment", key, is_answer, || {
                self.ingest.store.head(&self.bucket, key)
            })
            .await?;
        Ok(head.is_ok_and(|info| info.length == facts.length && info.crc64 == facts.crc64))
    }

    /// Stores a segment that may not be listed any more, because its session has ended or was replaced: nothing that
    /// was accepted is thrown away, and no reader sees a change.
    pub(crate) async fn set_aside(&self, session: SessionId, spooled: Spooled) -> Result<(), Stop> {
        let (bucket, channel) = (&self.bucket, &self.channel);
        let Some(repaired) = self.repair(spooled, None).await? else {
            return Ok(());
        };
        let found = Spooled {
            place: repaired.place,
            state: State::Whole(repaired.path.clone(), repaired.facts),
        };
        if self.standing(session, &found).await? != Standing::Recorded {
            match self.store(repaired.place.name, &repaired.path, &repaired.facts).await? {
                Ok(stored) => {
                    let key = self.channel.segment_key(stored.name);
                    warn!(event = "set_aside", %bucket, %channel, %key, "a segment came too late to be listed; it is stored, but in no playlist");
                }
                Err(Damaged) => {
                    error!(event = "segment_lost", %bucket, %channel, path = %repaired.path.display(), "a segment in the spool was damaged, and is lost");
                    return Ok(());
                }
            }
        }
        self.ingest.spool.remove(repaired.path);
        Ok(())
    }

    /// What can be kept of a file in the spool whose bytes are not sure; waits for a disk that does not let it be mended
    /// now. Where something is missing between it and `next`, the name of that one says so before it comes to be so.
    /// `None`: there is no media in it, or it can be neither read nor mended, as the log says.
    pub(crate) async fn repair(&self, found: Spooled, next: Option<&mut Spooled>) -> Result<Option<Repaired>, Stop> {
        let spool = &self.ingest.spool;
        let (key, path) = (self.channel.segment_key(found.place.name), found.path().to_owned());
        let lost = |error| {
            error!(event = "segment_lost", path = %path.display(), %error, "a segment in the spool can be neither read nor mended");
            None
        };
        let torn = match spool.inspect(found).await {
            Ok(Inspected::Sound(repaired)) => return Ok(Some(repaired)),
            Ok(Inspected::Gone) => return Ok(None),
            Ok(Inspected::Torn(torn)) => torn,
            Err(error) => return Ok(lost(error)),
        };
        if let Some(next) = next {
            *next = spool.mark_gap_before(next.clone()).await;
        }
        let begun = Instant::now();
        let is_given_up = |_: &io::Error| begun.elapsed() >= MENDING_MAX;
        let cut_back = self
            .persist("mending a segment in the spool", &key, is_given_up, || {
                spool.cut_back(torn.clone()).boxed()
            })
            .await?;
        Ok(cut_back.unwrap_or_else(lost))
    }

    /// What the channel's records say of a segment that was found in the spool. The records of one session stand
    /// together, their dates do not fall, and none is named before the name that its segment wanted.
    pub(crate) async fn standing(&self, session: SessionId, found: &Spooled) -> Result<Standing, Stop> {
        let place = &found.place;
        let key = self.channel.segment_key(place.name);
        let mut standing = Standing::New;
        let mut after = None;
        loop {
            let page = self
                .persist("looking for a record", &key, is_final, || {
                    let all = UnixTime::from_millis(i64::MAX);
                    self.ingest.catalog.segments_between(
                        &self.bucket,
                        &self.channel,
                        place.name,
                        all,
                        after,
                        RECORDS_PAGE,
                    )
                })
                .await?
                .map_err(|error| Stop::Failed(error.to_string()))?;
            for record in page.iter().take_while(|record| record.session == session) {
                if is_of(record, found) {
                    return Ok(Standing::Recorded);
                }
                if record.program_date_time >= place.program_date_time {
                    standing = Standing::PassedOver;
                }
            }
            match page.last() {
                Some(last) if page.len() == RECORDS_PAGE && last.session == session => after = Some(last.name),
                _ => return Ok(standing),
            }
        }
    }

    /// The sessions of this node which the catalog has open on the channel; none where it cannot say.
    pub(crate) async fn open_sessions(&self) -> Vec<Lease> {
        let (ingest, key) = (&self.ingest, self.channel.segment_key(UnixTime::default()));
        let found = self
            .persist("looking for sessions", &key, is_final, || {
                ingest.catalog.open_sessions(&ingest.node)
            })
            .await;
        let mut found = found.map(Result::unwrap_or_default).unwrap_or_default();
        found.retain(|lease| (&lease.bucket, &lease.channel) == (&self.bucket, &self.channel));
        found
    }

    /// When the open session was heard of last, as far as its node told.
    pub(crate) async fn last_heard(&self, lease: &Lease) -> Result<UnixTime, Stop> {
        let key = self.channel.playlist_key(&lease.playlist_name);
        let live = self
            .persist("looking at the session", &key, is_final, || {
                self.ingest.catalog.live_session(&self.bucket, &self.channel)
            })
            .await?;
        match live {
            Ok(Some(live)) if live.epoch == lease.epoch => Ok(live.last_media),
            Ok(_) | Err(catalog::Error::NotFound { .. }) => Err(Stop::Fenced),
            Err(error) => Err(Stop::Failed(error.to_string())),
        }
    }

    /// Whether the bucket is still there.
    pub(crate) async fn has_bucket(&self) -> Result<bool, Stop> {
        let key = self.channel.segment_key(UnixTime::default());
        let bucket = self
            .persist("looking for the bucket", &key, is_final, || {
                self.ingest.catalog.bucket(&self.bucket)
            })
            .await?;
        Ok(bucket.is_ok())
    }

    /// Ends the session in the catalog; the channel is free from then on. A server that stops first leaves that to the
    /// next start.
    pub(crate) async fn close(&self, lease: &Lease, at: UnixTime) {
        let key = self.channel.playlist_key(&lease.playlist_name);
        let closed = self
            .persist("closing the session", &key, is_final, || {
                self.ingest.catalog.close_session(lease, at)
            })
            .await;
        if let Ok(Err(error)) = closed
            && !matches!(error, catalog::Error::Fenced { .. })
        {
            error!(bucket = %self.bucket, channel = %self.channel, %error, "a session cannot be closed in the catalog");
        }
    }

    /// Makes a call again and again until it succeeds, or fails with an answer that counts.
    ///
    /// # Errors
    ///
    /// [`Stop::Left`] when the server stops meanwhile.
    pub(crate) async fn persist<'a, T, E: Display>(
        &'a self,
        doing: &'static str,
        key: &ObjectKey,
        is_answer: impl Fn(&E) -> bool + Send,
        mut call: impl FnMut() -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<Result<T, E>, Stop> {
        let (bucket, mut retry) = (&self.bucket, Retry::new());
        loop {
            let answer = tokio::select! {
                biased;
                answer = timeout(ATTEMPT_MAX, call()) => answer,
                () = self.stopping() => return Err(Stop::Left),
            };
            let error = match answer {
                Ok(Ok(done)) => {
                    if retry.attempts() > 0 {
                        info!(%bucket, %key, doing, attempts = retry.attempts() + 1, "succeeded after failures");
                    }
                    return Ok(Ok(done));
                }
                Ok(Err(error)) if is_answer(&error) => return Ok(Err(error)),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {ATTEMPT_MAX:?}"),
            };
            let delay = self.ingest.retries.after_failure(&mut retry);
            if retry.attempts().is_power_of_two() {
                let attempts = retry.attempts();
                warn!(event = "store_fails", %bucket, %key, doing, error, attempts, "failed; trying until it succeeds");
            }
            tokio::select! {
                biased;
                () = sleep(delay) => {}
                () = self.stop.cancelled() => return Err(Stop::Left),
            }
            self.ingest.retries.turn().await;
        }
    }

    /// Completes when an attempt that is under way has had its time after the server began to stop.
    async fn stopping(&self) {
        self.stop.cancelled().await;
        sleep(ATTEMPT_WHILE_STOPPING_MAX).await;
    }
}

/// Whether the record is that of the segment that was found.
fn is_of(record: &SegmentRecord, found: &Spooled) -> bool {
    let Spooled { place, state } = found;
    let of_place = record.name == place.name && record.program_date_time == place.program_date_time;
    let of_facts = |facts: &Facts| record.length == facts.length && record.crc64 == facts.crc64;
    of_place || matches!(state, State::Whole(_, facts) if of_facts(facts))
}

/// Whether asking the store again would change nothing.
pub(crate) fn is_answer(error: &store::Error) -> bool {
    !matches!(error, store::Error::Unavailable { .. })
}

/// Whether asking the catalog again would change nothing.
pub(crate) fn is_final(error: &catalog::Error) -> bool {
    !matches!(error, catalog::Error::Unavailable { .. })
}
