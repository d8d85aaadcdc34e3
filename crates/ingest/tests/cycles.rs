//! Publishes that begin and end, again and again: what they used is given back.
//!
//! `make test` makes some hundreds of them. A hundred thousand take minutes:
//!
//! ```text
//! ALLUVIUM_CYCLES=100000 cargo test -p alluvium-ingest --test cycles -- --nocapture
//! ```

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod support;

use std::alloc::System;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use alluvium_catalog::{Catalog, NodeId, SqliteCatalog};
use alluvium_ingest::{Config, Ingest};
use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, Clock, Domains, OwnerId, UnixTime};
use alluvium_rtmp::PublishRequest;
use alluvium_rtmp::publisher::Event;
use alluvium_store::{LocalStore, LocalStoreConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::Encoder;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Counts what is allocated; what SQLite allocates is not seen.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Encoders that come and go beside each other, each on a channel of its own.
const ENCODERS: u64 = 8;

/// Cycles in all, unless the environment says otherwise.
const CYCLES: u64 = 800;

/// What a process holds while nobody publishes.
#[derive(Debug, Clone, Copy)]
struct Holds {
    resident_kib: i64,
    allocated_bytes: i64,
    /// Without those of [`databases`](Self::databases).
    descriptors: usize,
    /// Descriptors of SQLite's files: its connections are kept, as many as were ever needed at one time.
    databases: usize,
    tasks: usize,
}

/// Nine connections to the store's index and five to the catalog, with two files each, and two that each of the two
/// shares.
const DATABASES_MAX: usize = 2 * (9 + 5) + 2;

/// More than what comes and goes with a connection to a database: less than a byte for each of 100,000 cycles.
const GROWTH_BYTES_MAX: i64 = 32 * 1024;

/// More than the caches of SQLite's connections fill up while its files grow.
const GROWTH_KIB_MAX: i64 = 8 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_publish_used_is_given_back_when_it_ends() {
    let cycles = std::env::var("ALLUVIUM_CYCLES").map_or(CYCLES, |text| text.parse().unwrap());
    let service = Arc::new(Service::new().await);
    // By then every pool, cache and thread is there.
    service.run(0..cycles / 2).await;
    let before = Holds::now();
    let began = Instant::now();
    service.run(cycles / 2..cycles).await;
    // Threads of the store and the spool may still close what they had open.
    let mut after = Holds::now();
    let deadline = Instant::now() + Duration::from_secs(60);
    while (after.descriptors > before.descriptors || after.tasks > before.tasks) && Instant::now() < deadline {
        tokio::task::yield_now().await;
        after = Holds::now();
    }
    println!(
        "{cycles} cycles, {:.1} a second; after one half {before:?}, after the other {after:?}",
        (cycles / 2) as f64 / began.elapsed().as_secs_f64()
    );
    assert!(after.descriptors <= before.descriptors && after.tasks <= before.tasks);
    assert!(after.databases <= DATABASES_MAX);
    assert!(after.allocated_bytes - before.allocated_bytes < GROWTH_BYTES_MAX);
    assert!(after.resident_kib - before.resident_kib < GROWTH_KIB_MAX);
}

/// The ingest service over a store and a catalog in a folder.
struct Service {
    ingest: Arc<Ingest>,
    catalog: Arc<SqliteCatalog>,
    bucket: BucketName,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

/// The machine's clock.
#[derive(Debug)]
struct Wall;

impl Clock for Wall {
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        UnixTime::from_millis(since.as_millis() as i64)
    }
}

impl Service {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(&folder.path().join("objects"), LocalStoreConfig::default()).unwrap();
        let catalog = Arc::new(SqliteCatalog::open(&folder.path().join("catalog.sqlite")).unwrap());
        let bucket = BucketName::parse("bucket").unwrap();
        let (owner, acl, now) = (OwnerId::new("owner"), Acl::PublicReadWrite, Wall.now());
        catalog.create_bucket(&bucket, &owner, Some(acl), now).await.unwrap();
        for encoder in 0..ENCODERS {
            let channel = ChannelName::parse(&channel(encoder)).unwrap();
            let config = ChannelConfig::default();
            catalog.put_channel(&bucket, &channel, &config, now).await.unwrap();
        }
        let mut config = Config::new(folder.path().join("spool"));
        config.spool_free_min = 0;
        // Each cycle is another encoder's.
        config.busy_within = Duration::ZERO;
        let node = NodeId::new("here");
        let domains = Domains::new([], []);
        let ingest = Ingest::new(config, domains, node, Arc::new(store), catalog.clone(), Arc::new(Wall)).unwrap();
        Self {
            ingest: Arc::new(ingest),
            catalog,
            bucket,
            stop: CancellationToken::new(),
            _folder: folder,
        }
    }

    /// Makes these cycles, some at a time; returns when all of them have ended.
    async fn run(self: &Arc<Self>, cycles: std::ops::Range<u64>) {
        let encoders: Vec<_> = (0..ENCODERS)
            .map(|encoder| {
                let (service, cycles) = (Arc::clone(self), cycles.clone());
                tokio::spawn(async move {
                    for cycle in cycles.filter(|cycle| cycle % ENCODERS == encoder) {
                        service.cycle(encoder, cycle / ENCODERS).await;
                    }
                })
            })
            .collect();
        for encoder in encoders {
            encoder.await.unwrap();
        }
        for encoder in 0..ENCODERS {
            let channel = ChannelName::parse(&channel(encoder)).unwrap();
            let live = self.catalog.live_session(&self.bucket, &channel).await.unwrap();
            assert!(live.is_none(), "{channel} is live");
        }
    }

    /// One publisher, from its connection to its end; it ends in another way each time.
    async fn cycle(&self, number: u64, cycle: u64) {
        match cycle % 8 {
            6 => return self.encoder("nobody").refused().await,
            7 => return self.encoder(&channel(number)).cut_off().await,
            _ => {}
        }
        let mut encoder = self.encoder(&channel(number));
        assert_eq!(encoder.event().await, Some(Event::Started));
        encoder.audio(AAC_HEADER).await;
        for picture in 0..4 {
            encoder.picture(picture == 0).await;
            encoder.audio(AAC_FRAME).await;
        }
        match cycle % 8 {
            0..=3 => encoder.unpublish().await,
            // What is no chunk.
            4 => encoder.say(&[0xFF; 64]).await,
            _ => {}
        }
        encoder.cut_off().await;
    }

    fn encoder(&self, name: &str) -> Encoder {
        let request = PublishRequest {
            app: "bucket/live".to_owned(),
            tc_url: "rtmp://127.0.0.1:1935/bucket/live".to_owned(),
            name: name.to_owned(),
            encoder: "test".to_owned(),
        };
        Encoder::connected(&self.ingest, request, &self.stop)
    }
}

fn channel(encoder: u64) -> String {
    format!("channel{encoder}")
}

const AAC_HEADER: &[u8] = &[0xAF, 0, 0x12, 0x10];
const AAC_FRAME: &[u8] = &[0xAF, 1, 0x21, 0x10, 0x04];

/// The page of every machine that the tests run on.
const PAGE_KIB: i64 = 4;

impl Holds {
    fn now() -> Self {
        let stats = ALLOCATOR.stats();
        let pages = fs::read_to_string("/proc/self/statm").unwrap();
        let open = fs::read_dir("/proc/self/fd")
            .unwrap()
            .map(|entry| entry.unwrap().path());
        // The folder that is being read is gone with its entry.
        let open: Vec<_> = open.filter_map(|entry| fs::read_link(entry).ok()).collect();
        let databases = open
            .iter()
            .filter(|file| file.to_string_lossy().contains(".sqlite"))
            .count();
        Self {
            resident_kib: pages.split(' ').nth(1).unwrap().parse::<i64>().unwrap() * PAGE_KIB,
            allocated_bytes: (stats.bytes_allocated - stats.bytes_deallocated) as i64,
            descriptors: open.len() - databases,
            databases,
            tasks: Handle::current().metrics().num_alive_tasks(),
        }
    }
}
