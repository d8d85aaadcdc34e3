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
//! - The connection task parses, demuxes and muxes in plain calls. It owns no read buffer: a worker thread's scratch
//!   serves every connection it polls. It awaits its socket, its timers, the channel's watch and the two bounded
//!   queues; a full queue means that the socket is not read.
//! - A segment is listed only after the store has answered for it and the catalog has recorded it under a lease that
//!   is still ours; the four steps above happen in that order, one segment after the other.
//! - Every way out of a session (the publisher leaves, is cut off, silent, disabled, replaced, or the server stops)
//!   finishes the open segment and lists it before the session is closed; only a fenced writer lists nothing more.
//! - A store that fails or stalls is retried in one place ([`Retry`]); meanwhile media goes on into the spool.
//!
//! It never serves a viewer, never reads media files and never decides who may manage channels.
//!
//! | Bound | Where |
//! |---|---|
//! | handshake, connect to publish, first media, silence | [`Config`] |
//! | connections, in all and for each address | [`Gate`] |
//! | buckets tried for a publish URL that names none | `authorisation::LOST_BUCKET_PAGES_MAX` |
//! | batches between connection and disk | `spool::BATCHES_WAITING_MAX` |
//! | finished segments not yet stored | `recorder::SEGMENTS_QUEUED_MAX` |

mod admission;
mod authorisation;
mod config;
mod connection;
mod end;
mod ending;
mod faults;
mod gate;
mod leftovers;
mod lister;
mod recorder;
mod retry;
mod scratch;
mod session;
mod sessions;
mod spool;
mod statistics;
mod stream;
mod wire;

use std::io;
use std::sync::Arc;

use alluvium_catalog::{Catalog, NodeId};
use alluvium_oss::{Clock, Domains};
use alluvium_store::ObjectStore;

pub use config::Config;
pub use gate::{Gate, Pass};
pub use retry::Retry;

use sessions::Sessions;
use spool::Spool;

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
    spool: Spool,
    sessions: Sessions,
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
        let spool = Spool::open(&config.spool_folder)?;
        Ok(Self {
            config,
            domains,
            node,
            store,
            catalog,
            clock,
            spool,
            sessions: Sessions::default(),
        })
    }
}
