use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::AtomicBool,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    blobs::{BlobId, Blobs},
    disk::Disk,
    failed,
    hot::Hot,
    index,
    inner::Inner,
    losses::Losses,
    readers::{Readers, Threads},
    store::LocalStoreConfig,
    sweeper::Sweeper,
    sync_folder,
    writer::{Command, Writer},
};
use crate::Error;

/// A store that has been opened and has no threads yet.
pub(super) struct Opened {
    pub(super) inner: Inner,
    pub(super) writer: Writer,
    pub(super) queue: mpsc::Receiver<Command>,
    pub(super) sweeper: Sweeper,
    pub(super) wake: Receiver<()>,
}

impl Opened {
    pub(super) fn open(disk: Arc<dyn Disk>, folder: &Path, config: LocalStoreConfig) -> Result<Self, Error> {
        make_folder(&*disk, folder)?;
        let blobs_folder = folder.join("blobs");
        disk.create_folder(&blobs_folder)
            .map_err(failed("create", &blobs_folder))?;
        let lock = lock(&folder.join("lock"))?;
        let index = folder.join("index.sqlite");
        let index_failed = |error: rusqlite::Error| Error::unavailable("open", index.display(), error);
        let connection = index::open_writer(&index).map_err(index_failed)?;
        sync_folder(&*disk, folder)?;

        let mut settled = index::settled(&connection).map_err(index_failed)?;
        let folders = Blobs::folders(&*disk, &blobs_folder, settled)?;
        let existing = Blobs::existing(&*disk, &folders, settled)?;
        let known = index::greatest_blob(&connection).map_err(index_failed)?;
        let next = existing
            .iter()
            .copied()
            .chain(known)
            .max()
            .map_or(settled, |greatest| settled.max(BlobId(greatest.0 + 1)));
        let blobs = Arc::new(Blobs::new(disk, blobs_folder, next));
        if sweep_orphans(&connection, &blobs, existing, &folders).map_err(index_failed)? {
            settled = blobs.settled();
            set_mark(&connection, &blobs, settled).map_err(index_failed)?;
        }

        let (commands, queue) = mpsc::channel(config.queue_length_max.max(1));
        let (sweep, wake) = sync_channel(1);
        let readers = Arc::new(Readers::new(index.clone()));
        let losses = Arc::new(Losses::new());
        let hot = Arc::new(Hot::new(config.hot_bytes_max, config.hot_files_max));
        Ok(Self {
            sweeper: Sweeper {
                readers: Arc::clone(&readers),
                blobs: Arc::clone(&blobs),
                writer: commands.downgrade(),
            },
            writer: Writer::new(
                connection,
                index,
                (Arc::clone(&blobs), Arc::clone(&losses), Arc::clone(&hot)),
                settled,
                sweep,
            ),
            queue,
            wake,
            inner: Inner {
                config,
                blobs,
                losses,
                readers,
                hot,
                pieces: Arc::default(),
                reads: Arc::new(Threads::new(config.reads_max)),
                writes: Threads::new(config.writes_max),
                distrust_files: AtomicBool::new(false),
                adopting: Mutex::default(),
                writer: Some(commands),
                threads: Vec::new(),
                _lock: lock,
            },
        })
    }

    /// Starts the threads.
    pub(super) fn start(self) -> Result<Inner, Error> {
        let Self {
            mut inner,
            writer,
            queue,
            sweeper,
            wake,
        } = self;
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
            thread.map_err(|error| Error::unavailable("start", format_args!("the thread {name}"), error))
        };
        inner.threads = vec![
            start("store-writer", Box::new(move || writer.run(queue)))?,
            start("store-sweeper", Box::new(move || sweeper.run(wake)))?,
        ];
        Ok(inner)
    }
}

/// Makes a folder, and those in which it lies, durably. One that is there may have been made by a process that was killed before its
/// name was durable.
fn make_folder(disk: &dyn Disk, folder: &Path) -> Result<(), Error> {
    if !folder.is_dir() {
        if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty())
            && !parent.exists()
        {
            make_folder(disk, parent)?;
        }
        disk.create_folder(folder).map_err(failed("create", folder))?;
    }
    match folder.canonicalize().map_err(failed("find", folder))?.parent() {
        Some(parent) => sync_folder(disk, parent),
        None => Ok(()),
    }
}

/// Removes blobs that a process left without a row; false when they may come back.
fn sweep_orphans(
    connection: &Connection,
    blobs: &Blobs,
    existing: Vec<BlobId>,
    folders: &[PathBuf],
) -> rusqlite::Result<bool> {
    for id in existing {
        // Dropped ones are the sweeper's, but unlinking them twice does no harm.
        if !index::has_blob(connection, id)?
            && let Err(error) = blobs.remove(id)
        {
            blobs.remove_later(id, &error);
        }
    }
    // Also where nothing was removed now: what the process before has removed may not be durable.
    let synced = folders.iter().try_for_each(|folder| blobs.sync_folder(folder));
    Ok(synced
        .inspect_err(|error| tracing::warn!(%error, "the next open looks for the same blobs again"))
        .is_ok())
}

/// Writes how far names are settled.
fn set_mark(connection: &Connection, blobs: &Blobs, settled: BlobId) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    index::set_settled(connection, settled)?;
    blobs.disk.commit(connection)
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let folder = path.parent().unwrap_or(path);
            Err(Error::unavailable(
                "open",
                folder.display(),
                "another process, or another part of this one, has it open",
            ))
        }
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}
