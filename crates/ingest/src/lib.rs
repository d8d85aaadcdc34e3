//! One task per publisher: socket to durable, listed segment.
//!
//! ```text
//!  socket --bytes--> rtmp::Connection --media--> media::Demuxer --access units--> hls::Segmenter
//!                          |                                                          |
//!                      admission                                          TS batches, ends of segments
//!              (target, signature, lease)                          bounded            |            bounded
//!                                                   Spool: one writer thread <--------+--------> Lister
//!                                                                                                  |
//!                                                        1 store.put(segment)   durable  <---------+
//!                                                        2 catalog.append       findable
//!                                                        3 LiveWindow.push
//!                                                        4 store.put(playlist)  playable
//! ```
//!
//! # The contract
//!
//! - The connection task parses, demuxes and muxes in plain calls. It owns no buffer while it waits: a worker thread's
//!   scratch takes what has gathered in the socket, some eight times a second, and all that comes of it goes to the
//!   spool at once; only while a segment is about to end each packet is read as it comes (`turns`). It awaits its socket, its timers, the channel's watch and the two bounded
//!   queues; a full queue means that the socket is not read.
//! - A segment is listed only after the store has answered for it and the catalog has recorded it under a lease that
//!   is still ours; the four steps above happen in that order, one segment after the other.
//! - Every way out of a session (the publisher leaves, is cut off, silent, disabled, replaced, or the server stops)
//!   finishes the open segment and lists it before the session is closed; only a fenced writer lists nothing more.
//! - A store that fails or stalls is retried in one place ([`Retry`]); meanwhile media goes on into the spool, up to its
//!   quota. Past that, and while the spool's disk refuses, media is dropped: a gap that the log tells and the playlist
//!   marks with one discontinuity.
//! - What a killed process has left in the spool is listed by the next one ([`Recovery`]) before its channel is given
//!   to a publisher.
//!
//! It never serves a viewer, never reads media files and never decides who may manage channels.
//!
//! | Bound | Where |
//! |---|---|
//! | handshake, connect to publish, first media, silence | [`Config`] |
//! | connections, in all and for each address | [`Gate`] |
//! | lines of the log that peers can bring about | [`Seldom`] |
//! | channels whose changes of hands, or whose silent holders, are remembered | `duels`, `sightings`: `CHANNELS_MAX` |
//! | buckets tried for a publish URL that names none | `authorisation::LOST_BUCKET_PAGES_MAX` |
//! | batches between connection and disk | `spool::BATCHES_WAITING_MAX` |
//! | finished segments not yet stored | [`Config::spool_quota`], `recorder::SEGMENTS_QUEUED_MAX` |
//! | bytes of a connection that are kept in case it goes wrong; their files | [`Config::capture_refused`], `captures` |
//! | lines of one session's health in the log, words of it to its encoder | `health`: `LINES_PER_MINUTE_MAX`, `NOTICES_MAX` |
//! | one attempt to store, record or list; all attempts of all streams | `storing::ATTEMPT_MAX`, `retry::Budget` |

mod admission;
mod authorisation;
mod backlog;
mod captures;
mod config;
mod connection;
mod cuts;
mod duels;
mod end;
mod ending;
mod faults;
mod gate;
mod gops;
mod health;
mod lister;
mod recorder;
mod recovery;
mod retry;
mod rounds;
mod scratch;
mod seldom;
mod session;
mod sessions;
mod sightings;
#[cfg(test)]
mod simulation;
mod spool;
mod statistics;
mod storing;
mod stream;
#[cfg(test)]
mod tests;
mod turns;
mod wire;

#[cfg(test)]
extern crate self as alluvium_ingest;

use std::io;
use std::sync::Arc;

use alluvium_catalog::{Catalog, NodeId};
use alluvium_oss::{BucketName, ChannelName, Clock, Domains};
use alluvium_store::ObjectStore;
use tokio::runtime::Handle;

pub use config::Config;
pub use gate::{Full, Gate, Pass};
pub use health::{
    AudioStatus, Condition, ConditionStatus, FaultStatus, KeyframeInterval, Status, StoreStatus, VideoStatus,
};
pub use recovery::Recovery;
pub use retry::Retry;
pub use rounds::rest;
pub use seldom::Seldom;

use captures::Captures;
use retry::Budget;
use sessions::Sessions;
use sightings::Sightings;
use spool::{Disk, LocalDisk, Runs, Spool};

/// The ingest service: what every publisher's connection is served with.
///
/// Shared behind an `Arc`; holds no state of a single connection.
pub struct Ingest {
    config: Config,
    domains: Domains,
    node: NodeId,
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    spool: Arc<Spool>,
    retries: Budget,
    sessions: Sessions,
    sightings: Sightings,
    captures: Option<Captures>,
    /// About peers that break the protocol.
    complaints: Seldom,
    /// Where segments are listed; the runtime of the connection itself when `None`.
    listers: Option<Handle>,
}

impl Ingest {
    /// Prepares the spool folder named by `config`, creating it where it is missing.
    ///
    /// # Errors
    ///
    /// The folder cannot be created or read; the error names it.
    pub fn new(
        config: Config,
        domains: Domains,
        node: NodeId,
        store: Arc<dyn ObjectStore>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        Self::on_disk(
            config,
            domains,
            node,
            store,
            catalog,
            clock,
            (Arc::new(LocalDisk), Runs::OnThreads),
        )
    }

    /// Segments are stored and listed on `runtime`, whatever the runtime that serves their connection: one that
    /// [rests](rest) between its rounds would keep each of a lister's steps waiting.
    #[must_use]
    pub fn list_on(mut self, runtime: Handle) -> Self {
        self.listers = Some(runtime);
        self
    }

    /// What is known of the channel's publisher; `None` when it has none here.
    pub fn status(&self, bucket: &BucketName, channel: &ChannelName) -> Option<Status> {
        self.sessions.status(bucket, channel)
    }

    /// What is known of the publishers in the buckets that `wanted` wants, ascending by bucket and channel: of those
    /// after `after` the first `limit`.
    pub fn statuses(
        &self,
        wanted: impl Fn(&BucketName) -> bool,
        after: Option<&(BucketName, ChannelName)>,
        limit: usize,
    ) -> Vec<Status> {
        self.sessions.statuses(wanted, after, limit)
    }

    fn on_disk(
        config: Config,
        domains: Domains,
        node: NodeId,
        store: Arc<dyn ObjectStore>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        (disk, runs): (Arc<dyn Disk>, Runs),
    ) -> io::Result<Self> {
        let spool = Spool::open(&config.spool_folder, disk, config.spool_sync, runs)?;
        let captures = Captures::new(&config.capture_folder, config.capture_refused);
        Ok(Self {
            config,
            domains,
            node,
            store,
            catalog,
            clock,
            spool: Arc::new(spool),
            retries: Budget::new(),
            sessions: Sessions::default(),
            sightings: Sightings::default(),
            captures,
            complaints: Seldom::new(),
            listers: None,
        })
    }
}
