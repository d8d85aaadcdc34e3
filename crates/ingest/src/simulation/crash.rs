use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{Catalog, SegmentRecord};
use alluvium_oss::ChannelConfig;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::encoder::{Encoder, Ended, Feed, Plan};
use super::life::Life;
use super::log::told;
use super::media::{Unit, units};
use super::node::{Node, Process, SPOOL};
use super::reader;
use super::world::{Weather, World, now};
use super::{Tells, for_each_seed};

/// One channel on one machine, through the lives of several processes.
struct Simulation {
    world: Arc<World>,
    node: Node,
    feed: Feed,
    /// Of each publish.
    owed: BTreeMap<usize, Owed>,
    /// What was whole in the spool when a process was killed, and no machine has crashed since.
    written: BTreeSet<Unit>,
    /// Publishes of which something may be missing: the log has told of a gap, or the disk has forgotten what was never
    /// synced.
    damaged: BTreeSet<usize>,
    /// Publishes of which something was in the spool when the machine crashed or a disk failed: whether a file is whole
    /// may be forgotten.
    doubtful: BTreeSet<usize>,
    /// Of those before this one nothing is left in the spool.
    settled: usize,
    /// From when to when each process lived.
    lives: Vec<(i64, i64)>,
    /// The machine has crashed, and the spool was not synced.
    has_forgotten: bool,
}

/// How many of a publish's first units must be listed in the end, by kind.
#[derive(Debug, Clone, Copy)]
struct Owed {
    after_kill: [usize; 2],
    /// When the machine crashes before all is recovered.
    after_crash: [usize; 2],
}

/// What stays the same through all lives.
#[derive(Debug, Clone)]
struct Setting {
    seed: u64,
    frag_duration_s: u32,
    frag_count: u32,
    /// The spool is synced.
    sync: bool,
    adopts: bool,
    quota: u64,
}

/// One process, from its start to its end.
#[derive(Debug, Clone)]
struct LifePlan {
    dies_after: Option<usize>,
    death: Death,
    weather: Weather,
    /// Now and then all calls of one kind fail for a while.
    outages: bool,
    publishes: Vec<Plan>,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// Of itself: the disk keeps what was written.
    Kill,
    /// With its machine: the disk forgets what was not synced.
    Crash,
    /// It is asked to.
    Stop,
}

/// What a killed process may lose, of all that it has received.
const LOST_MS_MAX: i64 = 250;

/// What stands before the bytes that a crash has destroyed is doubted with them: a picture, or the frames of a packet.
const DOUBTED_MAX: [usize; 2] = [1, 2];

impl Simulation {
    fn new(setting: &Setting) -> Self {
        let config = ChannelConfig {
            frag_duration_s: setting.frag_duration_s,
            frag_count: setting.frag_count,
            ..ChannelConfig::default()
        };
        let world = World::new(setting.seed, &config);
        let mut node = Node::new(&world, "here", 0, setting.adopts);
        node.config.spool_sync = setting.sync;
        node.config.spool_quota = setting.quota;
        Self {
            world,
            node,
            feed: Feed::default(),
            owed: BTreeMap::new(),
            written: BTreeSet::new(),
            damaged: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            settled: 0,
            lives: Vec::new(),
            has_forgotten: false,
        }
    }

    /// Lets a process live; gives how many steps it made.
    fn live(&mut self, plan: &LifePlan) -> usize {
        let (told, faults, first) = (gaps_told(), self.world.disk_faults(), self.feed.count());
        if self.left().is_empty() {
            self.settled = first;
        }
        self.world.set_weather(plan.weather);
        let life = Life::of(plan.dies_after);
        let began_ms = self.world.now_ms();
        let mut ended_ms = began_ms;
        let steps = match self.node.start(life) {
            None => {
                let may_fail = plan.dies_after.is_some() || plan.weather.fails() || plan.outages;
                assert!(may_fail, "a server does not start");
                plan.dies_after.unwrap_or_default()
            }
            Some(mut process) => {
                self.publish_all(&mut process, plan);
                ended_ms = self.world.now_ms();
                if plan.death == Death::Stop && !process.life.is_over() {
                    process.stop.cancel();
                    process.run_for(Duration::from_secs(300));
                    if !process.life.is_over() {
                        // All that had arrived; what was sent in the same moment had not.
                        ended_ms += LOST_MS_MAX - 1;
                    }
                }
                process.life.end();
                process.life.steps()
            }
        };
        self.lives.push((began_ms, self.world.now_ms()));
        self.note_death(plan.death, first, ended_ms);
        if self.world.disk_faults() > faults {
            self.doubtful.extend(self.settled..self.feed.count());
        }
        if gaps_told() > told {
            self.damaged.extend(self.settled..self.feed.count());
        }
        self.world.set_weather(Weather::default());
        self.check();
        steps
    }

