use std::fs;
use std::sync::{Mutex, mpsc};

use alluvium_catalog::SessionId;

use super::*;

fn place(order: u64) -> Place {
    Place {
        order,
        name: UnixTime::from_millis(1_700_000_000_123),
        program_date_time: UnixTime::from_millis(1_700_000_000_100),
        discontinuity: order == 0,
    }
}

fn facts(bytes: &[u8]) -> Facts {
    Facts {
        length: bytes.len() as u64,
        crc64: alluvium_store::crc64(bytes),
        duration: 180_000,
    }
}

fn open(folder: &Path) -> Arc<Spool> {
    Arc::new(Spool::open(folder, Arc::new(LocalDisk), false, Runs::OnThreads).unwrap())
}

impl Spool {
    fn session_of(&self, bits: u64) -> SessionSpool {
        SessionSpool {
            folder: Folder::new(
                self.session_folder(SessionId::from_bits(bits)),
                "bucket\nchannel\n".to_owned(),
            ),
            writer: Arc::clone(&self.writer),
            waiting: Arc::new(Semaphore::new(BATCHES_WAITING_MAX)),
        }
    }
}

impl SessionSpool {
    async fn append(&self, file: &SpoolFile, batch: &'static [u8]) {
        file.append(Bytes::from_static(batch), self.room().await);
    }
}

#[tokio::test]
async fn a_complete_file_says_what_it_holds_and_an_open_one_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder.path().join("spool"));
    let session = spool.session_of(7);
    let (file, other) = (session.create(place(0)), session.create(place(1)));
    session.append(&file, b"ab").await;
    session.append(&other, b"--").await;
    session.append(&file, b"cd").await;
    let spooled = file.finish(facts(b"abcd")).await.unwrap();
    let State::Whole(path, found) = &spooled.state else {
        panic!("{spooled:?}");
    };
    assert_eq!(*found, facts(b"abcd"));
    assert_eq!(fs::read(path).unwrap(), b"abcd");
    let left = spool.leftovers().await.unwrap();
    assert_eq!(left.len(), 1);
    let Leftover {
        session,
        channel,
        files,
    } = &left[0];
    assert_eq!(*session, SessionId::from_bits(7));
    let channel = channel.clone().unwrap();
    assert_eq!((channel.0.as_str(), channel.1.as_str()), ("bucket", "channel"));
    assert_eq!(files[0], spooled);
    assert_eq!(files[1].place, place(1));
    assert!(matches!(files[1].state, State::Torn(_)));
}

#[tokio::test]
async fn a_closed_session_leaves_no_folder_unless_a_segment_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = SessionId::from_bits(1);
    let file = spool.session_of(1).create(place(1));
    let spooled = file.finish(facts(b"")).await.unwrap();
    spool.close_session(id).await;
    assert!(spooled.path().exists());
    spool.remove(spooled.path().to_owned());
    spool.close_session(id).await;
    assert!(!spooled.path().parent().unwrap().exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_torn_and_the_next_one_stands_behind_a_discontinuity() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let session = spool.session_of(2);
    let in_the_way = folder.path().join(SessionId::from_bits(2).to_string());
    fs::write(&in_the_way, "in the way").unwrap();
    let lost = session.create(place(1));
    session.append(&lost, b"lost").await;
    let lost = lost.finish(facts(b"lost")).await.unwrap();
    assert!(matches!(lost.state, State::Torn(_)));
    assert!(matches!(spool.inspect(lost).await, Ok(Inspected::Gone)));

    fs::remove_file(in_the_way).unwrap();
    let kept = session.create(place(2));
    session.append(&kept, b"kept").await;
    let kept = kept.finish(facts(b"kept")).await.unwrap();
    assert!(matches!(kept.state, State::Whole(..)));
    assert!(kept.place.discontinuity);
    let next = session.create(place(3)).finish(facts(b"")).await.unwrap();
    assert!(!next.place.discontinuity);
}

#[tokio::test]
async fn a_session_waits_at_the_limit_of_waiting_batches() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let session = spool.session_of(3);
    let held: Vec<_> = (0..BATCHES_WAITING_MAX)
        .map(|_| Arc::clone(&session.waiting).try_acquire_owned().unwrap())
        .collect();
    let mut waits = std::pin::pin!(session.room());
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    drop(held);
    drop(waits.await);
}

