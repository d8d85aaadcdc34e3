use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use alluvium_oss::{BucketName, ObjectKey, UnixTime};
use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::sync::oneshot;

use super::{
    disk::{LossyDisk, Operation},
    world::{Asked, Fact, Refused, World},
};
use crate::{
    Attributes, Body, CompleteUpload, Condition, Copy, CopyAttributes, Error, NewUpload, ObjectInfo, Part, Put, Upload,
    UploadId, crc64,
    local::{
        disk::Disk,
        opened::Opened,
        store::LocalStoreConfig,
        sync_folder,
        writer::{Change, Command},
    },
};

/// A store, its caller, and the disk they have; all of it follows from the seed.
pub(super) struct Simulation {
    /// Decides what is asked.
    random: StdRng,
    /// Decides what is lost.
    ruin: StdRng,
    folder: PathBuf,
    disk: Arc<LossyDisk>,
    /// What there may be: two worlds while nobody knows whether a batch was committed.
    pub(super) worlds: Vec<World>,
    /// All bytes that were ever put or joined, by their CRC-64.
    pub(super) contents: HashMap<u64, Bytes>,
    /// The caller's files, which he has not removed.
    files: BTreeMap<PathBuf, Bytes>,
    /// Makes names and ETags.
    count: u64,
}

/// What happens in one life of the process.
pub(super) struct Life {
    /// Calls of the store's user.
    pub(super) calls: usize,
    /// The operation of the disk before which the process dies; it dies at the end if it comes to it.
    pub(super) crash_after: Option<usize>,
    pub(super) weather: Weather,
}

/// What the disk is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// It knows no hard links.
    NoLinks,
    /// Any operation may fail.
    Foul,
}

/// A change whose bytes are staged, and which waits for the writer.
struct Waiting {
    asked: Asked,
    change: Change,
    /// The caller's file that holds its bytes, unless he has given up.
    file: Option<PathBuf>,
}

impl Simulation {
    pub(super) fn new(seed: u64, folder: &Path) -> Self {
        let disk = LossyDisk::new(folder);
        disk.create_folder(&folder.join(FILES)).expect("a new disk works");
        sync_folder(&disk, folder).expect("a new disk works");
        Self {
            random: StdRng::seed_from_u64(seed),
            ruin: StdRng::seed_from_u64(!seed),
            folder: folder.to_owned(),
            disk: Arc::new(disk),
            worlds: vec![World::default()],
            contents: HashMap::new(),
            files: BTreeMap::new(),
            count: 0,
        }
    }

    /// Opens the store and uses it until the process dies; returns how many operations the disk was asked for.
    pub(super) fn live(&mut self, life: &Life) -> usize {
        let (begun, failed_syncs) = (self.disk.steps(), self.disk.failed_syncs());
        self.disk.crash_after(life.crash_after);
        match life.weather {
            Weather::Fair => {}
            Weather::NoLinks => self.disk.fail(Operation::Link, EPERM, usize::MAX),
            Weather::Foul => self.disk.weather(self.random.random(), 0.04),
        }
        match Opened::open(self.disk.clone(), &self.folder, CONFIG) {
            Ok(mut store) => self.use_store(&mut store, life),
            Err(error) => assert!(self.may_fail(), "it does not open: {error}"),
        }
        let steps = self.disk.steps() - begun;
        self.disk.heal();
        // What a failed sync has lost is still seen by a process that comes after, which cannot know of it: it takes a loss of power.
        if self.disk.failed_syncs() == failed_syncs && self.ruin.random_bool(0.4) {
            self.disk.kill();
            for (path, bytes) in &self.files {
                assert_eq!(
                    fs::read(path).ok().as_ref(),
                    Some(&bytes.to_vec()),
                    "the caller's file {path:?}"
                );
            }
        } else {
            self.disk.loss_of_power(&mut self.ruin);
            self.files
                .retain(|path, bytes| fs::read(path).is_ok_and(|found| found == *bytes));
        }
        steps
    }

    /// Opens the store and holds it to everything it has promised.
    pub(super) fn check(&mut self) {
        let mut store = Opened::open(self.disk.clone(), &self.folder, CONFIG).expect("the disk works");
        self.look(&store);
        self.sweep(&mut store);
        self.check_blobs(&store);
        let dropped = "SELECT count(*) FROM dropped";
        let stray =
            "SELECT count(*) FROM contents WHERE id NOT IN (SELECT content FROM objects WHERE content IS NOT NULL)";
        for sql in [dropped, stray] {
            let count: i64 = store
                .inner
                .readers
                .with(|index| index.query_row(sql, (), |row| row.get(0)))
                .expect("the index can be read");
            assert_eq!(count, 0, "{sql}");
        }
        self.look(&store);
    }

