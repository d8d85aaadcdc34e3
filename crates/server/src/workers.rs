use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};

/// The threads of connections: of publishers, one for each core that takes what they send, and one that lists what came of
/// it; of HTTP clients, one for each core.
///
/// A task stays on the thread where it began. The other kind of runtime moves tasks between its threads, has one of them
/// wait for all sockets, and wakes another to help it; that costs more than all the work on a frame, of which each publisher
/// brings some seventy a second, and it leaves viewers fewer cores where others want them too. None of them disturbs another.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    publishers: Turns,
    listers: Handle,
    http: Turns,
}

/// Runtimes that have their turn one after the other.
#[derive(Debug, Clone)]
struct Turns {
    runtimes: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts the threads; they end with the process.
    pub(crate) fn start() -> io::Result<Self> {
        Ok(Self {
            publishers: Turns::start("publishers", || {
                let mut resting = Builder::new_current_thread();
                resting.on_thread_park(alluvium_ingest::rest);
                resting
            })?,
            listers: start_one("listers".to_owned(), Builder::new_current_thread())?,
            http: Turns::start("http", Builder::new_current_thread)?,
        })
    }

    /// The runtime for the next publisher.
    pub(crate) fn next_publisher(&self) -> &Handle {
        self.publishers.next()
    }

    /// The runtime for the next connection of an HTTP client.
    pub(crate) fn next_http(&self) -> &Handle {
        self.http.next()
    }

    /// The runtime for what lists their segments.
    pub(crate) fn listers(&self) -> Handle {
        self.listers.clone()
    }
}

impl Turns {
    /// Starts one for each core.
    fn start(name: &str, builder: impl Fn() -> Builder) -> io::Result<Self> {
        let count = thread::available_parallelism()?.get();
        let runtimes = (0..count).map(|number| start_one(format!("{name}-{number}"), builder()));
        Ok(Self {
            runtimes: runtimes.collect::<io::Result<Vec<_>>>()?.into(),
            next: Arc::default(),
        })
    }

    fn next(&self) -> &Handle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        &self.runtimes[turn % self.runtimes.len()]
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
        let count = workers.http.runtimes.len();
        assert_eq!(workers.publishers.runtimes.len(), count);
        let mut threads = HashSet::new();
        for _ in 0..2 * count {
            for runtime in [workers.next_publisher(), workers.next_http()] {
                threads.insert(runtime.spawn(async { thread::current().id() }).await.unwrap());
            }
        }
        assert_eq!(threads.len(), 2 * count);
    }
}
