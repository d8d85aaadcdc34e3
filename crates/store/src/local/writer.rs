use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, mpsc::SyncSender},
};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    blobs::{BLOBS_PER_FOLDER, BlobId, Blobs, Staged},
    index::{self, Place},
    sync_folder,
};
use crate::{Condition, Error, ObjectInfo};

/// A change of the index, and who waits for it to be durable.
pub(super) struct Command {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

pub(super) enum Change {
    Put {
        bucket: BucketName,
        info: ObjectInfo,
        content: Content,
        condition: Condition,
    },
    Delete {
        bucket: BucketName,
        key: ObjectKey,
    },
    SetAcl {
        bucket: BucketName,
        key: ObjectKey,
        acl: ObjectAcl,
    },
    /// These blobs have been unlinked.
    Forget(Vec<BlobId>),
}

pub(super) enum Content {
    Inline(Bytes),
    Blob(Staged),
}

/// The one thread that writes the index: whatever waits for it shares one fsync of the folder and one commit.
pub(super) struct Writer {
    connection: Connection,
    index: PathBuf,
    blobs: Arc<Blobs>,
    /// Blobs of puts whose commit failed: a row may name them still, until another commit succeeds. At most those of one batch.
    uncertain: Vec<BlobId>,
    /// The mark in the index.
    settled: BlobId,
    /// Wakes the sweeper; full when it is awake.
    sweep: SyncSender<()>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        index: PathBuf,
        blobs: Arc<Blobs>,
        settled: BlobId,
        sweep: SyncSender<()>,
    ) -> Self {
        Self {
            connection,
            index,
            blobs,
            uncertain: Vec::new(),
            settled,
            sweep,
        }
    }

    /// Serves until every sender is gone and everything sent has been answered.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        while let Some(first) = commands.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH_MAX
                && let Ok(next) = commands.try_recv()
            {
                batch.push(next);
            }
            self.commit(std::mem::take(&mut batch));
        }
    }

    /// Makes a batch durable and answers it.
    fn commit(&mut self, batch: Vec<Command>) {
        // Only a rollback that failed leaves a transaction here.
        self.roll_back();
        let (changes, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|command| (command.change, command.reply)).unzip();
        let outcomes = match self
            .settle()
            .and_then(|()| self.sync_folders(&changes))
            .and_then(|()| self.apply(&changes))
        {
            Ok(applied) => self.conclude(changes, applied),
            Err(error) => {
                tracing::warn!(%error, changes = changes.len(), "changes of the index failed");
                vec![Err(error); replies.len()]
            }
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever asked may have gone; the change stands.
            let _ = reply.send(outcome);
        }
    }

    /// After a failed commit nothing else is tried before one commit has succeeded, which decides what became of the failed one.
    fn settle(&mut self) -> Result<(), Error> {
        if self.uncertain.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction().map_err(failed(&self.index))?;
        for id in &self.uncertain {
            index::drop_blob(&transaction, *id).map_err(failed(&self.index))?;
        }
        transaction.commit().map_err(failed(&self.index))?;
        for id in self.uncertain.drain(..) {
            self.blobs.settle(id);
        }
        self.wake_sweeper();
        Ok(())
    }

    fn sync_folders(&self, changes: &[Change]) -> Result<(), Error> {
        let staged = changes.iter().filter_map(Change::staged);
        let folders: BTreeSet<PathBuf> = staged.map(|staged| self.blobs.folder_of(staged.id())).collect();
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Writes all changes into a transaction, without ending it; what a change is refused for concerns nobody else.
    fn apply(&mut self, changes: &[Change]) -> Result<Vec<Result<Applied, Error>>, Error> {
        let mut write = || {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            let settled = self.blobs.settled();
            if settled.0 >= self.settled.0 + BLOBS_PER_FOLDER {
                index::set_settled(&self.connection, settled)?;
                // Should the commit fail, the mark in the index is too low, which costs only time at the next open.
                self.settled = settled;
            }
            changes
                .iter()
                .map(|change| apply(&self.connection, change))
                .collect::<rusqlite::Result<_>>()
        };
        write().map_err(|error| {
            self.roll_back();
            failed(&self.index)(error)
        })
    }

    /// Commits, and decides what becomes of the blobs.
    fn conclude(&mut self, changes: Vec<Change>, applied: Vec<Result<Applied, Error>>) -> Vec<Result<(), Error>> {
        let committed = self.connection.execute_batch("COMMIT").map_err(failed(&self.index));
        if let Err(error) = &committed {
            tracing::warn!(%error, changes = changes.len(), "a commit of the index failed");
            self.roll_back();
        }
        let mut sweep = false;
        let mut outcomes = Vec::with_capacity(changes.len());
        for (change, applied) in changes.into_iter().zip(applied) {
            let staged = change.into_staged();
            outcomes.push(match (applied, &committed) {
                (Ok(applied), Ok(())) => {
                    staged.into_iter().for_each(Staged::keep);
                    sweep |= applied == Applied::Dropped;
                    Ok(())
                }
                (Ok(_), Err(error)) => {
                    self.uncertain.extend(staged.map(Staged::leave_open));
                    Err(error.clone())
                }
                // It was refused by what the transaction saw, which counts only if that was committed.
                (Err(refused), Ok(())) => Err(refused),
                (Err(_), Err(error)) => Err(error.clone()),
            });
        }
        if sweep {
            self.wake_sweeper();
        }
        outcomes
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, index = %self.index.display(), "a transaction can be neither ended nor undone");
        }
    }

    fn wake_sweeper(&self) {
        // Full: it is about to look. Disconnected: the store is closing, and the next open will look.
        let _ = self.sweep.try_send(());
    }
}

