//! Whoever writes the spool: one thread; and one that removes.
//!
//! ```text
//!   sessions -- push --> [ queue ] -- all that has gathered --> create, write, rename
//!   listers  -- push --> [ queue ] ---------------------------> remove
//! ```
//!
//! A file system may give freed blocks back to the disk before it answers, which takes some disks a quarter of a second:
//! as long as all that a killed process may lose. So nobody's batches wait for a removal.
//!
//! Batches of all sessions gather for [`GATHER`] before they are written, so that the thread runs some fifty times a
//! second whatever the number of publishers, instead of once for each batch; the end of a segment is not kept waiting. While
//! there is something to write each time, the thread wakes by itself: to be woken costs the publishers' threads more than a
//! push.
//! A session's commands are carried out in the order in which they were pushed.
//!
//! # When the disk refuses
//!
//! A file that could not be made or written takes nothing more, so that it has no hole; what belongs to it is counted and
//! dropped, and the session's next file that can be made stands behind a discontinuity. So a disk that recovers is
//! written again from the next segment on.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{error, info};

use super::disk::{Disk, DiskFile};
use super::name::{FileName, Form};
use super::repair::says_gone;
use super::{Facts, Gap, Place, Spooled, State, file_name};

/// How long batches gather: a part of the 250 ms that a killed process may lose.
pub(super) const GATHER: Duration = Duration::from_millis(20);

/// Names an open file between the sessions and the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId(u64);

impl fmt::Display for FileId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a session wants done.
#[derive(Debug)]
pub(super) enum Command {
    /// Makes the file, and the session's folder where that is missing.
    Create {
        id: FileId,
        place: Place,
        session: Arc<Folder>,
    },
    Append {
        id: FileId,
        batch: Bytes,
        /// Given back when the batch is written.
        room: OwnedSemaphorePermit,
    },
    Finish {
        id: FileId,
        facts: Facts,
        done: oneshot::Sender<Spooled>,
    },
    /// Nobody will finish the file; it stays as it is. Nothing, after `Finish`.
    Forget { id: FileId },
    /// The file is needed no more.
    Remove { path: PathBuf },
    /// Removes the session's folder if no segment is left in it.
    Close {
        session: Arc<Folder>,
        done: oneshot::Sender<()>,
    },
}

impl Command {
    /// The open file that it concerns.
    fn file(&self) -> Option<FileId> {
        match self {
            Self::Create { id, .. } | Self::Append { id, .. } | Self::Finish { id, .. } | Self::Forget { id } => {
                Some(*id)
            }
            Self::Remove { .. } | Self::Close { .. } => None,
        }
    }
}

/// A session's folder, as the writer knows it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Bucket and channel, a line each; whose segments these are.
    pub(super) channel: String,
    /// Whether the folder is there, and says whose it is. Only the writer looks at it.
    named: AtomicBool,
    /// Of what could not be written. Only the writer locks it.
    gap: Mutex<Gap>,
}

impl Folder {
    pub(super) fn new(path: PathBuf, channel: String) -> Arc<Self> {
        Arc::new(Self {
            path,
            channel,
            named: AtomicBool::new(false),
            gap: Mutex::default(),
        })
    }

    fn gap(&self) -> MutexGuard<'_, Gap> {
        self.gap.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Writer {
    name: &'static str,
    disk: Arc<dyn Disk>,
    /// Files are made durable after each round.
    sync: bool,
    next_id: AtomicU64,
    /// Held for a push or a swap, never while writing.
    queue: Mutex<Queue>,
    came: Condvar,
    #[cfg(test)]
    task: tokio::sync::Notify,
}

/// Bounded by the batches that each session may have waiting.
#[derive(Debug, Default)]
struct Queue {
    commands: Vec<Command>,
    /// Somebody waits for an answer.
    urgent: bool,
    /// The thread looks again within [`GATHER`], and need not be woken unless it is urgent.
    watched: bool,
    stopped: bool,
}

/// The files that are being written.
type Files = HashMap<FileId, Open>;

struct Open {
    name: FileName,
    session: Arc<Folder>,
    file: io::Result<Box<dyn DiskFile>>,
    length: u64,
    /// So many of them are durable.
    synced: u64,
    sync_failed: bool,
}

impl Writer {
    /// Its thread is called `name`.
    pub(super) fn new(name: &'static str, disk: Arc<dyn Disk>, sync: bool) -> Arc<Self> {
        Arc::new(Self {
            name,
            disk,
            sync,
            next_id: AtomicU64::new(0),
            queue: Mutex::default(),
            came: Condvar::new(),
            #[cfg(test)]
            task: tokio::sync::Notify::new(),
        })
    }

    /// Starts the thread; it ends after [`stop`](Self::stop), when all that was pushed is done.
    pub(super) fn start(self: &Arc<Self>) -> io::Result<()> {
        let writer = Arc::clone(self);
        thread::Builder::new()
            .name(self.name.to_owned())
            .spawn(move || writer.run())
            .map(drop)
    }

