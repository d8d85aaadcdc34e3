use std::{ops::Range, path::Path, sync::Arc};

use alluvium_oss::{BucketName, ObjectAcl, ObjectKey};
use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    body::{self, Blob, Reading},
    disk::{Disk, RealDisk},
    hot::{self, Look, Ready, Room},
    index,
    inner::{Inner, Source, writer_gone},
    opened::Opened,
    readers::joined,
    writer::{Change, Content},
};
use crate::{
    Body, Capabilities, CompleteUpload, Copy, Error, ListPage, ListQuery, MemoryFile, NewUpload, Object, ObjectBytes,
    ObjectInfo, ObjectStore, Part, PartInfo, PartPage, Put, RangeRequest, Upload, UploadId, UploadPage, UploadQuery,
    crc64,
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
    /// Threads writing at one time, each with one put that has a file to make.
    pub writes_max: usize,
    /// Changes that wait for the writer; beyond them callers wait.
    pub queue_length_max: usize,
    /// Memory for objects that are asked for again and again: their facts, and the bytes of those that have no more than an
    /// eighth of it.
    pub hot_bytes_max: usize,
    /// Blobs that stay open because they are asked for again and again.
    pub hot_files_max: usize,
}

impl Default for LocalStoreConfig {
    fn default() -> Self {
        Self {
            inline_bytes_max: 32 * 1024,
            reads_max: 16,
            writes_max: 64,
            queue_length_max: 1024,
            hot_bytes_max: 16 * 1024 * 1024,
            hot_files_max: 64,
        }
    }
}

impl LocalStore {
    /// Opens the store in `folder`, or makes one there. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the path and the reason: it cannot be written, another process has it open, its index is not readable.
    pub fn open(folder: &Path, config: LocalStoreConfig) -> Result<Self, Error> {
        Self::open_on(Arc::new(RealDisk), folder, config)
    }

    pub(super) fn open_on(disk: Arc<dyn Disk>, folder: &Path, config: LocalStoreConfig) -> Result<Self, Error> {
        let inner = Arc::new(Opened::open(disk, folder, config)?.start()?);
        Ok(Self { inner })
    }

    /// Stages a change on a thread that may block, from which it goes to the writer; answers what the staging told when it is
    /// committed.
    async fn write<T: Send + 'static>(
        &self,
        stage: impl FnOnce(&Inner) -> Result<(Change, T), Error> + Send + 'static,
    ) -> Result<T, Error> {
        let inner = Arc::clone(&self.inner);
        let (reply, outcome) = oneshot::channel();
        let staging = self.inner.writes.begin(move || match stage(&inner) {
            Ok((change, told)) => {
                inner.hand_over(change, reply);
                Ok(told)
            }
            Err(error) => {
                // Whoever asked may have gone.
                let _ = reply.send(Err(error.clone()));
                Err(error)
            }
        });
        let staging = staging.await?;
        // Its answer comes last, and is the only one to be waited for: the thread is done by then, or it has panicked.
        let committed = outcome.await;
        let told = joined(staging).await?;
        committed.map_err(|_| writer_gone())?.map(|()| told)
    }

    /// Begins to read an object that is ready: what its body begins with, and the blob where there is more.
    async fn begin_hot(&self, object: &Ready, range: Option<RangeRequest>, room: Option<Room>) -> Result<Begun, Error> {
        let range = RangeRequest::resolve_or_whole(range, object.info.length)?;
        let content = match (&object.content, room) {
            (hot::Content::Blob(blob), Some(room)) => {
                let (inner, blob, length) = (Arc::clone(&self.inner), Arc::clone(blob), object.info.length);
                let read = move || Ok(inner.hot.fill(room, blob.read_whole(length)?));
                self.inner.reads.run(read).await?
            }
            (content, _) => content.clone(),
        };
        let mut begun = Begun {
            info: object.info.clone(),
            range,
            first: Bytes::new(),
            blob: None,
            memory_file: None,
        };
        match content {
            hot::Content::Inline(bytes) => begun.first = slice(&bytes, &begun.range),
            hot::Content::Memory(file) => {
                begun.first = slice(&file.bytes(), &begun.range);
                begun.memory_file = Some(file);
            }
            hot::Content::Blob(blob) => {
                begun.first = match blob.read_cached(&begun.range)? {
                    Some(first) => first,
                    None => {
                        let (blob, range) = (Arc::clone(&blob), begun.range.clone());
                        self.inner.reads.run(move || blob.read(&range)).await?
                    }
                };
                begun.blob = Some(blob);
            }
        }
        Ok(begun)
    }
}

