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
    hot::{Changing, Hot},
    index::{self, Place},
    losses::Losses,
    uploads,
};
use crate::{Condition, Error, NewUpload, ObjectInfo, PartInfo, Upload};

/// A change of the index, and who waits for it to be durable.
pub(super) struct Command {
    pub(super) change: Change,
    pub(super) reply: oneshot::Sender<Result<(), Error>>,
}

pub(super) enum Change {
    Put {
        bucket: BucketName,
        info: Box<ObjectInfo>,
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
    BeginUpload(Box<(Upload, NewUpload)>),
    PutPart {
        upload: Upload,
        info: PartInfo,
        content: Staged,
    },
    CompleteUpload {
        upload: Upload,
        /// The parts that were joined: number and blob.
        parts: Vec<(u32, BlobId)>,
        info: Box<ObjectInfo>,
        content: Content,
        condition: Condition,
    },
    AbortUpload(Upload),
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
    losses: Arc<Losses>,
    hot: Arc<Hot>,
    /// Blobs of puts whose commit failed: a row may name them still, until another commit succeeds. At most those of one batch,
    /// and blobs that could not be removed.
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
        (blobs, losses, hot): (Arc<Blobs>, Arc<Losses>, Arc<Hot>),
        settled: BlobId,
        sweep: SyncSender<()>,
    ) -> Self {
        Self {
            connection,
            index,
            blobs,
            losses,
            hot,
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
    pub(super) fn commit(&mut self, batch: Vec<Command>) {
        // Only a rollback that failed leaves a transaction here.
        self.roll_back();
        let (changes, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|command| (command.change, command.reply)).unzip();
        let mut changing = self.hot.change(changes.iter().filter_map(Change::object));
        let outcomes = match self
            .settle()
            .and_then(|()| self.sync_folders(&changes))
            .and_then(|()| self.apply(&changes))
        {
            Ok(applied) => {
                // A commit that fails may have lost them, too.
                let losers = changes.iter().filter_map(Change::loser);
                losers.for_each(|(bucket, key)| self.losses.count(bucket, key));
                self.conclude(changes, applied, &mut changing)
            }
            Err(error) => {
                tracing::warn!(%error, changes = changes.len(), "changes of the index failed");
                vec![Err(error); replies.len()]
            }
        };
        drop(changing);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Whoever asked may have gone; the change stands.
            let _ = reply.send(outcome);
        }
    }

    /// After a failed commit nothing else is tried before one commit has succeeded, which decides what became of the failed one.
    fn settle(&mut self) -> Result<(), Error> {
        self.uncertain.extend(self.blobs.take_unremoved());
        if self.uncertain.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction().map_err(failed(&self.index))?;
        for id in &self.uncertain {
            index::drop_blob(&transaction, *id).map_err(failed(&self.index))?;
        }
        self.blobs.disk.commit(&transaction).map_err(failed(&self.index))?;
        drop(transaction);
        for id in self.uncertain.drain(..) {
            self.blobs.settle(id);
        }
        self.wake_sweeper();
        Ok(())
    }

    fn sync_folders(&self, changes: &[Change]) -> Result<(), Error> {
        let mut staged = changes.iter().filter_map(Change::staged);
        let folders: BTreeSet<PathBuf> = staged.clone().map(|staged| self.blobs.folder_of(staged.id())).collect();
        folders.iter().try_for_each(|folder| self.blobs.sync_folder(folder))?;
        staged.try_for_each(Staged::believe_sync)
    }

    /// Writes all changes into a transaction, without ending it; what a change is refused for concerns nobody else.
    fn apply(&mut self, changes: &[Change]) -> Result<Vec<Result<Applied, Error>>, Error> {
        let mark = self.advance();
        let write = || {
            index::begin(&self.connection)?;
            if let Some(settled) = mark {
                index::set_settled(&self.connection, settled)?;
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

    /// Where the mark is to be, when it has fallen behind.
    fn advance(&mut self) -> Option<BlobId> {
        let settled = self.blobs.settled();
        if settled.0 < self.settled.0 + BLOBS_PER_FOLDER {
            return None;
        }
        // A removed blob that came back below the mark would stay for good; one above it is found by the next open.
        self.blobs.sync_names(self.settled, settled).ok()?;
        // Should the commit fail, the mark in the index is too low, which costs only time at the next open.
        self.settled = settled;
        Some(settled)
    }

    /// Commits, and decides what becomes of the blobs.
    fn conclude(
        &mut self,
        changes: Vec<Change>,
        applied: Vec<Result<Applied, Error>>,
        changing: &mut Changing,
    ) -> Vec<Result<(), Error>> {
        let committed = self.blobs.disk.commit(&self.connection).map_err(failed(&self.index));
        if let Err(error) = &committed {
            tracing::warn!(%error, changes = changes.len(), "a commit of the index failed");
            self.roll_back();
        }
        let mut sweep = false;
        let mut outcomes = Vec::with_capacity(changes.len());
        for (change, applied) in changes.into_iter().zip(applied) {
            let change = match (&applied, &committed) {
                (Ok(_), Ok(())) => change.renew(changing),
                _ => Some(change),
            };
            let staged = change.and_then(Change::into_staged);
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
    /// The key whose object the change replaces or removes, if there is one.
    fn loser(&self) -> Option<(&BucketName, &ObjectKey)> {
        match self {
            Self::Put {
                bucket,
                info,
                condition,
                ..
            } => (*condition != Condition::Absent).then_some((bucket, &info.key)),
            Self::CompleteUpload { upload, condition, .. } => {
                (*condition != Condition::Absent).then_some((&upload.bucket, &upload.key))
            }
            Self::Delete { bucket, key } => Some((bucket, key)),
            Self::SetAcl { .. }
            | Self::BeginUpload(_)
            | Self::PutPart { .. }
            | Self::AbortUpload(_)
            | Self::Forget(_) => None,
        }
    }

    /// The object that it changes.
    fn object(&self) -> Option<(&BucketName, &ObjectKey)> {
        match self {
            Self::Put { bucket, info, .. } => Some((bucket, &info.key)),
            Self::CompleteUpload { upload, .. } => Some((&upload.bucket, &upload.key)),
            Self::Delete { bucket, key } | Self::SetAcl { bucket, key, .. } => Some((bucket, key)),
            Self::BeginUpload(_) | Self::PutPart { .. } | Self::AbortUpload(_) | Self::Forget(_) => None,
        }
    }

    /// Tells what a small object is, now that this is durable; what else there was to do is given back.
    fn renew(self, changing: &mut Changing) -> Option<Self> {
        match self {
            Self::Put {
                bucket,
                info,
                content: Content::Inline(bytes),
                ..
            } => {
                changing.renew(bucket, *info, bytes);
                None
            }
            other => Some(other),
        }
    }

    fn staged(&self) -> Option<&Staged> {
        match self {
            Self::Put {
                content: Content::Blob(staged),
                ..
            }
            | Self::CompleteUpload {
                content: Content::Blob(staged),
                ..
            }
            | Self::PutPart { content: staged, .. } => Some(staged),
            _ => None,
        }
    }

    fn into_staged(self) -> Option<Staged> {
        match self {
            Self::Put {
                content: Content::Blob(staged),
                ..
            }
            | Self::CompleteUpload {
                content: Content::Blob(staged),
                ..
            }
            | Self::PutPart { content: staged, .. } => Some(staged),
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
        } => put(connection, bucket, info, content, condition),
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
        Change::BeginUpload(begun) => uploads::begin(connection, &begun.0, &begun.1).map(|()| Ok(Applied::Kept)),
        Change::PutPart { upload, info, content } => {
            if uploads::find(connection, upload)?.is_none() {
                return Ok(Err(Error::NoUpload(upload.clone())));
            }
            let old = uploads::put_part(connection, upload, info, content.id())?;
            release(connection, old).map(Ok)
        }
        Change::CompleteUpload {
            upload,
            parts,
            info,
            content,
            condition,
        } => complete(connection, upload, parts, |connection| {
            put(connection, &upload.bucket, info, content, condition)
        }),
        Change::AbortUpload(upload) => match uploads::remove(connection, upload)? {
            None => Ok(Err(Error::NoUpload(upload.clone()))),
            Some(blobs) => release(connection, blobs).map(Ok),
        },
        Change::Forget(blobs) => {
            blobs.iter().try_for_each(|id| index::forget_blob(connection, *id))?;
            Ok(Ok(Applied::Kept))
        }
    }
}

/// Writes an object's row and bytes.
fn put(
    connection: &Connection,
    bucket: &BucketName,
    info: &ObjectInfo,
    content: &Content,
    condition: &Condition,
) -> rusqlite::Result<Result<Applied, Error>> {
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

/// Ends an upload with an object, if the parts that were joined are still those that it has.
fn complete(
    connection: &Connection,
    upload: &Upload,
    parts: &[(u32, BlobId)],
    put: impl FnOnce(&Connection) -> rusqlite::Result<Result<Applied, Error>>,
) -> rusqlite::Result<Result<Applied, Error>> {
    if uploads::find(connection, upload)?.is_none() {
        return Ok(Err(Error::NoUpload(upload.clone())));
    }
    for (number, joined) in parts {
        if uploads::blob_of(connection, upload, *number)? != Some(*joined) {
            return Ok(Err(Error::Part { number: *number }));
        }
    }
    if let Err(refused) = put(connection)? {
        return Ok(Err(refused));
    }
    let blobs = uploads::remove(connection, upload)?.unwrap_or_default();
    release(connection, blobs)?;
    Ok(Ok(Applied::Dropped))
}

fn release(connection: &Connection, blobs: impl IntoIterator<Item = BlobId>) -> rusqlite::Result<Applied> {
    let mut applied = Applied::Kept;
    for id in blobs {
        index::drop_blob(connection, id)?;
        applied = Applied::Dropped;
    }
    Ok(applied)
}

fn failed(index: &std::path::Path) -> impl FnOnce(rusqlite::Error) -> Error {
    move |error| Error::unavailable("write", index.display(), error)
}

/// Bounds how long the first of a batch waits for the rest to be written; beyond some hundreds the shared fsync is nothing beside the rows.
const BATCH_MAX: usize = 256;

#[cfg(test)]
mod tests;
