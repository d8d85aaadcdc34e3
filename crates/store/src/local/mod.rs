//! Objects on a local file system.
//!
//! ```text
//!  <folder>/lock                        held by the one process that has the folder open
//!  <folder>/index.sqlite                one row per object, upload and part; small objects have their bytes here too
//!  <folder>/blobs/<13 hex>/<16 hex>     the bytes of one larger object or part, never changed; 4096 to a folder, named in sequence
//! ```
//!
//! How a put becomes durable, and what a crash leaves at each line:
//!
//! ```text
//!  threads of the callers, many at once            the writer, alone, for all puts that wait for it
//!  ------------------------------------            ------------------------------------------------
//!  1 reserve a name                       nothing
//!  2 link the caller's file under it,     a blob without a row: swept at the next open
//!    or write the bytes to it
//!  3 fdatasync the blob                   the same
//!                                                  4 fsync the blobs' folder    once for all: the same
//!                                                  5 begin; check conditions; write rows
//!                                                  6 commit (fsync of the WAL)  once for all: the object is there
//!  7 answer Ok
//! ```
//!
//! The name is linked before the data is synced so that both ride in one transaction of the file system's journal. The caller's file is
//! linked rather than renamed so that it is still there, wherever the process dies, until the caller needs it no more.
//!
//! An object whose bytes fit the inline limit takes lines 5 to 7 only.
//!
//! A part of an upload is a blob with a row of its own. Completing an upload copies its parts into one new blob (lines 1 to 3) and writes
//! the object's row and removes those of the upload in one transaction, so a crash leaves the upload as it was, or the object.
//!
//! A row that loses its blob puts the blob's name into the table `dropped` in the same transaction; the sweeper unlinks it afterwards, and
//! takes the name out of the table. A reader that found the old row just before either opened the blob in time, and reads it to its end,
//! or finds no file, looks the row up again and sees the new state. So an object is damaged only when its row stays and its blob is missing.
//!
//! Blobs without a row can only have names that were in use since the mark `settled` in the index, so an open looks at
//! the last folders and not at all of them. The mark moves when the folders below it have been synced, so that no removed blob comes back
//! beneath it.
//!
//! What a disk that fails leaves: the answer is [`Error::Unavailable`] with what the system said, the change is seen whole or not at all,
//! and when the disk works again so does the store. The system tells of a failed sync once, and a later one that succeeds does not bring back what
//! was lost then. So nothing is synced a second time in the hope that it will do:
//!
//! | what could not be synced | what happens |
//! |---|---|
//! | a file that was written | it is removed; the put fails, and writes another one when it is asked again |
//! | a caller's file | it is copied, and so is every other from then on, and the copy's CRC-64 compared |
//! | a folder of blobs | puts that may have had a name there by then fail; the mark stays where it is, for this process |
//! | the name of a new folder | the folder is made again, or the next one is taken |
//! | the removal of a blob | its name stays in `dropped` until the next open |
//!
//! What a process cannot know is that a sync had failed for the one before it: after such a failure a machine, not only a process, is to
//! be started again before files of that time are put.

mod blobs;
mod body;
mod disk;
mod hot;
mod index;
mod inner;
mod losses;
mod multipart;
mod opened;
mod pieces;
mod readers;
#[cfg(test)]
mod simulation;
mod store;
mod sweeper;
#[cfg(test)]
mod tests;
mod uploads;
mod writer;

pub use store::{LocalStore, LocalStoreConfig};

use std::{fs::File, io, path::Path};

use disk::Disk;

use crate::Error;

/// Makes a folder's entries durable.
fn sync_folder(disk: &dyn Disk, folder: &Path) -> Result<(), Error> {
    let opened = File::open(folder).map_err(failed("open", folder))?;
    disk.sync_folder(&opened).map_err(failed("sync", folder))
}

/// What to say of a failed call to the file system.
fn failed(doing: &'static str, place: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::unavailable(doing, place.display(), error)
}
