use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rusqlite::Connection;

use crate::local::disk::{Disk, RealDisk};

/// One operation of a [`Disk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateFolder,
    Create,
    /// It fails when half of the bytes are written.
    Write,
    /// A failure is told once: what was not durable then never will be, and a second try says that all is well.
    Sync,
    Link,
    Remove,
    /// As [`Sync`](Self::Sync), of a folder's entries.
    SyncFolder,
    List,
    /// It fails without effect.
    Commit,
    /// The commit is durable, and is said to have failed.
    Committed,
}

/// A disk that loses, at a crash, what has not been synced.
///
/// The files are real, so that whoever reads sees what a process sees; beside them the disk knows what of each file and folder is durable.
/// A [`loss_of_power`](Self::loss_of_power) changes the real files to what may be found after it. Files are only ever appended to.
#[derive(Debug)]
pub(super) struct LossyDisk {
    /// Held for one operation.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Operations so far, and the one at which everything stops.
    steps: usize,
    crash_at: Option<usize>,
    crashed: bool,
    failing: Vec<Rule>,
    /// Any operation fails with this probability.
    weather: Option<(StdRng, f64)>,
    failed_syncs: usize,
    files: Vec<FileState>,
    /// Real inode numbers of files that have a name.
    inodes: HashMap<u64, FileId>,
    folders: BTreeMap<PathBuf, BTreeMap<String, Entry>>,
}

#[derive(Debug)]
struct Rule {
    operation: Operation,
    errno: i32,
    times: usize,
}

type FileId = usize;

#[derive(Debug)]
struct FileState {
    bytes: Vec<u8>,
    /// So many first bytes are durable.
    durable: usize,
    /// A sync has failed: the rest never becomes durable.
    lost: bool,
}

/// A name in a folder.
#[derive(Debug, Default)]
struct Entry {
    durable: Option<Node>,
    /// What it has become since.
    later: Vec<Option<Node>>,
    /// As in [`FileState`], until the name is changed again.
    lost: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    File(FileId),
    Folder,
}

