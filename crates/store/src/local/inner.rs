use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use alluvium_oss::{BucketName, ObjectKey};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::{
    blobs::{BlobId, Blobs, Staged},
    body::Blob,
    failed,
    hot::{Hot, Ticket},
    index::{self, Place},
    losses::Losses,
    pieces::Pieces,
    readers::{Readers, Threads},
    store::LocalStoreConfig,
    writer::{Change, Command, Content},
};
use crate::{Body, Copy, Error, ObjectInfo, Put, crc64, put::Stated};

/// What the store's calls share, and the threads that outlive each of them.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) config: LocalStoreConfig,
    pub(super) blobs: Arc<Blobs>,
    pub(super) losses: Arc<Losses>,
    pub(super) readers: Arc<Readers>,
    pub(super) hot: Arc<Hot>,
    pub(super) pieces: Arc<Pieces>,
    pub(super) reads: Arc<Threads>,
    pub(super) writes: Threads,
    /// Once the kernel has failed to write a file back, its success at a second try proves nothing:
    /// from then on callers' files are copied, and the copies' bytes verified, instead of being adopted.
    pub(super) distrust_files: AtomicBool,
    /// Device and inode of the callers' files that are being made durable. Held for single steps.
    pub(super) adopting: Mutex<HashSet<(u64, u64)>>,
    /// `None` while being dropped.
    pub(super) writer: Option<mpsc::Sender<Command>>,
    pub(super) threads: Vec<JoinHandle<()>>,
    /// Locked as long as it is open, which is until the threads have ended.
    pub(super) _lock: File,
}

impl Inner {
    /// Hands a change to the writer and waits until it is durable.
    pub(super) async fn change(&self, change: Change) -> Result<(), Error> {
        let (reply, outcome) = oneshot::channel();
        let sent = self.writer().send(Command { change, reply }).await;
        sent.map_err(|_| writer_gone())?;
        outcome.await.map_err(|_| writer_gone())?
    }

    /// Hands a change to the writer, which answers when it is durable, on a thread that may block.
    pub(super) fn hand_over(&self, change: Change, reply: oneshot::Sender<Result<(), Error>>) {
        if let Err(refused) = self.writer().blocking_send(Command { change, reply }) {
            // Whoever asked may have gone.
            let _ = refused.0.reply.send(Err(writer_gone()));
        }
    }

    /// Makes a put's body durable; what is left to do is to write its row.
    pub(super) fn stage_put(&self, bucket: BucketName, info: ObjectInfo, put: Put) -> Result<Change, Error> {
        Ok(Change::Put {
            bucket,
            info: info.into(),
            content: self.stage(&put.body, put.stated())?,
            condition: put.condition,
        })
    }

