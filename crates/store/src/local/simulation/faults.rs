//! A disk that fails and works again, under a whole store with its threads.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use alluvium_oss::{BucketName, ObjectKey, UnixTime};
use bytes::Bytes;
use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::oneshot;

use super::{
    disk::{EIO, ENOSPC, EROFS, LossyDisk, Operation},
    folder,
};
use crate::{
    Attributes, Body, CompleteUpload, Condition, Copy, CopyAttributes, Error, ListQuery, LocalStore, LocalStoreConfig,
    NewUpload, ObjectStore, Part, Put, Upload, crc64,
    local::{
        blobs::{BLOBS_PER_FOLDER, Blobs},
        disk::{Disk, RealDisk},
        index,
        opened::Opened,
        writer::{Change, Command, Writer},
    },
};

/// A way to make an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Small,
    Bytes,
    File,
    Copy,
    /// Of one part, which is put now.
    Part,
    /// Of two parts that are there.
    Completion,
}

/// Whether a fault is in the way. A name that cannot be linked is copied to.
fn meets(way: Way, operation: Operation) -> bool {
    match operation {
        Operation::Commit | Operation::Committed => true,
        _ if way == Way::Small => false,
        Operation::CreateFolder | Operation::SyncFolder => true,
        Operation::Create | Operation::Write => !matches!(way, Way::File | Way::Copy),
        Operation::Sync => way != Way::Copy,
        Operation::Link | Operation::Remove | Operation::List => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_change_fails_with_the_reason_and_is_made_when_the_disk_works_again() {
    for way in [Way::Small, Way::Bytes, Way::File, Way::Copy, Way::Part, Way::Completion] {
        for operation in [
            Operation::CreateFolder,
            Operation::Create,
            Operation::Write,
            Operation::Sync,
            Operation::Link,
            Operation::SyncFolder,
            Operation::Remove,
            Operation::Commit,
            Operation::Committed,
        ] {
            for (errno, words) in [
                (ENOSPC, "No space left on device"),
                (EIO, "Input/output error"),
                (EROFS, "Read-only file system"),
            ] {
                let folder = folder();
                let disk = Arc::new(LossyDisk::new(folder.path()));
                let bench = Bench::new(disk.clone(), folder.path());
                // The next blob needs a folder.
                for _ in 0..BLOBS_PER_FOLDER {
                    bench
                        .put("before", Body::Bytes(large(1)), Condition::None)
                        .await
                        .unwrap();
                }
                let upload = bench.prepare(way).await;
                bench.store.sweep().unwrap();
                disk.fail(operation, errno, usize::MAX);
                let outcome = bench.make(way, &upload).await;
                let case = format!("{way:?}, {operation:?}, {words}: {outcome:?}");
                match &outcome {
                    Ok(()) => assert!(!meets(way, operation), "{case}"),
                    Err(Error::Unavailable { reason, .. }) => {
                        assert!(meets(way, operation) && reason.contains(words), "{case}");
                    }
                    Err(_) => panic!("{case}"),
                }
                let there = bench.bytes("k").await;
                match (&outcome, operation) {
                    (Err(_), Operation::Committed) => assert!(there.is_none_or(|bytes| bytes == made(way)), "{case}"),
                    (Err(_), _) => assert_eq!(there, None, "{case}"),
                    (Ok(()), _) => assert_eq!(there, Some(made(way)), "{case}"),
                }

                disk.heal();
                match bench.make(way, &upload).await {
                    Ok(()) => {}
                    // The first has happened.
                    Err(Error::Exists { .. } | Error::NoUpload(_))
                        if operation == Operation::Committed || outcome.is_ok() => {}
                    Err(error) => panic!("{case}, then {error}"),
                }
                fs::remove_file(&bench.file).expect("it is the caller's");
                bench
                    .put("after", Body::Bytes(large(2)), Condition::Absent)
                    .await
                    .unwrap();
                bench.store.sweep().unwrap();
                bench.check(way, &case).await;

                let Bench { store, .. } = bench;
                drop(store);
                disk.loss_of_power(&mut StdRng::seed_from_u64(errno as u64));
                Bench::new(disk, folder.path()).check(way, &case).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_whose_sync_has_failed_is_written_anew() {
    for seed in 0..20 {
        let folder = folder();
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let bench = Bench::new(disk.clone(), folder.path());
        disk.caller_writes(&bench.file, &large(3));
        disk.fail(Operation::Sync, EIO, 1);
        bench
            .put("k", Body::File(bench.file.clone()), Condition::Absent)
            .await
            .unwrap();
        bench
            .put("l", Body::File(bench.file.clone()), Condition::Absent)
            .await
            .unwrap();
        let Bench { store, .. } = bench;
        drop(store);
        disk.loss_of_power(&mut StdRng::seed_from_u64(seed));
        let bench = Bench::new(disk, folder.path());
        for key in ["k", "l"] {
            assert_eq!(bench.bytes(key).await, Some(large(3)), "{key}, {seed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_folder_whose_name_could_be_neither_synced_nor_removed_is_not_used() {
    for seed in 0..20 {
        let folder = folder();
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let bench = Bench::new(disk.clone(), folder.path());
        disk.fail(Operation::SyncFolder, EIO, 1);
        disk.fail(Operation::Remove, EIO, 1);
        let refused = bench.put("k", Body::Bytes(large(3)), Condition::Absent).await;
        assert!(matches!(refused, Err(Error::Unavailable { .. })), "{refused:?}");
        bench.put("k", Body::Bytes(large(3)), Condition::Absent).await.unwrap();
        let Bench { store, .. } = bench;
        drop(store);
        disk.loss_of_power(&mut StdRng::seed_from_u64(seed));
        assert_eq!(
            Bench::new(disk, folder.path()).bytes("k").await,
            Some(large(3)),
            "{seed}"
        );
    }
}

#[test]
fn a_removal_that_could_not_be_synced_is_made_again_by_the_next_process() {
    for seed in 0..20 {
        let folder = folder();
        let disk = Arc::new(LossyDisk::new(folder.path()));
        let open = || Opened::open(disk.clone(), folder.path(), LocalStoreConfig::default()).unwrap();
        let mut store = open();
        let put = Put::bytes(large(1), "k", Attributes::default(), UnixTime::default());
        let change = store.inner.stage_put(bucket(), put.info(&key("k")), put).unwrap();
        assert_eq!(commit(&mut store.writer, change), Ok(()));
        drop(store);

        // It lies below the mark now, where an open does not look.
        let mut store = open();
        let delete = Change::Delete {
            bucket: bucket(),
            key: key("k"),
        };
        assert_eq!(commit(&mut store.writer, delete), Ok(()));
        disk.fail(Operation::SyncFolder, EIO, 1);
        for outcome in [false, true] {
            let Opened { sweeper, writer, .. } = &mut store;
            let swept = sweeper.sweep(|removed| commit(writer, Change::Forget(removed)).is_ok());
            assert_eq!(swept.is_ok(), outcome, "{swept:?}");
        }
        drop(store);
        disk.loss_of_power(&mut StdRng::seed_from_u64(seed));

        let mut store = open();
        let Opened { sweeper, writer, .. } = &mut store;
        let swept = sweeper.sweep(|removed| commit(writer, Change::Forget(removed)).is_ok());
        assert_eq!((swept, blobs(store.inner.blobs.folder())), (Ok(()), 0), "{seed}");
    }
}

/// A disk where, as soon as a blob is removed, a sync of its folder fails for somebody else.
#[derive(Debug, Default)]
struct Meanwhile {
    blobs: OnceLock<Weak<Blobs>>,
    fails: AtomicBool,
}

impl Disk for Meanwhile {
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)?;
        self.fails.store(true, Ordering::SeqCst);
        let blobs = self.blobs.get().and_then(Weak::upgrade).expect("the store is open");
        let synced = blobs.sync_folder(path.parent().expect("it is in a folder"));
        assert!(synced.is_err());
        Ok(())
    }

    fn sync_folder(&self, folder: &File) -> io::Result<()> {
        if self.fails.swap(false, Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        RealDisk.sync_folder(folder)
    }
}

#[test]
fn a_removal_stays_listed_when_a_sync_beside_it_fails() {
    let folder = folder();
    let disk = Arc::new(Meanwhile::default());
    let mut store = Opened::open(disk.clone(), folder.path(), LocalStoreConfig::default()).unwrap();
    disk.blobs.set(Arc::downgrade(&store.inner.blobs)).unwrap();
    let put = Put::bytes(large(1), "k", Attributes::default(), UnixTime::default());
    let change = store.inner.stage_put(bucket(), put.info(&key("k")), put).unwrap();
    let delete = Change::Delete {
        bucket: bucket(),
        key: key("k"),
    };
    for change in [change, delete] {
        assert_eq!(commit(&mut store.writer, change), Ok(()));
    }
    for _ in 0..2 {
        let Opened { sweeper, writer, .. } = &mut store;
        let _ = sweeper.sweep(|removed| commit(writer, Change::Forget(removed)).is_ok());
        assert_eq!(blobs(store.inner.blobs.folder()), 0);
        let listed = store.inner.readers.with(|index| index::dropped(index, None, 9));
        assert_eq!(listed.unwrap().len(), 1);
    }
}

/// A disk whose first sync waits, then fails; later ones of that file say that all is well, which means nothing.
#[derive(Debug)]
struct OneFailure {
    began: Sender<u64>,
    /// Ends the wait.
    go: Mutex<Option<Receiver<()>>>,
}

impl Disk for OneFailure {
    fn sync(&self, file: &File) -> io::Result<()> {
        let inode = file.metadata()?.ino();
        let _ = self.began.send(inode);
        let go = self.go.lock().unwrap().take();
        match go {
            None => Ok(()),
            Some(go) => {
                go.recv().expect("the test goes on");
                Err(io::Error::from_raw_os_error(EIO))
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn of_two_puts_of_a_file_one_does_not_rely_on_a_sync_that_fails_for_the_other() {
    let folder = folder();
    let (began, begins) = channel();
    let (go, wait) = channel();
    let disk = OneFailure {
        began,
        go: Mutex::new(Some(wait)),
    };
    let bench = Arc::new(Bench::new(Arc::new(disk), folder.path()));
    fs::write(&bench.file, large(3)).unwrap();
    let inode = fs::metadata(&bench.file).unwrap().ino();
    let begin = || {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.put("k", Body::File(bench.file.clone()), Condition::Absent).await })
    };
    let first = begin();
    assert_eq!(tokio::task::block_in_place(|| begins.recv()), Ok(inode));
    let second = begin();
    assert_ne!(
        tokio::task::block_in_place(|| begins.recv()),
        Ok(inode),
        "it has a file of its own"
    );
    assert_eq!(second.await.unwrap(), Ok(()));
    go.send(()).unwrap();
    assert!(matches!(first.await.unwrap(), Err(Error::Exists { .. })));
    assert_eq!(bench.bytes("k").await, Some(large(3)));
}

/// A disk whose user removes his file as soon as it is linked.
#[derive(Debug)]
struct Impatient;

impl Disk for Impatient {
    fn link(&self, existing: &Path, path: &Path) -> io::Result<()> {
        RealDisk.link(existing, path)?;
        fs::remove_file(existing)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_that_is_removed_while_it_is_adopted_is_adopted() {
    let folder = folder();
    let bench = Bench::new(Arc::new(Impatient), folder.path());
    for key in ["k", "l"] {
        fs::write(&bench.file, large(3)).unwrap();
        bench
            .put(key, Body::File(bench.file.clone()), Condition::Absent)
            .await
            .unwrap();
        assert!(!bench.file.exists(), "it was adopted, not copied");
        assert_eq!(bench.bytes(key).await, Some(large(3)));
    }
}

struct Bench {
    store: LocalStore,
    file: PathBuf,
}

impl Bench {
    fn new(disk: Arc<dyn Disk>, folder: &Path) -> Self {
        Self {
            store: LocalStore::open_on(disk, folder, LocalStoreConfig::default()).unwrap(),
            file: folder.join("file"),
        }
    }

    async fn put(&self, name: &str, body: Body, condition: Condition) -> Result<(), Error> {
        let bytes = match &body {
            Body::Bytes(bytes) => bytes.clone(),
            Body::File(_) => large(3),
        };
        let put = Put {
            body,
            condition,
            ..Put::bytes(bytes, name, Attributes::default(), UnixTime::default())
        };
        self.store.put(&bucket(), &key(name), put).await.map(drop)
    }

    /// What there must be before the object can be made.
    async fn prepare(&self, way: Way) -> Upload {
        fs::write(&self.file, large(3)).unwrap();
        let new = NewUpload {
            attributes: Attributes::default(),
            at: UnixTime::default(),
        };
        let upload = self.store.begin_upload(&bucket(), &key("k"), new).await.unwrap();
        if way == Way::Completion {
            for number in [1, 2] {
                self.part(&upload, number).await.unwrap();
            }
            // The next blob needs a folder, still.
            for _ in 2..BLOBS_PER_FOLDER {
                self.put("before", Body::Bytes(large(1)), Condition::None)
                    .await
                    .unwrap();
            }
        }
        upload
    }

    async fn make(&self, way: Way, upload: &Upload) -> Result<(), Error> {
        match way {
            Way::Small => self.put("k", Body::Bytes(made(way)), Condition::Absent).await,
            Way::Bytes => self.put("k", Body::Bytes(large(3)), Condition::Absent).await,
            Way::File => self.put("k", Body::File(self.file.clone()), Condition::Absent).await,
            Way::Copy => {
                let copy = Copy {
                    source_etag: None,
                    attributes: CopyAttributes::Keep,
                    condition: Condition::Absent,
                    at: UnixTime::default(),
                };
                let (bucket, from, to) = (bucket(), key("before"), key("k"));
                self.store.copy((&bucket, &from), (&bucket, &to), copy).await.map(drop)
            }
            Way::Part => {
                self.part(upload, 1).await?;
                self.complete(upload, &[1]).await
            }
            Way::Completion => self.complete(upload, &[1, 2]).await,
        }
    }

    async fn part(&self, upload: &Upload, number: u32) -> Result<(), Error> {
        let part = Part {
            body: Body::Bytes(large(3)),
            length: large(3).len() as u64,
            crc64: crc64(&large(3)),
            etag: "part".into(),
            at: UnixTime::default(),
        };
        self.store.put_part(upload, number, part).await.map(drop)
    }

    async fn complete(&self, upload: &Upload, parts: &[u32]) -> Result<(), Error> {
        let complete = CompleteUpload {
            parts: parts.iter().map(|number| (*number, "part".into())).collect(),
            etag: "k".into(),
            acl: None,
            condition: Condition::Absent,
            at: UnixTime::default(),
        };
        self.store.complete_upload(upload, complete).await.map(drop)
    }

    /// The object's bytes; `None` when it is absent from reads and from lists.
    async fn bytes(&self, name: &str) -> Option<Bytes> {
        let all = ListQuery {
            limit: 9,
            ..ListQuery::default()
        };
        let listed = self.store.list(&bucket(), &all).await.unwrap().objects;
        let is_listed = listed.iter().any(|info| info.key.as_str() == name);
        match self.store.get(&bucket(), &key(name), None).await {
            Ok(object) => {
                assert!(is_listed);
                let expected = object.info.crc64;
                let bytes = object.bytes().await.unwrap();
                assert_eq!(crc64(&bytes), expected);
                Some(bytes)
            }
            Err(Error::NotFound { .. }) => {
                assert!(!is_listed);
                None
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }

    /// Everything that was answered is there, and nothing that nobody needs.
    async fn check(&self, way: Way, case: &str) {
        for (name, bytes) in [("before", large(1)), ("k", made(way)), ("after", large(2))] {
            assert_eq!(self.bytes(name).await, Some(bytes), "{case}: {name}");
        }
        self.store.sweep().unwrap();
        let expected = if way == Way::Small { 2 } else { 3 };
        assert_eq!(blobs(self.store.folder()), expected, "{case}");
    }
}

fn commit(writer: &mut Writer, change: Change) -> Result<(), Error> {
    let (reply, mut answer) = oneshot::channel();
    writer.commit(vec![Command { change, reply }]);
    answer.try_recv().expect("every change is answered")
}

/// How many blobs there are.
fn blobs(folder: &Path) -> usize {
    let folders = fs::read_dir(folder).unwrap();
    folders
        .map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum()
}

/// The object that is made.
fn made(way: Way) -> Bytes {
    match way {
        Way::Small => Bytes::from_static(b"small"),
        Way::Bytes | Way::File | Way::Part => large(3),
        Way::Copy => large(1),
        Way::Completion => [large(3), large(3)].concat().into(),
    }
}

fn large(seed: u8) -> Bytes {
    (0..100_000).map(|at: u32| at.to_be_bytes()[2] ^ seed).collect()
}

fn bucket() -> BucketName {
    BucketName::parse("bucket").unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(name).unwrap()
}