impl LossyDisk {
    /// Keeps track of what is made in `root` and below, which is durable as it is.
    pub(super) fn new(root: &Path) -> Self {
        let state = State {
            folders: BTreeMap::from([(root.to_owned(), BTreeMap::new())]),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// From now on everything stops at that operation, counted from now.
    pub(super) fn crash_after(&self, steps: Option<usize>) {
        let mut state = self.state();
        state.crash_at = steps.map(|steps| state.steps + steps);
    }

    pub(super) fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// Operations so far.
    pub(super) fn steps(&self) -> usize {
        self.state().steps
    }

    /// Lets an operation fail with an error of the operating system, so many times.
    pub(super) fn fail(&self, operation: Operation, errno: i32, times: usize) {
        self.state().failing.push(Rule {
            operation,
            errno,
            times,
        });
    }

    /// Lets any operation fail, with some probability.
    pub(super) fn weather(&self, seed: u64, probability: f64) {
        self.state().weather = Some((StdRng::seed_from_u64(seed), probability));
    }

    /// Nothing fails any more.
    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.failing.clear();
        state.weather = None;
    }

    /// Whether operations may fail.
    pub(super) fn is_failing(&self) -> bool {
        let state = self.state();
        !state.failing.is_empty() || state.weather.is_some()
    }

    /// How often a sync was said to have failed.
    pub(super) fn failed_syncs(&self) -> usize {
        self.state().failed_syncs
    }

    /// The process was killed, and the next one sees what it saw.
    pub(super) fn kill(&self) {
        let mut state = self.state();
        (state.crashed, state.crash_at) = (false, None);
    }

    /// What was not durable may be there or not; what is there now is durable.
    pub(super) fn loss_of_power(&self, random: &mut StdRng) {
        let mut state = self.state();
        (state.crashed, state.crash_at) = (false, None);
        state.lose(random);
    }

    /// The store's caller makes a file, which he does not sync.
    pub(super) fn caller_writes(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        fs::write(path, bytes).expect("a file can be written");
        // The number may be that of a file that is no more.
        state.inodes.remove(&fs::metadata(path).expect("it was written").ino());
        let id = state.known(path).expect("it was written");
        state.name(path, Some(Node::File(id)));
    }

    /// The store's caller removes his file.
    pub(super) fn caller_removes(&self, path: &Path) {
        fs::remove_file(path).expect("the file is still there");
        self.state().name(path, None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one operation is told by that one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for LossyDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Operation::CreateFolder)?;
        let is_new = !folder.exists();
        RealDisk.create_folder(folder)?;
        if is_new {
            state.folders.insert(folder.to_owned(), BTreeMap::new());
            state.name(folder, Some(Node::Folder));
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Operation::Remove)?;
        RealDisk.remove_folder(folder)?;
        state.name(folder, None);
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        let mut state = self.state();
        state.begin(Operation::Create)?;
        let file = RealDisk.create(path)?;
        let id = state.files.len();
        state.files.push(FileState {
            bytes: Vec::new(),
            durable: 0,
            lost: false,
        });
        state.inodes.insert(file.metadata()?.ino(), id);
        state.name(path, Some(Node::File(id)));
        Ok(file)
    }

    fn write(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let begun = state.begin(Operation::Write);
        let bytes = if begun.is_ok() {
            bytes
        } else {
            &bytes[..bytes.len() / 2]
        };
        RealDisk.write(file, bytes)?;
        state.file(&file.metadata()?).bytes.extend_from_slice(bytes);
        begun
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut state = self.state();
        let begun = state.begin(Operation::Sync);
        let crashed = state.crashed;
        let file = state.file(&file.metadata()?);
        match begun {
            Ok(()) if !file.lost => file.durable = file.bytes.len(),
            Err(_) if !crashed => file.lost = true,
            _ => {}
        }
        begun
    }

    fn link(&self, existing: &Path, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Operation::Link)?;
        RealDisk.link(existing, path)?;
        let id = state.known(existing)?;
        state.name(path, Some(Node::File(id)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Operation::Remove)?;
        RealDisk.remove(path)?;
        state.name(path, None);
        Ok(())
    }

    fn sync_folder(&self, folder: &File) -> io::Result<()> {
        let mut state = self.state();
        let begun = state.begin(Operation::SyncFolder);
        let inode = folder.metadata()?.ino();
        let crashed = state.crashed;
        let is_it = |path: &Path| fs::metadata(path).is_ok_and(|found| found.ino() == inode);
        let mut folders = state.folders.iter_mut();
        let entries = folders.find_map(|(path, entries)| is_it(path).then_some(entries));
        for entry in entries.into_iter().flat_map(BTreeMap::values_mut) {
            match &begun {
                Ok(()) if !entry.lost => {
                    if let Some(last) = entry.later.pop() {
                        entry.durable = last;
                        entry.later.clear();
                    }
                }
                Err(_) if !crashed => entry.lost |= !entry.later.is_empty(),
                _ => {}
            }
        }
        begun
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.state().begin(Operation::List)?;
        let mut found = RealDisk.list(folder)?;
        found.sort();
        Ok(found)
    }

    fn commit(&self, index: &Connection) -> rusqlite::Result<()> {
        let mut state = self.state();
        let failed = |error: io::Error| {
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
            rusqlite::Error::SqliteFailure(code, Some(error.to_string()))
        };
        state.begin(Operation::Commit).map_err(failed)?;
        RealDisk.commit(index)?;
        state.begin(Operation::Committed).map_err(failed)
    }
}

impl State {
    /// Counts an operation, and tells whether it fails.
    fn begin(&mut self, operation: Operation) -> io::Result<()> {
        self.crashed |= self.crash_at.is_some_and(|crash_at| self.steps >= crash_at);
        if self.crashed {
            return Err(io::Error::other("the process is no more"));
        }
        self.steps += 1;
        let rule = self.failing.iter_mut().find_map(|rule| rule.meets(operation));
        let chance = self.weather.as_mut().and_then(|(random, probability)| {
            let errno = [ENOSPC, EIO, EROFS][random.random_range(0..3)];
            random.random_bool(*probability).then_some(errno)
        });
        let Some(errno) = rule.or(chance) else {
            return Ok(());
        };
        self.failed_syncs += usize::from(matches!(operation, Operation::Sync | Operation::SyncFolder));
        Err(io::Error::from_raw_os_error(errno))
    }

    fn file(&mut self, found: &fs::Metadata) -> &mut FileState {
        &mut self.files[self.inodes[&found.ino()]]
    }

