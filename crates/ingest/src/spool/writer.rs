//! The thread that writes the spool.
//!
//! ```text
//!   sessions -- push --> [ queue ] -- all that has gathered --> create, write, finish
//! ```
//!
//! Batches of all sessions gather for [`GATHER`] before they are written, so that the thread is woken some fifty times a
//! second whatever the number of publishers, instead of once for each batch; the end of a segment is not kept waiting.
//! A session's commands are carried out in the order in which they were pushed.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long batches gather: a part of the 250 ms that a killed process may lose.
const GATHER: Duration = Duration::from_millis(20);

/// Names an open file between the sessions and the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64);

/// What a session wants done.
#[derive(Debug)]
pub(super) enum Command {
    /// Makes the file, and its folder where that is missing. `waiting` is closed when the file fails.
    Create {
        id: FileId,
        path: PathBuf,
        waiting: Arc<Semaphore>,
    },
    Append {
        id: FileId,
        batch: Bytes,
        /// Given back when the batch is written.
        place: OwnedSemaphorePermit,
    },
    Finish {
        id: FileId,
        done: oneshot::Sender<io::Result<PathBuf>>,
    },
    /// Nobody will finish the file; it stays as it is. Nothing, after `Finish`.
    Forget { id: FileId },
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    next_id: AtomicU64,
    /// Held for a push or a swap, never while writing.
    queue: Mutex<Queue>,
    came: Condvar,
}

/// Bounded by the batches that each session may have waiting.
#[derive(Debug, Default)]
struct Queue {
    commands: Vec<Command>,
    /// Somebody waits for an answer.
    urgent: bool,
    stopped: bool,
}

/// A file and where it is, or why it could not be written.
struct Open {
    path: PathBuf,
    file: io::Result<File>,
    waiting: Arc<Semaphore>,
}

impl Writer {
    /// Starts the thread; it ends after [`stop`](Self::stop), when all that was pushed is done.
    pub(super) fn start() -> io::Result<Arc<Self>> {
        let writer = Arc::new(Self {
            next_id: AtomicU64::new(0),
            queue: Mutex::default(),
            came: Condvar::new(),
        });
        let running = Arc::clone(&writer);
        thread::Builder::new()
            .name("spool-writer".to_owned())
            .spawn(move || running.run())?;
        Ok(writer)
    }

    pub(super) fn next_id(&self) -> FileId {
        FileId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn push(&self, command: Command) {
        let urgent = matches!(command, Command::Finish { .. });
        let mut queue = self.lock();
        let wakes = queue.commands.is_empty() || urgent;
        queue.commands.push(command);
        queue.urgent |= urgent;
        drop(queue);
        if wakes {
            self.came.notify_one();
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.came.notify_one();
    }

    fn run(&self) {
        let mut files = HashMap::new();
        let mut commands = Vec::new();
        while self.gather(&mut commands) {
            for command in commands.drain(..) {
                carry_out(command, &mut files);
            }
        }
    }

    /// Waits for commands and takes all that there are; `false` when none will come.
    fn gather(&self, commands: &mut Vec<Command>) -> bool {
        let idle = |queue: &mut Queue| queue.commands.is_empty() && !queue.stopped;
        let queue = self
            .came
            .wait_while(self.lock(), idle)
            .unwrap_or_else(PoisonError::into_inner);
        let gathering = |queue: &mut Queue| !queue.urgent && !queue.stopped;
        let (mut queue, _) = self
            .came
            .wait_timeout_while(queue, GATHER, gathering)
            .unwrap_or_else(PoisonError::into_inner);
        queue.urgent = false;
        mem::swap(&mut queue.commands, commands);
        !(commands.is_empty() && queue.stopped)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is whole before anything can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn carry_out(command: Command, files: &mut HashMap<FileId, Open>) {
    match command {
        Command::Create { id, path, waiting } => {
            let file = create(&path);
            if file.is_err() {
                waiting.close();
            }
            files.insert(id, Open { path, file, waiting });
        }
        Command::Append { id, batch, place } => {
            if let Some(open) = files.get_mut(&id) {
                open.append(&batch);
            }
            drop(place);
        }
        Command::Finish { id, done } => {
            if let Some(Open { path, file, .. }) = files.remove(&id) {
                // Who no longer waits for the answer has given the segment up.
                let _ = done.send(file.map(|_| path));
            }
        }
        Command::Forget { id } => {
            files.remove(&id);
        }
    }
}

fn create(path: &PathBuf) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}

impl Open {
    /// After a failure nothing more is written: the file would have a hole.
    fn append(&mut self, batch: &[u8]) {
        if let Ok(file) = &mut self.file
            && let Err(error) = file.write_all(batch)
        {
            self.file = Err(error);
            self.waiting.close();
        }
    }
}
