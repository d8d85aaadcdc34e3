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
mod tests {
    use std::sync::mpsc::{Receiver, sync_channel};

    use alluvium_oss::UnixTime;
    use tempfile::TempDir;

    use super::*;
    use crate::{Attributes, crc64, local::disk::RealDisk};

    struct Bench {
        writer: Writer,
        woken: Receiver<()>,
        _folder: TempDir,
    }

    impl Bench {
        fn new(next: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let index = folder.path().join("index.sqlite");
            let connection = index::open_writer(&index).unwrap();
            let blobs_folder = folder.path().join("blobs");
            std::fs::create_dir(&blobs_folder).unwrap();
            let blobs = Arc::new(Blobs::new(Arc::new(RealDisk), blobs_folder, BlobId(next)));
            let (sweep, woken) = sync_channel(1);
            Self {
                writer: Writer::new(
                    connection,
                    index,
                    (blobs, Arc::new(Losses::new()), Arc::new(Hot::new(1 << 20, 8))),
                    BlobId(0),
                    sweep,
                ),
                woken,
                _folder: folder,
            }
        }

        fn commit(&mut self, changes: Vec<Change>) -> Vec<Result<(), Error>> {
            let (commands, replies): (Vec<_>, Vec<_>) = changes
                .into_iter()
                .map(|change| {
                    let (reply, outcome) = oneshot::channel();
                    (Command { change, reply }, outcome)
                })
                .unzip();
            self.writer.commit(commands);
            replies
                .into_iter()
                .map(|mut reply| reply.try_recv().expect("every command is answered"))
                .collect()
        }

        fn staged(&self) -> Staged {
            let staged = self.writer.blobs.stage().unwrap();
            staged.write(b"bytes").unwrap();
            staged
        }

        fn exists(&self, name: &str) -> bool {
            index::current(&self.writer.connection, &bucket(), &key(name))
                .unwrap()
                .is_some()
        }

        fn dropped(&self) -> Vec<BlobId> {
            index::dropped(&self.writer.connection, None, 9).unwrap()
        }
    }

    fn bucket() -> BucketName {
        BucketName::parse("bucket").unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(name).unwrap()
    }

    fn put(name: &str, content: Content) -> Change {
        let info = ObjectInfo {
            key: key(name),
            length: 5,
            crc64: crc64(b"bytes"),
            etag: "etag".into(),
            modified: UnixTime::default(),
            attributes: Attributes::default(),
        };
        Change::Put {
            bucket: bucket(),
            info: info.into(),
            content,
            condition: Condition::Absent,
        }
    }

    fn inline(length: usize) -> Content {
        Content::Inline(vec![7; length].into())
    }

    #[test]
    fn a_refused_change_leaves_the_others_of_its_batch_alone() {
        let mut bench = Bench::new(0);
        let (first, second) = (bench.staged(), bench.staged());
        let (kept, removed) = (first.path(), second.path());
        let changes = vec![
            put("a", Content::Blob(first)),
            put("a", Content::Blob(second)),
            put("b", inline(5)),
        ];
        let exists = Err(Error::Exists {
            bucket: bucket(),
            key: key("a"),
        });
        assert_eq!(bench.commit(changes), [Ok(()), exists, Ok(())]);
        assert!(kept.exists() && !removed.exists() && bench.exists("b"));
        assert!(bench.dropped().is_empty() && bench.woken.try_recv().is_err());

        assert_eq!(
            bench.commit(vec![Change::Delete {
                bucket: bucket(),
                key: key("a")
            }]),
            [Ok(())]
        );
        assert_eq!(bench.dropped(), [BlobId(0)]);
        assert!(bench.woken.try_recv().is_ok());
        assert_eq!(bench.commit(vec![Change::Forget(vec![BlobId(0)])]), [Ok(())]);
        assert!(bench.dropped().is_empty());
    }