/// An object of which the first piece has been read.
struct Begun {
    info: ObjectInfo,
    range: Range<u64>,
    first: Bytes,
    /// Where the rest of the range is.
    blob: Option<Arc<Blob>>,
    memory_file: Option<MemoryFile>,
}

fn slice(bytes: &Bytes, range: &Range<u64>) -> Bytes {
    bytes.slice(range.start as usize..range.end as usize)
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
            let sweeper = super::sweeper::Sweeper {
                readers,
                blobs,
                writer: self.inner.writer().downgrade(),
            };
            sweeper.sweep(|removed| sweeper.forget(removed))
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

    /// The keys of the objects that are ready to be sent, sorted.
    pub(super) fn ready(&self) -> Vec<String> {
        let ready = self.inner.hot.ready();
        let mut keys: Vec<_> = ready.iter().map(|object| object.info.key.as_str().to_owned()).collect();
        keys.sort();
        keys
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
                let info = info.clone();
                self.write(move |inner| Ok((inner.stage_put(bucket, info, put)?, ())))
                    .await?;
            }
        }
        Ok(info)
    }

    async fn get(&self, bucket: &BucketName, key: &ObjectKey, range: Option<RangeRequest>) -> Result<Object, Error> {
        let (begun, reading) = match self.inner.hot.look(bucket, key) {
            Look::Ready(object, room) => (self.begin_hot(&object, range, room).await?, Reading::Cached),
            Look::Absent(ticket) => {
                let inner = Arc::clone(&self.inner);
                let (bucket, key) = (bucket.clone(), key.clone());
                let read = move || {
                    let (info, source) = inner.open_to_keep(&bucket, &key, ticket)?;
                    let range = RangeRequest::resolve_or_whole(range, info.length)?;
                    let (first, blob) = match source {
                        Source::Inline(bytes) => (slice(&bytes, &range), None),
                        Source::Blob(_, blob) => (blob.read(&range)?, Some(blob)),
                    };
                    Ok(Begun {
                        info,
                        range,
                        first,
                        blob,
                        memory_file: None,
                    })
                };
                (self.inner.reads.run(read).await?, Reading::OnThreads)
            }
        };
        let Begun {
            info,
            range,
            first,
            blob,
            memory_file,
        } = begun;
        let body = match blob {
            Some(blob) if (first.len() as u64) < range.end - range.start => {
                let threads = Arc::clone(&self.inner.reads);
                ObjectBytes::InPieces(body::stream(threads, blob, range.clone(), first, reading))
            }
            _ => ObjectBytes::AtOnce(first),
        };
        Ok(Object {
            info,
            range,
            body,
            memory_file,
        })
    }

    async fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        if let Some(info) = self.inner.hot.info(bucket, key) {
            return Ok(info);
        }
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
        let from = (from.0.clone(), from.1.clone());
        let to = (to.0.clone(), to.1.clone());
        self.write(move |inner| inner.stage_copy(from, to, copy)).await
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
        let upload = upload.clone();
        self.write(move |inner| inner.stage_part(upload, number, part)).await
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
        let upload = upload.clone();
        self.write(move |inner| inner.stage_completion(upload, complete)).await
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), Error> {
        self.inner.change(Change::AbortUpload(upload.clone())).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            adopts_files: true,
            conditional_put: true,
            answers_at_first_hand: true,
        }
    }

    fn losses(&self, bucket: &BucketName, key: &ObjectKey) -> Option<u64> {
        Some(self.inner.losses.of(bucket, key))
    }
}
