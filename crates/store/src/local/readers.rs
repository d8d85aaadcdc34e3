use std::{
    panic,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinHandle},
};

use super::index;
use crate::Error;

/// Threads for calls that block: at most so many of one kind at a time, however many callers wait.
#[derive(Debug)]
pub(super) struct Threads(Arc<Semaphore>);

impl Threads {
    pub(super) fn new(count_max: usize) -> Self {
        Self(Arc::new(Semaphore::new(count_max.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Runs `job` as soon as a thread is free. Once begun it runs to its end, even when the future is dropped.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        joined(self.begin(job).await?).await
    }

    /// Begins `job` as soon as a thread is free.
    pub(super) async fn begin<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<JoinHandle<Result<T, Error>>, Error> {
        let permit = Arc::clone(&self.0)
            .acquire_owned()
            .await
            .map_err(|error: AcquireError| stopping(error))?;
        Ok(spawn(permit, job))
    }

    /// Begins `job` if a thread is free now.
    pub(super) fn try_begin<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Option<JoinHandle<Result<T, Error>>> {
        Some(spawn(Arc::clone(&self.0).try_acquire_owned().ok()?, job))
    }
}

/// The outcome of a begun job.
pub(super) async fn joined<T>(handle: JoinHandle<Result<T, Error>>) -> Result<T, Error> {
    match handle.await.map_err(JoinError::try_into_panic) {
        Ok(outcome) => outcome,
        Err(Ok(panic)) => panic::resume_unwind(panic),
        Err(Err(error)) => Err(stopping(error)),
    }
}

fn spawn<T: Send + 'static>(
    permit: OwnedSemaphorePermit,
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> JoinHandle<Result<T, Error>> {
    tokio::task::spawn_blocking(move || {
        let outcome = job();
        drop(permit);
        outcome
    })
}

fn stopping(error: impl ToString) -> Error {
    Error::unavailable("use", "the local store", error)
}

/// Connections that read the index, each used by one thread at a time.
#[derive(Debug)]
pub(super) struct Readers {
    index: PathBuf,
    /// Connections not in use, at most [`IDLE_MAX`]; held while one is taken or brought back.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(index: PathBuf) -> Self {
        Self {
            index,
            idle: Mutex::default(),
        }
    }

    /// Reads the index; `doing` is what to say when that fails.
    pub(super) fn with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        let failed = |error: rusqlite::Error| Error::unavailable("read", self.index.display(), error);
        let idle = self.idle().pop();
        let connection = idle
            .map_or_else(|| index::open_reader(&self.index), Ok)
            .map_err(failed)?;
        // A connection that failed is closed; what is wrong may be the connection.
        let value = read(&connection).map_err(failed)?;
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(value)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is whole whoever panicked.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enough for the lookups of a busy moment, each of some tens of microseconds; a connection costs up to 512 KiB of cache.
const IDLE_MAX: usize = 8;