    /// Makes a body durable as a blob, or finds that it fits into the index.
    fn stage(&self, body: &Body, stated: Stated) -> Result<Content, Error> {
        if stated.length > self.config.inline_bytes_max as u64 {
            return self.stage_blob(body, stated).map(Content::Blob);
        }
        let bytes = match body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::File(path) => {
                stated.verify_length(length(path)?)?;
                fs::read(path).map_err(failed("read", path))?.into()
            }
        };
        stated.verify(bytes.len() as u64, crc64(&bytes))?;
        Ok(Content::Inline(bytes))
    }

    /// Makes a body durable as a blob.
    pub(super) fn stage_blob(&self, body: &Body, stated: Stated) -> Result<Staged, Error> {
        match body {
            Body::Bytes(bytes) => {
                stated.verify(bytes.len() as u64, crc64(bytes))?;
                let staged = self.blobs.stage()?;
                staged.write(bytes)?;
                Ok(staged)
            }
            Body::File(path) => {
                let found = fs::metadata(path).map_err(failed("read", path))?;
                stated.verify_length(found.len())?;
                self.take_over(path, &found, stated)
            }
        }
    }

    /// Makes a caller's file into a durable blob, without reading it where that can be.
    fn take_over(&self, path: &Path, found: &fs::Metadata, stated: Stated) -> Result<Staged, Error> {
        let staged = self.blobs.stage()?;
        if let Some(adoption) = Adoption::begin(self, found)
            && adoption.adopt(path, &staged)?
        {
            return Ok(staged);
        }
        let source = File::open(path).map_err(failed("read", path))?;
        let (length, crc64) = staged.copy(&source, path)?;
        stated.verify(length, crc64)?;
        Ok(staged)
    }

    /// As [`stage_put`](Self::stage_put), with the bytes of another object; tells what the copy will be.
    pub(super) fn stage_copy(
        &self,
        from: (BucketName, ObjectKey),
        to: (BucketName, ObjectKey),
        copy: Copy,
    ) -> Result<(Change, ObjectInfo), Error> {
        let (source, content) = self.open(&from.0, &from.1)?;
        let expected = (source.length, source.crc64);
        let info = copy.info(&from.0, source, &to.1)?;
        let content = match content {
            Source::Inline(bytes) => Content::Inline(bytes),
            Source::Blob(id, blob) => {
                let staged = self.blobs.stage()?;
                let path = self.blobs.path(id);
                // A second name for the same bytes, which never change; without links, or when the first name has gone by now, a copy.
                if staged.link(&path).is_err() && staged.copy(&blob.file, &path)? != expected {
                    return Err(Error::damaged(
                        &from.0,
                        &from.1,
                        "its blob does not have the recorded CRC-64",
                    ));
                }
                Content::Blob(staged)
            }
        };
        let change = Change::Put {
            bucket: to.0,
            info: info.clone().into(),
            content,
            condition: copy.condition,
        };
        Ok((change, info))
    }

    pub(super) fn head(&self, bucket: &BucketName, key: &ObjectKey) -> Result<ObjectInfo, Error> {
        self.find(bucket, key, index::find_facts, |info, place| match place {
            Place::Inline(length) => same_length(bucket, info, length),
            Place::Blob(id) => match fs::metadata(self.blobs.path(id)) {
                Ok(found) => same_length(bucket, info, found.len()),
                Err(error) => Err(Missing::of(id, error, &self.blobs)),
            },
        })
        .map(|(info, ())| info)
    }

    /// An object's facts and its bytes, in such a way that nothing can take them away any more.
    pub(super) fn open(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(ObjectInfo, Source), Error> {
        self.find(bucket, key, index::find, |info, place| match place {
            Place::Inline(bytes) => {
                same_length(bucket, info, bytes.len() as u64)?;
                Ok(Source::Inline(bytes.into()))
            }
            Place::Blob(id) => {
                let opened = File::open(self.blobs.path(id)).and_then(|file| Ok((file.metadata()?.len(), file)));
                let (length, file) = opened.map_err(|error| Missing::of(id, error, &self.blobs))?;
                same_length(bucket, info, length)?;
                Ok(Source::Blob(
                    id,
                    Arc::new(Blob {
                        file,
                        bucket: bucket.clone(),
                        key: key.clone(),
                        pieces: Arc::clone(&self.pieces),
                    }),
                ))
            }
        })
    }

    /// As [`open`](Self::open), and keeps what was found for those who ask next, where the ticket lets it.
    pub(super) fn open_to_keep(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        ticket: Option<Ticket>,
    ) -> Result<(ObjectInfo, Source), Error> {
        let (info, source) = self.open(bucket, key)?;
        if let Some(ticket) = ticket {
            self.hot.keep(ticket, bucket, &info, &source);
        }
        Ok((info, source))
    }

    /// Looks a row up and goes to its bytes; when they are gone, looks again: most likely they were replaced meanwhile.
    fn find<C, T>(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        find: impl Fn(&Connection, &BucketName, &ObjectKey) -> rusqlite::Result<Option<(ObjectInfo, Place<C>)>>,
        fetch: impl Fn(&ObjectInfo, Place<C>) -> Result<T, Missing>,
    ) -> Result<(ObjectInfo, T), Error> {
        let mut missing = None;
        // Each further round means that a write has become durable since the one before.
        loop {
            let row = self.readers.with(|connection| find(connection, bucket, key))?;
            let (info, place) = row.ok_or_else(|| Error::not_found(bucket, key))?;
            match fetch(&info, place) {
                Ok(value) => return Ok((info, value)),
                Err(Missing::Failed(error)) => return Err(error),
                Err(Missing::Blob(id)) if missing == Some(id) => {
                    return Err(Error::damaged(
                        bucket,
                        key,
                        format_args!("its blob {} does not exist", self.blobs.path(id).display()),
                    ));
                }
                Err(Missing::Blob(id)) => missing = Some(id),
            }
        }
    }

    fn adopting(&self) -> MutexGuard<'_, HashSet<(u64, u64)>> {
        // A set is whole whoever panicked.
        self.adopting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn writer(&self) -> &mpsc::Sender<Command> {
        self.writer.as_ref().expect("it is taken only by drop")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writer = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the store had panicked");
            }
        }
    }
}

