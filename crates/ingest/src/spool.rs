//! Open and finished segments on this machine's disk, until they are stored and recorded.
//!
//! ```text
//! <spool>/<session>/channel      whose: bucket and channel, a line each
//! <spool>/<session>/*.open       being written, or cut off
//! <spool>/<session>/*.ts         complete
//! ```
//!
//! A file's name ([`FileName`]) says where the segment belongs and, once it is complete, what it must hold. So whoever
//! finds the files of a killed process knows all that is needed to list them: see `recovery`.
//!
//! One thread writes all of it, and one removes: see [`writer`].

mod disk;
mod gap;
mod name;
mod repair;
mod room;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_catalog::{Lease, SessionId};
use alluvium_oss::{BucketName, ChannelName, UnixTime};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::spawn_blocking;

use crate::rounds;
#[cfg(test)]
pub(crate) use disk::DiskFile;
pub(crate) use disk::{Disk, LocalDisk};
pub(crate) use gap::Gap;
use name::{FileName, Form};
pub(crate) use repair::{Inspected, Repaired};
use writer::{Command, FileId, Folder, Writer};

/// Batches (32 KiB or 140 ms) of one session that may wait to be written before its socket is no longer read: 1 MiB.
const BATCHES_WAITING_MAX: usize = 32;

/// Says whose segments lie beside it.
const CHANNEL_FILE: &str = "channel";

/// What is copied from a file that must not be cut, until the copy takes its place.
const COPY_FILE: &str = "copy";

/// The folder below which every session keeps its segments.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    writer: Arc<Writer>,
    /// Removes, which may take long.
    remover: Arc<Writer>,
    runs: Runs,
}

/// Where file work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// On threads that may block.
    OnThreads,
    /// On the runtime: for simulations, whose disk does not block.
    #[cfg(test)]
    AsTasks,
}

/// Where a segment stands in its session; known when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Rises by one with each file of the session; the first has the sequence at which its lease begins.
    pub(crate) order: u64,
    /// Wall clock at which it began: the name it would like to have.
    pub(crate) name: UnixTime,
    pub(crate) program_date_time: UnixTime,
    pub(crate) discontinuity: bool,
}

/// What a complete segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Bytes.
    pub(crate) length: u64,
    /// CRC-64/XZ.
    pub(crate) crc64: u64,
    /// Ticks of 90 kHz.
    pub(crate) duration: u64,
}

/// One session's part of the spool.
#[derive(Debug)]
pub(crate) struct SessionSpool {
    folder: Arc<Folder>,
    writer: Arc<Writer>,
    /// A place for each batch that waits.
    waiting: Arc<Semaphore>,
}

/// One segment's file, being appended to; given up when dropped.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    id: FileId,
    writer: Arc<Writer>,
}

/// A file that is no longer written, once all of it has been.
pub(crate) type Written = oneshot::Receiver<Spooled>;

/// What became of a segment's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spooled {
    /// As it was begun, but behind a discontinuity where the disk has swallowed what came before it.
    pub(crate) place: Place,
    pub(crate) state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Whole(PathBuf, Facts),
    /// Its end is missing, or all of it: there may be no such file.
    Torn(PathBuf),
    /// As before, and no more than so many first bytes are durable: a sync of the rest has failed, which is told once.
    Unsynced(PathBuf, u64),
}

/// What a session has left in the spool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leftover {
    pub(crate) session: SessionId,
    /// Whose; `None` where that was not written.
    pub(crate) channel: Option<(BucketName, ChannelName)>,
    /// In order.
    pub(crate) files: Vec<Spooled>,
}

impl Spool {
    /// Creates the folder where it is missing, makes sure that files can be made in it, and starts the writer.
    ///
    /// With `sync`, what was written is made durable after each round of batches.
    pub(crate) fn open(folder: &Path, disk: Arc<dyn Disk>, sync: bool, runs: Runs) -> io::Result<Self> {
        let spool = Self {
            folder: folder.to_owned(),
            writer: Writer::new("spool-writer", Arc::clone(&disk), sync),
            remover: Writer::new("spool-remover", Arc::clone(&disk), sync),
            disk,
            runs,
        };
        spool
            .disk
            .create_folder(folder)
            .and_then(|()| spool.sync_name(sync))
            .and_then(|()| spool.remove_probes())
            .and_then(|()| spool.probe())
            .map_err(|error| io::Error::new(error.kind(), format!("spool {}: {error}", folder.display())))?;
        for writer in [&spool.writer, &spool.remover] {
            match runs {
                Runs::OnThreads => writer.start()?,
                #[cfg(test)]
                Runs::AsTasks => drop(tokio::spawn(Arc::clone(writer).run_as_task())),
            }
        }
        Ok(spool)
    }

    /// A folder whose own name is lost takes everything in it along.
    fn sync_name(&self, sync: bool) -> io::Result<()> {
        match self.folder.parent() {
            Some(above) if sync => self.disk.sync_folder(above),
            _ => Ok(()),
        }
    }

