use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use rusqlite::Connection;

/// What the store asks of the file system in order to change it: where tests let a disk fail, or forget what was not synced.
///
/// The provided methods are the file system as it is. Reading is not among them: what has been written is read from files directly.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Makes a folder; one that is there is made already.
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            outcome => outcome,
        }
    }

    /// Removes an empty folder.
    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        fs::remove_dir(folder)
    }

    /// Makes a file that does not exist yet.
    fn create(&self, path: &Path) -> io::Result<File> {
        File::create_new(path)
    }

    /// Appends to a file.
    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Makes a file's bytes durable.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Gives a file a second name.
    fn link(&self, existing: &Path, path: &Path) -> io::Result<()> {
        fs::hard_link(existing, path)
    }

    /// Takes a name from a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    /// Makes a folder's entries durable, new ones as well as the lack of removed ones.
    fn sync_folder(&self, folder: &File) -> io::Result<()> {
        folder.sync_all()
    }

    /// The entries of a folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    }

    /// Ends a transaction of the index; SQLite makes it durable by means of its own.
    fn commit(&self, index: &Connection) -> rusqlite::Result<()> {
        index.prepare_cached("COMMIT")?.execute(()).map(drop)
    }
}

/// The file system as it is.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}
