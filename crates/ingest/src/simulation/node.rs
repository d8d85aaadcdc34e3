use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::NodeId;
use alluvium_oss::Domains;
use rand::RngExt;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::catalog::SimCatalog;
use super::disk::SimDisk;
use super::life::Life;
use super::log;
use super::store::SimStore;
use super::world::{Caller, SimClock, World};
use crate::retry::Budget;
use crate::spool::Runs;
use crate::{Config, Ingest};

/// A machine with a disk, on which one process after the other runs.
pub(super) struct Node {
    pub(super) world: Arc<World>,
    pub(super) disk: SimDisk,
    pub(super) config: Config,
    id: NodeId,
    skew_ms: i64,
    /// The store shares the bytes of spooled files.
    adopts: bool,
}

/// A running process: what it does goes on only while it is run, and ends at once when it is dropped.
pub(super) struct Process {
    clockwork: Clockwork,
    pub(super) life: Arc<Life>,
    pub(super) ingest: Arc<Ingest>,
    pub(super) stop: CancellationToken,
}

impl Node {
    pub(super) fn new(world: &Arc<World>, name: &str, skew_ms: i64, adopts: bool) -> Self {
        Self {
            disk: SimDisk::new(Arc::clone(world)),
            world: Arc::clone(world),
            config: Config::new(PathBuf::from(SPOOL)),
            id: NodeId::new(name),
            skew_ms,
            adopts,
        }
    }

    /// Starts a process, which begins with what the last one has left. `None`: it ends before it serves anybody.
    pub(super) fn start(&self, life: Life) -> Option<Process> {
        let life = Arc::new(life);
        let stop = CancellationToken::new();
        let mut clockwork = Clockwork::new(&self.world);
        let (ingest, _) = clockwork.run(self.boot(&life, &stop))?;
        Some(Process {
            clockwork,
            life,
            ingest,
            stop,
        })
    }
}

impl Node {
    /// Starts a process on the runtime that runs; gives it with its recovery, which goes on. `None`: it ends before it
    /// serves anybody.
    pub(super) async fn boot(
        &self,
        life: &Arc<Life>,
        stop: &CancellationToken,
    ) -> Option<(Arc<Ingest>, JoinHandle<()>)> {
        self.disk.boot(Arc::clone(life));
        let caller = Caller {
            world: Arc::clone(&self.world),
            life: Arc::clone(life),
        };
        let mut ingest = Ingest::on_disk(
            self.config.clone(),
            Domains::new([], []),
            self.id.clone(),
            Arc::new(SimStore {
                caller: caller.clone(),
                disk: self.disk.clone(),
                adopts: self.adopts,
            }),
            Arc::new(SimCatalog { caller }),
            Arc::new(SimClock {
                world: Arc::clone(&self.world),
                skew_ms: self.skew_ms,
            }),
            (Arc::new(self.disk.clone()), Runs::AsTasks),
        )
        .ok()?;
        ingest.retries = Budget::seeded(self.world.with_random(|random| random.random()));
        let ingest = Arc::new(ingest);
        let found = tokio::select! {
            biased;
            () = life.over() => return None,
            found = ingest.find_leftovers() => found.ok()?,
        };
        Some((ingest, tokio::spawn(found.run(stop.clone()))))
    }
}

/// Runs `work` in the world's time.
pub(super) fn in_time_of<T>(world: &Arc<World>, work: impl Future<Output = T>) -> T {
    Clockwork::new(world).run(work)
}

impl Process {
    /// Lets it run for so long, or until it dies.
    pub(super) fn run_for(&mut self, time: Duration) {
        self.run_to(async { sleep(time).await });
    }

    /// Lets it run until `done`, or until it dies: then `None`.
    pub(super) fn run_to<T>(&mut self, done: impl Future<Output = T>) -> Option<T> {
        let life = Arc::clone(&self.life);
        let until = async {
            tokio::select! {
                biased;
                () = life.over() => None,
                done = done => Some(done),
            }
        };
        self.clockwork.run(until)
    }
}

/// A runtime whose time is the world's while it runs.
struct Clockwork {
    world: Arc<World>,
    runtime: Runtime,
    /// How far it has come, Unix milliseconds of the world.
    at_ms: i64,
}

impl Clockwork {
    fn new(world: &Arc<World>) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self {
            world: Arc::clone(world),
            runtime: runtime.expect("a runtime without I/O"),
            at_ms: world.now_ms(),
        }
    }

    fn run<T>(&mut self, work: impl Future<Output = T>) -> T {
        log::hears(true);
        let (done, at_ms) = self.runtime.block_on(async {
            self.world.enter(self.at_ms);
            let done = work.await;
            (done, self.world.now_ms())
        });
        self.at_ms = at_ms;
        self.world.leave(at_ms);
        done
    }
}

/// Where on its disk.
pub(super) const SPOOL: &str = "/spool";
