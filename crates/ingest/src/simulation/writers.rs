use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_catalog::Catalog;
use alluvium_oss::{ChannelConfig, ChannelStatus, UnixTime};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::encoder::{Encoder, Ended, Feed, Plan};
use super::for_each_seed;
use super::life::Life;
use super::log;
use super::node::{Node, in_time_of};
use super::reader;
use super::world::{Weather, World, now};
use crate::Ingest;

/// One channel that several publishers want, on several machines whose clocks differ.
struct Race {
    world: Arc<World>,
    machines: Vec<Machine>,
    feed: Feed,
    rules: Rules,
}

/// A machine, and the process on it while there is one.
struct Machine {
    node: Node,
    running: Mutex<Option<Running>>,
    /// Once it is down, nobody ever starts it again.
    is_lost: bool,
}

#[derive(Clone)]
struct Running {
    life: Arc<Life>,
    ingest: Arc<Ingest>,
    stop: CancellationToken,
}

/// What happens in a race.
#[derive(Debug, Clone)]
struct Rules {
    weather: Weather,
    /// Milliseconds by which each machine's clock is ahead.
    skews_ms: Vec<i64>,
    publishers: usize,
    /// Machines go down, and come back.
    deaths: usize,
    /// One of them does not.
    loses_one: bool,
    /// Machines stand still for up to so long.
    pause_max_ms: u64,
    /// The owner disables the channel, and enables it again.
    owner_acts: bool,
}

