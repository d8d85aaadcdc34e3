//! Deaths of processes, crashes of machines and fights for a channel, simulated.
//!
//! ```text
//!   Encoder -- RTMP through a pipe --> Ingest, as it is --> SimDisk, SimStore, SimCatalog
//!                                         |                        |  each call a step: it may be slow, fail, be late,
//!                                         |                        |  and the process may die in it
//!                                      Process                  World: objects, records, the time
//!                                                                  |
//!                                                               Reader: looks at every playlist that is put
//! ```
//!
//! All of it runs in one thread, in time that stands still while anything runs, so that a run follows from its seed. A
//! run that fails prints its seed. `ALLUVIUM_SEED=n` runs that one alone, `ALLUVIUM_SEED=n..m` those from n up to m;
//! with `ALLUVIUM_TELL=1` the log is printed:
//!
//! ```text
//! ALLUVIUM_SEED=4711 cargo test -p alluvium-ingest --lib simulation::crash
//! ```

mod catalog;
mod crash;
mod disk;
mod encoder;
mod life;
pub(crate) mod log;
mod media;
mod node;
mod reader;
mod store;
mod world;
mod writers;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Runs the seeds, or those that the environment names, on a few threads.
fn for_each_seed(seeds: Range<u64>, run: impl Fn(u64) + Sync) {
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
                    let _tells = Tells(format_args!("to see this again: ALLUVIUM_SEED={seed}"));
                    log::listening(|| run(seed));
                }
            });
        }
    });
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

/// Tells what was done when it failed.
struct Tells<T: Debug>(T);

impl<T: Debug> Drop for Tells<T> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}
