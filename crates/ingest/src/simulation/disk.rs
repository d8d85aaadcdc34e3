use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::{Rng, RngExt};

use super::life::{Life, Step};
use super::world::World;
use crate::spool::{Disk, DiskFile};

/// A disk that outlives the processes which use it, and forgets at a crash of the machine what was not synced.
#[derive(Debug, Clone)]
pub(super) struct SimDisk {
    world: Arc<World>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Who uses it now.
    life: Arc<Life>,
    files: Vec<File>,
    /// The first one is the root.
    folders: Vec<Folder>,
    free: u64,
}

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// What a crash leaves in any case.
    durable: Vec<u8>,
    /// Where the last append ended that was carried out whole.
    appended: usize,
    /// How many names it has in a store.
    links: usize,
    /// It is an object.
    stored: bool,
    /// A sync has failed: what was not durable then never will be, and only the process that asked for it can know.
    lost: bool,
}

/// Names, in the order in which they were made.
type Names = Vec<(String, Node)>;

#[derive(Debug, Default)]
struct Folder {
    names: Names,
    durable: Names,
    /// What has happened to the names since they were synced.
    later: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Added(String, Node),
    Removed(String),
    Renamed(String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder(usize),
}

/// What may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Write,
    Read,
}

impl SimDisk {
    pub(super) fn new(world: Arc<World>) -> Self {
        let state = State {
            life: Arc::new(Life::of(Some(0))),
            files: Vec::new(),
            folders: vec![Folder::default()],
            free: 1 << 40,
        };
        Self {
            world,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A process begins to use it.
    pub(super) fn boot(&self, life: Arc<Life>) {
        let mut state = self.lock();
        state.life = life;
        state.files.iter_mut().for_each(|file| file.lost = false);
    }

    /// The machine crashes: what was not synced is there or not, each part for itself.
    pub(super) fn crash(&self) {
        self.world.with_random(|random| {
            let mut state = self.lock();
            for folder in &mut state.folders {
                folder.lose(random);
            }
            for file in &mut state.files {
                file.lose(random);
            }
        });
    }

    /// The segments' bytes as far as they were appended whole.
    pub(super) fn appended(&self) -> Vec<Vec<u8>> {
        let state = self.lock();
        let mut found = Vec::new();
        let mut folders = vec![0];
        while let Some(folder) = folders.pop() {
            for (name, node) in &state.folders[folder].names {
                match *node {
                    Node::Folder(folder) => folders.push(folder),
                    Node::File(_) if !(name.ends_with(".open") || name.ends_with(".ts")) => {}
                    Node::File(file) => {
                        let file = &state.files[file];
                        found.push(file.bytes[..file.appended.min(file.bytes.len())].to_vec());
                    }
                }
            }
        }
        found
    }

    /// What is in the folder, and below it.
    pub(super) fn names(&self, path: &Path) -> Vec<String> {
        let state = self.lock();
        let Ok(folder) = state.folder(path) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (name, node) in &state.folders[folder].names {
            found.push(name.clone());
            if let Node::Folder(below) = node {
                let names = state.folders[*below].names.iter();
                found.extend(names.map(|(below, _)| format!("{name}/{below}")));
            }
        }
        found
    }

    /// What a store reads of a file, outside of the steps of its caller.
    pub(super) fn give(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.lock();
        let file = state.file(path)?;
        Ok(state.files[file].bytes.clone())
    }

    /// A store gives a file another name, and has nothing durable of it yet.
    pub(super) fn link(&self, path: &Path) -> io::Result<usize> {
        let mut state = self.lock();
        let file = state.file(path)?;
        state.files[file].links += 1;
        Ok(file)
    }

    /// A store makes the bytes of a file durable that it has linked, and reads them.
    pub(super) fn sync_linked(&self, file: usize) -> Vec<u8> {
        let file = &mut self.lock().files[file];
        file.sync();
        file.bytes.clone()
    }

    /// A store has made an object of a file.
    pub(super) fn keep(&self, file: usize) {
        self.lock().files[file].stored = true;
    }

    /// A store removes its name for a file, unless there is an object of it.
    pub(super) fn unlink(&self, file: usize) {
        let file = &mut self.lock().files[file];
        if !file.stored {
            file.links -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One step of the process; nothing comes of it when this fails.
    fn begin(&self, operation: Operation, doing: &str, path: &Path) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock();
        self.world.tell(format_args!("{doing} {}", path.display()));
        if state.life.step() != Step::Done {
            return Err(nobody());
        }
        let is_write = operation == Operation::Write;
        match self.world.disk_fails(is_write) {
            Some(error) => Err(error),
            None => Ok(state),
        }
    }

    fn append(&self, file: usize, bytes: &[u8]) -> io::Result<()> {
        self.world.tell(format_args!("append {} bytes", bytes.len()));
        let mut state = self.lock();
        let step = state.life.step();
        if step == Step::Never {
            return Err(nobody());
        }
        let error = match step {
            Step::Done => self.world.disk_fails(true),
            _ => Some(nobody()),
        };
        let file = &mut state.files[file];
        if let Some(error) = error {
            let torn = self.world.with_random(|random| random.random_range(0..=bytes.len()));
            file.bytes.extend_from_slice(&bytes[..torn]);
            return Err(error);
        }
        file.bytes.extend_from_slice(bytes);
        file.appended = file.bytes.len();
        Ok(())
    }

    fn sync(&self, file: usize) -> io::Result<()> {
        let failed = match self.begin(Operation::Write, "sync", Path::new("")) {
            Ok(mut state) => {
                state.files[file].sync();
                return Ok(());
            }
            Err(error) => error,
        };
        self.lock().files[file].lost = true;
        Err(failed)
    }
}

impl Disk for SimDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "create folder", path)?;
        let mut at = 0;
        for name in parts(path) {
            at = match state.folders[at].find(&name) {
                Some(Node::Folder(below)) => below,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    let below = state.folders.len();
                    state.folders.push(Folder::default());
                    state.folders[at].change(Change::Added(name, Node::Folder(below)));
                    below
                }
            };
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.begin(Operation::Write, "create", path)?;
        let (folder, name) = state.place(path)?;
        if state.folders[folder].find(&name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(File::default());
        state.folders[folder].change(Change::Added(name, Node::File(file)));
        Ok(Box::new(SimFile {
            disk: self.clone(),
            file,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "rename", from)?;
        state.file(from)?;
        let ((folder, from), (beside, to)) = (state.place(from)?, state.place(to)?);
        assert_eq!(folder, beside, "a file is renamed within its folder");
        if from != to {
            state.folders[folder].change(Change::Renamed(from, to));
        }
        Ok(())
    }

    fn read(&self, path: &Path, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let bytes = {
            let state = self.begin(Operation::Read, "read", path)?;
            let file = state.file(path)?;
            state.files[file].bytes.clone()
        };
        bytes.chunks(1000).for_each(take);
        Ok(())
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "truncate", path)?;
        let file = state.file(path)?;
        let file = &mut state.files[file];
        if file.stored {
            self.world
                .wrong(format!("the bytes of a stored object are cut: {}", path.display()));
        }
        file.bytes.truncate(length as usize);
        file.appended = file.appended.min(file.bytes.len());
        Ok(())
    }

    fn is_shared(&self, path: &Path) -> io::Result<bool> {
        let state = self.begin(Operation::Read, "is shared", path)?;
        let file = state.file(path)?;
        Ok(state.files[file].links > 0)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let state = self.begin(Operation::Read, "list", folder)?;
        let at = state.folder(folder)?;
        let names = state.folders[at].names.iter();
        Ok(names.map(|(name, _)| folder.join(name)).collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "remove", path)?;
        state.file(path)?;
        let (folder, name) = state.place(path)?;
        state.folders[folder].change(Change::Removed(name));
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "remove folder", path)?;
        let at = state.folder(path)?;
        if !state.folders[at].names.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let (folder, name) = state.place(path)?;
        state.folders[folder].change(Change::Removed(name));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(Operation::Write, "sync folder", path)?;
        let at = state.folder(path)?;
        state.folders[at].sync();
        Ok(())
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        Ok(self.begin(Operation::Read, "free", path)?.free)
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    file: usize,
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(self.file, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.sync(self.file)
    }
}

impl State {
    fn node(&self, path: &Path) -> io::Result<Node> {
        let mut node = Node::Folder(0);
        for name in parts(path) {
            let Node::Folder(folder) = node else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            node = self.folders[folder].find(&name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    fn folder(&self, path: &Path) -> io::Result<usize> {
        match self.node(path)? {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.node(path)? {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// The folder in which the path's last name stands.
    fn place(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = parts(path).last().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.folder(path.parent().unwrap_or(path))?, name))
    }
}

impl Folder {
    fn find(&self, name: &str) -> Option<Node> {
        let found = self.names.iter().find(|(found, _)| found == name)?;
        Some(found.1)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.later.push(change);
    }

    fn sync(&mut self) {
        self.durable.clone_from(&self.names);
        self.later.clear();
    }

    fn lose(&mut self, random: &mut impl Rng) {
        let durable = random.random_bool(0.5);
        for change in std::mem::take(&mut self.later) {
            if durable || random.random_bool(0.5) {
                change.apply(&mut self.durable);
            }
        }
        self.names.clone_from(&self.durable);
    }
}

impl Change {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Added(name, node) => {
                // The removal of one that had the name before may have been forgotten.
                names.retain(|(found, _)| found != name);
                names.push((name.clone(), *node));
            }
            Self::Removed(name) => names.retain(|(found, _)| found != name),
            Self::Renamed(from, to) => {
                let Some(at) = names.iter().position(|(found, _)| found == from) else {
                    return;
                };
                let (_, node) = names.remove(at);
                names.retain(|(found, _)| found != to);
                names.push((to.clone(), node));
            }
        }
    }
}

impl File {
    fn sync(&mut self) {
        if !self.lost {
            self.durable.clone_from(&self.bytes);
        }
    }

    fn lose(&mut self, random: &mut impl Rng) {
        // An append, or a cut, since the last sync.
        let is_longer = self.bytes.len() > self.durable.len();
        match random.random_range(0..4) {
            0 => {}
            1 if is_longer => self
                .bytes
                .truncate(random.random_range(self.durable.len()..=self.bytes.len())),
            2 | 3 if is_longer => {
                let block = if random.random_bool(0.5) { 512 } else { 4096 };
                let end = match random.random_bool(0.5) {
                    true => self.bytes.len(),
                    false => random.random_range(self.durable.len()..=self.bytes.len()),
                };
                self.bytes.truncate(end);
                for start in (self.durable.len() / block * block..end).step_by(block) {
                    if random.random_bool(0.5) {
                        self.bytes[start.max(self.durable.len())..end.min(start + block)].fill(0);
                    }
                }
            }
            _ => self.bytes.clone_from(&self.durable),
        }
        self.durable.clone_from(&self.bytes);
        self.appended = 0;
        self.lost = false;
    }
}

fn parts(path: &Path) -> impl Iterator<Item = String> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str().map(str::to_owned),
        _ => None,
    })
}

/// Who would have got this answer is no more.
fn nobody() -> io::Error {
    io::Error::other("the process has died")
}