#[tokio::test]
async fn a_whole_file_with_other_bytes_than_it_says_is_no_longer_whole() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let session = spool.session_of(4);
    let file = session.create(place(0));
    session.append(&file, b"abcd").await;
    let spooled = file.finish(facts(b"abcd")).await.unwrap();
    let Ok(Inspected::Sound(sound)) = spool.inspect(spooled.clone()).await else {
        panic!("not what was written");
    };
    assert!(!sound.cut);
    fs::write(spooled.path(), b"abcx").unwrap();
    let Ok(Inspected::Torn(torn)) = spool.inspect(spooled.clone()).await else {
        panic!("not what its name says");
    };
    assert_eq!(spool.cut_back(torn).await.unwrap(), None);
    assert!(!spooled.path().exists());
}

#[tokio::test]
async fn room_is_asked_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(&folder.path().join("spool"));
    spool.check_room(0).await.unwrap();
    let full = spool.check_room(u64::MAX).await.unwrap_err().to_string();
    assert!(full.starts_with("its recording disk is nearly full: "), "{full}");
    fs::remove_dir(folder.path().join("spool")).unwrap();
    let failing = spool.check_room(0).await.unwrap_err().to_string();
    assert!(
        failing.starts_with("its recording disk cannot be written: "),
        "{failing}"
    );
}

#[tokio::test]
async fn a_process_that_was_killed_while_it_probed_keeps_no_other_from_it() {
    let folder = tempfile::tempdir().unwrap();
    for left in 0..3 {
        fs::write(folder.path().join(format!(".probe-{left}")), "?").unwrap();
    }
    let spool = open(folder.path());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    spool.check_room(0).await.unwrap();
}

#[test]
fn says_which_folder_cannot_be_used() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Spool::open(&file.path().join("spool"), Arc::new(LocalDisk), false, Runs::OnThreads).unwrap_err();
    assert!(
        error.to_string().contains(&file.path().display().to_string()),
        "{error}"
    );
}

/// The file system, where nothing is removed before the other end is gone, and some bytes bring a panic.
#[derive(Debug)]
struct OddDisk(Mutex<mpsc::Receiver<()>>);

impl OddDisk {
    fn wait(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

/// What nobody can append to a file of an [`OddDisk`].
const POISON: &[u8] = b"poison";

#[derive(Debug)]
struct OddFile(Box<dyn DiskFile>);

impl DiskFile for OddFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        assert_ne!(bytes, POISON, "as the test wants it");
        self.0.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync()
    }
}

impl Disk for OddDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        LocalDisk.create_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OddFile(LocalDisk.create(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        LocalDisk.rename(from, to)
    }

    fn read(&self, path: &Path, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        LocalDisk.read(path, take)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        LocalDisk.truncate(path, length)
    }

    fn is_shared(&self, path: &Path) -> io::Result<bool> {
        LocalDisk.is_shared(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        LocalDisk.list(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if FileName::parse(file_name(path).unwrap()).is_some() {
            self.wait();
        }
        LocalDisk.remove(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.wait();
        LocalDisk.remove_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        LocalDisk.sync_folder(path)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        LocalDisk.free(folder)
    }
}

#[tokio::test]
async fn what_is_written_does_not_wait_for_what_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (removals_go_on, gate) = mpsc::channel();
    let disk = Arc::new(OddDisk(Mutex::new(gate)));
    let spool = Spool::open(folder.path(), disk, false, Runs::OnThreads).unwrap();
    let (over, other) = (spool.session_of(5), spool.session_of(6));
    let stored = over.create(place(0)).finish(facts(b"")).await.unwrap();
    spool.remove(stored.path().to_owned());
    let file = other.create(place(0));
    other.append(&file, b"written").await;
    let written = file.finish(facts(b"written")).await.unwrap();
    assert!(matches!(written.state, State::Whole(..)));
    assert!(stored.path().exists());
    drop(removals_go_on);
    spool.close_session(SessionId::from_bits(5)).await;
    assert!(!stored.path().parent().unwrap().exists());
}

#[tokio::test]
async fn a_panic_over_one_file_is_a_gap_in_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(OddDisk(Mutex::new(mpsc::channel().1)));
    let spool = Spool::open(folder.path(), disk, false, Runs::OnThreads).unwrap();
    let (session, other) = (spool.session_of(7), spool.session_of(8));
    let (broken, whole) = (session.create(place(0)), other.create(place(0)));
    session.append(&broken, b"kept").await;
    session.append(&broken, POISON).await;
    session.append(&broken, b"lost").await;
    other.append(&whole, b"whole").await;
    let broken = broken.finish(facts(b"keptpoisonlost")).await.unwrap();
    assert!(matches!(broken.state, State::Torn(_)));
    assert_eq!(fs::read(broken.path()).unwrap(), b"kept");
    assert!(matches!(
        whole.finish(facts(b"whole")).await.unwrap().state,
        State::Whole(..)
    ));
    let next = session.create(place(1)).finish(facts(b"")).await.unwrap();
    assert!(next.place.discontinuity);
}