    pub(crate) fn session(&self, lease: &Lease) -> SessionSpool {
        SessionSpool {
            folder: self.folder_of(lease),
            writer: Arc::clone(&self.writer),
            waiting: Arc::new(Semaphore::new(BATCHES_WAITING_MAX)),
        }
    }

    /// A segment is stored and recorded: its file is needed no more.
    pub(crate) fn remove(&self, path: PathBuf) {
        self.remover.push(Command::Remove { path });
    }

    /// Removes the session's folder when no segment is left in it; what was removed before is gone then.
    pub(crate) async fn close_session(&self, session: SessionId) {
        let (done, closed) = oneshot::channel();
        let session = Folder::new(self.session_folder(session), String::new());
        self.remover.push(Command::Close { session, done });
        // The remover outlives every session.
        let _ = closed.await;
    }

    /// What sessions have left here; what is not of the spool is passed over.
    pub(crate) async fn leftovers(self: &Arc<Self>) -> io::Result<Vec<Leftover>> {
        self.aside(Self::read_leftovers).await
    }

    /// What one session has left here.
    pub(crate) async fn leftover(self: &Arc<Self>, session: SessionId) -> io::Result<Leftover> {
        self.aside(move |spool| spool.read_leftover(session, &spool.session_folder(session)))
            .await
    }

    /// Does file work where it may block.
    async fn aside<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        match self.runs {
            Runs::OnThreads => {
                let spool = Arc::clone(self);
                match spawn_blocking(move || work(&spool)).await {
                    Ok(done) => done,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                }
            }
            #[cfg(test)]
            Runs::AsTasks => work(self),
        }
    }

    fn read_leftovers(&self) -> io::Result<Vec<Leftover>> {
        let mut found = Vec::new();
        for folder in self.disk.list(&self.folder)? {
            if let Some(session) = file_name(&folder).and_then(|name| name.parse().ok()) {
                found.push(self.read_leftover(session, &folder)?);
            }
        }
        Ok(found)
    }

    fn read_leftover(&self, session: SessionId, folder: &Path) -> io::Result<Leftover> {
        let mut files = Vec::new();
        let mut channel = None;
        for path in self.disk.list(folder)? {
            let Some(name) = file_name(&path) else { continue };
            match FileName::parse(name) {
                Some(FileName { place, form }) => {
                    let state = match form {
                        Form::Open => State::Torn(path),
                        Form::Whole(facts) => State::Whole(path, facts),
                    };
                    files.push(Spooled { place, state });
                }
                None if name == CHANNEL_FILE => channel = self.read_channel(&path),
                None => {}
            }
        }
        files.sort_by_key(|file| file.place.order);
        Ok(Leftover {
            session,
            channel,
            files,
        })
    }

    fn read_channel(&self, path: &Path) -> Option<(BucketName, ChannelName)> {
        let mut text = Vec::new();
        self.disk.read(path, &mut |piece| text.extend_from_slice(piece)).ok()?;
        let text = String::from_utf8(text).ok()?;
        let (bucket, channel) = text.strip_suffix('\n')?.split_once('\n')?;
        Some((BucketName::parse(bucket).ok()?, ChannelName::parse(channel).ok()?))
    }

    fn folder_of(&self, lease: &Lease) -> Arc<Folder> {
        Folder::new(
            self.session_folder(lease.session),
            format!("{}\n{}\n", lease.bucket, lease.channel),
        )
    }

    fn session_folder(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.writer.stop();
        self.remover.stop();
    }
}

impl SessionSpool {
    /// Begins a segment's file.
    pub(crate) fn create(&self, place: Place) -> SpoolFile {
        let id = self.writer.next_id();
        let session = Arc::clone(&self.folder);
        self.writer.push(Command::Create { id, place, session });
        SpoolFile {
            id,
            writer: Arc::clone(&self.writer),
        }
    }

    /// Room for one batch; waits while too much of the session waits for the disk. Cancel safe.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        if let Ok(room) = Arc::clone(&self.waiting).try_acquire_owned() {
            return room;
        }
        // Who fills it sends faster than it plays.
        rounds::hurry();
        let room = Arc::clone(&self.waiting).acquire_owned().await;
        room.expect("the semaphore is never closed")
    }

    /// Bucket and channel, as the spool and the log name them.
    pub(crate) fn channel(&self) -> &str {
        &self.folder.channel
    }
}

impl SpoolFile {
    /// Appends to the file, in order.
    pub(crate) fn append(&self, batch: Bytes, room: OwnedSemaphorePermit) {
        self.writer.push(Command::Append {
            id: self.id,
            batch,
            room,
        });
    }

    /// The file is complete; what was appended is written before the answer comes.
    pub(crate) fn finish(self, facts: Facts) -> Written {
        let (done, written) = oneshot::channel();
        self.writer.push(Command::Finish {
            id: self.id,
            facts,
            done,
        });
        written
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.writer.push(Command::Forget { id: self.id });
    }
}

impl Spooled {
    pub(crate) fn path(&self) -> &Path {
        match &self.state {
            State::Whole(path, _) | State::Torn(path) | State::Unsynced(path, _) => path,
        }
    }
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

#[cfg(test)]
mod tests;
