use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Spool, file_name};

/// How the names of files begin that were made to see whether one can be made.
const PROBE: &str = ".probe-";

/// Why nobody new can be recorded now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRoom {
    /// The disk has less room than is kept for those who publish already.
    #[error("its recording disk is nearly full: {free_mib} MiB are left")]
    Full { free_mib: u64 },
    /// No file can be made or written.
    #[error("its recording disk cannot be written: {0}")]
    Failing(io::Error),
}

impl Spool {
    /// Whether a new session can be recorded: `free_min` bytes are free, and a file can be made and written.
    pub(crate) async fn check_room(self: &Arc<Self>, free_min: u64) -> Result<(), NoRoom> {
        self.aside(move |spool| {
            let free = spool.disk.free(&spool.folder).map_err(NoRoom::Failing)?;
            if free < free_min {
                return Err(NoRoom::Full { free_mib: free >> 20 });
            }
            spool.probe().map_err(NoRoom::Failing)
        })
        .await
    }

    /// Removes what a process has left that was killed while it probed.
    pub(super) fn remove_probes(&self) -> io::Result<()> {
        let found = self.disk.list(&self.folder)?;
        let is_probe = |path: &&PathBuf| file_name(path).is_some_and(|name| name.starts_with(PROBE));
        found
            .iter()
            .filter(is_probe)
            .try_for_each(|path| self.disk.remove(path))
    }

    /// Makes a file, writes to it and removes it.
    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(format!("{PROBE}{}", self.writer.next_id()));
        let written = self.disk.create(&path).and_then(|mut file| file.append(b"?"));
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => written.and(Err(error)),
            _ => written,
        }
    }
}
