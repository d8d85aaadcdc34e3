use std::{
    fs::{self, File, TryLockError},
    path::Path,
    sync::{Arc, atomic::AtomicBool, mpsc::sync_channel},
    thread,
};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    blobs::{BlobId, Blobs},
    body, failed, index,
    inner::{Inner, Source},
    readers::{Readers, Threads},
    sweeper::Sweeper,
    sync_folder,
    writer::{Change, Content, Writer},
};
use crate::{
    Body, Capabilities, CompleteUpload, Copy, Error, ListPage, ListQuery, NewUpload, Object, ObjectInfo, ObjectStore,
    Part, PartInfo, PartPage, Put, RangeRequest, Upload, UploadId, UploadPage, UploadQuery, crc64,
};

/// Objects in a folder of a local file system; how it keeps them is told by [its module](crate::local).
///
/// One process has a folder open at a time. Dropping the store waits for what has been sent to its writer, a few milliseconds;
/// bodies that are still being read outlive it.
#[derive(Debug)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

/// Sizes of a [`LocalStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalStoreConfig {
    /// Objects of at most so many bytes are kept in the index. A playlist fits, a segment does not; SQLite writes such rows
    /// faster than a file system makes files.
    pub inline_bytes_max: usize,
    /// Threads reading at one time: as many as a disk answers at once.
    pub reads_max: usize,
    /// Threads writing at one time, each with one put that has a file to make; so many puts can share a commit.
    pub writes_max: usize,
    /// Changes that wait for the writer; beyond them callers wait.
    pub queue_length_max: usize,
}

impl Default for LocalStoreConfig {
    fn default() -> Self {
        Self {
            inline_bytes_max: 32 * 1024,
            reads_max: 16,
            writes_max: 64,
            queue_length_max: 1024,
        }
    }
}

impl LocalStore {
    /// Opens the store in `folder`, or makes one there. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the path and the reason: it cannot be written, another process has it open, its index is not readable.
    pub fn open(folder: &Path, config: LocalStoreConfig) -> Result<Self, Error> {
        let is_new = !folder.exists();
        let blobs_folder = folder.join("blobs");
        fs::create_dir_all(&blobs_folder).map_err(failed("create", &blobs_folder))?;
        let lock = lock(&folder.join("lock"))?;
        let index = folder.join("index.sqlite");
        let index_failed = |error: rusqlite::Error| Error::unavailable("open", index.display(), error);
        let connection = index::open_writer(&index).map_err(index_failed)?;
        sync_folder(folder)?;
        if is_new && let Some(parent) = folder.canonicalize().map_err(failed("find", folder))?.parent() {
            sync_folder(parent)?;
        }

        let settled = index::settled(&connection).map_err(index_failed)?;
        let existing = Blobs::existing(&blobs_folder, settled)?;
        let known = index::greatest_blob(&connection).map_err(index_failed)?;
        let next = existing
            .iter()
            .copied()
            .chain(known)
            .max()
            .map_or(settled, |greatest| settled.max(BlobId(greatest.0 + 1)));
        let blobs = Arc::new(Blobs::new(blobs_folder, next));
        let settled = sweep_orphans(&connection, &blobs, existing, next).map_err(index_failed)?;

        let (commands, queue) = mpsc::channel(config.queue_length_max.max(1));
        let (sweep, wake) = sync_channel(1);
        let readers = Arc::new(Readers::new(index.clone()));
        let sweeper = Sweeper {
            readers: Arc::clone(&readers),
            blobs: Arc::clone(&blobs),
            writer: commands.downgrade(),
        };
        let writer = Writer::new(connection, index, Arc::clone(&blobs), settled, sweep);
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(run)
                .map_err(failed("start a thread for", folder))
        };
        let threads = vec![
            start("store-writer", Box::new(move || writer.run(queue)))?,
            start("store-sweeper", Box::new(move || sweeper.run(wake)))?,
        ];
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                blobs,
                readers,
                reads: Arc::new(Threads::new(config.reads_max)),
                writes: Threads::new(config.writes_max),
                distrust_files: AtomicBool::new(false),
                writer: Some(commands),
                threads,
                _lock: lock,
            }),
        })
    }
}

#[cfg(test)]
impl LocalStore {
    /// The folder of the blobs.
    pub(super) fn folder(&self) -> &Path {
        self.inner.blobs.folder()
    }

