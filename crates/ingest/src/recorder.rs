use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use alluvium_catalog::Lease;
use alluvium_hls::Segment;
use alluvium_oss::UnixTime;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, OwnedPermit, error::TrySendError};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Ingest;
use crate::backlog::{Backlog, Keeping};
use crate::lister::{Listed, Lister};
use crate::spool::{Facts, Gap, Place, SessionSpool, SpoolFile, Written};
use crate::storing::Storing;
use crate::stream::Work;

/// Finished segments that may wait for the store before media is dropped: more than two hours of two seconds each. The
/// quota of bytes is reached before, unless the segments are tiny.
const SEGMENTS_QUEUED_MAX: usize = 4096;

/// A segment whose file is complete as soon as its last batches are written.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) written: Written,
    /// Bytes, as counted in the backlog.
    pub(crate) length: u64,
    /// When its last unit came.
    pub(crate) ended: Instant,
}

/// How a session's recording ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All that was accepted is stored and listed.
    Complete(Listed),
    /// Another writer has the channel; what was not listed by then is stored, but in no playlist.
    Fenced(Listed),
    /// The server stops and the store does not answer: the rest is in the spool, for the next start.
    Left(Listed),
    /// The catalog cannot go on; in words.
    Failed(Listed, String),
}

/// One session's way from work to listed segments: batches go to the spool's writer, finished segments to a lister in a
/// task of its own. When no more work comes, whatever became of the connection, the lister lists all there is and closes
/// the session.
///
/// While as much waits for the store as the spool's quota allows, segments are dropped from their beginning: a gap.
pub(crate) struct Recorder {
    spool: SessionSpool,
    next_order: u64,
    writing: Writing,
    gap: Gap,
    backlog: Backlog,
    backlog_max: u64,
    finished: mpsc::Sender<Finished>,
    lister: JoinHandle<Outcome>,
}

/// What the session has in the spool's writer.
enum Writing {
    /// Between segments, or in a gap.
    Nothing,
    /// A segment, and its place in the lister's queue.
    Segment(SpoolFile, OwnedPermit<Finished>),
}

impl Recorder {
    pub(crate) fn start(ingest: Arc<Ingest>, lease: Lease, stop: CancellationToken) -> Self {
        let spool = ingest.spool.session(&lease);
        let (finished, to_list) = mpsc::channel(SEGMENTS_QUEUED_MAX);
        let backlog = Backlog::default();
        let listers = ingest.listers.clone().unwrap_or_else(Handle::current);
        let backlog_max = ingest.config.spool_quota;
        Self {
            spool,
            next_order: lease.next_sequence,
            writing: Writing::Nothing,
            gap: Gap::default(),
            backlog_max,
            backlog: backlog.clone(),
            finished,
            lister: listers.spawn(list(ingest, lease, stop, backlog, to_list)),
        }
    }

    /// Room for one piece of work; waits while too much of the session waits for the disk. Cancel safe.
    ///
    /// Work of a publisher that `can_wait` waits also while half of what may wait for the store does, so that no gap comes
    /// of its haste.
    pub(crate) async fn room(&self, can_wait: bool) -> OwnedSemaphorePermit {
        if can_wait {
            let segments = SEGMENTS_QUEUED_MAX as u64 / 2;
            self.backlog.below((self.backlog_max / 2).max(1), segments).await;
        }
        self.spool.room().await
    }

    /// Takes work, in order.
    pub(crate) fn take(&mut self, work: Work, room: OwnedSemaphorePermit) {
        match work {
            Work::Begin {
                name,
                program_date_time,
                discontinuity,
            } => self.begin(name, program_date_time, discontinuity),
            Work::Batch(batch) => match &self.writing {
                Writing::Segment(file, _) => file.append(batch, room),
                Writing::Nothing => self.gap.add(batch.len()),
            },
            Work::End(segment) => self.end(&segment),
        }
    }

    fn begin(&mut self, name: UnixTime, program_date_time: UnixTime, discontinuity: bool) {
        let channel = self.spool.channel();
        if self.backlog.bytes() >= self.backlog_max {
            let reason = format_args!("{} bytes of the channel wait for the store", self.backlog.bytes());
            self.gap.begin(channel, &reason);
            return;
        }
        let queued = match self.finished.clone().try_reserve_owned() {
            Ok(queued) => queued,
            Err(TrySendError::Full(_)) => {
                let reason = format_args!("{SEGMENTS_QUEUED_MAX} segments of the channel wait for the store");
                self.gap.begin(channel, &reason);
                return;
            }
            // The lister has ended: so will the session.
            Err(TrySendError::Closed(_)) => return,
        };
        let place = Place {
            order: self.next_order,
            name,
            program_date_time,
            discontinuity: self.gap.end(channel) || discontinuity,
        };
        self.next_order += 1;
        self.writing = Writing::Segment(self.spool.create(place), queued);
    }

