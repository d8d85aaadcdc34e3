//! What connections that went wrong have sent, kept for a look at it: `alluvium replay`.

mod folder;
mod kept;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use alluvium_oss::UnixTime;
use alluvium_rtmp::capture::{Capture, Head, redact};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use folder::Folder;
pub(crate) use kept::Kept;

/// Files that wait for the disk, or are being written; what goes wrong beyond them is not kept.
const WRITING_MAX: usize = 8;

/// Takes what a connection has sent when that has gone wrong, and writes it away from the network's threads.
pub(crate) struct Captures {
    /// Of one connection, bytes.
    bytes_max: usize,
    folder: Arc<Folder>,
    writing: Arc<Semaphore>,
    /// What all connections hold.
    held: Arc<AtomicUsize>,
}

impl Captures {
    /// Of each connection that goes wrong, the first `bytes_max` bytes are kept below `folder`; none when that is 0.
    pub(crate) fn new(folder: &Path, bytes_max: u64) -> Option<Self> {
        (bytes_max > 0).then(|| Self {
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            folder: Arc::new(Folder::new(folder)),
            writing: Arc::new(Semaphore::new(WRITING_MAX)),
            held: Arc::default(),
        })
    }

    /// A connection begins.
    pub(crate) fn begin(&self) -> Kept {
        Kept::new(self.bytes_max, Arc::clone(&self.held))
    }

    /// Writes what a connection has sent, in a while, and tells where; `None` where too many others are being written.
    pub(crate) fn write(
        &self,
        kept: Kept,
        from: Option<String>,
        why: &str,
        peer: SocketAddr,
        now: UnixTime,
    ) -> Option<PathBuf> {
        let Ok(permit) = Arc::clone(&self.writing).try_acquire_owned() else {
            debug!(%peer, "not kept: {WRITING_MAX} others are being written");
            return None;
        };
        let path = self.folder.path(now, peer);
        let head = Head {
            from,
            received: Some(now.iso8601_millis()),
            refused: Some(why.to_owned()),
            cut: (kept.cut() > 0).then_some(kept.cut()),
            ..Head::default()
        };
        let (folder, into) = (Arc::clone(&self.folder), path.clone());
        tokio::task::spawn_blocking(move || {
            let mut bytes = kept.into_bytes();
            redact(&mut bytes);
            let file = Capture { head, bytes }.to_bytes();
            if let Err(error) = folder.write(&into, &file) {
                warn!(file = %into.display(), %error, "what a connection sent cannot be kept");
            }
            drop(permit);
        });
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_wrong_while_eight_files_are_written_is_not_kept() {
        let data = tempfile::tempdir().unwrap();
        let captures = Captures::new(data.path(), 100).unwrap();
        let write = || {
            let mut kept = captures.begin();
            kept.take(b"abc");
            captures.write(
                kept,
                None,
                "for a test",
                "192.0.2.1:5000".parse().unwrap(),
                UnixTime::default(),
            )
        };
        let others = |count| Arc::clone(&captures.writing).try_acquire_many_owned(count).unwrap();
        let seven = others(WRITING_MAX as u32 - 1);
        let path = write().expect("there is room for one more");
        drop(seven);
        // The file is there when its place is free again.
        let all = Arc::clone(&captures.writing)
            .acquire_many_owned(WRITING_MAX as u32)
            .await;
        assert!(path.exists());
        assert_eq!(write(), None);
        drop(all);
    }
}
