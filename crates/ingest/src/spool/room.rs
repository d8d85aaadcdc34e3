use std::io;
use std::sync::Arc;

use super::Spool;

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

    /// Makes a file, writes to it and removes it.
    pub(super) fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(format!(".probe-{}", self.writer.next_id()));
        let written = self.disk.create(&path).and_then(|mut file| file.append(b"?"));
        match self.disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => written.and(Err(error)),
            _ => written,
        }
    }
}
