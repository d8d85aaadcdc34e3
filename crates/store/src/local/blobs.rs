use std::{
    collections::BTreeSet,
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{disk::Disk, failed, sync_folder};
use crate::{Crc64, Error};

/// The name of a blob. Names rise and are never used twice, so that no row can ever come to mean another object's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BlobId(pub(super) u64);

impl BlobId {
    /// The number of the folder it lies in.
    fn folder(self) -> u64 {
        self.0 / BLOBS_PER_FOLDER
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The files that hold objects' bytes.
#[derive(Debug)]
pub(super) struct Blobs {
    pub(super) disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Held while a name is reserved, which once every [`BLOBS_PER_FOLDER`] names makes a folder.
    names: Mutex<Names>,
    /// Held while a folder of blobs is synced, so that a failure is counted before another sync of that folder succeeds.
    syncing: Mutex<()>,
    /// The system tells of a failed sync once, and what it has lost then stays lost though later ones succeed.
    failed_syncs: AtomicU64,
}

#[derive(Debug)]
struct Names {
    /// The next name to be given.
    next: BlobId,
    /// The number of the newest folder that exists durably.
    folder: Option<u64>,
    /// Names whose blob may exist without a row; at most one per put in progress, but for those below.
    in_flight: BTreeSet<BlobId>,
    /// Those of them whose blob nobody needs and could not be removed.
    unremoved: Vec<BlobId>,
}

impl Blobs {
    /// Takes over the folder of blobs, which exists; `next` is greater than every name used so far.
    pub(super) fn new(disk: Arc<dyn Disk>, folder: PathBuf, next: BlobId) -> Self {
        Self {
            disk,
            folder,
            names: Mutex::new(Names {
                next,
                folder: None,
                in_flight: BTreeSet::new(),
                unremoved: Vec::new(),
            }),
            syncing: Mutex::new(()),
            failed_syncs: AtomicU64::new(0),
        }
    }

    /// Reserves a name for a blob that is to be written.
    pub(super) fn stage(self: &Arc<Self>) -> Result<Staged, Error> {
        let mut names = self.names();
        let id = names.next;
        if names.folder != Some(id.folder()) {
            let folder = folder_path(&self.folder, id.folder());
            self.disk.create_folder(&folder).map_err(failed("create", &folder))?;
            if let Err(error) = sync_folder(&*self.disk, &self.folder) {
                // A later sync says nothing of a folder that was there before this one: it takes a new one.
                if self.disk.remove_folder(&folder).is_err() {
                    names.next = BlobId((id.folder() + 1) * BLOBS_PER_FOLDER);
                }
                return Err(error);
            }
            names.folder = Some(id.folder());
        }
        names.next = BlobId(id.0 + 1);
        names.in_flight.insert(id);
        Ok(Staged {
            blobs: Arc::clone(self),
            id,
            failed_syncs: self.failed_syncs(),
            fate: Fate::Remove,
        })
    }

    /// All names below this one are settled: their blob has a row, or is listed as dropped, or does not exist.
    pub(super) fn settled(&self) -> BlobId {
        let names = self.names();
        names.in_flight.first().copied().unwrap_or(names.next)
    }

    /// Nobody needs a blob, and it could not be removed.
    pub(super) fn remove_later(&self, id: BlobId, error: &Error) {
        tracing::warn!(%error, "a blob that nobody needs stays for now");
        let mut names = self.names();
        names.in_flight.insert(id);
        names.unremoved.push(id);
    }

    /// Blobs that nobody needs and could not be removed, each of them once. They stay in flight until they are settled.
    pub(super) fn take_unremoved(&self) -> Vec<BlobId> {
        std::mem::take(&mut self.names().unremoved)
    }

    /// A name whose fate was left open has been settled.
    pub(super) fn settle(&self, id: BlobId) {
        self.names().in_flight.remove(&id);
    }

    #[cfg(test)]
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, id: BlobId) -> PathBuf {
        self.folder_of(id).join(id.to_string())
    }

    pub(super) fn folder_of(&self, id: BlobId) -> PathBuf {
        folder_path(&self.folder, id.folder())
    }

    /// Removes a blob; one that is absent is removed already. Returns whether it was there.
    pub(super) fn remove(&self, id: BlobId) -> Result<bool, Error> {
        let path = self.path(id);
        match self.disk.remove(&path) {
            // A read-only file system does not look whether there is anything to remove.
            Err(error) if error.kind() != io::ErrorKind::NotFound && path.exists() => {
                Err(failed("remove", &path)(error))
            }
            outcome => Ok(outcome.is_ok()),
        }
    }

    /// Makes the entries of a folder of blobs durable.
    pub(super) fn sync_folder(&self, folder: &Path) -> Result<(), Error> {
        let opened = File::open(folder).map_err(failed("open", folder))?;
        let _turn = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        self.disk.sync_folder(&opened).map_err(|error| {
            tracing::error!(folder = %folder.display(), %error, "a folder could not be made durable");
            self.failed_syncs.fetch_add(1, Ordering::SeqCst);
            failed("sync", folder)(error)
        })
    }

    /// How many syncs of folders have failed.
    pub(super) fn failed_syncs(&self) -> u64 {
        self.failed_syncs.load(Ordering::SeqCst)
    }

    /// Whether a sync that has succeeded says something of what was done when `failed_syncs` had failed: not if one more has by now.
    pub(super) fn believe(&self, failed_syncs: u64) -> Result<(), Error> {
        if self.failed_syncs() == failed_syncs {
            return Ok(());
        }
        Err(Error::unavailable(
            "sync",
            self.folder.display(),
            "an earlier sync of its folders has failed",
        ))
    }

    /// Makes durable what has become of the names from `from` up to `to` in the life of this process: what was removed stays removed.
    pub(super) fn sync_names(&self, from: BlobId, to: BlobId) -> Result<(), Error> {
        self.believe(0)?;
        (from.folder()..=to.folder())
            .map(|number| folder_path(&self.folder, number))
            .filter(|folder| folder.exists())
            .try_for_each(|folder| self.sync_folder(&folder))?;
        self.believe(0)
    }

    /// The folders for blobs named `from` or later that exist, in no order.
    pub(super) fn folders(disk: &dyn Disk, folder: &Path, from: BlobId) -> Result<Vec<PathBuf>, Error> {
        let mut found = entries(disk, folder)?;
        found.retain(|(number, _)| *number >= from.folder());
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// The blobs named `from` or later that exist in these folders, in no order. Other files are left alone.
    pub(super) fn existing(disk: &dyn Disk, folders: &[PathBuf], from: BlobId) -> Result<Vec<BlobId>, Error> {
        let mut found = Vec::new();
        for folder in folders {
            let ids = entries(disk, folder)?.into_iter().map(|(id, _)| BlobId(id));
            found.extend(ids.filter(|id| *id >= from));
        }
        Ok(found)
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        // Every change of the names is a single step, so a panic elsewhere has not harmed them.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A blob that no row names yet. It is removed when dropped, unless its put was committed.
#[derive(Debug)]
pub(super) struct Staged {
    blobs: Arc<Blobs>,
    id: BlobId,
    /// As many as had failed when the name was reserved.
    failed_syncs: u64,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    /// Nothing will come of it.
    Remove,
    /// A row names it.
    Keep,
    /// Nobody knows yet whether a row names it.
    Open,
}

impl Staged {
    /// Writes the blob's bytes and makes them durable.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        let (disk, path) = (&self.blobs.disk, self.path());
        let mut file = disk.create(&path).map_err(failed("create", &path))?;
        disk.write(&mut file, bytes)
            .and_then(|()| disk.sync(&file))
            .map_err(failed("write", &path))
    }

    /// Copies the blob's bytes from what is left of `source`, makes them durable and returns their length and CRC-64.
    pub(super) fn copy(&self, source: &File, source_path: &Path) -> Result<(u64, u64), Error> {
        let mut copied = self.begin()?;
        copied.append(source, source_path)?;
        copied.finish()
    }

    /// Begins to write the blob's bytes piece by piece.
    pub(super) fn begin(&self) -> Result<Copied<'_>, Error> {
        Copied::begin(&*self.blobs.disk, self.path())
    }

    /// Gives an existing file the blob's name too, beside its own. What is in it is not made durable.
    pub(super) fn link(&self, existing: &Path) -> io::Result<()> {
        self.blobs.disk.link(existing, &self.path())
    }

    /// Takes the name back, so that the blob can be written anew.
    pub(super) fn clear(&self) -> Result<(), Error> {
        self.blobs.remove(self.id).map(drop)
    }

    /// A durable row names it now.
    pub(super) fn keep(mut self) {
        self.fate = Fate::Keep;
    }

    /// A row may name it: the commit failed in a way that leaves both possible. The name stays in flight until it is settled.
    pub(super) fn leave_open(mut self) -> BlobId {
        self.fate = Fate::Open;
        self.id
    }

    /// Whether a sync of its folder that has succeeded made its name durable: not when one has failed since it may have had it.
    pub(super) fn believe_sync(&self) -> Result<(), Error> {
        self.blobs.believe(self.failed_syncs)
    }

    pub(super) fn id(&self) -> BlobId {
        self.id
    }

    pub(super) fn path(&self) -> PathBuf {
        self.blobs.path(self.id)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        match self.fate {
            Fate::Keep => self.blobs.settle(self.id),
            Fate::Open => {}
            Fate::Remove => match self.blobs.remove(self.id) {
                Ok(_) => self.blobs.settle(self.id),
                Err(error) => self.blobs.remove_later(self.id, &error),
            },
        }
    }
}

/// A blob that is being written out of other files.
pub(super) struct Copied<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    length: u64,
    crc: Crc64,
}

impl<'a> Copied<'a> {
    fn begin(disk: &'a dyn Disk, path: PathBuf) -> Result<Self, Error> {
        let file = disk.create(&path).map_err(failed("create", &path))?;
        Ok(Self {
            disk,
            path,
            file,
            buffer: vec![0; COPY_BYTES],
            length: 0,
            crc: Crc64::new(),
        })
    }

    /// Adds what is left of `source`.
    pub(super) fn append(&mut self, mut source: &File, source_path: &Path) -> Result<(), Error> {
        loop {
            let count = match source.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed("read", source_path)(error)),
            };
            let piece = &self.buffer[..count];
            let written = self.disk.write(&mut self.file, piece);
            written.map_err(failed("write", &self.path))?;
            self.length += count as u64;
            self.crc.update(piece);
        }
    }

    /// Makes the bytes durable and returns their length and CRC-64.
    pub(super) fn finish(self) -> Result<(u64, u64), Error> {
        self.disk.sync(&self.file).map_err(failed("write", &self.path))?;
        Ok((self.length, self.crc.finish()))
    }
}

