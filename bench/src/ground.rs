//! Where the servers write: folders that none of them finds used.
//!
//! An ext4 without a journal gives no inode away again for a minute after its file was deleted (for six, while that is not
//! written to the disk), and passes over each of them whenever a file is created: ten times what creating one costs
//! otherwise. So nothing is deleted while anything is measured. What a server has written is emptied, which gives its room
//! back, and all of it is removed in the end.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::machine;

pub(crate) struct Ground {
    folder: PathBuf,
    next: AtomicUsize,
    /// Nothing was deleted here since.
    untouched_since: Instant,
}

impl Ground {
    /// Ground in a folder that has room for what the greatest run leaves; removes what an interrupted comparison has left.
    pub(crate) fn new(storage: &Path) -> Result<Self> {
        let folder = storage.join("runs");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let free = machine::free_bytes(storage)?;
        ensure!(
            free >= FREE_BYTES_MIN,
            "{} has {:.1} GiB free, and {:.0} are needed: choose another disk",
            storage.display(),
            free as f64 / GIB as f64,
            FREE_BYTES_MIN as f64 / GIB as f64
        );
        fs::create_dir(&folder)?;
        rustix::fs::syncfs(File::open(&folder)?).context("writing everything to the disk")?;
        Ok(Self {
            folder,
            next: AtomicUsize::new(0),
            untouched_since: Instant::now(),
        })
    }

    /// A folder for one start of a server.
    pub(crate) fn folder(&self) -> io::Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.join(number.to_string());
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Waits until nothing that was deleted before, by whom ever, is passed over any more.
    pub(crate) fn await_rest(&self) {
        thread::sleep(REST.saturating_sub(self.untouched_since.elapsed()));
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.folder)
    }
}

/// Gives back the room that a folder's files take, and keeps the files.
pub(crate) fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            empty(&entry.path())?;
        } else if kind.is_file() {
            File::options().write(true).open(entry.path())?.set_len(0)?;
        }
    }
    Ok(())
}

/// What ext4 calls recent, and a second that it rounds away.
const REST: Duration = Duration::from_secs(61);
const GIB: u64 = 1 << 30;
/// An unpaced publisher's 2 GiB, and what Alluvium wants to see free beside; a thousand paced ones leave less.
const FREE_BYTES_MIN: u64 = crate::load::UNPACED_BYTES_MAX + GIB;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn each_start_finds_a_new_folder_and_what_is_emptied_stays() {
        let storage = std::env::temp_dir().join(format!("alluvium-bench-ground-{}", std::process::id()));
        fs::create_dir_all(storage.join("runs/left")).unwrap();
        let ground = Ground::new(&storage).unwrap();
        let [first, second] = [(), ()].map(|()| ground.folder().unwrap());
        assert_ne!(first, second);
        let file = first.join("out/segment");
        fs::create_dir(first.join("out")).unwrap();
        fs::write(&file, [1; 9000]).unwrap();
        let inode = fs::metadata(&file).unwrap().ino();
        empty(&first).unwrap();
        let found = fs::metadata(&file).unwrap();
        assert_eq!((found.len(), found.blocks(), found.ino()), (0, 0, inode));
        ground.remove().unwrap();
        assert!(fs::read_dir(&storage).unwrap().next().is_none());
        fs::remove_dir(storage).unwrap();
    }
}
