use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_hls::{Salvage, Salvaged};
use alluvium_store::Crc64;
use tracing::{error, info};

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
    /// is, another is cut back to its whole access units. `None`: it held none, and is gone; or it can be neither read nor
    /// mended now, as the log says.
    pub(crate) async fn repair(self: &Arc<Self>, found: Spooled) -> Option<Repaired> {
        self.aside(move |spool| spool.repair_now(found, None)).await
    }

    /// As [`repair`](Self::repair), of a file that `next` comes after. Where something is missing in between, the name of
    /// that one says so before it comes to be so: whoever comes after a process that dies in between knows it.
    pub(crate) async fn repair_before(
        self: &Arc<Self>,
        found: Spooled,
        mut next: Option<Spooled>,
    ) -> (Option<Repaired>, Option<Spooled>) {
        self.aside(move |spool| (spool.repair_now(found, next.as_mut()), next))
            .await
    }

    /// Whether there is no such file.
    pub(crate) async fn is_gone(self: &Arc<Self>, path: PathBuf) -> bool {
        let found = self.aside(move |spool| spool.disk.is_shared(&path)).await;
        found.is_err_and(|error| says_gone(&error))
    }

    fn repair_now(&self, found: Spooled, next: Option<&mut Spooled>) -> Option<Repaired> {
        let path = found.path().to_owned();
        self.try_repair(found, next).unwrap_or_else(|error| {
            error!(event = "segment_lost", path = %path.display(), %error, "a segment in the spool can be neither read nor mended");
            None
        })
    }

    fn try_repair(&self, found: Spooled, next: Option<&mut Spooled>) -> io::Result<Option<Repaired>> {
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
        let salvaged = match self.salvage(&path, sure) {
            Err(error) if says_gone(&error) => return Ok(None),
            salvaged => salvaged?,
        };
        if let Some(next) = next {
            self.mark_gap_before(next);
        }
        let Some((salvaged, length)) = salvaged else {
            return self.disk.remove(&path).map(|()| None);
        };
        if salvaged.length < length {
            // A store that has the bytes too was told that they never change.
            match self.disk.is_shared(&path)? {
                true => self.copy_front(&path, salvaged.length)?,
                false => self.disk.truncate(&path, salvaged.length)?,
            }
        }
        let (length, crc64) = self.tally(&path)?;
        let facts = Facts {
            length,
            crc64,
            duration: salvaged.duration,
        };
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

    /// What can be kept of the file's `sure` first bytes, and how many there are in all.
    fn salvage(&self, path: &Path, sure: Option<u64>) -> io::Result<Option<(Salvaged, u64)>> {
        let mut salvage = Salvage::new();
        let mut length = 0;
        let mut left = sure.unwrap_or(u64::MAX);
        self.disk.read(path, &mut |piece| {
            length += piece.len() as u64;
            salvage.push(take_front(piece, &mut left));
        })?;
        Ok(salvage.finish().map(|salvaged| (salvaged, length)))
    }

    /// Best effort: as long as this process lives it knows without.
    fn mark_gap_before(&self, next: &mut Spooled) {
        if next.place.discontinuity {
            return;
        }
        let place = Place {
            discontinuity: true,
            ..next.place
        };
        let form = match &next.state {
            State::Whole(_, facts) => Form::Whole(*facts),
            State::Torn(_) | State::Unsynced(..) => Form::Open,
        };
        let path = next.path().with_file_name(FileName { place, form }.to_string());
        if self.disk.rename(next.path(), &path).is_ok() {
            // Before anything else is: a crash must not keep the cut and forget the mark.
            if let Some(folder) = path.parent()
                && let Err(error) = self.disk.sync_folder(folder)
            {
                info!(folder = %folder.display(), %error, "a folder in the spool cannot be synced");
            }
            next.place = place;
            next.state = match &next.state {
                State::Whole(_, facts) => State::Whole(path, *facts),
                State::Torn(_) => State::Torn(path),
                State::Unsynced(_, sure) => State::Unsynced(path, *sure),
            };
        }
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
