//! Crashes and failing disks, simulated.
//!
//! ```text
//!   Simulation -- calls --> the store's stages, writer and sweeper -- operations --> LossyDisk --> real files
//!        |                      (one thread, one order)                 |                |
//!        +-- World: what must be there                          a crash, a fault   what is durable of them
//! ```
//!
//! Each run follows from a seed: what is asked, where the process dies, and what is lost. What has not been synced may be lost at a loss
//! of power, in part or whole: a file's bytes by blocks or from any byte on, a folder's entries each for itself. SQLite is trusted with its
//! own files (`synchronous=FULL`): a commit is one operation, and the process dies before it or after it. Operations fail too, and a sync
//! that has failed is told of once; a process that comes after it on the same running system is left out, for it cannot know.
//!
//! A run that fails prints its seed. `ALLUVIUM_SEED=n` runs that one alone, `ALLUVIUM_SEED=n..m` those from n up to m:
//!
//! ```text
//! ALLUVIUM_SEED=4711 cargo test -p alluvium-store simulation
//! ```

mod disk;
mod faults;
mod look;
mod run;
mod world;

use std::{
    ops::Range,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use run::{Life, Simulation, Weather};

#[test]
fn nothing_that_was_answered_is_lost_wherever_the_process_dies() {
    for_each_seed(0..2000, |seed, folder| {
        let mut plan = StdRng::seed_from_u64(seed.rotate_left(32));
        let mut simulation = Simulation::new(seed, folder);
        for _ in 0..plan.random_range(1..=3) {
            simulation.live(&Life {
                calls: plan.random_range(1..30),
                crash_after: plan.random_bool(0.8).then(|| plan.random_range(0..100)),
                weather: match plan.random_range(0..10) {
                    0 => Weather::NoLinks,
                    1..4 => Weather::Foul,
                    _ => Weather::Fair,
                },
            });
            if plan.random_bool(0.3) {
                simulation.check();
            }
        }
        simulation.check();
    });
}

#[test]
fn nothing_that_was_answered_is_lost_at_any_step() {
    for_each_seed(0..20, |seed, folder| {
        for crash_after in 0.. {
            let folder = folder.join(crash_after.to_string());
            std::fs::create_dir(&folder).expect("a folder can be made");
            let mut simulation = Simulation::new(seed, &folder);
            let steps = simulation.live(&Life {
                calls: 20,
                crash_after: Some(crash_after),
                weather: Weather::Fair,
            });
            simulation.check();
            if steps < crash_after {
                return;
            }
        }
    });
}

/// Runs the seeds, or the one that the environment names, on a few threads, each in a folder of its own.
fn for_each_seed(seeds: Range<u64>, run: impl Fn(u64, &Path) + Sync) {
    let seeds = chosen().unwrap_or(seeds);
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, |count| count.get().min(4));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let _tells = Tells { seed, next: &next };
                    run(seed, folder().path());
                }
            });
        }
    });
}

/// A folder in memory, where there is such a thing: thousands of indexes are synced, which costs nothing there.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    folder.expect("a folder can be made")
}

/// What `ALLUVIUM_SEED` says.
fn chosen() -> Option<Range<u64>> {
    let text = std::env::var("ALLUVIUM_SEED").ok()?;
    let number = |text: &str| {
        text.parse()
            .expect("ALLUVIUM_SEED is a number, or two with .. between them")
    };
    Some(match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&text)..number(&text) + 1,
    })
}

/// Tells the seed of a run that fails, and lets no other begin.
struct Tells<'a> {
    seed: u64,
    next: &'a AtomicU64,
}

impl Drop for Tells<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.next.store(u64::MAX / 2, Ordering::Relaxed);
            eprintln!("to see this again: ALLUVIUM_SEED={}", self.seed);
        }
    }
}
