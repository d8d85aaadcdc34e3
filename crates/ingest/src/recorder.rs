use std::sync::Arc;

use alluvium_catalog::{self as catalog, Lease};
use alluvium_hls::Segment;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::error;

use crate::Ingest;
use crate::lister::{Listed, Lister};
use crate::spool::{Place, SessionSpool, SpoolFile, Written};
use crate::stream::Work;

/// Finished segments that may wait for the store before the publisher has to wait too.
const SEGMENTS_QUEUED_MAX: usize = 64;

/// A complete segment, which may still be on its way into the spool.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) written: Written,
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

/// One session's way from work to listed segments: batches go to the spool's writer, finished segments to a lister in a
/// task of its own. When no more work comes, whatever became of the connection, the lister lists all there is and closes
/// the session.
pub(crate) struct Recorder {
    spool: SessionSpool,
    writing: Writing,
    finished: mpsc::Sender<Finished>,
    lister: JoinHandle<Outcome>,
}

/// What the session has in the spool's writer.
enum Writing {
    /// Between segments.
    Nothing,
    Segment(Place, SpoolFile),
}

/// The recorder takes no more work; [`Recorder::finish`] says why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended;

impl Recorder {
    pub(crate) fn start(ingest: Arc<Ingest>, lease: Lease) -> Self {
        let spool = ingest.spool.session(lease.session);
        let (finished, to_list) = mpsc::channel(SEGMENTS_QUEUED_MAX);
        Self {
            spool,
            writing: Writing::Nothing,
            finished,
            lister: tokio::spawn(list(ingest, lease, to_list)),
        }
    }

    /// Takes work in order; waits while too much of it waits for the disk or the store.
    pub(crate) async fn take(&mut self, work: Work) -> Result<(), Ended> {
        match work {
            Work::Begin(place) => {
                self.writing = Writing::Segment(place, self.spool.create(place));
                Ok(())
            }
            Work::Batch(batch) => match &self.writing {
                Writing::Segment(_, file) => self.spool.append(file, batch).await.map_err(|_| Ended),
                Writing::Nothing => Ok(()),
            },
            Work::End(segment) => match std::mem::replace(&mut self.writing, Writing::Nothing) {
                Writing::Segment(place, file) => {
                    let written = file.finish();
                    let finished = Finished {
                        written,
                        place,
                        segment,
                    };
                    self.finished.send(finished).await.map_err(|_| Ended)
                }
                Writing::Nothing => Ok(()),
            },
        }
    }

    /// Completes when the recorder takes no more work.
    pub(crate) async fn ended(&self) {
        self.finished.closed().await;
    }

    /// No more work comes: waits until all of it is listed and the session is closed.
    pub(crate) async fn finish(self) -> Outcome {
        drop(self.finished);
        match self.lister.await {
            Ok(outcome) => outcome,
            Err(error) => {
                error!(%error, "a lister ended out of turn; its segments are still in the spool");
                Outcome::Failed(Listed::default(), "internal error while recording".to_owned())
            }
        }
    }
}

async fn list(ingest: Arc<Ingest>, lease: Lease, finished: mpsc::Receiver<Finished>) -> Outcome {
    let outcome = Lister::new(Arc::clone(&ingest), lease.clone()).run(finished).await;
    ingest.spool.close_session(lease.session).await;
    ingest.close(&lease).await;
    outcome
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
