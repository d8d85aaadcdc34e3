use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_catalog::{Catalog, MemoryCatalog, SegmentRecord, SessionId};
use alluvium_oss::{Acl, BucketName, ChannelConfig, ChannelName, Clock, ObjectKey, OwnerId, PlaylistName, UnixTime};
use alluvium_store::{self as store, Body, MemoryStore, ObjectInfo, ObjectStore, Put};
use futures_util::FutureExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::life::Life;
use super::reader::Reader;

/// What outlives every process: the store, the catalog, the time, and whoever looks at the playlist.
#[derive(Debug)]
pub(super) struct World {
    pub(super) bucket: BucketName,
    pub(super) channel: ChannelName,
    pub(super) records: MemoryCatalog,
    objects: MemoryStore,
    reader: Mutex<Reader>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    random: StdRng,
    weather: Weather,
    moment: Moment,
    /// Puts that were answered with a failure, and happen all the same, later.
    late: Vec<(i64, ObjectKey, Put)>,
    /// The CRC-64 of objects whose bytes nobody has looked at.
    believed: BTreeMap<ObjectKey, u64>,
    /// The session opened last.
    writer: Option<SessionId>,
    /// How often a disk has failed.
    disk_faults: u64,
    wrong: Option<String>,
}

/// The present: so long after `since`, by the clock of the runtime that runs now.
#[derive(Debug, Clone, Copy)]
struct Moment {
    ms: i64,
    since: Option<Instant>,
}

/// What goes wrong, as shares of all calls.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// A call and its answer travel up to so long, each.
    pub(super) travel_ms: u64,
    /// A call takes seconds.
    pub(super) slow: f64,
    /// A call takes minutes.
    pub(super) silent: f64,
    /// A call fails, before it has done anything or after all is done.
    pub(super) fails: f64,
    /// A put is said to have failed, and happens seconds later.
    pub(super) late: f64,
    pub(super) disk_fails: f64,
    pub(super) store_down: bool,
    pub(super) catalog_down: bool,
    pub(super) disk_down: bool,
}

impl Weather {
    /// Everything answers, and at once.
    pub(super) const FAIR: Self = Self {
        travel_ms: 5,
        slow: 0.0,
        silent: 0.0,
        fails: 0.0,
        late: 0.0,
        disk_fails: 0.0,
        store_down: false,
        catalog_down: false,
        disk_down: false,
    };

    /// Whether anything can fail.
    pub(super) fn fails(&self) -> bool {
        let shares = [self.fails, self.late, self.disk_fails];
        shares.iter().any(|share| *share > 0.0) || self.store_down || self.catalog_down || self.disk_down
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Store,
    Catalog,
}

/// How a call goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    before: Duration,
    after: Duration,
    pub(super) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Good,
    FailsBefore,
    FailsAfter,
    /// A failure whose effect comes at that time.
    Late(i64),
}

/// When everything begins, Unix milliseconds.
const BEGINNING_MS: i64 = 1_700_000_000_000;

impl World {
    pub(super) fn new(seed: u64, config: &ChannelConfig) -> Arc<Self> {
        let bucket = BucketName::parse("bucket").expect("a name");
        let channel = ChannelName::parse("camera").expect("a name");
        let world = Self {
            bucket,
            channel,
            records: MemoryCatalog::new(),
            objects: MemoryStore::new(),
            reader: Mutex::default(),
            state: Mutex::new(State {
                random: StdRng::seed_from_u64(seed),
                weather: Weather::default(),
                moment: Moment {
                    ms: BEGINNING_MS,
                    since: None,
                },
                late: Vec::new(),
                believed: BTreeMap::new(),
                writer: None,
                disk_faults: 0,
                wrong: None,
            }),
        };
        let at = UnixTime::from_millis(BEGINNING_MS);
        let made = async {
            let owner = OwnerId::new("owner");
            let acl = Some(Acl::PublicReadWrite);
            world.records.create_bucket(&world.bucket, &owner, acl, at).await?;
            world
                .records
                .put_channel(&world.bucket, &world.channel, config, at)
                .await
        };
        now(made).expect("the catalog is empty");
        Arc::new(world)
    }