/// The turn of one put at a file. A failed sync is told once: of two puts of the same file, one could be told that all is well
/// because the other has been told that it is not.
struct Adoption<'a> {
    inner: &'a Inner,
    /// Device and inode.
    file: (u64, u64),
}

impl<'a> Adoption<'a> {
    /// `None` while another put has its turn.
    fn begin(inner: &'a Inner, found: &fs::Metadata) -> Option<Self> {
        let file = (found.dev(), found.ino());
        let is_first = inner.adopting().insert(file);
        is_first.then_some(Self { inner, file })
    }

    /// Whether the file itself has become the blob, and durable; if not, the blob does not exist.
    fn adopt(&self, path: &Path, staged: &Staged) -> Result<bool, Error> {
        let distrust_files = &self.inner.distrust_files;
        let is_link = || fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        // A link fails across file systems, and where the file system knows none.
        if distrust_files.load(Ordering::SeqCst) || is_link() || staged.link(path).is_err() {
            return Ok(false);
        }
        // By its new name: the caller may have given up, and removed his.
        let linked = staged.path();
        let file = File::open(&linked).map_err(failed("read", &linked))?;
        match self.inner.blobs.disk.sync(&file) {
            Ok(()) => Ok(true),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a file could not be made durable; from now on files are copied");
                distrust_files.store(true, Ordering::SeqCst);
                staged.clear()?;
                Ok(false)
            }
        }
    }
}

impl Drop for Adoption<'_> {
    fn drop(&mut self) {
        self.inner.adopting().remove(&self.file);
    }
}

/// An object's bytes, ready to be read.
pub(super) enum Source {
    Inline(Bytes),
    Blob(BlobId, Arc<Blob>),
}

/// Why an object's bytes could not be reached.
enum Missing {
    /// There is no such blob: it was replaced since its row was read, or it is lost.
    Blob(BlobId),
    Failed(Error),
}

impl Missing {
    fn of(id: BlobId, error: io::Error, blobs: &Blobs) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Blob(id),
            _ => Self::Failed(failed("read", &blobs.path(id))(error)),
        }
    }
}

fn same_length(bucket: &BucketName, info: &ObjectInfo, found: u64) -> Result<(), Missing> {
    if found == info.length {
        return Ok(());
    }
    let reason = format_args!("{found} bytes are stored, not {}", info.length).to_string();
    Err(Missing::Failed(Error::damaged(bucket, &info.key, reason)))
}

fn length(path: &Path) -> Result<u64, Error> {
    Ok(fs::metadata(path).map_err(failed("read", path))?.len())
}

pub(super) fn writer_gone() -> Error {
    Error::unavailable("write", "the index", "its writer has ended")
}
