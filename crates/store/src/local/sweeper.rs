use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, mpsc::Receiver},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    blobs::{BlobId, Blobs},
    index,
    readers::Readers,
    writer::{Change, Command},
};
use crate::Error;

/// The thread that unlinks blobs which have lost their row, behind the backs of readers that have them open.
pub(super) struct Sweeper {
    pub(super) readers: Arc<Readers>,
    pub(super) blobs: Arc<Blobs>,
    /// Weak, so that the sweeper does not keep the writer alive.
    pub(super) writer: mpsc::WeakSender<Command>,
}

impl Sweeper {
    /// Sweeps what an earlier process left, then whenever it is woken, until nobody can wake it.
    pub(super) fn run(self, wake: Receiver<()>) {
        loop {
            if let Err(error) = self.sweep(|removed| self.forget(removed)) {
                tracing::warn!(%error, "blobs that nobody needs stay until the next change or start");
            }
            if wake.recv().is_err() {
                return;
            }
        }
    }

    /// Unlinks everything that is listed as dropped, and hands the names to `forget`, which is false when the store is closing.
    pub(super) fn sweep(&self, mut forget: impl FnMut(Vec<BlobId>) -> bool) -> Result<(), Error> {
        let mut after = None;
        loop {
            let dropped = self
                .readers
                .with(|connection| index::dropped(connection, after, BATCH_MAX))?;
            let Some(last) = dropped.last() else { return Ok(()) };
            after = Some(*last);
            let removed = self.remove(dropped)?;
            if !removed.is_empty() && !forget(removed) {
                return Ok(());
            }
        }
    }

    /// Unlinks blobs durably, so that none of them can come back with nothing to tell of it; returns those that are gone.
    ///
    /// # Errors
    /// Why a removal could not be made durable.
    fn remove(&self, dropped: Vec<BlobId>) -> Result<Vec<BlobId>, Error> {
        let failed_syncs = self.blobs.failed_syncs();
        let gone = |id: &BlobId| match self.blobs.remove(*id) {
            // One that is gone already may have gone before a sync that failed: the next open sees whether it is.
            Ok(was_there) => was_there || failed_syncs == 0,
            Err(error) => {
                tracing::warn!(%error, "a blob that nobody needs stays");
                false
            }
        };
        let removed: Vec<BlobId> = dropped.into_iter().filter(gone).collect();
        let folders: BTreeSet<PathBuf> = removed
            .iter()
            .map(|id| self.blobs.folder_of(*id))
            .filter(|folder| folder.exists())
            .collect();
        folders.iter().try_for_each(|folder| self.blobs.sync_folder(folder))?;
        self.blobs.believe(failed_syncs)?;
        Ok(removed)
    }

    /// Takes names out of the table; false when the store is closing.
    pub(super) fn forget(&self, removed: Vec<BlobId>) -> bool {
        let Some(writer) = self.writer.upgrade() else {
            return false;
        };
        let (reply, outcome) = oneshot::channel();
        if writer
            .blocking_send(Command {
                change: Change::Forget(removed),
                reply,
            })
            .is_err()
        {
            return false;
        }
        drop(writer);
        // A failure leaves the names where they are, to be swept again.
        outcome.blocking_recv().is_ok()
    }
}

/// One commit forgets so many.
const BATCH_MAX: usize = 256;
