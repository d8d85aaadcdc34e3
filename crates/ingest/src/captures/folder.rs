use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alluvium_oss::UnixTime;

/// Files in the folder; the oldest goes before one more comes.
const FILES_MAX: usize = 200;

/// Bytes of all files together; the oldest go before they become more.
const BYTES_MAX: u64 = 512 * 1024 * 1024;

const EXTENSION: &str = "rtmp";

/// Where the files are. Only its owner may read them: they hold what people filmed.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// One is written at a time, so that the limits hold. Taken on threads that may wait for the disk only.
    writing: Mutex<()>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            writing: Mutex::new(()),
        }
    }

    /// A name by which files are in order, and which tells whose it is.
    pub(super) fn path(&self, now: UnixTime, peer: SocketAddr) -> PathBuf {
        let address = peer.ip().to_canonical().to_string().replace(':', "-");
        let name = format!("{}-{address}-{}.{EXTENSION}", now.iso8601_basic(), peer.port());
        self.path.join(name)
    }

    /// Writes a file, after it has made room for it.
    pub(super) fn write(&self, path: &Path, file: &[u8]) -> io::Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        self.make_room(file.len() as u64)?;
        let mut created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        created.write_all(file)
    }

    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                let length = fs::metadata(&path)?.len();
                files.push((path, length));
            }
        }
        files.sort();
        let mut count = files.len();
        let mut total: u64 = files.iter().map(|(_, length)| length).sum();
        for (path, length) in files {
            if count < FILES_MAX && total.saturating_add(bytes) <= BYTES_MAX {
                break;
            }
            fs::remove_file(path)?;
            count -= 1;
            total -= length;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn path(folder: &Folder, second: i64) -> PathBuf {
        folder.path(UnixTime::from_secs(1_700_000_000 + second), "[::1]:99".parse().unwrap())
    }

    fn names(folder: &Folder) -> Vec<PathBuf> {
        let mut names: Vec<_> = fs::read_dir(&folder.path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn only_its_owner_may_read_a_file() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(&data.path().join("captures"));
        let path = path(&folder, 0);
        folder.write(&path, b"abc").unwrap();
        assert_eq!(path.file_name().unwrap(), "20231114T221320Z---1-99.rtmp");
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        for (path, mode) in [(&path, 0o600), (&folder.path, 0o700)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn the_oldest_files_go_when_there_are_too_many() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        fs::write(data.path().join("a.note"), b"of somebody else").unwrap();
        for second in 0..FILES_MAX as i64 + 2 {
            folder.write(&path(&folder, second), b"abc").unwrap();
        }
        let expected: Vec<_> = (2..FILES_MAX as i64 + 2).map(|second| path(&folder, second)).collect();
        let mut names = names(&folder);
        assert_eq!(names.pop(), Some(data.path().join("a.note")));
        assert_eq!(names, expected);
    }

    #[test]
    fn the_oldest_files_go_when_they_are_too_large() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path());
        for second in [0, 1] {
            folder.write(&path(&folder, second), b"").unwrap();
            // A hole: the length is what counts.
            let file = OpenOptions::new().write(true).open(path(&folder, second)).unwrap();
            file.set_len(BYTES_MAX / 2).unwrap();
        }
        folder.write(&path(&folder, 2), b"").unwrap();
        assert_eq!(names(&folder).len(), 3, "full to the last byte is not too large");
        folder.write(&path(&folder, 3), b"a").unwrap();
        assert_eq!(names(&folder), [1, 2, 3].map(|second| path(&folder, second)));
    }
}
