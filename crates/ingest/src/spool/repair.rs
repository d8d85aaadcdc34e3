use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_hls::Salvage;
use alluvium_store::Crc64;

use super::name::{FileName, Form};
use super::{Facts, Place, Spool, Spooled, State};

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
        let path = match state {
            State::Whole(path, facts) if self.tally(&path)? == (facts.length, facts.crc64) => {
                return Ok(Some(Repaired {
                    path,
                    place,
                    facts,
                    cut: false,
                }));
            }
            State::Whole(path, _) | State::Torn(path) => path,
        };
        match self.cut_back(&path) {
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

    /// Cuts the file back to its whole access units and says what it holds then.
    fn cut_back(&self, path: &Path) -> io::Result<Option<Facts>> {
        let mut salvage = Salvage::new();
        let mut length = 0;
        self.disk.read(path, &mut |piece| {
            salvage.push(piece);
            length += piece.len() as u64;
        })?;
        let Some(salvaged) = salvage.finish() else {
            return Ok(None);
        };
        // Bytes that an object shares are complete: only such files are given to a store.
        if salvaged.length < length && !self.disk.is_shared(path)? {
            self.disk.truncate(path, salvaged.length)?;
        }
        let (length, crc64) = self.tally(path)?;
        Ok(Some(Facts {
            length,
            crc64,
            duration: salvaged.duration,
        }))
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

fn says_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