    /// Whatever is chosen is chosen here, so that it follows from the seed.
    pub(super) fn with_random<T>(&self, choose: impl FnOnce(&mut StdRng) -> T) -> T {
        choose(&mut self.state().random)
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.state().weather = weather;
    }

    pub(super) fn weather(&self) -> Weather {
        self.state().weather
    }

    pub(super) fn now_ms(&self) -> i64 {
        let Moment { ms, since } = self.state().moment;
        ms + since.map_or(0, |since| since.elapsed().as_millis() as i64)
    }

    /// From here on the runtime that runs tells the time.
    pub(super) fn enter(&self, ms: i64) {
        self.state().moment = Moment {
            ms,
            since: Some(Instant::now()),
        };
    }

    /// No runtime runs.
    pub(super) fn leave(&self, ms: i64) {
        self.state().moment = Moment { ms, since: None };
    }

    /// Something must never be. The first is told.
    pub(super) fn wrong(&self, what: String) {
        let at = self.now_ms() - BEGINNING_MS;
        self.state().wrong.get_or_insert(format!("at {at} ms: {what}"));
    }

    pub(super) fn opened(&self, session: SessionId) {
        self.state().writer = Some(session);
    }

    /// A segment was recorded, which only the newest session may do.
    pub(super) fn appended(&self, session: SessionId) {
        let writer = self.state().writer;
        if writer != Some(session) {
            self.wrong(format!("{session:?} records while {writer:?} has the channel"));
        }
    }

    /// For whoever reads the log of a run.
    pub(super) fn tell(&self, what: std::fmt::Arguments<'_>) {
        let at_ms = self.now_ms() - BEGINNING_MS;
        tracing::debug!(at_ms, "{what}");
    }

    pub(super) fn is_right(&self) -> Result<(), String> {
        self.state().wrong.clone().map_or(Ok(()), Err)
    }

    pub(super) fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn disk_faults(&self) -> u64 {
        self.state().disk_faults
    }

    /// Whether an operation on a disk fails.
    pub(super) fn disk_fails(&self, is_write: bool) -> Option<io::Error> {
        let mut state = self.state();
        let Weather {
            disk_fails, disk_down, ..
        } = state.weather;
        if !(disk_down || disk_fails > 0.0 && state.random.random_bool(disk_fails)) {
            return None;
        }
        state.disk_faults += 1;
        let is_full = is_write && state.random.random_bool(0.5);
        Some(io::Error::from_raw_os_error(if is_full { ENOSPC } else { EIO }))
    }

    pub(super) fn course(&self, service: Service) -> Course {
        let now = self.now_ms();
        let State { random, weather, .. } = &mut *self.state();
        let mut travel = || Duration::from_millis(random.random_range(0..=weather.travel_ms));
        let (mut before, after) = (travel(), travel());
        let mut happens = |share: f64| share > 0.0 && random.random_bool(share);
        let is_down = match service {
            Service::Store => weather.store_down,
            Service::Catalog => weather.catalog_down,
        };
        let (slow, silent, fails, late) = (
            happens(weather.slow),
            happens(weather.silent),
            happens(weather.fails),
            service == Service::Store && happens(weather.late),
        );
        if slow {
            before += Duration::from_millis(random.random_range(0..5_000));
        }
        if silent {
            before += Duration::from_millis(random.random_range(60_000..200_000));
        }
        let end = match (is_down, fails, late) {
            (true, _, _) => End::FailsBefore,
            (_, _, true) => End::Late(now + random.random_range(0..20_000)),
            (_, true, _) if random.random_bool(0.5) => End::FailsBefore,
            (_, true, _) => End::FailsAfter,
            _ => End::Good,
        };
        Course { before, after, end }
    }

