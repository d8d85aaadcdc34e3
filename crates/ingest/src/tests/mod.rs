//! The service in fast-forward: its spool runs on the runtime, whose time stands still while anything is done.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod long_streams;
mod notices;
mod panics;
mod recovery;
mod store_faults;
mod waits;

use std::io;
use std::sync::Arc;

use alluvium_catalog::{Catalog, NodeId};
use alluvium_oss::{Clock, Domains};
use alluvium_store::ObjectStore;

use support::House;

use crate::spool::{LocalDisk, Runs};
use crate::{Config, Ingest};

fn in_fast_forward(
    config: Config,
    domains: Domains,
    node: NodeId,
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
) -> io::Result<Ingest> {
    let disk = (Arc::new(LocalDisk) as _, Runs::AsTasks);
    Ingest::on_disk(config, domains, node, store, catalog, clock, disk)
}

/// A house whose time passes as fast as nothing has to be done.
pub(crate) async fn house(configure: impl FnOnce(&mut Config)) -> House {
    House::made(in_fast_forward, configure).await
}
