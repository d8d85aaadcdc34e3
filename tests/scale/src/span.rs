//! The query behind VOD playlists.

use std::path::Path;
use std::time::{Duration, Instant};

use alluvium_catalog::{Catalog, SqliteCatalog};
use alluvium_oss::{BucketName, ChannelName};
use anyhow::{Result, ensure};
use tokio::runtime::Runtime;

use crate::{fill, some_day};

/// How long it takes to have the records of some days, each asked for at once.
pub(crate) fn days(runtime: &Runtime, data: &Path, count: usize) -> Result<Vec<Duration>> {
    let catalog = SqliteCatalog::open(&data.join("catalog.sqlite"))?;
    let (bucket, channel) = fill::BUSIEST;
    let (bucket, channel) = (BucketName::parse(bucket)?, ChannelName::parse(channel)?);
    let mut times = Vec::new();
    for _ in 0..count {
        let from = some_day();
        let began = Instant::now();
        let query = catalog.segments_between(&bucket, &channel, from, fill::after_a_day(from), None, usize::MAX);
        let found = runtime.block_on(query)?;
        times.push(began.elapsed());
        ensure!(
            found.len() as i64 == fill::SEGMENTS_OF_A_DAY,
            "{} segments in a day",
            found.len()
        );
    }
    Ok(times)
}