    fn use_store(&mut self, store: &mut Opened, life: &Life) {
        self.look(store);
        let mut waiting = Vec::new();
        for call in 0..life.calls {
            if life.weather == Weather::Foul && call == life.calls / 2 {
                self.recover(store, &mut waiting);
            }
            if self.disk.has_crashed() {
                return;
            }
            match self.random.random_range(0..10) {
                0 => self.sweep(store),
                1..4 => self.commit(store, &mut waiting),
                _ => waiting.extend(self.ask(store)),
            }
            if !self.disk.has_crashed() {
                Self::read(store);
            }
        }
        if self.disk.has_crashed() {
            return;
        }
        match self.random.random_range(0..3) {
            0 => self.commit(store, &mut waiting),
            // The process ends in good order, and what the writer never saw is taken back.
            1 => waiting.clear(),
            _ => {}
        }
        self.disk.crash_after(Some(0));
    }

    /// The disk works again, and so does the store, which has lost nothing and keeps nothing that nobody needs.
    fn recover(&mut self, store: &mut Opened, waiting: &mut Vec<Waiting>) {
        while !waiting.is_empty() && !self.disk.has_crashed() {
            self.commit(store, waiting);
        }
        if self.disk.has_crashed() {
            return;
        }
        self.disk.heal();
        store.writer.commit(Vec::new());
        self.sweep(store);
        if !self.disk.has_crashed() {
            self.check_blobs(store);
            self.look(store);
        }
    }

    /// Calls the store once, as far as the writer.
    fn ask(&mut self, store: &Opened) -> Option<Waiting> {
        let key = self.key();
        match self.random.random_range(0..14) {
            0..4 => self.put(store, key, false),
            4..8 => self.put(store, key, true),
            8 => Some(Waiting {
                change: Change::Delete {
                    bucket: bucket(),
                    key: object_key(&key),
                },
                asked: Asked::Delete { key },
                file: None,
            }),
            9 => self.copy(store, key),
            10 => {
                let id = self.name("upload");
                let begun = Box::new((
                    upload(&id, &key),
                    NewUpload {
                        attributes: Attributes::default(),
                        at: UnixTime::default(),
                    },
                ));
                Some(Waiting {
                    change: Change::BeginUpload(begun),
                    asked: Asked::Begin { id, key },
                    file: None,
                })
            }
            11..13 => self.part(store),
            _ => self.end_upload(store),
        }
    }

    fn put(&mut self, store: &Opened, key: String, from_file: bool) -> Option<Waiting> {
        let (fact, body, file) = self.body(from_file);
        let condition = self.condition(&key);
        let put = Put {
            body,
            length: fact.length,
            crc64: fact.crc64,
            etag: fact.etag.clone(),
            attributes: Attributes::default(),
            condition: condition.clone(),
            at: UnixTime::default(),
        };
        let staged = store.inner.stage_put(bucket(), put.info(&object_key(&key)), put);
        let change = self.staged(staged, Ok(()))?;
        Some(Waiting {
            asked: Asked::Put { key, fact, condition },
            change,
            file: self.maybe_give_up(file),
        })
    }

    fn copy(&mut self, store: &Opened, key: String) -> Option<Waiting> {
        let from = self.key();
        let condition = self.condition(&key);
        let copy = Copy {
            source_etag: None,
            attributes: CopyAttributes::Keep,
            condition: condition.clone(),
            at: UnixTime::default(),
        };
        let source = self.world().objects.get(&from).cloned();
        let staged = store
            .inner
            .stage_copy((bucket(), object_key(&from)), (bucket(), object_key(&key)), copy);
        let fact = source.clone().ok_or(Refused::NotFound);
        let (change, info) = self.staged(staged, fact.map(drop))?;
        let fact = source?;
        assert_eq!(fact_of(&info), fact);
        Some(Waiting {
            asked: Asked::Put { key, fact, condition },
            change,
            file: None,
        })
    }

    fn part(&mut self, store: &Opened) -> Option<Waiting> {
        let (id, key, _) = self.upload()?;
        let from_file = self.random.random();
        let (fact, body, file) = self.body(from_file);
        let number = self.random.random_range(1..4);
        let part = Part {
            body,
            length: fact.length,
            crc64: fact.crc64,
            etag: fact.etag.clone(),
            at: UnixTime::default(),
        };
        let staged = store.inner.stage_part(upload(&id, &key), number, part);
        let (change, _) = self.staged(staged, Ok(()))?;
        Some(Waiting {
            asked: Asked::Part { id, number, fact },
            change,
            file: self.maybe_give_up(file),
        })
    }

