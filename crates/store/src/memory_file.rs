use std::{fs::File, io, sync::Arc};

use bytes::Bytes;
#[cfg(target_os = "linux")]
use filebuffer::FileBuffer;

/// Bytes that are memory of this process and a file at the same time, so that the system can send them from the file
/// (`sendfile`) without copying them, to however many, and without waiting for a disk.
///
/// They are sealed: neither this process nor another one can change them or take them away. Clones share them; they are
/// there until the last clone, and the last of [`bytes`](Self::bytes), is gone and all that was sent of them has arrived.
#[derive(Clone)]
pub struct MemoryFile(Arc<Sealed>);

struct Sealed {
    #[cfg(target_os = "linux")]
    memory: FileBuffer,
    #[cfg(not(target_os = "linux"))]
    memory: Vec<u8>,
    file: File,
    /// Given back when nobody needs the bytes any more.
    _held: Box<dyn Send + Sync>,
}

impl MemoryFile {
    /// A copy of these bytes; with it `held` is kept.
    ///
    /// # Errors
    /// With `held`: the system knows no such files, or has none left.
    pub fn new<T: Send + Sync + 'static>(bytes: &[u8], held: T) -> Result<Self, (io::Error, T)> {
        match sealed(bytes) {
            Ok((memory, file)) => Ok(Self(Arc::new(Sealed {
                memory,
                file,
                _held: Box::new(held),
            }))),
            Err(error) => Err((error, held)),
        }
    }

    /// All of it.
    pub fn bytes(&self) -> Bytes {
        Bytes::from_owner(self.clone())
    }

    /// All of it, at the same positions.
    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// Where in the file these bytes are, if they lie in this memory, as every part of [`bytes`](Self::bytes) does; then they
    /// are the file's, since nothing else can lie there.
    pub fn position(&self, part: &[u8]) -> Option<u64> {
        let memory = self.as_ref();
        let from = part.as_ptr().addr().checked_sub(memory.as_ptr().addr())?;
        let end = from.checked_add(part.len())?;
        (end <= memory.len()).then_some(from as u64)
    }
}

impl AsRef<[u8]> for MemoryFile {
    fn as_ref(&self) -> &[u8] {
        &self.0.memory
    }
}

impl std::fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length = self.as_ref().len();
        f.debug_struct("MemoryFile")
            .field("length", &length)
            .finish_non_exhaustive()
    }
}

/// A file that has no name and no disk, with these bytes for ever, and the memory that they are in.
#[cfg(target_os = "linux")]
fn sealed(bytes: &[u8]) -> io::Result<(FileBuffer, File)> {
    use std::{io::Write, os::fd::AsRawFd};

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    const NAME: &str = "alluvium-hot";
    // Linux before 6.3 does not know that a file may never be run.
    let created = memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING))?;
    let mut file = File::from(created);
    file.write_all(bytes)?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL,
    )?;
    let memory = FileBuffer::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    // Whatever is mounted there.
    if memory.len() != bytes.len() || *memory != *bytes {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok((memory, file))
}

/// Other systems send in other ways.
#[cfg(not(target_os = "linux"))]
fn sealed(_: &[u8]) -> io::Result<(Vec<u8>, File)> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::{
        io::Write,
        os::unix::fs::FileExt,
        sync::atomic::{AtomicBool, Ordering},
    };

    use proptest::prelude::*;

    use super::*;

    fn some(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn nobody_can_change_it() {
        let bytes = some(10_000);
        let memory = MemoryFile::new(&bytes, ()).unwrap();
        let mut file = memory.file();
        assert!(file.write_all(b"x").is_err() && file.write_all_at(b"x", 0).is_err());
        assert!(file.set_len(0).is_err() && file.set_len(20_000).is_err());
        assert_eq!(memory.as_ref(), bytes);
        let mut read = vec![0; bytes.len()];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn it_stays_until_the_last_who_needs_it_is_gone() {
        #[derive(Debug)]
        struct Told(Arc<AtomicBool>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let is_gone = Arc::new(AtomicBool::new(false));
        let memory = MemoryFile::new(&some(5), Told(Arc::clone(&is_gone))).unwrap();
        let part = memory.clone().bytes().slice(2..4);
        drop(memory);
        assert!(!is_gone.load(Ordering::Relaxed));
        assert_eq!(part, some(5)[2..4]);
        drop(part);
        assert!(is_gone.load(Ordering::Relaxed));
    }

    #[test]
    fn nothing_fits_in_a_file_of_nothing() {
        let memory = MemoryFile::new(&[], ()).unwrap();
        assert!(memory.bytes().is_empty());
        assert_eq!(memory.position(b"x"), None);
    }

    proptest! {
        #[test]
        fn a_part_of_its_memory_is_at_its_position_and_no_other_bytes_are(from in 0_usize..9000, more in 1_usize..9000) {
            let bytes = some(9000);
            let end = (from + more).min(bytes.len());
            let (memory, twin) = (MemoryFile::new(&bytes, ()).unwrap(), MemoryFile::new(&bytes, ()).unwrap());
            let part = memory.bytes().slice(from..end);
            prop_assert_eq!(memory.position(&part), Some(from as u64));
            prop_assert_eq!(memory.position(&bytes[from..end]), None, "the same bytes, elsewhere");
            prop_assert_eq!(memory.position(&twin.bytes()[from..end]), None);
            let mut read = vec![0; part.len()];
            memory.file().read_exact_at(&mut read, from as u64).unwrap();
            prop_assert!(read == part);
        }
    }
}