    fn end(&mut self, segment: &Segment) {
        let Writing::Segment(file, queued) = std::mem::replace(&mut self.writing, Writing::Nothing) else {
            return;
        };
        let facts = Facts {
            length: segment.length,
            crc64: segment.crc64,
            duration: segment.duration,
        };
        self.backlog.add(facts.length);
        queued.send(Finished {
            written: file.finish(facts),
            length: facts.length,
            ended: Instant::now(),
        });
    }

    /// How the store keeps up.
    pub(crate) fn keeping(&self, now: Instant) -> Keeping {
        self.backlog.keeping(now)
    }

    /// Whether media is being dropped.
    pub(crate) fn is_in_gap(&self) -> bool {
        self.gap.is_open()
    }

    /// Completes when the recorder takes no more work; [`finish`](Self::finish) says why.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let finished = self.finished.clone();
        async move { finished.closed().await }
    }

    /// No more work comes: waits until all of it is listed and the session is closed.
    pub(crate) async fn finish(self) -> Outcome {
        drop((self.finished, self.writing));
        self.lister.await.unwrap_or_else(|_| internal_error())
    }
}

async fn list(
    ingest: Arc<Ingest>,
    lease: Lease,
    stop: CancellationToken,
    backlog: Backlog,
    finished: mpsc::Receiver<Finished>,
) -> Outcome {
    let lister = Lister::new(Arc::clone(&ingest), lease.clone(), stop.clone());
    // A mistake in the program ends this recording, not the channel: the lease is given back whatever happens.
    let outcome = AssertUnwindSafe(lister.run(finished, &backlog))
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            error!(event = "recording_fails", bucket = %lease.bucket, channel = %lease.channel, "a lister panicked; what it had not listed stays in the spool");
            internal_error()
        });
    ingest.spool.close_session(lease.session).await;
    if !matches!(outcome, Outcome::Left(_)) {
        let now = ingest.clock.now();
        Storing::of(&lease, ingest, stop).close(&lease, now).await;
    }
    outcome
}

fn internal_error() -> Outcome {
    Outcome::Failed(Listed::default(), "internal error while recording".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alluvium_catalog::{Catalog, NodeId, OpenSession};
    use alluvium_media::Timestamp;
    use alluvium_oss::{ChannelName, Clock};
    use alluvium_store::faulty::{Fault, Gate, Operation, Rule};

    use super::*;
    use crate::tests::house;

    async fn fill(recorder: &mut Recorder, name: UnixTime) {
        let segment = Segment {
            start: Timestamp::default(),
            duration: 90_000,
            length: 0,
            crc64: alluvium_store::crc64(b""),
            discontinuity: false,
            random_access: true,
            forced: false,
        };
        let begin = Work::Begin {
            name,
            program_date_time: name,
            discontinuity: false,
        };
        for work in [begin, Work::End(segment)] {
            let room = recorder.room(false).await;
            recorder.take(work, room);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn segments_past_the_limit_of_the_queue_are_a_gap() {
        let house = house(|_| {}).await;
        let channel: ChannelName = house.channel("camera").await;
        let gate = Gate::closed();
        house
            .store
            .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).times(1));
        let open = OpenSession {
            bucket: house.bucket.clone(),
            channel: channel.clone(),
            node: NodeId::new("here"),
            remote_addr: "192.0.2.2:6000".parse().unwrap(),
            playlist_name: None,
            at: house.clock.now(),
            busy_within: std::time::Duration::ZERO,
        };
        let lease = house.catalog.open_session(open).await.unwrap();
        let mut recorder = Recorder::start(Arc::clone(&house.ingest), lease, house.stop.clone());
        let mut name = house.clock.now();
        let mut next = || {
            name = name.plus(std::time::Duration::from_secs(1));
            name
        };
        fill(&mut recorder, next()).await;
        // The lister has the first one in hand; behind it the queue is filled to its limit, and past it.
        gate.reached(1).await;
        for _ in 0..SEGMENTS_QUEUED_MAX {
            fill(&mut recorder, next()).await;
        }
        assert!(!recorder.gap.is_open());
        fill(&mut recorder, next()).await;
        assert!(recorder.gap.is_open());
        gate.open();
        while recorder.finished.capacity() == 0 {
            tokio::task::yield_now().await;
        }
        fill(&mut recorder, next()).await;
        assert!(!recorder.gap.is_open());
        recorder.finish().await;
        let count = SEGMENTS_QUEUED_MAX + 2;
        let records = house
            .catalog
            .latest_segments(&house.bucket, &channel, count + 1)
            .await
            .unwrap();
        assert_eq!(records.len(), count);
        let behind_a_gap: Vec<_> = records.iter().filter(|record| record.discontinuity).collect();
        assert_eq!(behind_a_gap, [records.last().unwrap()]);
    }
}