    fn end_upload(&mut self, store: &Opened) -> Option<Waiting> {
        let (id, key, there) = self.upload()?;
        if there.is_empty() || self.random.random_bool(0.2) {
            return Some(Waiting {
                change: Change::AbortUpload(upload(&id, &key)),
                asked: Asked::Abort { id },
                file: None,
            });
        }
        let parts: Vec<(u32, String)> = there
            .iter()
            .filter(|_| self.random.random_bool(0.7))
            .map(|(number, fact)| (*number, fact.etag.clone()))
            .collect();
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(|(number, _)| self.contents[&there[number].crc64].clone())
            .collect();
        let fact = self.fact(bytes.into());
        let condition = self.condition(&key);
        let complete = CompleteUpload {
            parts: parts.clone(),
            etag: fact.etag.clone(),
            acl: None,
            condition: condition.clone(),
            at: UnixTime::default(),
        };
        let staged = store.inner.stage_completion(upload(&id, &key), complete);
        let expected = self.world().has_parts(&id, &parts);
        let (change, info) = self.staged(staged, expected)?;
        assert_eq!(fact_of(&info), fact);
        Some(Waiting {
            asked: Asked::Complete {
                id,
                key,
                parts,
                fact,
                condition,
            },
            change,
            file: None,
        })
    }

    /// What came of staging, which is what was expected, unless the disk has failed.
    fn staged<T>(&self, outcome: Result<T, Error>, expected: Result<(), Refused>) -> Option<T> {
        match outcome {
            Ok(staged) => {
                assert_eq!(Ok(()), expected);
                Some(staged)
            }
            Err(error) if refusal(&error).is_none() => {
                assert!(self.may_fail(), "{error}");
                None
            }
            Err(error) => {
                assert_eq!(refusal(&error), expected.err(), "{error}");
                None
            }
        }
    }

    /// Has the writer commit some of what waits, as one batch, and looks at its answers.
    fn commit(&mut self, store: &mut Opened, waiting: &mut Vec<Waiting>) {
        let count = self.random.random_range(0..=waiting.len());
        let batch: Vec<Waiting> = waiting.drain(..count).collect();
        if batch.is_empty() {
            return;
        }
        let mut after = self.world().clone();
        let mut commands = Vec::new();
        let mut asked = Vec::new();
        for waiting in batch {
            let (reply, answer) = oneshot::channel();
            commands.push(Command {
                change: waiting.change,
                reply,
            });
            let expected = after.apply(&waiting.asked);
            asked.push((waiting.asked, waiting.file, expected, answer));
        }
        store.writer.commit(commands);

        let mut failed = 0;
        let total = asked.len();
        for (asked, file, expected, mut answer) in asked {
            match answer.try_recv().expect("every change is answered") {
                Err(error) if refusal(&error).is_none() => {
                    assert!(self.may_fail(), "{asked:?}: {error}");
                    failed += 1;
                }
                answer => {
                    let answer = answer.map_err(|error| refusal(&error).expect("it is a refusal"));
                    assert_eq!(answer, expected, "{asked:?}");
                    if let Some(path) = file.filter(|_| answer.is_ok()) {
                        self.maybe_remove(&path);
                    }
                }
            }
        }
        match failed {
            0 => self.worlds = vec![after],
            failed => {
                assert_eq!(failed, total, "a batch fails whole");
                self.worlds.push(after);
                if !self.disk.has_crashed() {
                    self.look(store);
                }
            }
        }
    }

    /// Does what the sweeper does when it is woken.
    fn sweep(&mut self, store: &mut Opened) {
        let Opened { sweeper, writer, .. } = store;
        let forget = |removed| {
            let (reply, mut answer) = oneshot::channel();
            let change = Change::Forget(removed);
            writer.commit(vec![Command { change, reply }]);
            answer.try_recv().is_ok()
        };
        if let Err(error) = sweeper.sweep(forget) {
            assert!(self.may_fail(), "{error}");
        }
    }

    /// Whether a call may be answered with [`Error::Unavailable`].
    fn may_fail(&self) -> bool {
        self.disk.has_crashed() || self.disk.is_failing()
    }

    /// What there is, while the store is in use.
    fn world(&self) -> &World {
        &self.worlds[0]
    }

