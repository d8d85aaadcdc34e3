use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};

use alluvium_oss::{BucketName, ObjectKey};
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::task::JoinHandle;

use super::readers::{Threads, joined};
use crate::Error;

/// A blob that is open for reading; it stays readable when its name goes.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) file: File,
    /// For the error, should it turn out damaged.
    pub(super) bucket: BucketName,
    /// As `bucket`.
    pub(super) key: ObjectKey,
}

impl Blob {
    /// The first bytes of `range`, at most a piece.
    pub(super) fn read(&self, range: &Range<u64>) -> Result<Bytes, Error> {
        let length = range.end.saturating_sub(range.start).min(PIECE_BYTES);
        let mut bytes = vec![0; length as usize];
        match self.file.read_exact_at(&mut bytes, range.start) {
            Ok(()) => Ok(bytes.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Error::damaged(
                &self.bucket,
                &self.key,
                "its blob became shorter while being read",
            )),
            Err(error) => Err(Error::unavailable(
                "read",
                format_args!("{}/{}", self.bucket, self.key),
                error,
            )),
        }
    }
}

/// The bytes of `range`, whose first piece has been read.
///
/// While one piece is with the caller the next one is read, if a thread is free; so a body holds two pieces at most,
/// and no thread while its caller is slow.
pub(super) fn stream(
    threads: Arc<Threads>,
    blob: Blob,
    range: Range<u64>,
    first: Bytes,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let rest = range.start + first.len() as u64..range.end;
    let body = Body {
        threads,
        blob: Arc::new(blob),
        rest,
        next: Next::Read(first),
    };
    stream::try_unfold(body, Body::next).boxed()
}

struct Body {
    threads: Arc<Threads>,
    blob: Arc<Blob>,
    /// What no read was begun for.
    rest: Range<u64>,
    next: Next,
}

enum Next {
    Read(Bytes),
    Begun(JoinHandle<Result<Bytes, Error>>),
    NotBegun,
}

impl Body {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let bytes = match std::mem::replace(&mut self.next, Next::NotBegun) {
            Next::Read(bytes) => bytes,
            Next::Begun(read) => joined(read).await?,
            Next::NotBegun if self.rest.is_empty() => return Ok(None),
            Next::NotBegun => {
                let job = self.job();
                self.threads.run(job).await?
            }
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        if !self.rest.is_empty() {
            let rest = self.rest.clone();
            let job = self.job();
            match self.threads.try_begin(job) {
                Some(read) => self.next = Next::Begun(read),
                None => self.rest = rest,
            }
        }
        Ok(Some((bytes, self)))
    }

    /// The reading of the next piece, which counts as begun.
    fn job(&mut self) -> impl FnOnce() -> Result<Bytes, Error> + Send + 'static {
        let range = self.rest.clone();
        self.rest.start = range.end.min(range.start + PIECE_BYTES);
        let blob = Arc::clone(&self.blob);
        move || blob.read(&range)
    }
}

/// A thousand slow viewers hold a quarter of a GiB at the most, and a hop to a thread costs little beside reading so much.
pub(super) const PIECE_BYTES: u64 = 128 * 1024;
