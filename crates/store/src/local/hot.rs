use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use alluvium_oss::{BucketName, ObjectKey};
use bytes::Bytes;

use super::{body::Blob, inner::Source};
use crate::{Attributes, MemoryFile, ObjectInfo};

/// Objects that are asked for again and again, ready to be sent without a look at the index.
///
/// ```text
///   asked once --> its name --> asked again, and read --> ready --> sent
///                     ^                                     |  \--> asked on: its bytes, too, where they were in a blob
///                     +---- a change, or no room for it ----+
/// ```
///
/// They are what the index says at every moment: nobody else changes it, and the writer tells of a change before it begins
/// and after its fate is known. Until then nothing of the object is ready, and what was read of it before is not kept.
#[derive(Debug)]
pub(super) struct Hot {
    bytes_max: usize,
    files_max: usize,
    hasher: RandomState,
    /// Bytes that have been read whole: those that are ready, and those that are gone and still being sent.
    held: Arc<AtomicUsize>,
    /// Held for a look and a step, never while a file is closed.
    state: Mutex<State>,
}

/// An object's facts, and its bytes or the blob that holds them.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) bucket: BucketName,
    pub(super) info: ObjectInfo,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Inline(Bytes),
    Memory(MemoryFile),
    Blob(Arc<Blob>),
}

/// What is known of an object that somebody asks for.
#[derive(Debug)]
pub(super) enum Look {
    /// With room its bytes are worth to be read whole and kept.
    Ready(Arc<Ready>, Option<Room>),
    /// It has to be read; with a ticket it may be kept then.
    Absent(Option<Ticket>),
}

/// Says that a read begins when no change is on its way, and lets its outcome be kept if none has begun since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    name: Name,
    number: u64,
}

/// Room for all bytes of an object that is ready.
#[derive(Debug)]
pub(super) struct Room {
    ticket: Ticket,
    length: usize,
    held: Arc<AtomicUsize>,
}

/// Bytes that fill their room, until the last who sends them is done.
struct Filled {
    bytes: Vec<u8>,
    _room: Room,
}

/// The hash of a bucket and a key. Two objects with the same one disturb each other, and are never taken for each other.
type Name = u64;

#[derive(Debug, Default)]
struct State {
    ready: HashMap<Name, Entry>,
    /// The entries that are ready, by their numbers, the next to go first; and some that are gone.
    order: VecDeque<(Name, u64)>,
    /// What was asked for once, with the number that the next who ask get.
    asked: HashMap<Name, u64>,
    changing: HashSet<Name>,
    /// Of `ready`, as [`Ready::cost`] counts.
    bytes: usize,
    /// Of `ready`.
    files: usize,
    numbers: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    object: Arc<Ready>,
    /// Asked for since it was kept, renewed or last spared.
    used: bool,
    /// How often it was asked for since it was kept or renewed.
    asked: u32,
}