    fn publish_all(&mut self, process: &mut Process, plan: &LifePlan) {
        let (world, ingest, stop) = (&self.world, &process.ingest, &process.stop);
        let (world, ingest, stop) = (Arc::clone(world), Arc::clone(ingest), stop.clone());
        let feed = self.feed.clone();
        let (publishes, outages) = (plan.publishes.clone(), plan.outages);
        process.run_to(async move {
            if outages {
                tokio::spawn(outages_over(Arc::clone(&world)));
            }
            for publish in publishes {
                for _ in 0..CONNECTS_MAX {
                    let encoder = Encoder::connect(&world, &ingest, &stop, &feed);
                    match encoder.run(publish).await {
                        Ended::Refused => sleep(Duration::from_secs(2)).await,
                        _ => break,
                    }
                }
            }
        });
    }

    /// What is in the spool and can be kept: a session of which a crash has forgotten whose it is, nobody can place.
    fn left(&self) -> Vec<String> {
        let spool = Path::new(SPOOL);
        let is_placed = |name: &String| {
            let session = name.split('/').next().expect("the first part of a text");
            let channel = self.node.disk.give(&spool.join(session).join("channel"));
            let whose = format!("{}\n{}\n", self.world.bucket, self.world.channel);
            !self.has_forgotten || channel.is_ok_and(|text| text == whose.as_bytes())
        };
        let names = self.node.disk.names(spool).into_iter();
        names.filter(is_placed).collect()
    }

    /// What is owed of what was received up to now.
    fn note_death(&mut self, death: Death, first: usize, ended_ms: i64) {
        let publishes = self.feed.publishes();
        if death == Death::Crash {
            self.node.disk.crash();
            self.written.clear();
            self.doubtful.extend(self.settled..publishes.len());
            if !self.node.config.spool_sync {
                self.damaged.extend(self.settled..publishes.len());
                self.has_forgotten = true;
                return;
            }
        }
        for (publish, fed) in publishes.iter().enumerate().skip(first) {
            let sent_by = |ms: i64| {
                let count = |sent: &Vec<i64>| sent.iter().filter(|at| **at <= ms).count();
                fed.sent.each_ref().map(count)
            };
            let after_kill = sent_by(ended_ms - LOST_MS_MAX);
            let [video, audio] = after_kill;
            let owed = Owed {
                after_kill,
                after_crash: [
                    video.saturating_sub(DOUBTED_MAX[0]),
                    audio.saturating_sub(DOUBTED_MAX[1]),
                ],
            };
            self.owed.insert(publish, owed);
        }
        if death == Death::Crash {
            for (_, owed) in self.owed.range_mut(self.settled..) {
                owed.after_kill = owed.after_crash;
            }
        }
        if death != Death::Crash {
            for bytes in self.node.disk.appended() {
                self.written
                    .extend(units(&bytes).expect("whole batches hold whole units"));
            }
        }
    }

    /// A last process in fair weather, after which all must be well.
    fn end(&mut self) {
        // One to recover, and one to keep what that one came too late for.
        for _ in 0..2 {
            self.live(&LifePlan {
                dies_after: None,
                death: Death::Stop,
                weather: Weather::default(),
                outages: false,
                publishes: Vec::new(),
            });
        }
        let left = self.left();
        assert!(left.is_empty(), "left in the spool: {left:?}");
        let live = now(self.world.records.live_session(&self.world.bucket, &self.world.channel));
        assert_eq!(live.expect("memory"), None, "the channel is not free");
        let before = self.feed.count();
        self.live(&LifePlan {
            dies_after: None,
            death: Death::Stop,
            weather: Weather::default(),
            outages: false,
            publishes: vec![STEADY],
        });
        let last = self.feed.publishes().pop().expect("it was tried");
        assert_eq!((self.feed.count(), last.ended), (before + 1, Some(Ended::Unpublished)));
        let owed = last.sent.map(|sent| sent.len());
        self.owed.insert(
            before,
            Owed {
                after_kill: owed,
                after_crash: owed,
            },
        );
        self.check_recording();
    }

