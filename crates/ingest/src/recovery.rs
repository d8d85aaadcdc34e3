use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Lease};
use alluvium_oss::UnixTime;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Ingest;
use crate::lister::Lister;
use crate::sessions::Running;
use crate::spool::{Leftover, Spooled};
use crate::storing::{Standing, Stop, Storing};
use crate::stream::Now;

/// Sessions recovered side by side: a store groups what comes at once.
const RECOVERED_AT_ONCE_MAX: usize = 64;

/// What a killed process of this node has left, and the channels that are held until it is listed.
pub struct Recovery {
    ingest: Arc<Ingest>,
    cut_off: Vec<CutOff>,
    /// Segments of sessions that may list nothing any more.
    late: Vec<Leftover>,
}

/// A session whose process was killed.
struct CutOff {
    lease: Lease,
    /// Holds the channel: a publisher that comes meanwhile waits.
    running: Running,
    files: Vec<Spooled>,
}

impl Ingest {
    /// Finds the sessions that a killed process of this node has left open, with their segments in the spool, and holds
    /// their channels. Called once, before any publisher is served; nothing is stored or listed before
    /// [`Recovery::run`].
    ///
    /// # Errors
    ///
    /// The catalog's. A spool that cannot be read is an `Unavailable`.
    pub async fn find_leftovers(self: &Arc<Self>) -> Result<Recovery, catalog::Error> {
        let found = self.spool.leftovers().await.map_err(|error| {
            let reason = format!("the spool cannot be read: {error}");
            catalog::Error::Unavailable { reason }
        })?;
        let mut by_session: HashMap<_, _> = found.into_iter().map(|left| (left.session, left)).collect();
        let mut cut_off = Vec::new();
        for lease in self.catalog.open_sessions(&self.node).await? {
            let entered = self
                .sessions
                .enter(&lease.bucket, &lease.channel, Now::by(&*self.clock), Duration::ZERO);
            let Ok(running) = entered.await else { continue };
            running.ending();
            let files = by_session.remove(&lease.session).map_or(Vec::new(), |left| left.files);
            cut_off.push(CutOff { lease, running, files });
        }
        Ok(Recovery {
            ingest: Arc::clone(self),
            cut_off,
            late: by_session.into_values().collect(),
        })
    }
}

impl Recovery {
    /// Stores, records and lists what was found, closes the sessions in the history with the end of their media, and
    /// frees their channels one by one. Ends early when `stop` is cancelled; the next start goes on.
    pub async fn run(self, stop: CancellationToken) {
        let Self { ingest, cut_off, late } = self;
        let recovered = futures_util::stream::iter(cut_off).for_each_concurrent(RECOVERED_AT_ONCE_MAX, |session| {
            let (ingest, stop) = (Arc::clone(&ingest), stop.clone());
            async move { ingest.recover(session, stop).await }
        });
        recovered.await;
        for leftover in late {
            ingest.set_late_aside(leftover, &stop).await;
        }
    }
}

impl Ingest {
    async fn recover(self: &Arc<Self>, session: CutOff, stop: CancellationToken) {
        let CutOff { lease, running, files } = session;
        let (bucket, channel) = (&lease.bucket, &lease.channel);
        let found = files.len();
        let storing = Storing::of(&lease, Arc::clone(self), stop.clone());
        match self.list_files(&storing, &lease, files).await {
            Ok((segments, ended)) => {
                self.spool.close_session(lease.session).await;
                storing.close(&lease, ended).await;
                info!(event = "recovered", %bucket, %channel, files = found, segments, "a publish that was cut off with the server is listed to its end");
            }
            Err(Stop::Fenced) => {
                self.fenced(&lease);
                drop(running);
                return self.set_rest_aside(&lease, &stop).await;
            }
            Err(Stop::Left) => {
                info!(%bucket, %channel, "stopped before all was recovered; the next start goes on");
            }
            Err(Stop::Failed(reason)) => {
                error!(event = "recovery_fails", %bucket, %channel, reason, "what a publish has left cannot be listed; it stays in the spool");
                storing.close(&lease, self.clock.now()).await;
            }
        }
        drop(running);
    }

    /// Gives how many segments were listed, and when the session ended.
    async fn list_files(
        self: &Arc<Self>,
        storing: &Storing,
        lease: &Lease,
        files: Vec<Spooled>,
    ) -> Result<(usize, UnixTime), Stop> {
        let mut lister = Lister::resuming(Arc::clone(self), lease.clone(), storing.stop.clone()).await?;
        let mut segments = 0;
        // Where a file is missing, so is media.
        let mut due = lease.next_sequence;
        let mut files = files.into_iter().peekable();
        while let Some(found) = files.next() {
            let order = found.place.order;
            let is_due = order <= due;
            due = due.max(order.saturating_add(1));
            match storing.standing(lease.session, &found).await? {
                Standing::New => {}
                Standing::Recorded => {
                    self.spool.remove(found.path().to_owned());
                    continue;
                }
                Standing::PassedOver => {
                    storing.set_aside(lease.session, found).await?;
                    continue;
                }
            }
            if !is_due {
                lister.expect_gap();
            }
            let Some(repaired) = storing.repair(found, files.peek_mut()).await? else {
                lister.expect_gap();
                continue;
            };
            lister.list_repaired(repaired).await?;
            segments += 1;
        }
        let ended = match lister.media_end() {
            Some(end) => {
                // The process may have ended between the record of its last segment and the playlist.
                lister.publish().await?;
                end.min(self.clock.now())
            }
            None => storing.last_heard(lease).await?,
        };
        Ok((segments, ended))
    }

    /// Keeps what is left of a session that was fenced while it was recovered.
    async fn set_rest_aside(self: &Arc<Self>, lease: &Lease, stop: &CancellationToken) {
        match self.spool.leftover(lease.session).await {
            Ok(left) => {
                let channel = Some((lease.bucket.clone(), lease.channel.clone()));
                self.set_late_aside(Leftover { channel, ..left }, stop).await;
            }
            Err(error) => {
                warn!(bucket = %lease.bucket, channel = %lease.channel, %error, "what a fenced session has left stays in the spool until the next start");
            }
        }
    }

    /// Keeps what can no longer be listed, without a change to any playlist.
    async fn set_late_aside(self: &Arc<Self>, leftover: Leftover, stop: &CancellationToken) {
        let Leftover {
            session,
            channel,
            files,
        } = leftover;
        if files.is_empty() {
            return self.spool.close_session(session).await;
        }
        let Some((bucket, channel)) = channel else {
            error!(event = "segment_lost", %session, files = files.len(), "segments in the spool do not say whose they are; they stay there");
            return;
        };
        let storing = Storing {
            ingest: Arc::clone(self),
            bucket,
            channel,
            stop: stop.clone(),
        };
        match storing.has_bucket().await {
            Ok(true) => {}
            Ok(false) => {
                error!(bucket = %storing.bucket, %session, files = files.len(), "segments in the spool stay there: their bucket is gone");
                return;
            }
            Err(_) => return,
        }
        for file in files {
            if storing.set_aside(session, file).await.is_err() {
                return;
            }
        }
        self.spool.close_session(session).await;
    }

    /// Says that this node has lost a channel to another writer.
    pub(crate) fn fenced(&self, lease: &Lease) {
        let (bucket, channel) = (&lease.bucket, &lease.channel);
        warn!(event = "fenced", %bucket, %channel, epoch = lease.epoch, "another writer has taken the channel over");
    }
}