    pub(super) fn next_id(&self) -> FileId {
        FileId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn push(&self, command: Command) {
        let urgent = matches!(command, Command::Finish { .. } | Command::Close { .. });
        let mut queue = self.lock();
        let wakes = urgent || (queue.commands.is_empty() && !queue.watched);
        queue.commands.push(command);
        queue.urgent |= urgent;
        drop(queue);
        if wakes {
            self.came.notify_one();
            #[cfg(test)]
            self.task.notify_one();
        }
    }

    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.came.notify_one();
        #[cfg(test)]
        self.task.notify_one();
    }

    fn run(&self) {
        let mut files = Files::new();
        let mut commands = Vec::new();
        self.lock().watched = true;
        while self.gather(&mut commands) {
            self.carry_out_all(&mut commands, &mut files);
        }
    }

    /// As the thread does, on the runtime: for simulations, whose time stands still while anything runs.
    #[cfg(test)]
    pub(super) async fn run_as_task(self: Arc<Self>) {
        let mut files = Files::new();
        loop {
            self.task.notified().await;
            if !self.lock().urgent {
                tokio::time::sleep(GATHER).await;
            }
            let mut commands = {
                let mut queue = self.lock();
                queue.urgent = false;
                if queue.stopped && queue.commands.is_empty() {
                    return;
                }
                mem::take(&mut queue.commands)
            };
            self.carry_out_all(&mut commands, &mut files);
        }
    }

    /// Waits for commands and takes all that there are; `false` when none will come.
    fn gather(&self, commands: &mut Vec<Command>) -> bool {
        let idle = |queue: &mut Queue| queue.commands.is_empty() && !queue.stopped;
        let gathering = |queue: &mut Queue| !queue.urgent && !queue.stopped;
        let gathered = |queue| {
            let waited = self.came.wait_timeout_while(queue, GATHER, gathering);
            waited.unwrap_or_else(PoisonError::into_inner).0
        };
        let mut queue = gathered(self.lock());
        if idle(&mut queue) {
            queue.watched = false;
            let waited = self.came.wait_while(queue, idle);
            queue = waited.unwrap_or_else(PoisonError::into_inner);
            queue.watched = true;
            queue = gathered(queue);
        }
        queue.urgent = false;
        mem::swap(&mut queue.commands, commands);
        !(commands.is_empty() && queue.stopped)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Every change of the queue is whole before anything can panic.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out_all(&self, commands: &mut Vec<Command>, files: &mut Files) {
        for command in commands.drain(..) {
            let file = command.file();
            // One session's mishap must not leave all others without a writer.
            if panic::catch_unwind(AssertUnwindSafe(|| self.carry_out(command, files))).is_err() {
                error!(
                    event = "panic_caught",
                    thread = self.name,
                    "a segment's file takes nothing more"
                );
                if let Some(open) = file.and_then(|id| files.get_mut(&id)) {
                    open.fail(io::Error::other("a panic while it was written"), 0);
                }
            }
        }
        if self.sync {
            files.values_mut().for_each(Open::sync);
        }
    }

    fn carry_out(&self, command: Command, files: &mut Files) {
        match command {
            Command::Create { id, place, session } => {
                files.insert(id, self.create(place, session));
            }
            Command::Append { id, batch, room } => {
                if let Some(open) = files.get_mut(&id) {
                    open.append(&batch);
                }
                drop(room);
            }
            Command::Finish { id, facts, done } => {
                if let Some(open) = files.remove(&id) {
                    // Who no longer waits for the answer has given the segment up.
                    let _ = done.send(self.finish(open, facts));
                }
            }
            Command::Forget { id } => {
                files.remove(&id);
            }
            Command::Remove { path } => {
                if let Err(error) = self.disk.remove(&path)
                    && !says_gone(&error)
                {
                    error!(path = %path.display(), %error, "a segment that is stored stays in the spool");
                }
            }
            Command::Close { session, done } => {
                self.close(&session);
                let _ = done.send(());
            }
        }
    }

    fn create(&self, mut place: Place, session: Arc<Folder>) -> Open {
        place.discontinuity |= session.gap().is_open();
        let name = FileName {
            place,
            form: Form::Open,
        };
        let file = self.try_create(&name, &session).and_then(|file| {
            if self.sync {
                self.disk.sync_folder(&session.path)?;
            }
            Ok(file)
        });
        if let Err(error) = &file {
            session.gap().begin(&session.channel, error);
        }
        Open {
            name,
            session,
            file,
            length: 0,
            synced: 0,
            sync_failed: false,
        }
    }

    fn try_create(&self, name: &FileName, session: &Folder) -> io::Result<Box<dyn DiskFile>> {
        let path = session.path.join(name.to_string());
        if session.named.load(Ordering::Relaxed) {
            match self.disk.create(&path) {
                Err(error) if says_gone(&error) => {}
                made => return made,
            }
        }
        self.name(session)?;
        session.named.store(true, Ordering::Relaxed);
        self.disk.create(&path)
    }

    /// Makes the folder, and says whose it is.
    fn name(&self, session: &Folder) -> io::Result<()> {
        self.disk.create_folder(&session.path)?;
        if self.sync
            && let Some(spool) = session.path.parent()
        {
            self.disk.sync_folder(spool)?;
        }
        let path = session.path.join(super::CHANNEL_FILE);
        let mut channel = match self.disk.create(&path) {
            // One that could not be written whole.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(&path)?;
                self.disk.create(&path)?
            }
            made => made?,
        };
        channel.append(session.channel.as_bytes())?;
        if self.sync {
            channel.sync()?;
            self.disk.sync_folder(&session.path)?;
        }
        Ok(())
    }