impl Hot {
    pub(super) fn new(bytes_max: usize, files_max: usize) -> Self {
        Self {
            bytes_max,
            files_max,
            hasher: RandomState::new(),
            held: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// Asks for an object.
    pub(super) fn look(&self, bucket: &BucketName, key: &ObjectKey) -> Look {
        let name = self.name(bucket, key);
        let mut state = self.lock();
        if let Some(entry) = state.ready.get_mut(&name)
            && entry.object.is(bucket, key)
        {
            entry.used = true;
            entry.asked = entry.asked.saturating_add(1);
            let number = entry.number;
            let room = match entry.object.content {
                Content::Blob(_) if entry.asked == ASKED_FOR_BYTES => {
                    self.room(Ticket { name, number }, entry.object.info.length)
                }
                _ => None,
            };
            return Look::Ready(Arc::clone(&entry.object), room);
        }
        if state.changing.contains(&name) {
            return Look::Absent(None);
        }
        if let Some(number) = state.asked.get(&name) {
            return Look::Absent(Some(Ticket { name, number: *number }));
        }
        if state.asked.len() >= ASKED_MAX {
            state.asked.clear();
        }
        let number = state.number();
        state.asked.insert(name, number);
        Look::Absent(None)
    }

    /// The facts of an object that is ready.
    pub(super) fn info(&self, bucket: &BucketName, key: &ObjectKey) -> Option<ObjectInfo> {
        let name = self.name(bucket, key);
        let mut state = self.lock();
        let entry = state
            .ready
            .get_mut(&name)
            .filter(|entry| entry.object.is(bucket, key))?;
        entry.used = true;
        Some(entry.object.info.clone())
    }

    /// Keeps an object that was read, if no change has begun since the ticket was had, and it is not too large.
    pub(super) fn keep(&self, ticket: Ticket, bucket: &BucketName, info: &ObjectInfo, source: &Source) {
        let content = match source {
            Source::Inline(bytes) => Content::Inline(bytes.clone()),
            Source::Blob(_, blob) => Content::Blob(Arc::clone(blob)),
        };
        let object = Ready {
            bucket: bucket.clone(),
            info: info.clone(),
            content,
        };
        let mut state = self.lock();
        if state.asked.get(&ticket.name) != Some(&ticket.number) {
            return;
        }
        state.asked.remove(&ticket.name);
        let gone = self.insert(&mut state, ticket.name, object);
        drop(state);
        drop(gone);
    }

    /// All bytes of an object, which it keeps while it is ready, if it is still the one that there was room for.
    pub(super) fn fill(&self, room: Room, bytes: Vec<u8>) -> Content {
        let ticket = room.ticket;
        let content = room.fill(bytes);
        let mut state = self.lock();
        let entry = state.ready.get(&ticket.name);
        let Some(entry) = entry.filter(|entry| entry.number == ticket.number) else {
            return content;
        };
        let object = Ready {
            bucket: entry.object.bucket.clone(),
            info: entry.object.info.clone(),
            content: content.clone(),
        };
        let gone = self.insert(&mut state, ticket.name, object);
        drop(state);
        drop(gone);
        content
    }

    /// Room for all bytes of an object: none for too many, nor while slow clients are being sent too many that are gone.
    fn room(&self, ticket: Ticket, length: u64) -> Option<Room> {
        let length = taken(usize::try_from(length).ok()?);
        let held_max = self.bytes_max.saturating_mul(2);
        let held = self.held.load(Ordering::Relaxed);
        if length > self.bytes_max / SHARES || held + length > held_max {
            return None;
        }
        // Only here does it grow, in turns.
        self.held.fetch_add(length, Ordering::Relaxed);
        let held = Arc::clone(&self.held);
        Some(Room { ticket, length, held })
    }

    /// These objects are about to be changed: nothing of them is ready until the change has ended.
    pub(super) fn change<'a>(
        self: &Arc<Self>,
        objects: impl Iterator<Item = (&'a BucketName, &'a ObjectKey)>,
    ) -> Changing {
        let mut changing = Changing {
            hot: Arc::clone(self),
            objects: HashMap::new(),
            renewed: Vec::new(),
        };
        let mut gone = Vec::new();
        let names: Vec<Name> = objects.map(|(bucket, key)| self.name(bucket, key)).collect();
        let mut state = self.lock();
        for name in names {
            state.asked.remove(&name);
            state.changing.insert(name);
            let entry = state.remove(name);
            let is_hot = entry.as_ref().is_some_and(|entry| entry.used);
            gone.extend(entry);
            let was = changing.objects.entry(name).or_insert(Was { is_hot, changes: 0 });
            was.changes += 1;
        }
        drop(state);
        changing
    }

    /// Makes an object ready, where there is room for it; returns what has to go for it.
    #[must_use = "files are closed when the lock is given back"]
    fn insert(&self, state: &mut State, name: Name, object: Ready) -> Vec<Entry> {
        let (bytes, files) = object.cost();
        if bytes > self.bytes_max || files > self.files_max {
            return Vec::new();
        }
        let mut gone = Vec::from_iter(state.remove(name));
        while state.bytes + bytes > self.bytes_max || state.files + files > self.files_max {
            gone.extend(state.give_up_one());
        }
        let number = state.number();
        state.bytes += bytes;
        state.files += files;
        state.order.push_back((name, number));
        let entry = Entry {
            number,
            object: Arc::new(object),
            used: false,
            asked: 0,
        };
        state.ready.insert(name, entry);
        if state.order.len() > 2 * state.ready.len() + ORDER_SLACK {
            let ready = &state.ready;
            let is_there = |(name, number): &(Name, u64)| ready.get(name).is_some_and(|entry| entry.number == *number);
            state.order.retain(is_there);
        }
        gone
    }

    /// All objects that are ready.
    #[cfg(test)]
    pub(super) fn ready(&self) -> Vec<Arc<Ready>> {
        let state = self.lock();
        state.ready.values().map(|entry| Arc::clone(&entry.object)).collect()
    }

    fn name(&self, bucket: &BucketName, key: &ObjectKey) -> Name {
        self.hasher.hash_one((bucket, key))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// A file pays where its bytes are too many to be copied for each who asks.
    fn fill(self, bytes: Vec<u8>) -> Content {
        let (bytes, room) = match bytes.len() {
            FILE_BYTES_MIN.. => match MemoryFile::new(&bytes, self) {
                Ok(file) => return Content::Memory(file),
                Err((error, room)) => {
                    tracing::debug!(%error, "bytes are kept in memory that has to be copied to be sent");
                    (bytes, room)
                }
            },
            _ => (bytes, self),
        };
        Content::Inline(Bytes::from_owner(Filled { bytes, _room: room }))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.held.fetch_sub(self.length, Ordering::Relaxed);
    }
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn remove(&mut self, name: Name) -> Option<Entry> {
        let entry = self.ready.remove(&name)?;
        let (bytes, files) = entry.object.cost();
        self.bytes -= bytes;
        self.files -= files;
        Some(entry)
    }

    /// The one that has waited longest goes, unless it was asked for since: then it waits once more.
    fn give_up_one(&mut self) -> Option<Entry> {
        let (name, number) = self.order.pop_front()?;
        let entry = self.ready.get_mut(&name).filter(|entry| entry.number == number)?;
        if mem::take(&mut entry.used) {
            self.order.push_back((name, number));
            return None;
        }
        self.remove(name)
    }
}

#[cfg(test)]
impl Content {
    /// Those that are in memory.
    pub(super) fn bytes(&self) -> Bytes {
        match self {
            Self::Inline(bytes) => bytes.clone(),
            Self::Memory(file) => file.bytes(),
            Self::Blob(_) => panic!("its bytes are not in memory"),
        }
    }
}

impl Ready {
    fn is(&self, bucket: &BucketName, key: &ObjectKey) -> bool {
        self.info.key == *key && self.bucket == *bucket
    }

    /// Bytes of memory, and open files.
    fn cost(&self) -> (usize, usize) {
        let facts = FACTS_BYTES + length(&self.info.attributes);
        match &self.content {
            Content::Inline(bytes) => (facts + bytes.len(), 0),
            Content::Memory(file) => (facts + taken(file.as_ref().len()), 1),
            Content::Blob(_) => (facts, 1),
        }
    }
}

/// What so many bytes take of memory: those of a file have whole pages.
fn taken(length: usize) -> usize {
    match length {
        FILE_BYTES_MIN.. => length.saturating_add(PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES,
        _ => length,
    }
}

fn length(attributes: &Attributes) -> usize {
    let Attributes {
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        content_md5,
        user,
        acl: _,
    } = attributes;
    let standard = [
        content_type,
        cache_control,
        content_disposition,
        content_encoding,
        content_language,
        expires,
        content_md5,
    ];
    let standard = standard.into_iter().flatten().map(String::len);
    let user = user.iter().map(|(name, value)| USER_BYTES + name.len() + value.len());
    standard.chain(user).sum()
}

/// Changes of objects on their way; they end when this is dropped.
pub(super) struct Changing {
    hot: Arc<Hot>,
    objects: HashMap<Name, Was>,
    renewed: Vec<(Name, Ready)>,
}

struct Was {
    /// Ready, and asked for since.
    is_hot: bool,
    /// Changes of this object among those on their way.
    changes: usize,
}

impl Changing {
    /// What an object is, now that its change is durable; kept, if it was hot before, and nothing else has changed it.
    pub(super) fn renew(&mut self, bucket: BucketName, info: ObjectInfo, bytes: Bytes) {
        let name = self.hot.name(&bucket, &info.key);
        if let Some(Was {
            is_hot: true,
            changes: 1,
        }) = self.objects.get(&name)
        {
            let content = Content::Inline(bytes);
            let object = Ready { bucket, info, content };
            self.renewed.push((name, object));
        }
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let mut gone = Vec::new();
        let mut state = self.hot.lock();
        for name in self.objects.keys() {
            state.changing.remove(name);
        }
        for (name, object) in self.renewed.drain(..) {
            gone.extend(self.hot.insert(&mut state, name, object));
        }
        drop(state);
    }
}

/// What is held of an object beside its bytes: its names, its facts, its place in the maps.
pub(super) const FACTS_BYTES: usize = 1024;

/// A name and value of the user's, beside their texts.
const USER_BYTES: usize = 64;

/// Reading an object whole, and keeping it, pays when it is asked for more often than a player asks again.
const ASKED_FOR_BYTES: u32 = 4;

/// From here on a call to send a file costs less than the copy that it saves.
const FILE_BYTES_MIN: usize = 64 * 1024;

/// Of most machines; a file wastes at most one.
const PAGE_BYTES: usize = 4096;

/// The bytes of a larger object would take the place of too many others.
const SHARES: usize = 8;

/// Past so many that were asked for once, all are forgotten: what is hot is soon asked for twice again.
const ASKED_MAX: usize = 4096;

/// Entries of the order that may be of objects which are gone, beside as many as there are.
const ORDER_SLACK: usize = 64;

#[cfg(test)]
mod tests {
    use alluvium_oss::UnixTime;

    use super::*;
    use crate::local::blobs::BlobId;

    fn bucket() -> BucketName {
        BucketName::parse("bucket").unwrap()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::parse(name).unwrap()
    }

    fn info(name: &str) -> ObjectInfo {
        ObjectInfo {
            key: key(name),
            length: 0,
            crc64: 0,
            etag: String::new(),
            modified: UnixTime::default(),
            attributes: Attributes::default(),
        }
    }

    fn inline(length: usize) -> Source {
        Source::Inline(vec![0; length].into())
    }

    fn blob() -> Source {
        let blob = Blob {
            file: tempfile::tempfile().unwrap(),
            bucket: bucket(),
            key: key("blob"),
            pieces: Arc::default(),
        };
        Source::Blob(BlobId(0), Arc::new(blob))
    }

    /// Asks for an object; true when it is ready.
    fn asks(hot: &Hot, name: &str) -> bool {
        matches!(hot.look(&bucket(), &key(name)), Look::Ready(..))
    }

    fn ticket(hot: &Hot, name: &str) -> Option<Ticket> {
        match hot.look(&bucket(), &key(name)) {
            Look::Ready(object, _) => panic!("{object:?}"),
            Look::Absent(ticket) => ticket,
        }
    }

    /// Asks for an object twice, and reads it then.
    fn heat(hot: &Hot, name: &str, source: &Source) -> bool {
        assert!(ticket(hot, name).is_none());
        let ticket = ticket(hot, name).expect("it was asked for before");
        hot.keep(ticket, &bucket(), &info(name), source);
        asks(hot, name)
    }

    fn change(hot: &Arc<Hot>, names: &[&str]) -> Changing {
        let bucket = bucket();
        let keys: Vec<_> = names.iter().map(|name| key(name)).collect();
        hot.change(keys.iter().map(|key| (&bucket, key)))
    }

    #[test]
    fn an_object_is_ready_once_it_was_asked_for_twice_and_read() {
        let hot = Hot::new(1 << 20, 1);
        assert!(heat(&hot, "a", &inline(10)));
        assert!(heat(&hot, "b", &blob()));
        assert!(asks(&hot, "a"));
        assert!(!asks(&hot, "c"));
    }

    #[test]
    fn what_was_read_before_or_during_a_change_is_not_kept() {
        let hot = Arc::new(Hot::new(1 << 20, 1));
        assert!(ticket(&hot, "a").is_none());
        let before = ticket(&hot, "a").unwrap();
        let changing = change(&hot, &["a"]);
        assert!(ticket(&hot, "a").is_none() && ticket(&hot, "a").is_none());
        hot.keep(before, &bucket(), &info("a"), &inline(1));
        assert!(ticket(&hot, "a").is_none());
        drop(changing);
        hot.keep(before, &bucket(), &info("a"), &inline(1));
        assert!(ticket(&hot, "a").is_none());
        hot.keep(before, &bucket(), &info("a"), &inline(1));
        assert!(ticket(&hot, "a").is_some(), "asked for twice again");
    }

    #[test]
    fn a_change_takes_an_object_away_and_renews_it_only_where_it_was_hot() {
        let hot = Arc::new(Hot::new(1 << 20, 1));
        for (name, used, names, renewed) in [
            ("used", true, vec!["used"], true),
            ("unused", false, vec!["unused"], false),
            ("twice", true, vec!["twice", "other", "twice"], false),
            ("unknown", false, vec!["unknown"], false),
        ] {
            if name != "unknown" {
                assert!(ticket(&hot, name).is_none());
                let ticket = ticket(&hot, name).unwrap();
                hot.keep(ticket, &bucket(), &info(name), &inline(1));
            }
            assert!(!used || asks(&hot, name));
            let mut changing = change(&hot, &names);
            let is_ready = || hot.ready().iter().any(|object| object.info.key == key(name));
            assert!(!is_ready());
            changing.renew(bucket(), info(name), Bytes::from_static(b"new"));
            assert!(!is_ready());
            drop(changing);
            assert_eq!(is_ready(), renewed, "{name}");
        }
        let Look::Ready(object, _) = hot.look(&bucket(), &key("used")) else {
            panic!("it was renewed")
        };
        assert!(matches!(&object.content, Content::Inline(bytes) if bytes == "new"));
        drop(change(&hot, &["used"]));
        assert!(hot.ready().is_empty());
    }

    #[test]
    fn memory_is_bounded_and_what_was_not_asked_for_since_goes_first() {
        let hot = Hot::new(3 * (FACTS_BYTES + 100), 0);
        for name in ["a", "b", "c"] {
            assert!(heat(&hot, name, &inline(100)));
        }
        // All were asked for since; so each is spared once, and the first goes.
        assert!(heat(&hot, "d", &inline(100)));
        assert!(!asks(&hot, "a") && asks(&hot, "b"));
        assert!(heat(&hot, "e", &inline(100)));
        assert!(asks(&hot, "b") && !asks(&hot, "c"));
        assert_eq!(hot.lock().bytes, 3 * (FACTS_BYTES + 100));
        assert!(!heat(&hot, "long", &inline(3 * FACTS_BYTES)));
        assert_eq!(hot.ready().len(), 3);
    }

    #[test]
    fn open_files_are_bounded() {
        let hot = Hot::new(1 << 20, 2);
        for name in ["a", "b", "c"] {
            assert!(heat(&hot, name, &blob()));
        }
        assert_eq!(hot.ready().len(), 2);
        assert_eq!(hot.lock().files, 2);
        assert!(!asks(&hot, "a"));
        let none = Hot::new(1 << 20, 0);
        assert!(!heat(&none, "a", &blob()));
    }

    /// Makes an object of this length ready, and asks for it until there is room for its bytes.
    fn room_for(hot: &Hot, name: &str, length: u64) -> Option<Room> {
        assert!(ticket(hot, name).is_none());
        let ticket = ticket(hot, name).unwrap();
        let info = ObjectInfo { length, ..info(name) };
        hot.keep(ticket, &bucket(), &info, &blob());
        let rooms: Vec<_> = (0..3 * ASKED_FOR_BYTES)
            .map(|_| match hot.look(&bucket(), &key(name)) {
                Look::Ready(_, room) => room,
                Look::Absent(_) => panic!("{name} is not ready"),
            })
            .collect();
        assert!(rooms.iter().flatten().count() <= 1, "one reader is enough");
        assert!(rooms[..ASKED_FOR_BYTES as usize - 1].iter().all(Option::is_none));
        rooms.into_iter().flatten().next()
    }

    #[test]
    fn bytes_of_a_blob_are_kept_when_it_was_asked_for_often_unless_they_are_too_many() {
        let hot = Arc::new(Hot::new(SHARES * 4000, 2));
        let room = room_for(&hot, "a", 4000).unwrap();
        assert_eq!(hot.fill(room, vec![1; 4000]).bytes(), vec![1; 4000]);
        let Look::Ready(object, None) = hot.look(&bucket(), &key("a")) else {
            panic!("it is ready")
        };
        assert!(matches!(&object.content, Content::Inline(bytes) if bytes == &vec![1; 4000]));
        {
            let state = hot.lock();
            assert_eq!((state.files, state.bytes), (0, FACTS_BYTES + 4000));
        }
        assert!(room_for(&hot, "large", 4001).is_none());

        let room = room_for(&hot, "changed", 1).unwrap();
        drop(change(&hot, &["changed"]));
        assert_eq!(hot.fill(room, vec![2]).bytes(), vec![2]);
        assert!(!asks(&hot, "changed"));
    }

    #[test]
    fn many_bytes_are_kept_in_a_file_of_which_whole_pages_count() {
        let hot = Arc::new(Hot::new(SHARES * 2 * FILE_BYTES_MIN, 2));
        for (name, length) in [("a", FILE_BYTES_MIN), ("b", FILE_BYTES_MIN + 1)] {
            let room = room_for(&hot, name, length as u64).unwrap();
            let filled = hot.fill(room, vec![1; length]);
            assert!(matches!(&filled, Content::Memory(file) if file.as_ref() == vec![1; length]));
            let Look::Ready(object, None) = hot.look(&bucket(), &key(name)) else {
                panic!("it is ready")
            };
            assert!(matches!(&object.content, Content::Memory(file) if file.as_ref().len() == length));
        }
        {
            let state = hot.lock();
            let bytes = 2 * (FACTS_BYTES + FILE_BYTES_MIN) + PAGE_BYTES;
            assert_eq!((state.files, state.bytes), (2, bytes));
            assert_eq!(hot.held.load(Ordering::Relaxed), bytes - 2 * FACTS_BYTES);
        }
        drop(change(&hot, &["a", "b"]));
        assert_eq!(hot.held.load(Ordering::Relaxed), 0);
        let room = room_for(&hot, "c", FILE_BYTES_MIN as u64 - 1).unwrap();
        let filled = hot.fill(room, vec![1; FILE_BYTES_MIN - 1]);
        assert!(matches!(filled, Content::Inline(_)), "fewer are copied");
    }

    #[test]
    fn bytes_that_are_gone_and_still_being_sent_are_bounded() {
        for length in [4000, FILE_BYTES_MIN] {
            let room_for = |hot: &Hot, name: &str| room_for(hot, name, length as u64);
            let hot = Arc::new(Hot::new(SHARES * length, 2));
            let being_sent: Vec<Content> = (0..2 * SHARES)
                .map(|number| {
                    let room = room_for(&hot, &number.to_string()).unwrap();
                    hot.fill(room, vec![0; length])
                })
                .collect();
            assert!(room_for(&hot, "one more").is_none());
            drop(being_sent);
            // Those that are ready stay.
            let held = || hot.held.load(Ordering::Relaxed);
            assert!(held() <= SHARES * length);
            let room = room_for(&hot, "another");
            let before = held();
            assert!(room.is_some());
            drop(room);
            assert_eq!(held(), before - length, "a room that was not filled is given back");
        }
    }

    #[test]
    fn names_that_were_asked_for_once_are_forgotten_past_their_limit() {
        let hot = Hot::new(1 << 20, 1);
        for number in 0..ASKED_MAX {
            assert!(ticket(&hot, &number.to_string()).is_none());
        }
        assert!(ticket(&hot, "0").is_some());
        assert!(ticket(&hot, "one more").is_none());
        assert!(ticket(&hot, "0").is_none());
        assert_eq!(hot.lock().asked.len(), 2);
    }

    #[test]
    fn the_order_of_objects_that_come_and_go_is_bounded() {
        let hot = Arc::new(Hot::new(1 << 20, 1));
        for _ in 0..10 * ORDER_SLACK {
            assert!(heat(&hot, "a", &inline(1)));
            drop(change(&hot, &["a"]));
        }
        let state = hot.lock();
        assert!(state.order.len() <= ORDER_SLACK + 2, "{}", state.order.len());
        assert_eq!((state.bytes, state.files, state.changing.len()), (0, 0, 0));
    }
}