    /// A file, which may be one that the caller has made behind the back of this disk.
    fn known(&mut self, path: &Path) -> io::Result<FileId> {
        let inode = fs::symlink_metadata(path)?.ino();
        if let Some(id) = self.inodes.get(&inode) {
            return Ok(*id);
        }
        self.files.push(FileState {
            bytes: fs::read(path)?,
            durable: 0,
            lost: false,
        });
        self.inodes.insert(inode, self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    /// A name has come to mean something else.
    fn name(&mut self, path: &Path, node: Option<Node>) {
        let (folder, name) = split(path);
        let entry = self.folders.entry(folder).or_default().entry(name).or_default();
        entry.later.push(node);
        entry.lost = false;
    }

    fn lose(&mut self, random: &mut StdRng) {
        let fortune = Fortune::of(random);
        let mut folders: BTreeMap<PathBuf, BTreeMap<String, Node>> = BTreeMap::new();
        for (at, (folder, entries)) in self.folders.iter().enumerate() {
            let (above, name) = split(folder);
            let there = at == 0 || folders.get(&above).and_then(|above| above.get(&name)) == Some(&Node::Folder);
            if there {
                let found = entries.iter().filter_map(|(name, entry)| {
                    let node = fortune.choose(entry, random)?;
                    Some((name.clone(), node))
                });
                folders.insert(folder.clone(), found.collect());
            }
        }

        let files = std::mem::take(&mut self.files);
        let before = std::mem::take(&mut self.folders);
        for (name, _) in before.values().next().into_iter().flatten() {
            let path = before.keys().next().expect("there is a root").join(name);
            let removed = match path.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path).or_else(absent),
            };
            removed.expect("what is there can be removed");
        }
        self.inodes.clear();
        let mut again: HashMap<FileId, (FileId, PathBuf)> = HashMap::new();
        for (folder, entries) in folders {
            fs::create_dir(&folder).or_else(exists).expect("a folder can be made");
            let mut kept = BTreeMap::new();
            for (name, node) in entries {
                let node = match node {
                    Node::Folder => Node::Folder,
                    Node::File(old) => {
                        let path = folder.join(&name);
                        let (id, _) = again.entry(old).or_insert_with(|| {
                            let bytes = fortune.tear(&files[old], random);
                            fs::write(&path, &bytes).expect("a file can be written");
                            let inode = fs::metadata(&path).expect("it was written").ino();
                            self.inodes.insert(inode, self.files.len());
                            self.files.push(FileState {
                                durable: bytes.len(),
                                bytes,
                                lost: false,
                            });
                            (self.files.len() - 1, path.clone())
                        });
                        let id = *id;
                        fs::hard_link(&again[&old].1, &path)
                            .or_else(exists)
                            .expect("a file can be linked");
                        Node::File(id)
                    }
                };
                let durable = Entry {
                    durable: Some(node),
                    ..Entry::default()
                };
                kept.insert(name, durable);
            }
            self.folders.insert(folder, kept);
        }
    }
}

impl Rule {
    /// The error with which this operation fails.
    fn meets(&mut self, operation: Operation) -> Option<i32> {
        let fails = self.operation == operation && self.times > 0;
        self.times -= usize::from(fails);
        fails.then_some(self.errno)
    }
}

/// How a loss of power treats what was not durable.
enum Fortune {
    /// All of it is gone.
    Worst,
    /// All of it is there.
    Best,
    /// Each piece has a fortune of its own.
    Mixed,
}

impl Fortune {
    fn of(random: &mut StdRng) -> Self {
        match random.random_range(0..6) {
            0 => Self::Worst,
            1 => Self::Best,
            _ => Self::Mixed,
        }
    }

    /// What a name means afterwards: any of what it has meant since it was synced.
    fn choose(&self, entry: &Entry, random: &mut StdRng) -> Option<Node> {
        let at = match self {
            Self::Worst => 0,
            Self::Best => entry.later.len(),
            Self::Mixed => random.random_range(0..=entry.later.len()),
        };
        match at.checked_sub(1) {
            None => entry.durable,
            Some(at) => entry.later[at],
        }
    }

    /// What a file holds afterwards.
    fn tear(&self, file: &FileState, random: &mut StdRng) -> Vec<u8> {
        let (durable, end) = (file.durable, file.bytes.len());
        let length = match (self, random.random_range(0..4)) {
            (Self::Worst, _) => return file.bytes[..durable].to_vec(),
            (Self::Best, _) | (Self::Mixed, 0) => return file.bytes.clone(),
            (_, 1) => end,
            (_, 2) => random.random_range(durable..=end),
            (_, _) => (random.random_range(durable..=end) & !511).max(durable),
        };
        let mut bytes = file.bytes[..length].to_vec();
        let block = [512, 4096][random.random_range(0..2)];
        for start in (durable / block * block..length).step_by(block) {
            // A block that was not written holds zeros, or what lay there before.
            let old = [None, Some(0), Some(0xA5)][random.random_range(0..3)];
            if let Some(old) = old {
                bytes[start.max(durable)..length.min(start + block)].fill(old);
            }
        }
        bytes
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().and_then(|name| name.to_str());
    let folder = path.parent().unwrap_or(Path::new(""));
    (folder.to_owned(), name.unwrap_or_default().to_owned())
}

fn absent(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

fn exists(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    }
}

pub(super) const EIO: i32 = 5;
pub(super) const ENOSPC: i32 = 28;
pub(super) const EROFS: i32 = 30;