    fn finish(&self, mut open: Open, facts: Facts) -> Spooled {
        if self.sync {
            open.sync();
        }
        let path = open.session.path.join(open.name.to_string());
        let place = open.name.place;
        let state = match open.file {
            Ok(_) if open.length == facts.length => {
                let name = FileName {
                    place,
                    form: Form::Whole(facts),
                };
                let whole = open.session.path.join(name.to_string());
                // The old name says less, and is as good while this process lives.
                let path = if self.disk.rename(&path, &whole).is_ok() {
                    whole
                } else {
                    path
                };
                return Spooled {
                    place,
                    state: State::Whole(path, facts),
                };
            }
            _ if open.sync_failed => State::Unsynced(path, open.synced),
            _ => State::Torn(path),
        };
        Spooled { place, state }
    }

    fn close(&self, session: &Folder) {
        // A folder that was never made is closed as well; one that still holds segments stays, and says whose they are.
        let Ok(left) = self.disk.list(&session.path) else {
            return;
        };
        let is_segment = |path: &PathBuf| file_name(path).and_then(FileName::parse).is_some();
        if !left.iter().any(is_segment) {
            // A crash must not bring segments back without their channel.
            let synced = if self.sync {
                self.disk.sync_folder(&session.path)
            } else {
                Ok(())
            };
            let removed = synced.and_then(|()| left.iter().try_for_each(|path| self.disk.remove(path)));
            if let Err(error) = removed.and_then(|()| self.disk.remove_folder(&session.path)) {
                info!(folder = %session.path.display(), %error, "an empty folder stays in the spool");
            }
        }
    }
}

impl Open {
    /// After a failure nothing more is written: the file would have a hole.
    fn append(&mut self, batch: &[u8]) {
        let written = match &mut self.file {
            Ok(file) => file.append(batch),
            Err(_) => {
                self.session.gap().add(batch.len());
                return;
            }
        };
        match written {
            Ok(()) => {
                // A full disk still makes files: only bytes show that it takes media again.
                self.session.gap().end(&self.session.channel);
                self.length += batch.len() as u64;
            }
            Err(error) => self.fail(error, batch.len()),
        }
    }

    /// Takes nothing more, and has lost so many bytes.
    fn fail(&mut self, error: io::Error, lost: usize) {
        let mut gap = self.session.gap();
        gap.begin(&self.session.channel, &error);
        gap.add(lost);
        drop(gap);
        self.file = Err(error);
    }

    fn sync(&mut self) {
        let Ok(file) = &mut self.file else { return };
        if self.synced == self.length {
            return;
        }
        match file.sync() {
            Ok(()) => self.synced = self.length,
            Err(error) => {
                self.fail(error, 0);
                self.sync_failed = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use alluvium_oss::UnixTime;
    use tokio::sync::Semaphore;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::super::disk::LocalDisk;
    use super::*;

    #[tokio::test]
    async fn a_batch_is_written_whether_the_thread_looks_again_or_sleeps() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::new("writer", Arc::new(LocalDisk), false);
        writer.start().unwrap();
        let session = Folder::new(folder.path().join("session"), "bucket\nchannel\n".to_owned());
        let place = Place {
            order: 0,
            name: UnixTime::from_millis(7),
            program_date_time: UnixTime::from_millis(7),
            discontinuity: false,
        };
        let form = Form::Open;
        let path = session.path.join(FileName { place, form }.to_string());
        let id = writer.next_id();
        writer.push(Command::Create { id, place, session });
        let rooms = Arc::new(Semaphore::new(1));
        let written = async {
            for asleep in [false, true, false, true] {
                while asleep && writer.lock().watched {
                    yield_now().await;
                }
                let room = Arc::clone(&rooms).acquire_owned().await.unwrap();
                let batch = Bytes::from_static(b"ab");
                writer.push(Command::Append { id, batch, room });
                // There is room again when the batch is written.
                drop(rooms.acquire().await.unwrap());
            }
        };
        timeout(Duration::from_secs(60), written).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abababab");
        writer.stop();
    }
}
