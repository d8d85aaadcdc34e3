//! Open and finished segments on this machine's disk, until a store has answered for them.
//!
//! ```text
//! <spool>/<session>/<sequence>-<name>-<program date time>[-d].ts
//! ```
//!
//! The path says all that is needed to list the segment later: the catalog knows the session's channel and epoch, the
//! file name holds its sequence number, its name and program date time in Unix milliseconds, and whether a
//! discontinuity stands before it.
//!
//! One thread writes all of it: see [`writer`].

mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_catalog::SessionId;
use alluvium_oss::UnixTime;
use bytes::Bytes;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;

use writer::{Command, FileId, Writer};

/// Batches (32 KiB or 200 ms) of one session that may wait to be written before its socket is no longer read: 1 MiB.
const BATCHES_WAITING_MAX: usize = 32;

/// The folder below which every session keeps its segments.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    writer: Arc<Writer>,
}

/// Where a segment will stand in its channel; known when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) name: UnixTime,
    pub(crate) program_date_time: UnixTime,
    pub(crate) discontinuity: bool,
}

/// One session's part of the spool.
#[derive(Debug)]
pub(crate) struct SessionSpool {
    folder: PathBuf,
    writer: Arc<Writer>,
    /// A place for each batch that waits; closed when a file of the session could not be written.
    waiting: Arc<Semaphore>,
}

/// One segment's file, being appended to; given up when dropped.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    id: FileId,
    writer: Arc<Writer>,
}

/// A finished file: its path, once all of it has been written.
pub(crate) type Written = oneshot::Receiver<io::Result<PathBuf>>;

/// The disk does not take what the session sends; the file's [`Written`] says why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Spool {
    /// Creates the folder where it is missing, makes sure that files can be made in it, and starts the writer.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let described = |error: io::Error| io::Error::new(error.kind(), format!("spool {}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(described)?;
        let probe = folder.join(".probe");
        fs::File::create(&probe).map_err(described)?;
        fs::remove_file(&probe).map_err(described)?;
        Ok(Self {
            folder: folder.to_owned(),
            writer: Writer::start()?,
        })
    }

    /// The sessions that have files here, each with how many; what is not a session's folder is passed over.
    pub(crate) fn leftovers(&self) -> io::Result<Vec<(PathBuf, usize)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() {
                let files = fs::read_dir(&path)?.count();
                if files == 0 {
                    fs::remove_dir(&path)?;
                } else {
                    found.push((path, files));
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn session(&self, session: SessionId) -> SessionSpool {
        SessionSpool {
            folder: self.session_folder(session),
            writer: Arc::clone(&self.writer),
            waiting: Arc::new(Semaphore::new(BATCHES_WAITING_MAX)),
        }
    }

    /// Removes the session's folder when nothing is left in it.
    pub(crate) async fn close_session(&self, session: SessionId) {
        let folder = self.session_folder(session);
        // A folder that still holds segments, or was never made, stays as it is.
        let _ = spawn_blocking(move || fs::remove_dir(folder)).await;
    }

    fn session_folder(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.writer.stop();
    }
}

impl SessionSpool {
    /// Begins a segment's file.
    pub(crate) fn create(&self, place: Place) -> SpoolFile {
        let id = self.writer.next_id();
        let path = self.folder.join(place.file_name());
        let waiting = Arc::clone(&self.waiting);
        self.writer.push(Command::Create { id, path, waiting });
        SpoolFile {
            id,
            writer: Arc::clone(&self.writer),
        }
    }

    /// Appends to the file, in order; waits while too much of the session waits for the disk.
    pub(crate) async fn append(&self, file: &SpoolFile, batch: Bytes) -> Result<(), Full> {
        let place = Arc::clone(&self.waiting).acquire_owned().await.map_err(|_| Full)?;
        self.writer.push(Command::Append {
            id: file.id,
            batch,
            place,
        });
        Ok(())
    }
}

impl SpoolFile {
    /// The file is complete; what was appended is written before its path is told.
    pub(crate) fn finish(self) -> Written {
        let (done, written) = oneshot::channel();
        self.writer.push(Command::Finish { id: self.id, done });
        written
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.writer.push(Command::Forget { id: self.id });
    }
}

impl Place {
    fn file_name(&self) -> String {
        format!(
            "{}-{}-{}{}.ts",
            self.sequence,
            self.name.as_millis(),
            self.program_date_time.as_millis(),
            if self.discontinuity { "-d" } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place {
            sequence,
            name: UnixTime::from_millis(1_700_000_000_123),
            program_date_time: UnixTime::from_millis(1_700_000_000_100),
            discontinuity: sequence == 0,
        }
    }

    #[tokio::test]
    async fn appends_in_order_under_a_name_that_says_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("spool")).unwrap();
        let session = spool.session(SessionId::from_bits(7));
        let (file, other) = (session.create(place(0)), session.create(place(1)));
        session.append(&file, Bytes::from_static(b"ab")).await.unwrap();
        session.append(&other, Bytes::from_static(b"--")).await.unwrap();
        session.append(&file, Bytes::from_static(b"cd")).await.unwrap();
        let path = file.finish().await.unwrap().unwrap();
        assert_eq!(path.file_name().unwrap(), "0-1700000000123-1700000000100-d.ts");
        assert_eq!(fs::read(&path).unwrap(), b"abcd");
        assert_eq!(spool.leftovers().unwrap(), [(path.parent().unwrap().to_owned(), 2)]);
    }

    #[tokio::test]
    async fn a_closed_session_leaves_no_folder_unless_a_segment_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let session = SessionId::from_bits(1);
        let path = spool.session(session).create(place(1)).finish().await.unwrap().unwrap();
        spool.close_session(session).await;
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
        spool.close_session(session).await;
        assert!(!path.parent().unwrap().exists());
    }

    #[tokio::test]
    async fn a_disk_that_does_not_write_takes_no_more_and_says_why_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let session = spool.session(SessionId::from_bits(2));
        fs::write(folder.path().join(SessionId::from_bits(2).to_string()), "in the way").unwrap();
        let file = session.create(place(0));
        while session.append(&file, Bytes::from_static(b"x")).await.is_ok() {
            tokio::task::yield_now().await;
        }
        let error = file.finish().await.unwrap().unwrap_err();
        assert_ne!(error.to_string(), "");
    }

    #[tokio::test]
    async fn a_session_waits_at_the_limit_of_waiting_batches() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let session = spool.session(SessionId::from_bits(3));
        let file = session.create(place(0));
        let held: Vec<_> = (0..BATCHES_WAITING_MAX)
            .map(|_| Arc::clone(&session.waiting).try_acquire_owned().unwrap())
            .collect();
        let mut waits = std::pin::pin!(session.append(&file, Bytes::from_static(b"x")));
        assert!(futures_util::poll!(waits.as_mut()).is_pending());
        drop(held);
        waits.await.unwrap();
    }

    #[test]
    fn says_which_folder_cannot_be_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Spool::open(&file.path().join("spool")).unwrap_err();
        assert!(
            error.to_string().contains(&file.path().display().to_string()),
            "{error}"
        );
    }
}
