use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::failure::Failure;
use super::schema;
use crate::Error;

/// The connections that only read, on threads that may block.
///
/// A write-ahead log lets them read while the writer writes, and the writer write while they read.
#[derive(Debug)]
pub(super) struct Readers {
    path: Arc<Path>,
    permits: Arc<Semaphore>,
    /// Held only to take or give back a connection.
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: Arc<Path>) -> Self {
        Self {
            path,
            permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            idle: Arc::default(),
        }
    }

    /// Runs `work` within one snapshot of the records.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (path, idle) = (Arc::clone(&self.path), Arc::clone(&self.idle));
        let read = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let spare = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = spare
                .map_or_else(|| schema::open_reader(&path), Ok)
                .map_err(|failure| failure.at(&path))?;
            let outcome = within_snapshot(&connection, work).map_err(|failure| failure.at(&path));
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            outcome
        });
        match read.await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::Unavailable {
                reason: format!("{}: {error}", self.path.display()),
            }),
        }
    }
}

fn within_snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let snapshot = connection.unchecked_transaction()?;
    work(&snapshot)
}

/// Reads are short and mostly from memory: more connections would only hold more caches.
const CONNECTIONS_MAX: usize = 4;