impl Race {
    fn new(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed.rotate_left(32));
        let rules = Rules::of(&mut random);
        let config = ChannelConfig {
            frag_duration_s: random.random_range(1..=2),
            frag_count: random.random_range(1..=4),
            ..ChannelConfig::default()
        };
        let world = World::new(seed, &config);
        let machine = |(number, skew_ms): (usize, &i64)| Machine {
            node: Node::new(&world, &format!("node{number}"), *skew_ms, false),
            running: Mutex::default(),
            is_lost: rules.loses_one && number == 0,
        };
        Self {
            machines: rules.skews_ms.iter().enumerate().map(machine).collect(),
            world: Arc::clone(&world),
            feed: Feed::default(),
            rules,
        }
    }

    async fn run(self: Arc<Self>) {
        for machine in &self.machines {
            machine.start().await;
        }
        self.world.set_weather(self.rules.weather);
        let mut tasks = JoinSet::new();
        for _ in 0..self.rules.publishers {
            tasks.spawn(Arc::clone(&self).publish());
        }
        for _ in 0..self.rules.deaths {
            tasks.spawn(Arc::clone(&self).die());
        }
        if self.rules.pause_max_ms > 0 {
            tasks.spawn(Arc::clone(&self).pause());
        }
        if self.rules.owner_acts {
            tasks.spawn(Arc::clone(&self).disable());
        }
        while let Some(done) = tasks.join_next().await {
            done.expect("nothing panics");
        }
        self.settle().await;
        self.check_records();
    }

    /// A publisher that connects to any machine, several times.
    async fn publish(self: Arc<Self>) {
        for _ in 0..self.random(|random| random.random_range(1..=4)) {
            sleep(self.random(|random| Duration::from_millis(random.random_range(0..6_000)))).await;
            let machine = self.random(|random| random.random_range(0..self.machines.len()));
            let plan = self.random(plan);
            self.publish_to(&self.machines[machine], plan).await;
        }
    }

    async fn publish_to(&self, machine: &Machine, plan: Plan) -> Option<Ended> {
        let Running { life, ingest, stop } = machine.running()?;
        let encoder = Encoder::connect(&self.world, &ingest, &stop, &self.feed);
        tokio::select! {
            ended = encoder.run(plan) => Some(ended),
            () = over(&life) => None,
        }
    }

    /// A machine goes down in the midst of whatever it does.
    async fn die(self: Arc<Self>) {
        sleep(self.random(|random| Duration::from_millis(random.random_range(0..15_000)))).await;
        let machine = &self.machines[self.random(|random| random.random_range(0..self.machines.len()))];
        let Some(Running { life, .. }) = machine.lock().take() else {
            return;
        };
        life.end();
        if !machine.is_lost {
            sleep(self.random(|random| Duration::from_millis(random.random_range(0..10_000)))).await;
            machine.start().await;
        }
    }

    /// Machines stand still between two steps, while the others go on.
    async fn pause(self: Arc<Self>) {
        for _ in 0..3 {
            sleep(self.random(|random| Duration::from_millis(random.random_range(0..8_000)))).await;
            let machine = &self.machines[self.random(|random| random.random_range(0..self.machines.len()))];
            let time = self.random(|random| Duration::from_millis(random.random_range(0..self.rules.pause_max_ms)));
            if let Some(Running { life, .. }) = machine.running() {
                life.pause_until(Instant::now() + time);
            }
        }
    }

    /// The owner disables the channel: where machines and network are well, its publisher is gone within ten seconds.
    async fn disable(self: Arc<Self>) {
        sleep(self.random(|random| Duration::from_millis(random.random_range(2_000..10_000)))).await;
        self.set_status(ChannelStatus::Disabled);
        sleep(Duration::from_secs(10)).await;
        if self.rules.deaths == 0
            && self.rules.pause_max_ms == 0
            && !self.rules.weather.fails()
            && self.rules.weather.slow == 0.0
            && !self.is_free()
        {
            self.world
                .wrong("a disabled channel has its publisher still".to_owned());
        }
        self.set_status(ChannelStatus::Enabled);
    }

    fn set_status(&self, status: ChannelStatus) {
        let World {
            records,
            bucket,
            channel,
            ..
        } = &*self.world;
        let at = UnixTime::from_millis(self.world.now_ms());
        now(records.set_channel_status(bucket, channel, status, at)).expect("memory");
    }

    /// All publishers are gone, and every machine that can come back has come back: nobody holds the channel, and a new
    /// publisher gets it.
    async fn settle(&self) {
        self.world.set_weather(Weather::FAIR);
        for machine in &self.machines {
            if machine.running().is_none() && !machine.is_lost {
                machine.start().await;
            }
        }
        sleep(SETTLES).await;
        let lost = self.machines.iter().any(|machine| machine.running().is_none());
        assert!(lost || self.is_free(), "nobody publishes, and the channel is live");
        let last = self.machines.iter().rfind(|machine| machine.running().is_some());
        let last = last.expect("one machine is never lost");
        let mut tries = 0;
        while self.publish_to(last, STEADY).await != Some(Ended::Unpublished) {
            tries += 1;
            assert!(
                tries < TRIES_MAX,
                "the channel stays busy: {:?}",
                self.feed.publishes().last()
            );
            sleep(Duration::from_secs(2)).await;
        }
        sleep(Duration::from_secs(30)).await;
        assert!(self.is_free(), "a publish has ended, and the channel is live");
    }

    fn is_free(&self) -> bool {
        let World {
            records,
            bucket,
            channel,
            ..
        } = &*self.world;
        now(records.live_session(bucket, channel)).expect("memory").is_none()
    }

    /// What was recorded: the sessions one after the other, each of one publish, in order, nothing twice.
    fn check_records(&self) {
        self.world.is_right().unwrap_or_else(|wrong| panic!("{wrong}"));
        let records = self.world.segments();
        let mut ends = BTreeMap::<u16, [u32; 2]>::new();
        let mut sessions = Vec::new();
        for (sequence, record) in (0..).zip(&records) {
            assert_eq!(record.sequence, sequence, "{records:?}");
            if sessions.last() != Some(&record.session) {
                assert!(!sessions.contains(&record.session), "sessions interleave: {records:?}");
                sessions.push(record.session);
            }
            let units = reader::read(record, &self.world).unwrap_or_else(|wrong| panic!("{record:?}: {wrong}"));
            for unit in units {
                let end = &mut ends.entry(unit.publish).or_default()[unit.kind as usize];
                assert!(unit.number >= *end, "{unit:?} again, in {record:?}");
                *end = unit.number + 1;
            }
        }
        // No writer of the past has the last word.
        let standing = self
            .world
            .object(&self.world.playlist_key())
            .expect("something was listed");
        let name = format!(
            "{}.ts",
            records.last().expect("something was recorded").name.as_millis()
        );
        let text = String::from_utf8_lossy(&standing);
        assert!(text.contains(&name), "{name} is not in\n{text}");
    }

    fn random<T>(&self, choose: impl FnOnce(&mut StdRng) -> T) -> T {
        self.world.with_random(choose)
    }
}

