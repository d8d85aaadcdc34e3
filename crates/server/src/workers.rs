use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// The threads of publishers: one for each core that takes what they send, and one that lists what came of it.
///
/// A task stays on the thread where it began. The other kind of runtime, which serves HTTP, moves tasks between its
/// threads, and wakes one thread to help another; that costs more than all the work on a frame, of which each publisher
/// brings some seventy a second. None of them disturbs another.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    publishers: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
    listers: Handle,
}

impl Workers {
    /// Starts the threads; they end with the process.
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism()?.get();
        let publishers = (0..count).map(|number| {
            let mut resting = Builder::new_current_thread();
            resting.on_thread_park(alluvium_ingest::rest);
            start_one(format!("publishers-{number}"), resting)
        });
        Ok(Self {
            publishers: publishers.collect::<io::Result<Vec<_>>>()?.into(),
            next: Arc::default(),
            listers: start_one("listers".to_owned(), Builder::new_current_thread())?,
        })
    }

    /// The runtime for the next publisher; all have their turn.
    pub(crate) fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.publishers[turn % self.publishers.len()]
    }

    /// The runtime for what lists their segments.
    pub(crate) fn listers(&self) -> Handle {
        self.listers.clone()
    }
}

fn start_one(name: String, mut builder: Builder) -> io::Result<Handle> {
    let runtime = builder.enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name(name)
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
        for _ in 0..2 * workers.publishers.len() {
            threads.insert(workers.next().spawn(async { thread::current().id() }).await.unwrap());
        }
        assert_eq!(threads.len(), workers.publishers.len());
    }
}