    #[test]
    fn an_upload_ends_only_with_the_parts_that_were_joined() {
        let mut bench = Bench::new(0);
        let upload = Upload {
            bucket: bucket(),
            key: key("a"),
            id: crate::UploadId::new("id"),
        };
        let new = NewUpload {
            attributes: Attributes::default(),
            at: UnixTime::default(),
        };
        let part = |content| Change::PutPart {
            upload: upload.clone(),
            info: PartInfo {
                number: 7,
                length: 5,
                crc64: crc64(b"bytes"),
                etag: "etag".into(),
                modified: UnixTime::default(),
            },
            content,
        };
        let complete = |blob| match put("a", inline(5)) {
            Change::Put {
                info,
                content,
                condition,
                ..
            } => Change::CompleteUpload {
                upload: upload.clone(),
                parts: vec![(7, blob)],
                info,
                content,
                condition,
            },
            _ => panic!("a put is a put"),
        };
        let begin = Change::BeginUpload(Box::new((upload.clone(), new)));
        let (first, second) = (bench.staged(), bench.staged());
        let (old, new) = (first.id(), second.id());
        assert_eq!(
            bench.commit(vec![begin, part(first), part(second)]),
            [Ok(()), Ok(()), Ok(())]
        );
        let outcomes = bench.commit(vec![complete(old), complete(new), complete(new)]);
        let replaced = Err(Error::Part { number: 7 });
        assert_eq!(outcomes, [replaced, Ok(()), Err(Error::NoUpload(upload.clone()))]);
        assert_eq!(bench.dropped(), [old, new]);
    }

    #[test]
    fn a_full_disk_fails_the_batch_whole_and_room_heals_it() {
        let mut bench = Bench::new(0);
        bench
            .writer
            .connection
            .pragma_update(None, "max_page_count", 20)
            .unwrap();
        let staged = bench.staged();
        let blob = staged.path();
        let outcomes = bench.commit(vec![
            put("a", inline(5)),
            put("b", Content::Blob(staged)),
            put("c", inline(200_000)),
        ]);
        for outcome in outcomes {
            let error = outcome.unwrap_err();
            assert!(
                matches!(&error, Error::Unavailable { place, .. } if place.ends_with("index.sqlite")),
                "{error}"
            );
        }
        assert!(!blob.exists() && !bench.exists("a") && !bench.exists("b"));

        bench
            .writer
            .connection
            .pragma_update(None, "max_page_count", 2000)
            .unwrap();
        assert_eq!(
            bench.commit(vec![put("a", inline(5)), put("c", inline(200_000))]),
            [Ok(()), Ok(())]
        );
    }

    #[test]
    fn blobs_of_a_failed_commit_stay_until_another_has_succeeded() {
        let mut bench = Bench::new(0);
        // A violated deferred constraint is noticed by COMMIT itself.
        bench
            .writer
            .connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER fail AFTER INSERT ON objects BEGIN INSERT INTO child VALUES (1); END;",
            )
            .unwrap();
        let staged = bench.staged();
        let (id, blob) = (staged.id(), staged.path());
        let outcome = bench.commit(vec![put("a", Content::Blob(staged))]).remove(0);
        assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
        assert!(!bench.exists("a") && blob.exists());
        assert_eq!(bench.writer.blobs.settled(), id);

        bench.writer.connection.execute_batch("DROP TRIGGER fail").unwrap();
        assert_eq!(bench.commit(vec![put("a", inline(5))]), [Ok(())]);
        assert_eq!(bench.dropped(), [id]);
        assert!(bench.writer.blobs.settled() > id && bench.woken.try_recv().is_ok());
    }

    #[test]
    fn the_mark_follows_from_folder_to_folder_but_never_past_a_blob_in_flight() {
        let mut bench = Bench::new(3 * BLOBS_PER_FOLDER);
        let in_flight = bench.staged();
        let committed = bench.staged();
        assert_eq!(bench.commit(vec![put("a", Content::Blob(committed))]), [Ok(())]);
        assert_eq!(index::settled(&bench.writer.connection).unwrap(), in_flight.id());
    }
}
