//! A data folder with many records.
//!
//! Buckets, channels, and the first session of each channel with one segment are made through the catalog's own trait.
//! The other segments go into its file by SQL, in as many rounds as the busiest channel has days, so that pages of
//! different channels lie among each other as they do when time passes; each channel's position is moved on behind them.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use alluvium_catalog::{Catalog, NodeId, OpenSession, SegmentRecord, SqliteCatalog};
use alluvium_oss::{BucketName, ChannelConfig, ChannelName, OwnerId, UnixTime};
use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use rusqlite::{Connection, named_params};
use tokio::runtime::Runtime;

const BUCKETS: i64 = 100;
const CHANNELS_OF_A_BUCKET: i64 = 1_000;
const DAYS: i64 = 30;

pub(crate) const SEGMENTS_OF_A_DAY: i64 = 43_200;
pub(crate) const SEGMENTS_OF_BUSIEST: i64 = SEGMENTS_OF_A_DAY * DAYS;
/// Of each other channel.
const SEGMENTS_OF_OTHERS: i64 = 90;

/// The channel of which there is a month.
pub(crate) const BUSIEST: (&str, &str) = ("bucket-000", "channel-0000");

/// When the first segment of every channel began: 2023-11-14.
const BEGAN_MS: i64 = 1_700_000_000_000;
const SEGMENT_MS: i64 = 2_000;

/// The name of a segment by its sequence.
pub(crate) fn name(sequence: i64) -> UnixTime {
    UnixTime::from_millis(BEGAN_MS + SEGMENT_MS * sequence)
}

/// The end of the span of a day that begins with this segment; the last segment of the day is the last in it.
pub(crate) fn after_a_day(from: UnixTime) -> UnixTime {
    UnixTime::from_millis(from.as_millis() + SEGMENT_MS * (SEGMENTS_OF_A_DAY - 1))
}

/// Fills the folder, unless that was done.
pub(crate) fn fill(runtime: &Runtime, data: &Path) -> Result<()> {
    let done = data.join("filled");
    if done.exists() {
        return Ok(());
    }
    ensure!(!data.exists(), "{} is half filled: remove it", data.display());
    fs::create_dir_all(data)?;
    let began = Instant::now();
    let path = data.join("catalog.sqlite");
    runtime.block_on(make_channels(&path))?;
    println!(
        "{} channels after {:.0?}",
        BUCKETS * CHANNELS_OF_A_BUCKET,
        began.elapsed()
    );
    let segments = add_segments(&path).context("filling the catalog's file")?;
    println!("{segments} segment records after {:.0?}", began.elapsed());
    File::create(done)?;
    Ok(())
}

async fn make_channels(path: &Path) -> Result<()> {
    let catalog = SqliteCatalog::open(path)?;
    for bucket in 0..BUCKETS {
        let bucket = BucketName::parse(&format!("bucket-{bucket:03}"))?;
        let owner = OwnerId::new("root".to_owned());
        catalog.create_bucket(&bucket, &owner, None, name(0)).await?;
        let channels: Vec<ChannelName> = (0..CHANNELS_OF_A_BUCKET)
            .map(|channel| ChannelName::parse(&format!("channel-{channel:04}")))
            .collect::<Result<_, _>>()?;
        for some in channels.chunks(250) {
            try_join_all(some.iter().map(|channel| make_channel(&catalog, &bucket, channel))).await?;
        }
        // Otherwise the server would end all their playlists when it starts.
        let waiting = catalog.unended(name(2), usize::MAX).await?;
        try_join_all(waiting.iter().map(|unended| catalog.mark_ended(unended))).await?;
    }
    Ok(())
}

async fn make_channel(catalog: &SqliteCatalog, bucket: &BucketName, channel: &ChannelName) -> Result<()> {
    catalog
        .put_channel(bucket, channel, &ChannelConfig::default(), name(0))
        .await?;
    let open = OpenSession {
        bucket: bucket.clone(),
        channel: channel.clone(),
        node: NodeId::new("node"),
        remote_addr: "192.0.2.1:5000".parse()?,
        playlist_name: None,
        at: name(0),
        busy_within: Duration::ZERO,
    };
    let lease = catalog.open_session(open).await?;
    let segment = SegmentRecord {
        session: lease.session,
        sequence: 0,
        discontinuity_sequence: 0,
        discontinuity: false,
        name: name(0),
        program_date_time: name(0),
        duration: 180_000,
        length: 564_000,
        crc64: 0,
    };
    catalog.append_segment(&lease, segment).await?;
    catalog.close_session(&lease, name(1)).await?;
    Ok(())
}

fn add_segments(path: &Path) -> Result<i64> {
    let connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
         PRAGMA cache_size = -600000;",
    )?;
    for day in 0..DAYS {
        connection.execute_batch("BEGIN")?;
        for (is_busiest, segments) in [(true, SEGMENTS_OF_BUSIEST), (false, SEGMENTS_OF_OTHERS)] {
            connection.execute(
                ADD,
                named_params! {
                    ":busiest": is_busiest,
                    ":bucket": BUSIEST.0,
                    ":channel": BUSIEST.1,
                    // The first one is there.
                    ":first": (segments * day / DAYS).max(1),
                    ":last": segments * (day + 1) / DAYS - 1,
                    ":began": BEGAN_MS,
                },
            )?;
        }
        connection.execute_batch("COMMIT")?;
    }
    connection.execute(MOVE_ON, named_params! { ":segment": SEGMENT_MS })?;
    let segments: i64 = connection.query_row("SELECT count(*) FROM segments", (), |row| row.get(0))?;
    // As in a file that has been served from.
    connection.execute_batch("PRAGMA locking_mode = NORMAL; PRAGMA journal_mode = WAL;")?;
    Ok(segments)
}

const ADD: &str = "
    WITH RECURSIVE sequences (sequence) AS (
        SELECT :first UNION ALL SELECT sequence + 1 FROM sequences WHERE sequence < :last
    )
    INSERT INTO segments (position, name, session, sequence, discontinuity_sequence, discontinuity,
                          program_date_time, duration, length, crc64)
    SELECT id, :began + 2000 * sequence, session, sequence, 0, 0,
           :began + 2000 * sequence, 180000, 564000, (id * 100003 + sequence) * 500000003
    FROM positions CROSS JOIN sequences
    WHERE (bucket = :bucket AND channel = :channel) = :busiest";

const MOVE_ON: &str = "
    UPDATE positions SET
        next_sequence = 1 + (SELECT sequence FROM segments WHERE position = id ORDER BY name DESC LIMIT 1),
        last_name = (SELECT name FROM segments WHERE position = id ORDER BY name DESC LIMIT 1),
        last_ends = :segment + (SELECT name FROM segments WHERE position = id ORDER BY name DESC LIMIT 1)";
