//! Open and finished segments on this machine's disk, until a store has answered for them.
//!
//! ```text
//! <spool>/<session>/<sequence>-<name>-<program date time>[-d].ts
//! ```
//!
//! The path says all that is needed to list the segment later: the catalog knows the session's channel and epoch, the
//! file name holds its sequence number, its name and program date time in Unix milliseconds, and whether a
//! discontinuity stands before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_catalog::SessionId;
use alluvium_oss::UnixTime;
use bytes::Bytes;
use tokio::task::spawn_blocking;

/// The folder below which every session keeps its segments.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    folder: PathBuf,
}

/// Where a segment will stand in its channel; known when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) name: UnixTime,
    pub(crate) program_date_time: UnixTime,
    pub(crate) discontinuity: bool,
}

/// One segment's file, being appended to.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    path: PathBuf,
    file: Arc<File>,
}

impl Spool {
    /// Creates the folder where it is missing and makes sure that files can be made in it.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let described = |error: io::Error| io::Error::new(error.kind(), format!("spool {}: {error}", folder.display()));
        fs::create_dir_all(folder).map_err(described)?;
        let probe = folder.join(".probe");
        File::create(&probe).map_err(described)?;
        fs::remove_file(&probe).map_err(described)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The sessions that have files here, each with how many; what is not a session's folder is passed over.
    pub(crate) fn leftovers(&self) -> io::Result<Vec<(PathBuf, usize)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.is_dir() {
                let files = fs::read_dir(&path)?.count();
                if files == 0 {
                    fs::remove_dir(&path)?;
                } else {
                    found.push((path, files));
                }
            }
        }
        Ok(found)
    }

    pub(crate) async fn create(&self, session: SessionId, place: Place) -> io::Result<SpoolFile> {
        let folder = self.session_folder(session);
        spawn_blocking(move || {
            fs::create_dir_all(&folder)?;
            let path = folder.join(place.file_name());
            let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            Ok(SpoolFile {
                path,
                file: Arc::new(file),
            })
        })
        .await?
    }

    /// Removes the session's folder when nothing is left in it.
    pub(crate) async fn close_session(&self, session: SessionId) {
        let folder = self.session_folder(session);
        // A folder that still holds segments, or was never made, stays as it is.
        let _ = spawn_blocking(move || fs::remove_dir(folder)).await;
    }

    fn session_folder(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string())
    }
}

impl Place {
    fn file_name(&self) -> String {
        format!(
            "{}-{}-{}{}.ts",
            self.sequence,
            self.name.as_millis(),
            self.program_date_time.as_millis(),
            if self.discontinuity { "-d" } else { "" }
        )
    }
}

impl SpoolFile {
    pub(crate) async fn append(&self, batch: Bytes) -> io::Result<()> {
        let file = Arc::clone(&self.file);
        spawn_blocking(move || (&*file).write_all(&batch)).await?
    }

    /// The path of the complete file, for the store to take over.
    pub(crate) fn into_path(self) -> PathBuf {
        self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sequence: u64) -> Place {
        Place {
            sequence,
            name: UnixTime::from_millis(1_700_000_000_123),
            program_date_time: UnixTime::from_millis(1_700_000_000_100),
            discontinuity: sequence == 0,
        }
    }

    #[tokio::test]
    async fn appends_in_order_under_a_name_that_says_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("spool")).unwrap();
        let file = spool.create(SessionId::from_bits(7), place(0)).await.unwrap();
        file.append(Bytes::from_static(b"ab")).await.unwrap();
        file.append(Bytes::from_static(b"cd")).await.unwrap();
        let path = file.into_path();
        assert_eq!(path.file_name().unwrap(), "0-1700000000123-1700000000100-d.ts");
        assert_eq!(fs::read(&path).unwrap(), b"abcd");
        assert_eq!(spool.leftovers().unwrap(), [(path.parent().unwrap().to_owned(), 1)]);
    }

    #[tokio::test]
    async fn a_closed_session_leaves_no_folder_unless_a_segment_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();
        let session = SessionId::from_bits(1);
        let path = spool.create(session, place(1)).await.unwrap().into_path();
        spool.close_session(session).await;
        assert!(path.exists());
        fs::remove_file(&path).unwrap();
        spool.close_session(session).await;
        assert!(!path.parent().unwrap().exists());
    }

    #[test]
    fn says_which_folder_cannot_be_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Spool::open(&file.path().join("spool")).unwrap_err();
        assert!(
            error.to_string().contains(&file.path().display().to_string()),
            "{error}"
        );
    }
}
