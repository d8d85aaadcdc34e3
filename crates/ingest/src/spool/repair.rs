use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_hls::Salvage;
use alluvium_store::Crc64;

use super::name::{FileName, Form};
use super::{COPY_FILE, Facts, Place, Spool, Spooled, State};

/// A segment's file that holds what its facts say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repaired {
    pub(crate) path: PathBuf,
    pub(crate) place: Place,
    pub(crate) facts: Facts,
    /// Its end may be missing.
    pub(crate) cut: bool,
}

impl Spool {
    /// Looks at every byte of a file that a killed process or a failing disk has left: one that is whole is taken as it
    /// is, another is cut back to its whole access units. `None`: it held none, and is gone.
    pub(crate) async fn repair(self: &Arc<Self>, found: Spooled) -> io::Result<Option<Repaired>> {
        self.aside(move |spool| spool.repair_now(found)).await
    }

    /// Whether there is no such file.
    pub(crate) async fn is_gone(self: &Arc<Self>, path: PathBuf) -> bool {
        let found = self.aside(move |spool| spool.disk.is_shared(&path)).await;
        found.is_err_and(|error| says_gone(&error))
    }

    fn repair_now(&self, found: Spooled) -> io::Result<Option<Repaired>> {
        let Spooled { place, state } = found;
        let (path, sure) = match state {
            State::Whole(path, facts) => match self.tally(&path) {
                Ok(found) if found == (facts.length, facts.crc64) => {
                    return Ok(Some(Repaired {
                        path,
                        place,
                        facts,
                        cut: false,
                    }));
                }
                Err(error) if says_gone(&error) => return Ok(None),
                found => found.map(|_| (path, None))?,
            },
            State::Torn(path) => (path, None),
            State::Unsynced(path, sure) => (path, Some(sure)),
        };
        match self.cut_back(&path, sure) {
            Ok(Some(facts)) => {
                let name = FileName {
                    place,
                    form: Form::Whole(facts),
                };
                let repaired = path.with_file_name(name.to_string());
                self.disk.rename(&path, &repaired)?;
                Ok(Some(Repaired {
                    path: repaired,
                    place,
                    facts,
                    cut: true,
                }))
            }
            Ok(None) => self.disk.remove(&path).map(|()| None),
            Err(error) if says_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Cuts the file back to its whole access units, of its `sure` first bytes, and says what it holds then.
    fn cut_back(&self, path: &Path, sure: Option<u64>) -> io::Result<Option<Facts>> {
        let mut salvage = Salvage::new();
        let mut length = 0;
        let mut left = sure.unwrap_or(u64::MAX);
        self.disk.read(path, &mut |piece| {
            length += piece.len() as u64;
            salvage.push(take_front(piece, &mut left));
        })?;
        let Some(salvaged) = salvage.finish() else {
            return Ok(None);
        };
        if salvaged.length < length {
            // A store that holds the bytes too has been told that they never change.
            match self.disk.is_shared(path)? {
                true => self.copy_front(path, salvaged.length)?,
                false => self.disk.truncate(path, salvaged.length)?,
            }
        }
        let (length, crc64) = self.tally(path)?;
        Ok(Some(Facts {
            length,
            crc64,
            duration: salvaged.duration,
        }))
    }

    /// Puts a copy of the file's first bytes in its place.
    fn copy_front(&self, path: &Path, length: u64) -> io::Result<()> {
        let copy_path = path.with_file_name(COPY_FILE);
        match self.disk.remove(&copy_path) {
            Err(error) if !says_gone(&error) => return Err(error),
            _ => {}
        }
        let mut copy = self.disk.create(&copy_path)?;
        let mut left = length;
        let mut copied = Ok(());
        self.disk.read(path, &mut |piece| {
            if copied.is_ok() {
                copied = copy.append(take_front(piece, &mut left));
            }
        })?;
        copied?;
        self.disk.rename(&copy_path, path)
    }

    fn tally(&self, path: &Path) -> io::Result<(u64, u64)> {
        let mut length = 0;
        let mut crc = Crc64::new();
        self.disk.read(path, &mut |piece| {
            length += piece.len() as u64;
            crc.update(piece);
        })?;
        Ok((length, crc.finish()))
    }
}

pub(super) fn says_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The part of a piece that is among the `left` next bytes, which become fewer by it.
fn take_front<'a>(piece: &'a [u8], left: &mut u64) -> &'a [u8] {
    let taken = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= taken as u64;
    &piece[..taken]
}
