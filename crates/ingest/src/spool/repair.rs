use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alluvium_hls::{Salvage, Salvaged};
use alluvium_store::Crc64;
use tracing::{info, warn};

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

/// What a look at every byte of a file has found.
#[derive(Debug, Clone)]
pub(crate) enum Inspected {
    /// It holds what its name says.
    Sound(Repaired),
    /// Something of it is missing or wrong, and must be cut off.
    Torn(Torn),
    /// It is gone.
    Gone,
}

/// A file that is to be cut back.
#[derive(Debug, Clone)]
pub(crate) struct Torn {
    path: PathBuf,
    place: Place,
    length: u64,
    /// Its whole access units, if it has any.
    kept: Option<Salvaged>,
}

impl Spool {
    /// Looks at every byte of a file that a killed process or a failing disk has left.
    pub(crate) async fn inspect(self: &Arc<Self>, found: Spooled) -> io::Result<Inspected> {
        self.aside(move |spool| spool.inspect_now(found)).await
    }

    /// Cuts a file back to its whole access units. `None`: it held none, and is gone.
    pub(crate) async fn cut_back(self: &Arc<Self>, torn: Torn) -> io::Result<Option<Repaired>> {
        self.aside(move |spool| spool.cut_back_now(torn)).await
    }

    /// Writes into a file's name that media is missing before it: who comes after a process that dies meanwhile knows it
    /// from there. Best effort: as long as this process lives it knows without.
    pub(crate) async fn mark_gap_before(self: &Arc<Self>, next: Spooled) -> Spooled {
        self.aside(move |spool| spool.mark_gap_before_now(next)).await
    }

    /// Whether there is no such file.
    pub(crate) async fn is_gone(self: &Arc<Self>, path: PathBuf) -> bool {
        let found = self.aside(move |spool| spool.disk.is_shared(&path)).await;
        found.is_err_and(|error| says_gone(&error))
    }

    fn inspect_now(&self, found: Spooled) -> io::Result<Inspected> {
        match self.try_inspect(found) {
            Err(error) if says_gone(&error) => Ok(Inspected::Gone),
            inspected => inspected,
        }
    }

    fn try_inspect(&self, found: Spooled) -> io::Result<Inspected> {
        let Spooled { place, state } = found;
        let (path, sure) = match state {
            State::Whole(path, facts) => {
                if self.tally(&path)? == (facts.length, facts.crc64) {
                    return Ok(Inspected::Sound(Repaired {
                        path,
                        place,
                        facts,
                        cut: false,
                    }));
                }
                (path, None)
            }
            State::Torn(path) => (path, None),
            State::Unsynced(path, sure) => (path, Some(sure)),
        };
        let (kept, length) = self.salvage(&path, sure)?;
        Ok(Inspected::Torn(Torn {
            path,
            place,
            length,
            kept,
        }))
    }

    fn cut_back_now(&self, torn: Torn) -> io::Result<Option<Repaired>> {
        let Torn {
            path,
            place,
            length,
            kept,
        } = torn;
        let Some(kept) = kept else {
            if let Err(error) = self.disk.remove(&path) {
                warn!(path = %path.display(), %error, "a file without media stays in the spool");
            }
            return Ok(None);
        };
        if kept.length < length {
            // A store that has the bytes too was told that they never change.
            match self.disk.is_shared(&path)? {
                true => self.copy_front(&path, kept.length)?,
                false => self.disk.truncate(&path, kept.length)?,
            }
        }
        let (length, crc64) = self.tally(&path)?;
        let facts = Facts {
            length,
            crc64,
            duration: kept.duration,
        };
        let name = FileName {
            place,
            form: Form::Whole(facts),
        };
        let renamed = path.with_file_name(name.to_string());
        // The old name says less, and is as good while this process lives.
        let path = match self.disk.rename(&path, &renamed) {
            Ok(()) => renamed,
            Err(_) => path,
        };
        Ok(Some(Repaired {
            path,
            place,
            facts,
            cut: true,
        }))
    }

    /// What can be kept of the file's `sure` first bytes, and how many there are in all.
    fn salvage(&self, path: &Path, sure: Option<u64>) -> io::Result<(Option<Salvaged>, u64)> {
        let mut salvage = Salvage::new();
        let mut length = 0;
        let mut left = sure.unwrap_or(u64::MAX);
        self.disk.read(path, &mut |piece| {
            length += piece.len() as u64;
            salvage.push(take_front(piece, &mut left));
        })?;
        Ok((salvage.finish(), length))
    }

    fn mark_gap_before_now(&self, mut next: Spooled) -> Spooled {
        if next.place.discontinuity {
            return next;
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
            next.state = match next.state {
                State::Whole(_, facts) => State::Whole(path, facts),
                State::Torn(_) => State::Torn(path),
                State::Unsynced(_, sure) => State::Unsynced(path, sure),
            };
        }
        next
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