    /// Does what the sweeper was woken for; when this returns it is done, by whichever of the two.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let (readers, blobs) = (Arc::clone(&self.inner.readers), Arc::clone(&self.inner.blobs));
        tokio::task::block_in_place(|| {
            Sweeper {
                readers,
                blobs,
                writer: self.inner.writer().downgrade(),
            }
            .sweep()
        })
    }

    /// Begins to adopt a file and gets no further, as if the process had been killed.
    pub(super) fn link_and_forget(&self, path: &Path) -> std::path::PathBuf {
        let staged = self.inner.blobs.stage().expect("a name can be had");
        staged.link(path).expect("it can be linked");
        let linked = staged.path();
        staged.leave_open();
        linked
    }

    pub(super) fn distrust_files(&self) {
        self.inner
            .distrust_files
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put(&self, bucket: &BucketName, key: &ObjectKey, put: Put) -> Result<ObjectInfo, Error> {
        let info = put.info(key);
        let bucket = bucket.clone();
        match &put.body {
            Body::Bytes(bytes) if bytes.len() <= self.inner.config.inline_bytes_max => {
                put.stated().verify(bytes.len() as u64, crc64(bytes))?;
                let content = Content::Inline(bytes.clone());
                self.inner
                    .change(Change::Put {
                        bucket,
                        info: info.clone().into(),
                        content,
                        condition: put.condition,
                    })
                    .await?;
            }
            _ => {
                let inner = Arc::clone(&self.inner);
                let info = info.clone();
                self.inner.writes.run(move || inner.put(bucket, info, put)).await?;
            }
        }
        Ok(info)
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let inner = Arc::clone(&self.inner);
        let (bucket, key) = (bucket.clone(), key.clone());
        let read = move || {
            let (info, source) = inner.open(&bucket, &key)?;
            let range = RangeRequest::resolve_or_whole(range, info.length)?;
            let (first, blob) = match source {
                Source::Inline(bytes) => (bytes.slice(range.start as usize..range.end as usize), None),
                Source::Blob(_, blob) => (blob.read(&range)?, Some(blob)),
            };
            Ok((info, range, first, blob))
        };
        let (info, range, first, blob) = self.inner.reads.run(read).await?;
        let body = match blob {
            Some(blob) if (first.len() as u64) < range.end - range.start => {
                body::stream(Arc::clone(&self.inner.reads), blob, range.clone(), first)
            }
            _ => stream::iter((!first.is_empty()).then_some(Ok(first))).boxed(),
        };
        Ok(Object { info, range, body })
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        let inner = Arc::clone(&self.inner);
        let (bucket, key) = (bucket.clone(), key.clone());
        self.inner.reads.run(move || inner.head(&bucket, &key)).await
    }

    async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), Error> {
        self.inner
            .change(Change::Delete {
                bucket: bucket.clone(),
                key: key.clone(),
            })
            .await
    }

    async fn list(&self, bucket: &BucketName, query: &ListQuery) -> Result<ListPage, Error> {
        let readers = Arc::clone(&self.inner.readers);
        let (bucket, query) = (bucket.clone(), query.clone());
        self.inner
            .reads
            .run(move || readers.with(|connection| index::list(connection, &bucket, &query)))
            .await
    }

    async fn copy(
        &self,
        from: (&BucketName, &ObjectKey),
        to: (&BucketName, &ObjectKey),
        copy: Copy,
    ) -> Result<ObjectInfo, Error> {
        let inner = Arc::clone(&self.inner);
        let from = (from.0.clone(), from.1.clone());
        let to = (to.0.clone(), to.1.clone());
        self.inner.writes.run(move || inner.copy(from, to, copy)).await
    }

    async fn set_acl(&self, bucket: &BucketName, key: &ObjectKey, acl: ObjectAcl) -> Result<(), Error> {
        self.inner
            .change(Change::SetAcl {
                bucket: bucket.clone(),
                key: key.clone(),
                acl,
            })
            .await
    }

    async fn begin_upload(&self, bucket: &BucketName, key: &ObjectKey, new: NewUpload) -> Result<Upload, Error> {
        let upload = Upload {
            bucket: bucket.clone(),
            key: key.clone(),
            id: UploadId::random(),
        };
        let begun = Box::new((upload.clone(), new));
        self.inner.change(Change::BeginUpload(begun)).await?;
        Ok(upload)
    }

    async fn put_part(&self, upload: &Upload, number: u32, part: Part) -> Result<PartInfo, Error> {
        let (inner, upload) = (Arc::clone(&self.inner), upload.clone());
        self.inner
            .writes
            .run(move || inner.put_part(upload, number, part))
            .await
    }

    async fn list_parts(&self, upload: &Upload, after: u32, limit: usize) -> Result<PartPage, Error> {
        let (inner, upload) = (Arc::clone(&self.inner), upload.clone());
        self.inner
            .reads
            .run(move || inner.list_parts(&upload, after, limit))
            .await
    }

    async fn list_uploads(&self, bucket: &BucketName, query: &UploadQuery) -> Result<UploadPage, Error> {
        let (inner, bucket, query) = (Arc::clone(&self.inner), bucket.clone(), query.clone());
        self.inner.reads.run(move || inner.list_uploads(&bucket, &query)).await
    }

    async fn complete_upload(&self, upload: &Upload, complete: CompleteUpload) -> Result<ObjectInfo, Error> {
        let (inner, upload) = (Arc::clone(&self.inner), upload.clone());
        self.inner
            .writes
            .run(move || inner.complete_upload(upload, complete))
            .await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        self.inner.change(Change::AbortUpload(upload.clone())).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            adopts_files: true,
            conditional_put: true,
        }
    }
}

/// Removes blobs that a process left without a row; returns up to where no such blob remains.
fn sweep_orphans(
    connection: &Connection,
    blobs: &Blobs,
    existing: Vec<BlobId>,
    next: BlobId,
) -> rusqlite::Result<BlobId> {
    let mut settled = next;
    for id in existing {
        // Dropped ones are the sweeper's, but unlinking them twice does no harm.
        if !index::has_blob(connection, id)?
            && let Err(error) = blobs.remove(id).and_then(|()| sync_folder(&blobs.folder_of(id)))
        {
            tracing::warn!(%error, "a blob without an object stays");
            settled = settled.min(id);
        }
    }
    index::set_settled(connection, settled)?;
    Ok(settled)
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let folder = path.parent().unwrap_or(path);
            Err(Error::unavailable(
                "open",
                folder.display(),
                "another process, or another part of this one, has it open",
            ))
        }
        Err(TryLockError::Error(error)) => Err(failed("lock", path)(error)),
    }
}