impl Machine {
    async fn start(&self) {
        let (life, stop) = (Arc::new(Life::of(None)), CancellationToken::new());
        log::hears(true);
        // A start that fails is tried again, as whoever watches over a server does.
        while !life.is_over() {
            if let Some((ingest, _)) = self.node.boot(&life, &stop).await {
                *self.lock() = Some(Running { life, ingest, stop });
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn running(&self) -> Option<Running> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn over(life: &Life) {
    while !life.is_over() {
        sleep(Duration::from_millis(100)).await;
    }
}

impl Rules {
    fn of(random: &mut StdRng) -> Self {
        let machines = random.random_range(2..=3);
        let skew = |random: &mut StdRng| match random.random_range(0..4) {
            0 => random.random_range(-7_200_000..7_200_000),
            1 => random.random_range(-5_000..5_000),
            _ => 0,
        };
        Self {
            weather: *[Weather::FAIR, Weather::FAIR, RAIN, STORM]
                .choose(random)
                .expect("four"),
            skews_ms: (0..machines).map(|_| skew(random)).collect(),
            publishers: random.random_range(2..=4),
            deaths: random.random_range(0..=2),
            loses_one: random.random_bool(0.3),
            pause_max_ms: if random.random_bool(0.5) { 40_000 } else { 0 },
            owner_acts: random.random_bool(0.3),
        }
    }
}

fn plan(random: &mut StdRng) -> Plan {
    let pictures = random.random_range(5..=40);
    Plan {
        pictures,
        picture_ms: *[100, 200].choose(random).expect("two"),
        gop: random.random_range(2..=10),
        audio: random.random_bool(0.3),
        stall: random.random_bool(0.5).then(|| {
            let time = Duration::from_millis(random.random_range(0..12_000));
            (random.random_range(0..pictures), time)
        }),
        unpublishes: random.random_bool(0.5),
    }
}

/// Longer than any call takes, and than a dead publisher is waited for.
const SETTLES: Duration = Duration::from_secs(600);

/// A minute's worth.
const TRIES_MAX: usize = 30;

/// Three seconds of pictures.
const STEADY: Plan = Plan {
    pictures: 30,
    picture_ms: 100,
    gop: 5,
    audio: false,
    stall: None,
    unpublishes: true,
};

const RAIN: Weather = Weather {
    travel_ms: 200,
    slow: 0.05,
    fails: 0.1,
    late: 0.1,
    ..Weather::FAIR
};

const STORM: Weather = Weather {
    travel_ms: 1_000,
    slow: 0.2,
    silent: 0.01,
    fails: 0.2,
    late: 0.2,
    ..Weather::FAIR
};

/// So many races in a run of all tests.
const RACES: u64 = 2_000;

#[test]
fn a_replaced_writer_is_never_seen_and_no_channel_stays_busy() {
    for_each_seed(0..RACES, |seed| {
        let race = Arc::new(Race::new(seed));
        let world = Arc::clone(&race.world);
        in_time_of(&world, race.run());
    });
}