    fn key(&mut self) -> String {
        format!("key {}", self.random.random_range(0..5))
    }

    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind} {:05}", self.count)
    }

    /// One of the uploads: id, key and parts.
    fn upload(&mut self) -> Option<(String, String, BTreeMap<u32, Fact>)> {
        let ids: Vec<String> = self.world().uploads.keys().cloned().collect();
        let id = ids.choose(&mut self.random)?;
        let (key, parts) = self.world().uploads[id].clone();
        Some((id.clone(), key, parts))
    }

    fn condition(&mut self, key: &str) -> Condition {
        let found = self.world().objects.get(key).map(|fact| fact.etag.clone());
        match (self.random.random_range(0..10), found) {
            (0..3, _) => Condition::Absent,
            (3, Some(etag)) => Condition::Etag(etag),
            (4, _) => Condition::Etag("another".to_owned()),
            _ => Condition::None,
        }
    }

    /// Bytes to be put, in memory or in a file of the caller's: a new one, or one that he has put before.
    fn body(&mut self, from_file: bool) -> (Fact, Body, Option<PathBuf>) {
        let there: Vec<_> = self
            .files
            .iter()
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        if from_file
            && self.random.random_bool(0.3)
            && let Some((path, bytes)) = there.choose(&mut self.random)
        {
            return (self.fact(bytes.clone()), Body::File(path.clone()), Some(path.clone()));
        }
        let length = match self.random.random_range(0..4) {
            0 => self.random.random_range(0..=CONFIG.inline_bytes_max),
            1 => self.random.random_range(CONFIG.inline_bytes_max..1000),
            _ => self.random.random_range(1000..20_000),
        };
        let mut bytes = vec![0; length];
        self.random.fill(&mut bytes[..]);
        let bytes = Bytes::from(bytes);
        let fact = self.fact(bytes.clone());
        if !from_file {
            return (fact, Body::Bytes(bytes), None);
        }
        let path = self.folder.join(FILES).join(self.name("file"));
        self.disk.caller_writes(&path, &bytes);
        self.files.insert(path.clone(), bytes);
        (fact, Body::File(path.clone()), Some(path))
    }

    /// Remembers bytes, with an ETag of their own.
    fn fact(&mut self, bytes: Bytes) -> Fact {
        let fact = Fact {
            length: bytes.len() as u64,
            crc64: crc64(&bytes),
            etag: self.name("etag"),
        };
        self.contents.insert(fact.crc64, bytes);
        fact
    }

    /// The caller may drop his future, and then has no need of his file; what is staged goes on.
    fn maybe_give_up(&mut self, file: Option<PathBuf>) -> Option<PathBuf> {
        let path = file?;
        if !self.random.random_bool(0.15) {
            return Some(path);
        }
        self.maybe_remove(&path);
        None
    }

    fn maybe_remove(&mut self, path: &Path) {
        if self.random.random_bool(0.7) && self.files.remove(path).is_some() {
            self.disk.caller_removes(path);
        }
    }
}

pub(super) fn fact_of(info: &ObjectInfo) -> Fact {
    Fact {
        length: info.length,
        crc64: info.crc64,
        etag: info.etag.clone(),
    }
}

/// What an error says of the world; `None` when it says something of the disk.
fn refusal(error: &Error) -> Option<Refused> {
    match error {
        Error::NotFound { .. } => Some(Refused::NotFound),
        Error::Exists { .. } => Some(Refused::Exists),
        Error::Precondition { .. } => Some(Refused::Precondition),
        Error::NoUpload(_) => Some(Refused::NoUpload),
        Error::Part { number } => Some(Refused::Part(*number)),
        Error::Unavailable { .. } => None,
        error => panic!("nothing may lead to {error}"),
    }
}

pub(super) fn bucket() -> BucketName {
    BucketName::parse("bucket").expect("it is a name")
}

fn object_key(key: &str) -> ObjectKey {
    ObjectKey::parse(key).expect("it is a key")
}

pub(super) fn upload(id: &str, key: &str) -> Upload {
    Upload {
        bucket: bucket(),
        key: object_key(key),
        id: UploadId::new(id),
    }
}

/// The caller's folder, on the disk of the store.
const FILES: &str = "files";

const CONFIG: LocalStoreConfig = LocalStoreConfig {
    inline_bytes_max: 64,
    reads_max: 1,
    writes_max: 1,
    queue_length_max: 1,
    hot_bytes_max: 4096,
    hot_files_max: 1,
};

const EPERM: i32 = 1;
