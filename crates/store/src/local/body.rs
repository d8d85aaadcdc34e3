use std::{fs::File, io, ops::Range, os::unix::fs::FileExt, sync::Arc};

use alluvium_oss::{BucketName, ObjectKey};
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
#[cfg(target_os = "linux")]
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::JoinHandle;

use super::{
    pieces::{PIECE_BYTES, Pieces},
    readers::{Threads, joined},
};
use crate::Error;

/// A blob that is open for reading; it stays readable when its name goes.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) file: File,
    /// For the error, should it turn out damaged.
    pub(super) bucket: BucketName,
    /// As `bucket`.
    pub(super) key: ObjectKey,
    pub(super) pieces: Arc<Pieces>,
}

impl Blob {
    /// The first bytes of `range`, at most a piece.
    pub(super) fn read(&self, range: &Range<u64>) -> Result<Bytes, Error> {
        let length = length(range);
        let mut piece = self.pieces.take(length);
        self.fill(piece.room(), range.start)?;
        Ok(piece.filled(length))
    }

    /// All of its `length` bytes.
    pub(super) fn read_whole(&self, length: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn fill(&self, room: &mut [u8], from: u64) -> Result<(), Error> {
        match self.file.read_exact_at(room, from) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.shrunk()),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    /// The first bytes of `range`, at most a piece, if the system has them in memory: this waits for no disk.
    pub(super) fn read_cached(&self, range: &Range<u64>) -> Result<Option<Bytes>, Error> {
        let length = length(range);
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        let mut piece = self.pieces.take(length);
        match read_now(&self.file, piece.room(), range.start) {
            Ok(0) => Err(self.shrunk()),
            Ok(count) => Ok(Some(piece.filled(count))),
            Err(error) if is_not_now(&error) => Ok(None),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    fn shrunk(&self) -> Error {
        Error::damaged(&self.bucket, &self.key, "its blob became shorter while being read")
    }

    fn unreadable(&self, error: io::Error) -> Error {
        Error::unavailable("read", format_args!("{}/{}", self.bucket, self.key), error)
    }
}

/// As many bytes as are read at once.
fn length(range: &Range<u64>) -> usize {
    range.end.saturating_sub(range.start).min(PIECE_BYTES) as usize
}

/// The bytes of `range`, whose first piece has been read.
///
/// What the system has in memory is read when it is its turn. Otherwise the next piece is read while one is with the caller,
/// if a thread is free; so a body holds two pieces at most, and no thread while its caller is slow.
pub(super) fn stream(
    threads: Arc<Threads>,
    blob: Arc<Blob>,
    range: Range<u64>,
    first: Bytes,
    reading: Reading,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let rest = range.start + first.len() as u64..range.end;
    let body = Body {
        threads,
        blob,
        rest,
        next: Next::Read(first),
        reading,
    };
    stream::try_unfold(body, Body::next).boxed()
}

struct Body {
    threads: Arc<Threads>,
    blob: Arc<Blob>,
    /// What no read was begun for.
    rest: Range<u64>,
    next: Next,
    reading: Reading,
}

/// How a body reads on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Where it is asked for the next piece, as long as the system has that in memory.
    Cached,
    /// On threads that may wait for a disk.
    OnThreads,
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
            Next::NotBegun => match self.cached()? {
                Some(bytes) => bytes,
                None => {
                    let job = self.job();
                    self.threads.run(job).await?
                }
            },
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.reading == Reading::OnThreads && !self.rest.is_empty() {
            let rest = self.rest.clone();
            let job = self.job();
            match self.threads.try_begin(job) {
                Some(read) => self.next = Next::Begun(read),
                None => self.rest = rest,
            }
        }
        Ok(Some((bytes, self)))
    }

    /// The next piece, or what the system has of it in memory; once that is nothing, it is not asked again.
    fn cached(&mut self) -> Result<Option<Bytes>, Error> {
        if self.reading == Reading::OnThreads {
            return Ok(None);
        }
        let bytes = self.blob.read_cached(&self.rest)?;
        match &bytes {
            Some(bytes) => self.rest.start += bytes.len() as u64,
            None => self.reading = Reading::OnThreads,
        }
        Ok(bytes)
    }

    /// The reading of the next piece, which counts as begun.
    fn job(&mut self) -> impl FnOnce() -> Result<Bytes, Error> + Send + 'static {
        let range = self.rest.clone();
        self.rest.start = range.end.min(range.start + PIECE_BYTES);
        let blob = Arc::clone(&self.blob);
        move || blob.read(&range)
    }
}

/// Reads what the system has in memory, be it less than the buffer takes.
#[cfg(target_os = "linux")]
fn read_now(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut slices = [io::IoSliceMut::new(bytes)];
    Ok(preadv2(file, &mut slices, at, ReadWriteFlags::NOWAIT)?)
}

/// Other systems do not tell what they have in memory.
#[cfg(not(target_os = "linux"))]
fn read_now(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether a read may do what this one could not: there is something to wait for, or the file system knows no such reads.
fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Unsupported | io::ErrorKind::Interrupted
    )
}