impl Change {
    fn staged(&self) -> Option<&Staged> {
        match self {
            Self::Put {
                content: Content::Blob(staged),
                ..
            } => Some(staged),
            _ => None,
        }
    }

    fn into_staged(self) -> Option<Staged> {
        match self {
            Self::Put {
                content: Content::Blob(staged),
                ..
            } => Some(staged),
            _ => None,
        }
    }
}

/// What a change that was not refused has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// A blob lost its row.
    Dropped,
    /// No blob lost its row.
    Kept,
}

/// Writes one change into the open transaction. An outer error undoes the whole batch, an inner one refuses this change alone.
fn apply(connection: &Connection, change: &Change) -> rusqlite::Result<Result<Applied, Error>> {
    match change {
        Change::Put {
            bucket,
            info,
            content,
            condition,
        } => {
            let current = index::current(connection, bucket, &info.key)?;
            let etag = current.as_ref().map(|current| current.etag.as_str());
            if let Err(refused) = condition.check(bucket, &info.key, etag) {
                return Ok(Err(refused));
            }
            let (old_content, old_blob) = current.map_or((None, None), |current| (current.content, current.blob));
            let place = match content {
                Content::Inline(bytes) => Place::Inline(index::put_content(connection, old_content, bytes)?),
                Content::Blob(staged) => {
                    if let Some(id) = old_content {
                        index::remove_content(connection, id)?;
                    }
                    Place::Blob(staged.id())
                }
            };
            index::put(connection, bucket, info, place)?;
            release(connection, old_blob).map(Ok)
        }
        Change::Delete { bucket, key } => {
            let Some(current) = index::current(connection, bucket, key)? else {
                return Ok(Ok(Applied::Kept));
            };
            index::remove(connection, bucket, key)?;
            if let Some(id) = current.content {
                index::remove_content(connection, id)?;
            }
            release(connection, current.blob).map(Ok)
        }
        Change::SetAcl { bucket, key, acl } => {
            let found = index::set_acl(connection, bucket, key, *acl)?;
            Ok(if found {
                Ok(Applied::Kept)
            } else {
                Err(Error::not_found(bucket, key))
            })
        }
        Change::Forget(blobs) => {
            blobs.iter().try_for_each(|id| index::forget_blob(connection, *id))?;
            Ok(Ok(Applied::Kept))
        }
    }
}

fn release(connection: &Connection, blob: Option<BlobId>) -> rusqlite::Result<Applied> {
    let Some(id) = blob else { return Ok(Applied::Kept) };
    index::drop_blob(connection, id)?;
    Ok(Applied::Dropped)
}

fn failed(index: &std::path::Path) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| Error::unavailable("write", index.display(), error)
}

/// Bounds how long the first of a batch waits for the rest to be written; beyond some hundreds the shared fsync is nothing beside the rows.
const BATCH_MAX: usize = 256;
