use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// A runtime with one thread for each core, for publishers.
///
/// A publisher's tasks stay where they began. The other kind of runtime, which serves HTTP, moves tasks between its
/// threads, and wakes one thread to help another; that costs more than all the work on a frame, of which each publisher
/// brings some seventy a second. Neither disturbs the other.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts the threads; they end with the process.
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism()?.get();
        let runtimes = (0..count).map(start_one).collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            runtimes: runtimes.into(),
            next: Arc::default(),
        })
    }

    /// The runtime for the next publisher; all have their turn.
    pub(crate) fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.runtimes[turn % self.runtimes.len()]
    }
}

fn start_one(number: usize) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(format!("publishers-{number}"))
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[tokio::test]
    async fn all_threads_have_their_turn() {
        let workers = Workers::start().unwrap();
        let mut threads = HashSet::new();
        for _ in 0..2 * workers.runtimes.len() {
            threads.insert(workers.next().spawn(async { thread::current().id() }).await.unwrap());
        }
        assert_eq!(threads.len(), workers.runtimes.len());
    }
}