    /// Puts an object; whoever looks at the playlist sees it.
    pub(super) fn put(&self, key: &ObjectKey, put: Put) -> Result<ObjectInfo, store::Error> {
        let text = match &put.body {
            Body::Bytes(bytes) if key.as_str().ends_with(".m3u8") => Some(bytes.clone()),
            _ => None,
        };
        let done = now(self.objects.put(&self.bucket, key, put))?;
        if let Some(text) = text
            && let Err(wrong) = self.reader().look(&String::from_utf8_lossy(&text), self)
        {
            self.wrong(format!("{wrong}\n{}", String::from_utf8_lossy(&text)));
        }
        Ok(done)
    }

    pub(super) fn put_late(&self, due_ms: i64, key: &ObjectKey, put: Put) {
        self.state().late.push((due_ms, key.clone(), put));
    }

    /// What was to happen later, and is due, happens.
    pub(super) fn settle(&self) {
        let now_ms = self.now_ms();
        let due: Vec<_> = self.state().late.extract_if(.., |(due, ..)| *due <= now_ms).collect();
        for (_, key, put) in due {
            // Nobody waits for the answer.
            let _ = self.put(&key, put);
        }
    }

    pub(super) fn object(&self, key: &ObjectKey) -> Option<bytes::Bytes> {
        let found = async { self.objects.get(&self.bucket, key, None).await?.bytes().await };
        now(found).ok()
    }

    pub(super) fn head(&self, key: &ObjectKey) -> Result<ObjectInfo, store::Error> {
        let info = now(self.objects.head(&self.bucket, key))?;
        let crc64 = self.state().believed.get(key).copied().unwrap_or(info.crc64);
        Ok(ObjectInfo { crc64, ..info })
    }

    /// A store has not looked at the bytes of an object, and tells the CRC-64 that was stated.
    pub(super) fn believe(&self, key: &ObjectKey, crc64: u64) {
        self.state().believed.insert(key.clone(), crc64);
    }

    pub(super) async fn get(
        &self,
        key: &ObjectKey,
        range: Option<store::RangeRequest>,
    ) -> Result<store::Object, store::Error> {
        self.objects.get(&self.bucket, key, range).await
    }

    /// Every record, in order.
    pub(super) fn segments(&self) -> Vec<SegmentRecord> {
        let (from, to) = (UnixTime::from_millis(i64::MIN), UnixTime::from_millis(i64::MAX));
        let found = self
            .records
            .segments_between(&self.bucket, &self.channel, from, to, None, usize::MAX);
        now(found).expect("memory")
    }

    pub(super) fn playlist_key(&self) -> ObjectKey {
        self.channel
            .playlist_key(&PlaylistName::parse("playlist.m3u8").expect("a name"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One process's way to a service.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) world: Arc<World>,
    pub(super) life: Arc<Life>,
}

impl Caller {
    /// A call: it travels, happens, and its answer travels; the process may die at each of these.
    pub(super) async fn call<T, E: Display>(
        &self,
        course: Course,
        (doing, what): (&str, &str),
        unavailable: impl Fn() -> E,
        effect: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.travel(course.before).await;
        if let End::FailsBefore | End::Late(_) = course.end {
            self.world.tell(format_args!("{doing} {what}: {:?}", course.end));
            return Err(unavailable());
        }
        let answer = effect.await;
        let outcome = answer.as_ref().err().map(ToString::to_string);
        self.world
            .tell(format_args!("{doing} {what}: {:?} {outcome:?}", course.end));
        self.travel(course.after).await;
        match course.end {
            End::FailsAfter => Err(unavailable()),
            _ => answer,
        }
    }

    pub(super) async fn travel(&self, time: Duration) {
        if !time.is_zero() {
            sleep(time).await;
        }
        self.life.pass().await;
        self.world.settle();
    }
}

/// A node's clock.
#[derive(Debug)]
pub(super) struct SimClock {
    pub(super) world: Arc<World>,
    pub(super) skew_ms: i64,
}

impl Clock for SimClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.world.now_ms() + self.skew_ms)
    }
}

/// What memory answers at once.
pub(super) fn now<T>(answer: impl Future<Output = T>) -> T {
    answer.now_or_never().expect("memory does not wait")
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