    #[track_caller]
    fn check(&self) {
        self.world.is_right().unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    /// All that was recorded, against all that was sent.
    fn check_recording(&self) {
        let segments = self.world.segments();
        let read = |record: &SegmentRecord| {
            let found = reader::read(record, &self.world);
            found.unwrap_or_else(|wrong| panic!("{record:?}: {wrong}"))
        };
        let recorded: Vec<(SegmentRecord, Vec<Unit>)> = segments.iter().map(|record| (*record, read(record))).collect();
        let mut listed = BTreeMap::<usize, [usize; 2]>::new();
        let mut last: Option<usize> = None;
        for (record, units) in &recorded {
            let publish = usize::from(units[0].publish);
            let ends = listed.entry(publish).or_default();
            let mut gap = false;
            for unit in units {
                assert_eq!(usize::from(unit.publish), publish, "{record:?}");
                let (end, number) = (&mut ends[unit.kind as usize], unit.number as usize);
                assert!(number >= *end, "{unit:?} comes after {end} in {record:?}");
                if number > *end {
                    gap = true;
                    assert!(
                        self.damaged.contains(&publish),
                        "{unit:?} comes after {end} in {record:?}"
                    );
                }
                *end = number + 1;
            }
            let due = match last {
                None => gap,
                Some(last) => {
                    assert!(last <= publish, "publish {publish} comes after {last}");
                    gap || last != publish
                }
            };
            if due || !self.doubtful.contains(&publish) && !self.damaged.contains(&publish) {
                assert_eq!(record.discontinuity, due && last.is_some(), "{record:?}, gap {gap}");
            }
            last = Some(publish);
        }
        self.check_history(&recorded);
        for unit in &self.written {
            let publish = usize::from(unit.publish);
            let listed = listed.get(&publish).copied().unwrap_or_default();
            let is_listed = listed[unit.kind as usize] > unit.number as usize;
            assert!(is_listed || self.damaged.contains(&publish), "{unit:?} was written");
        }
        for (publish, owed) in &self.owed {
            if self.damaged.contains(publish) {
                continue;
            }
            let listed = listed.get(publish).copied().unwrap_or_default();
            let enough = listed.iter().zip(owed.after_kill).all(|(listed, owed)| *listed >= owed);
            assert!(enough, "publish {publish}: {listed:?} listed of {owed:?}");
        }
    }

    /// Every session is in the history, ended when its media did, or its process.
    fn check_history(&self, recorded: &[(SegmentRecord, Vec<Unit>)]) {
        let (bucket, channel) = (&self.world.bucket, &self.world.channel);
        let history = now(self.world.records.recent_sessions(bucket, channel, 100)).expect("memory");
        for session in &history {
            let (started, ended) = (session.started.as_millis(), session.ended.as_millis());
            let life = self
                .lives
                .iter()
                .find(|(began, end)| (*began..=*end).contains(&started));
            let (_, end) = *life.expect("a session begins while a process lives");
            assert!(
                ended <= end + AHEAD_MS_MAX,
                "{session:?} of a process that ended at {end}"
            );
        }
        let publishes = self.feed.publishes();
        for (record, units) in recorded {
            let session = history.iter().find(|session| session.session == record.session);
            let session = session.expect("a session that recorded is in the history");
            for unit in units {
                let sent = publishes[usize::from(unit.publish)].sent[unit.kind as usize].get(unit.number as usize);
                let sent = *sent.expect("what is recorded was sent");
                assert!(
                    session.ended.as_millis() >= sent - BEHIND_MS_MAX,
                    "{session:?} with {unit:?}, sent at {sent}"
                );
            }
        }
    }
}

/// Takes a service away, and gives it back, again and again.
async fn outages_over(world: Arc<World>) {
    let weather = world.weather();
    loop {
        let pause = |random: &mut StdRng| Duration::from_millis(random.random_range(0..4_000));
        sleep(world.with_random(pause)).await;
        let which = world.with_random(|random| random.random_range(0..3));
        world.set_weather(Weather {
            store_down: which == 0,
            catalog_down: which == 1,
            disk_down: which == 2,
            ..weather
        });
        sleep(world.with_random(pause)).await;
        world.set_weather(weather);
    }
}

/// How often the log has told that media is missing.
fn gaps_told() -> usize {
    told("gap_begins") + told("segment_lost")
}

/// By which a date may be behind the clock: an encoder's own stands still while it stalls.
const BEHIND_MS_MAX: i64 = 11_000;

/// By which a date may be ahead of the clock: the media of a segment.
const AHEAD_MS_MAX: i64 = 4_000;

/// Three seconds of pictures.
const STEADY: Plan = Plan {
    pictures: 30,
    picture_ms: 100,
    gop: 5,
    audio: true,
    stall: None,
    unpublishes: true,
};

/// A channel is held for a while by a publisher that has died.
const CONNECTS_MAX: usize = 5;

const RAIN: Weather = Weather {
    travel_ms: 30,
    slow: 0.03,
    fails: 0.1,
    late: 0.05,
    ..Weather::FAIR
};

const STORM: Weather = Weather {
    travel_ms: 200,
    slow: 0.1,
    silent: 0.01,
    fails: 0.3,
    late: 0.1,
    ..Weather::FAIR
};

impl Setting {
    fn of(seed: u64, random: &mut StdRng) -> Self {
        Self {
            seed,
            frag_duration_s: random.random_range(1..=3),
            frag_count: random.random_range(1..=4),
            sync: random.random_bool(0.5),
            adopts: random.random_bool(0.5),
            quota: match random.random_range(0..8) {
                0 => random.random_range(4_000..40_000),
                _ => u64::MAX,
            },
        }
    }
}

impl LifePlan {
    fn of(random: &mut StdRng) -> Self {
        let weather = match random.random_range(0..8) {
            0..3 => Weather::FAIR,
            3..5 => RAIN,
            5 => STORM,
            _ => Weather {
                disk_fails: *[0.01, 0.1, 0.5].choose(random).expect("three"),
                ..if random.random_bool(0.5) { Weather::FAIR } else { RAIN }
            },
        };
        let publishes = (0..random.random_range(0..=2)).map(|_| Plan::of(random)).collect();
        let length_max = if random.random_bool(0.5) { 30 } else { 150 };
        Self {
            dies_after: random.random_bool(0.7).then(|| random.random_range(0..length_max)),
            death: match random.random_range(0..10) {
                0..5 => Death::Kill,
                5..8 => Death::Crash,
                _ => Death::Stop,
            },
            weather,
            outages: random.random_bool(0.2),
            publishes,
        }
    }
}

impl Plan {
    fn of(random: &mut StdRng) -> Self {
        let pictures = random.random_range(1..=60);
        Self {
            pictures,
            picture_ms: *[40, 100, 200].choose(random).expect("three"),
            gop: random.random_range(1..=15),
            audio: random.random_bool(0.7),
            stall: random.random_bool(0.1).then(|| {
                let time = Duration::from_millis(random.random_range(0..10_000));
                (random.random_range(0..pictures), time)
            }),
            unpublishes: random.random_bool(0.5),
        }
    }
}

#[test]
fn nothing_listed_is_wrong_and_nothing_received_is_lost_at_any_step() {
    for_each_seed(0..2, |seed| {
        let setting = Setting {
            seed,
            frag_duration_s: 1,
            frag_count: 3,
            sync: seed % 2 == 1,
            adopts: false,
            quota: u64::MAX,
        };
        for death in [Death::Kill, Death::Crash] {
            let mut dies_after = 0;
            loop {
                let _tells = Tells((death, dies_after));
                let mut simulation = Simulation::new(&setting);
                let steps = simulation.live(&LifePlan {
                    dies_after: Some(dies_after),
                    death,
                    weather: Weather::FAIR,
                    outages: false,
                    publishes: vec![STEADY],
                });
                simulation.end();
                if steps < dies_after {
                    break;
                }
                dies_after += 1;
            }
        }
    });
}

#[test]
fn nothing_listed_is_wrong_and_nothing_received_is_lost_whatever_happens() {
    for_each_seed(0..2000, |seed| {
        let mut random = StdRng::seed_from_u64(seed.rotate_left(32));
        let mut simulation = Simulation::new(&Setting::of(seed, &mut random));
        for _ in 0..random.random_range(1..=4) {
            simulation.live(&LifePlan::of(&mut random));
        }
        simulation.end();
    });
}
