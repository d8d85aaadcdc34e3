use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Lease, OpenSession};
use alluvium_oss::sign::publish_url::PublishTarget;
use alluvium_oss::{BucketName, ChannelName};
use alluvium_rtmp::{PublishRequest, StatusCode};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Ingest;
use crate::sessions::Running;
use crate::storing::Storing;
use crate::stream::Now;

/// A publisher's place: the right to append to the channel, and its entry among the running sessions.
pub(crate) struct Admitted {
    pub(crate) lease: Lease,
    pub(crate) running: Running,
}

/// Why a publish is refused, as the encoder's user reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: StatusCode,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn denied(reason: impl Into<String>) -> Self {
        Self {
            code: StatusCode::PublishDenied,
            reason: reason.into(),
        }
    }

    fn busy(reason: impl Into<String>) -> Self {
        Self {
            code: StatusCode::PublishBadName,
            reason: reason.into(),
        }
    }
}

impl From<alluvium_oss::Error> for Refusal {
    fn from(error: alluvium_oss::Error) -> Self {
        Self::denied(error.message)
    }
}

impl Ingest {
    /// Finds out which channel `request` means and whether it may publish there, and takes the channel's lease.
    ///
    /// In this order: the URL is read, its bucket found and its signature checked, the spool asked for room, the channel
    /// opened. A refusal leaves nothing behind.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        request: &PublishRequest,
        peer: SocketAddr,
        stop: &CancellationToken,
    ) -> Result<Admitted, Refusal> {
        let target = PublishTarget::parse(&request.app, &request.tc_url, &request.name, &self.domains)?;
        let bucket = self.permitted_bucket(&target).await?;
        self.check_room().await?;
        let running = self.take_over(&bucket, &target.channel).await?;
        let open = OpenSession {
            bucket,
            channel: target.channel,
            node: self.node.clone(),
            remote_addr: peer,
            playlist_name: target.playlist_name,
            at: self.clock.now(),
            busy_within: self.config.busy_within,
        };
        let (bucket, channel) = (open.bucket.clone(), open.channel.clone());
        match self.open_session(open).await {
            Ok(lease) => Ok(Admitted { lease, running }),
            Err(error) => {
                if matches!(error, catalog::Error::Unavailable { .. }) {
                    let ingest = Arc::clone(self);
                    tokio::spawn(ingest.close_unheard(bucket, channel, running, stop.clone()));
                }
                Err(refusal("opening the channel", error))
            }
        }
    }

    /// Takes the channel from a session that gives no sign of life any more, also where clocks say otherwise.
    async fn open_session(&self, open: OpenSession) -> Result<Lease, catalog::Error> {
        let busy = match self.catalog.open_session(open.clone()).await {
            Err(busy @ catalog::Error::Busy { .. }) => busy,
            answer => return answer,
        };
        let Some(live) = self.catalog.live_session(&open.bucket, &open.channel).await? else {
            return Err(busy);
        };
        let channel = (open.bucket.clone(), open.channel.clone());
        if self.sightings.see(&channel, &live, Instant::now()) < self.config.busy_within {
            return Err(busy);
        }
        let busy_within = Duration::ZERO;
        self.catalog.open_session(OpenSession { busy_within, ..open }).await
    }

    /// The catalog may have opened a session and failed to say so. Nobody would ever close it: the channel would seem
    /// live until somebody publishes. Keeps the channel's place meanwhile, so that no other session of this node is it.
    async fn close_unheard(
        self: Arc<Self>,
        bucket: BucketName,
        channel: ChannelName,
        running: Running,
        stop: CancellationToken,
    ) {
        running.ending();
        let storing = Storing {
            ingest: Arc::clone(&self),
            bucket,
            channel,
            stop,
        };
        for lease in storing.open_sessions().await {
            storing.close(&lease, self.clock.now()).await;
        }
        drop(running);
    }

    async fn check_room(&self) -> Result<(), Refusal> {
        match self.spool.check_room(self.config.spool_free_min).await {
            Ok(()) => Ok(()),
            Err(reason) => {
                error!(event = "spool_full", %reason, "publishers are refused");
                Err(Refusal::denied(format!("The server cannot record now: {reason}.")))
            }
        }
    }

    /// Waits for a session of this channel that is ending, and ends one that has fallen silent, so that what it
    /// accepted is listed before the new session begins.
    async fn take_over(&self, bucket: &BucketName, channel: &ChannelName) -> Result<Running, Refusal> {
        let now = Now::by(&*self.clock);
        let entered = self.sessions.enter(bucket, channel, now, self.config.busy_within);
        match tokio::time::timeout(self.config.take_over_timeout, entered).await {
            Ok(Ok(running)) => Ok(running),
            Ok(Err(busy)) => Err(busy_refusal(Some(busy.idle))),
            Err(_) => {
                warn!(%bucket, %channel, "the session before this one does not end: its segments cannot be stored");
                Err(Refusal::busy(
                    "The channel's last publish is still being stored; try again soon.",
                ))
            }
        }
    }
}

fn busy_refusal(idle: Option<Duration>) -> Refusal {
    let heard = idle.map_or(String::new(), |idle| {
        format!(", last heard of {:.1} s ago", idle.as_secs_f64())
    });
    Refusal::busy(format!("The channel is live: another publisher has it{heard}."))
}

pub(crate) fn refusal(doing: &'static str, error: catalog::Error) -> Refusal {
    match error {
        catalog::Error::NotFound { .. } => Refusal::denied("The live channel does not exist."),
        catalog::Error::Disabled => Refusal::denied("The live channel is disabled by its owner."),
        catalog::Error::Busy { idle, .. } => busy_refusal(Some(idle)),
        error => {
            error!(%error, doing, "a publish was refused because the catalog failed");
            Refusal::denied("The server cannot take the stream now; try again soon.")
        }
    }
}
