use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use super::sweep;
use crate::Error;

/// The one thread that changes the file.
///
/// Whatever has queued up while the disk was busy becomes one transaction with one fsync. Each change has a savepoint
/// of its own, so that a refused one takes nothing with it. Nobody is answered before the commit.
#[derive(Debug)]
pub(super) struct Writer {
    path: Arc<Path>,
    /// `None` only while being dropped.
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// One caller's change; run within a transaction, or told why there is none.
type Job = Box<dyn FnOnce(Result<&Connection, Error>) -> Answer + Send>;

/// Tells the caller, once the transaction's fate is known.
type Answer = Box<dyn FnOnce(Result<(), Error>)>;

impl Writer {
    pub(super) fn start(connection: Connection, path: Arc<Path>) -> Result<Self, Error> {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let thread = std::thread::Builder::new()
            .name("catalog-writer".to_owned())
            .spawn({
                let path = Arc::clone(&path);
                move || serve(&connection, jobs, &path)
            })
            .map_err(|error| Error::Unavailable {
                reason: format!("no thread for the catalog: {error}"),
            })?;
        Ok(Self {
            path,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Commits `work`, then runs `then` with its result before anybody else's later change shows effect.
    ///
    /// Work whose caller has gone before its turn is left undone.
    pub(super) async fn run<T: 'static, U: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, Error> {
        let (reply, answer) = oneshot::channel();
        let path = Arc::clone(&self.path);
        let job: Job = Box::new(move |connection| {
            if reply.is_closed() {
                return Box::new(|_| ());
            }
            let outcome = connection
                .and_then(|connection| within_savepoint(connection, work).map_err(|failure| failure.at(&path)));
            Box::new(move |committed| {
                // A caller that has gone misses its answer; the change stands.
                drop(reply.send(committed.and(outcome).map(then)));
            })
        });
        let queue = self.queue.as_ref().expect("present until drop");
        queue.send(job).await.map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())?
    }

    fn stopped(&self) -> Error {
        Error::Unavailable {
            reason: format!("{}: the writer has stopped", self.path.display()),
        }
    }
}

impl Drop for Writer {
    /// Waits until what was queued is on the disk.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(path = %self.path.display(), "the catalog's writer had panicked");
        }
    }
}

fn serve(connection: &Connection, mut jobs: mpsc::Receiver<Job>, path: &Path) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        let first = match jobs.try_recv() {
            Ok(job) => job,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {
                match sweep::step(connection) {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(failure) => tracing::warn!(error = %failure.at(path), "records of a deleted bucket remain"),
                }
                match jobs.blocking_recv() {
                    Some(job) => job,
                    None => return,
                }
            }
        };
        batch.push(first);
        while batch.len() < BATCH_MAX
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        commit(connection, batch.drain(..), path);
    }
}

fn commit(connection: &Connection, batch: impl Iterator<Item = Job>, path: &Path) {
    let execute = |sql| {
        let done = connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(()));
        done.map(drop).map_err(|error| Failure::from(error).at(path))
    };
    let mut fate = execute("BEGIN IMMEDIATE");
    let mut answers = Vec::with_capacity(BATCH_MAX);
    for job in batch {
        answers.push(job(fate.clone().map(|()| connection)));
        // A full disk and the like take back the whole transaction, not just the statement.
        if fate.is_ok() && connection.is_autocommit() {
            fate = Err(Error::Unavailable {
                reason: format!("{}: a change could not be written", path.display()),
            });
        }
    }
    if fate.is_ok() {
        fate = execute("COMMIT");
    }
    if fate.is_err()
        && !connection.is_autocommit()
        && let Err(error) = execute("ROLLBACK")
    {
        tracing::error!(%error, "a failed change could not be taken back");
    }
    for answer in answers {
        answer(fate.clone());
    }
}

fn within_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    connection.prepare_cached("SAVEPOINT change")?.execute(())?;
    let outcome = work(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO change")?.execute(())?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE change")?.execute(())?;
    }
    outcome
}

/// Changes that wait while the disk is busy; a caller beyond them waits for a place.
const QUEUE_MAX: usize = 1_024;

/// Changes that share one transaction: enough to spread an fsync thin, few enough to answer the first soon.
const BATCH_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::{row, schema};
    use super::*;

    /// A writer whose thread is held inside a change until the sender is dropped.
    async fn held() -> (Arc<Writer>, mpsc::Sender<()>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let writer = Arc::new(Writer::start(schema::open(&path).unwrap(), path.into()).unwrap());
        let (hold, released) = mpsc::channel::<()>();
        let (entered, inside) = oneshot::channel();
        let waiting = Arc::clone(&writer);
        tokio::spawn(async move {
            let wait = move |_: &_| {
                entered.send(()).unwrap();
                Ok(released.recv().is_err())
            };
            waiting.run(wait, |released| assert!(released)).await
        });
        inside.await.unwrap();
        (writer, hold, folder)
    }

    fn insert(connection: &Connection, id: i64) -> Result<(), Failure> {
        let sql = "INSERT INTO sessions VALUES (?1, 0, 0, 0, 0, '')";
        row::change(connection, sql, [id]).map(|_| ())
    }

    fn rows(connection: &Connection) -> Result<Vec<i64>, Failure> {
        row::all(connection, "SELECT position FROM sessions ORDER BY 1", (), |row| {
            Ok(row.get(0)?)
        })
    }

    #[tokio::test]
    async fn leaves_undone_what_nobody_waits_for() {
        let (writer, hold, _folder) = held().await;
        tokio::select! {
            biased;
            _ = writer.run(|connection| insert(connection, 1), |()| ()) => panic!("the writer is held"),
            () = std::future::ready(()) => {}
        }
        drop(hold);
        assert_eq!(writer.run(rows, |rows| rows).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn takes_back_only_the_refused_change_of_a_batch() {
        let (writer, hold, _folder) = held().await;
        let refuse = |connection: &Connection| {
            insert(connection, 2)?;
            Err::<(), _>(Error::Exists.into())
        };
        let (first, refused, last, ()) = tokio::join!(
            biased;
            writer.run(|connection| insert(connection, 1), |()| ()),
            writer.run(refuse, |()| ()),
            writer.run(|connection| insert(connection, 3), |()| ()),
            async { drop(hold) },
        );
        assert_eq!((first, refused, last), (Ok(()), Err(Error::Exists), Ok(())));
        assert_eq!(writer.run(rows, |rows| rows).await, Ok(vec![1, 3]));
    }
}
