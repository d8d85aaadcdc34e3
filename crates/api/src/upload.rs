//! The body of an object or a part, hashed while it arrives; in memory while small, then in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;

use alluvium_oss::Error;
use alluvium_store::{Body, Crc64};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt};
use md5::{Digest, Md5};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

/// A body that has arrived whole.
pub(crate) struct Upload {
    pub(crate) kept: Kept,
    pub(crate) length: u64,
    pub(crate) crc64: u64,
    pub(crate) md5: [u8; 16],
}

impl Upload {
    /// Its MD5 as an ETag, without quotes.
    pub(crate) fn etag(&self) -> String {
        self.md5.iter().map(|byte| format!("{byte:02X}")).collect()
    }
}

/// Where it is.
pub(crate) enum Kept {
    Memory(Bytes),
    File(UploadFile),
}

impl Kept {
    /// The bytes as the store takes them, and the file to be kept until it has answered.
    pub(crate) fn into_body(self) -> (Body, Option<UploadFile>) {
        match self {
            Kept::Memory(bytes) => (Body::Bytes(bytes), None),
            Kept::File(file) => (Body::File(file.path().to_owned()), Some(file)),
        }
    }
}

/// A file of the upload folder, removed when this is dropped: once the store has answered, or the client has gone away.
pub(crate) struct UploadFile {
    path: PathBuf,
}

impl UploadFile {
    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for UploadFile {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // Removing gigabytes takes a while on some file systems.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || remove(&path))),
            Err(_) => remove(&path),
        }
    }
}

/// Receives a body to its end. Holds at most `memory_bytes_max` twice over, and one of its pieces.
///
/// # Errors
/// What the pieces end with; `ServiceUnavailable` when the upload folder cannot be written.
pub(crate) async fn receive(
    pieces: impl Stream<Item = Result<Bytes, Error>> + Send,
    folder: &Path,
    memory_bytes_max: usize,
) -> Result<Upload, Error> {
    let mut pieces = pin!(pieces);
    let mut sums = Sums::default();
    let mut batch = BytesMut::new();
    let mut open: Option<Open> = None;
    while let Some(bytes) = pieces.try_next().await? {
        batch.extend_from_slice(&bytes);
        if batch.len() > memory_bytes_max {
            let (written, summed) = write(open.take(), sums, batch.split().freeze(), folder).await?;
            (open, sums) = (Some(written), summed);
        }
    }
    let kept = match open {
        None => {
            sums.update(&batch);
            Kept::Memory(batch.freeze())
        }
        Some(open) => {
            let (written, summed) = write(Some(open), sums, batch.freeze(), folder).await?;
            sums = summed;
            Kept::File(written.guard)
        }
    };
    Ok(Upload {
        kept,
        length: sums.length,
        crc64: sums.crc64.finish(),
        md5: sums.md5.finalize().into(),
    })
}

/// Removes what uploads left in their folder when the process was killed. To be called before the service starts, by
/// the only process that uses the folder; it blocks.
///
/// # Errors
/// What the file system says. A folder that does not exist yet is empty.
pub fn discard_leftover_uploads(folder: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            fs::remove_file(path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// A file being written.
struct Open {
    file: File,
    guard: UploadFile,
}

/// Length and checksums of what has arrived.
#[derive(Default)]
struct Sums {
    length: u64,
    md5: Md5,
    crc64: Crc64,
}

impl Sums {
    fn update(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.md5.update(bytes);
        self.crc64.update(bytes);
    }
}

/// Hashes and writes one batch, away from the threads that serve connections.
async fn write(open: Option<Open>, mut sums: Sums, batch: Bytes, folder: &Path) -> Result<(Open, Sums), Error> {
    let folder = folder.to_owned();
    let written = spawn_blocking(move || {
        let mut open = match open {
            Some(open) => open,
            None => create(&folder)?,
        };
        sums.update(&batch);
        open.file.write_all(&batch)?;
        Ok::<_, io::Error>((open, sums))
    });
    match written.await {
        Ok(Ok(written)) => Ok(written),
        Ok(Err(error)) => {
            tracing::error!(%error, "the upload folder cannot be written");
            Err(Error::unavailable())
        }
        Err(_) => Err(Error::internal()),
    }
}

fn create(folder: &Path) -> io::Result<Open> {
    let path = folder.join(format!("{:032x}.{EXTENSION}", rand::random::<u128>()));
    let create = || OpenOptions::new().write(true).create_new(true).open(&path);
    let file = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            create()?
        }
        other => other?,
    };
    Ok(Open {
        file,
        guard: UploadFile { path },
    })
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an upload's file cannot be removed");
        }
        _ => {}
    }
}

/// What marks a file of the folder as an upload.
const EXTENSION: &str = "upload";