fn folder_path(blobs: &Path, number: u64) -> PathBuf {
    blobs.join(format!("{number:013x}"))
}

/// The entries of a folder whose names are hexadecimal numbers.
fn entries(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut found = Vec::new();
    for path in disk.list(folder).map_err(failed("read", folder))? {
        match path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| u64::from_str_radix(name, 16).ok())
        {
            Some(number) => found.push((number, path)),
            None => tracing::warn!(path = %path.display(), "this is no file of the store, and is left alone"),
        }
    }
    Ok(found)
}

/// Names are given in sequence, so puts at one time share a folder and its fsync; beyond some thousands of entries a folder gets slow to change.
/// Tests have few, to pass from one to the next.
pub(super) const BLOBS_PER_FOLDER: u64 = if cfg!(test) { 8 } else { 4096 };

/// Large enough that a copy costs few calls, small enough to be nothing beside an object.
const COPY_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::local::disk::RealDisk;

    fn blobs(next: u64) -> (tempfile::TempDir, Arc<Blobs>) {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::new(Arc::new(RealDisk), folder.path().to_owned(), BlobId(next)));
        (folder, blobs)
    }

    fn existing(folder: &Path) -> Vec<BlobId> {
        let folders = Blobs::folders(&RealDisk, folder, BlobId(0)).unwrap();
        Blobs::existing(&RealDisk, &folders, BlobId(0)).unwrap()
    }

    #[test]
    fn names_rise_across_folders_and_only_settled_ones_are_passed() {
        let (folder, blobs) = blobs(BLOBS_PER_FOLDER - 1);
        let last = blobs.stage().unwrap();
        let first = blobs.stage().unwrap();
        assert_eq!((last.id().0, first.id().0), (BLOBS_PER_FOLDER - 1, BLOBS_PER_FOLDER));
        last.write(b"1").unwrap();
        first.write(b"2").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

        assert_eq!(blobs.settled(), last.id());
        let first_id = first.id();
        first.keep();
        assert_eq!(blobs.settled(), last.id(), "an earlier one is still in flight");
        drop(last);
        assert_eq!(blobs.settled(), BlobId(BLOBS_PER_FOLDER + 1));
        assert_eq!(existing(folder.path()), [first_id]);
    }

    #[test]
    fn a_blob_left_open_stays_in_flight_until_settled() {
        let (_folder, blobs) = blobs(7);
        let staged = blobs.stage().unwrap();
        staged.write(b"bytes").unwrap();
        let id = staged.leave_open();
        assert!(blobs.path(id).exists());
        assert_eq!(blobs.settled(), id);
        blobs.settle(id);
        assert_eq!(blobs.settled(), BlobId(8));
    }

    /// A read-only file system, which refuses to remove even what is not there.
    #[derive(Debug)]
    struct ReadOnly;

    impl Disk for ReadOnly {
        fn create(&self, _: &Path) -> io::Result<File> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }

        fn remove(&self, _: &Path) -> io::Result<()> {
            Err(io::ErrorKind::ReadOnlyFilesystem.into())
        }
    }

    #[test]
    fn names_of_blobs_that_were_never_made_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Arc::new(Blobs::new(Arc::new(ReadOnly), folder.path().to_owned(), BlobId(7)));
        let staged = blobs.stage().unwrap();
        assert!(staged.write(b"bytes").is_err());
        drop(staged);
        assert_eq!((blobs.settled(), blobs.take_unremoved()), (BlobId(8), vec![]));
    }

    #[test]
    fn files_of_others_are_left_alone() {
        let (folder, blobs) = blobs(0);
        let staged = blobs.stage().unwrap();
        staged.write(b"bytes").unwrap();
        fs::write(folder.path().join("lost+found"), b"").unwrap();
        fs::write(staged.path().with_file_name("notes.txt"), b"").unwrap();
        assert_eq!(existing(folder.path()), [staged.id()]);
    }
}
