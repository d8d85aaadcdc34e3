use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use alluvium_catalog::{self as catalog, Lease, SessionId};
use alluvium_hls::Segment;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::error;

use crate::Ingest;
use crate::lister::{Listed, Lister};
use crate::spool::{Place, SpoolFile};
use crate::stream::Work;

/// Batches (32 KiB or 200 ms) that may wait for the spool before the publisher's socket is no longer read: about 1 MiB.
pub(crate) const BATCHES_QUEUED_MAX: usize = 32;

/// Finished segments that may wait for the store before the spool, and with it the publisher, has to wait too.
pub(crate) const SEGMENTS_QUEUED_MAX: usize = 64;

/// A complete segment in the spool.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) path: PathBuf,
    pub(crate) place: Place,
    pub(crate) segment: Segment,
}

/// How a session's recording ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All that was accepted is stored and listed.
    Complete(Listed),
    /// Another writer has the channel; what was not listed by then stays in the spool.
    Fenced(Listed),
    /// The spool, or the channel's bucket, is gone; in words.
    Failed(Listed, String),
}

/// One session's way from work to listed segments: writes the spool in a task of its own, and lists in another; when
/// no more work comes, whatever became of the connection, all of it is listed and the session is closed.
pub(crate) struct Recorder {
    queue: mpsc::Sender<Work>,
    task: JoinHandle<Outcome>,
}

/// The recorder takes no more work; [`Recorder::finish`] says why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended;

impl Recorder {
    pub(crate) fn start(ingest: Arc<Ingest>, lease: Lease) -> Self {
        let (queue, work) = mpsc::channel(BATCHES_QUEUED_MAX);
        let task = tokio::spawn(record(ingest, lease, work));
        Self { queue, task }
    }

    /// Hands over work in order; waits while the queue is full.
    pub(crate) async fn send(&self, work: Work) -> Result<(), Ended> {
        self.queue.send(work).await.map_err(|_| Ended)
    }

    /// Completes when the recorder takes no more work.
    pub(crate) async fn ended(&self) {
        self.queue.closed().await;
    }

    /// No more work comes: waits until all of it is listed.
    pub(crate) async fn finish(self) -> Outcome {
        drop(self.queue);
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) => {
                error!(%error, "a recorder ended out of turn; its segments are still in the spool");
                Outcome::Failed(Listed::default(), "internal error while recording".to_owned())
            }
        }
    }
}

/// What the spool is doing for the session.
enum Writing {
    /// Between segments.
    Nothing,
    Segment(Place, SpoolFile),
}

async fn record(ingest: Arc<Ingest>, lease: Lease, mut work: mpsc::Receiver<Work>) -> Outcome {
    let session = lease.session;
    let (finished, to_list) = mpsc::channel(SEGMENTS_QUEUED_MAX);
    let lister = tokio::spawn(Lister::new(Arc::clone(&ingest), lease.clone()).run(to_list));
    let spooled = spool(&ingest, session, &mut work, &finished).await;
    // From here the publisher's task learns that no more is taken.
    drop(work);
    drop(finished);
    let outcome = match lister.await {
        Ok(outcome) => outcome,
        Err(error) => Outcome::Failed(Listed::default(), format!("internal error while listing: {error}")),
    };
    ingest.spool.close_session(session).await;
    ingest.close(&lease).await;
    match (outcome, spooled) {
        (Outcome::Complete(listed), Err(error)) => {
            error!(%error, %session, "the spool cannot be written; the recording stops");
            Outcome::Failed(listed, format!("the recording disk cannot be written: {error}"))
        }
        (outcome, _) => outcome,
    }
}

/// Writes until no more work comes, or the lister takes no more segments.
async fn spool(
    ingest: &Ingest,
    session: SessionId,
    work: &mut mpsc::Receiver<Work>,
    finished: &mpsc::Sender<Finished>,
) -> io::Result<()> {
    let mut writing = Writing::Nothing;
    loop {
        let next = tokio::select! {
            next = work.recv() => next,
            () = finished.closed() => None,
        };
        let Some(next) = next else { return Ok(()) };
        writing = match (writing, next) {
            (_, Work::Begin(place)) => Writing::Segment(place, ingest.spool.create(session, place).await?),
            (Writing::Segment(place, file), Work::Batch(batch)) => {
                file.append(batch).await?;
                Writing::Segment(place, file)
            }
            (Writing::Segment(place, file), Work::End(segment)) => {
                let path = file.into_path();
                if finished.send(Finished { path, place, segment }).await.is_err() {
                    return Ok(());
                }
                Writing::Nothing
            }
            (Writing::Nothing, Work::Batch(_) | Work::End(_)) => {
                return Err(io::Error::other("media outside of a segment"));
            }
        };
    }
}

impl Ingest {
    /// Ends the session in the catalog; the channel is free from then on.
    pub(crate) async fn close(&self, lease: &Lease) {
        match self.catalog.close_session(lease, self.clock.now()).await {
            Ok(()) | Err(catalog::Error::Fenced { .. }) => {}
            Err(error) => {
                error!(bucket = %lease.bucket, channel = %lease.channel, %error, "a session could not be closed in the catalog");
            }
        }
    }
}
