use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
};

use super::{
    run::{Simulation, bucket, fact_of, upload},
    world::{Fact, World},
};
use crate::{
    ListQuery, UploadQuery, crc64,
    local::{
        hot::{Content, Look},
        index,
        inner::Source,
        opened::Opened,
        uploads,
    },
};

/// What a store is found to hold.
impl Simulation {
    /// Reads everything there is: it is one of the worlds that may be, and every byte is right.
    pub(super) fn look(&mut self, store: &Opened) {
        let mut found = World::default();
        let all = ListQuery {
            limit: 1000,
            ..ListQuery::default()
        };
        let inner = &store.inner;
        let page = inner.readers.with(|index| index::list(index, &bucket(), &all));
        for info in page.expect("the index can be read").objects {
            let (opened, source) = inner.open(&bucket(), &info.key).expect("what has a row can be read");
            let bytes = match source {
                Source::Inline(bytes) => bytes,
                Source::Blob(_, blob) => blob.read(&(0..info.length)).expect("a blob can be read"),
            };
            assert_eq!(opened, info);
            self.check_bytes(&info.key, info.length, info.crc64, &bytes);
            found.objects.insert(info.key.as_str().to_owned(), fact_of(&info));
        }
        let all = UploadQuery {
            list: all,
            ..UploadQuery::default()
        };
        for info in inner
            .list_uploads(&bucket(), &all)
            .expect("the index can be read")
            .uploads
        {
            let upload = upload(info.id.as_str(), info.key.as_str());
            let whole = inner.readers.with(|index| uploads::whole(index, &upload));
            let (_, parts) = whole.expect("the index can be read").expect("it was listed");
            let mut facts = BTreeMap::new();
            for part in parts {
                let bytes = fs::read(inner.blobs.path(part.blob)).expect("what has a row can be read");
                self.check_bytes(&part.info.number, part.info.length, part.info.crc64, &bytes);
                let fact = Fact {
                    length: part.info.length,
                    crc64: part.info.crc64,
                    etag: part.info.etag,
                };
                facts.insert(part.info.number, fact);
            }
            let key = info.key.as_str().to_owned();
            found.uploads.insert(info.id.as_str().to_owned(), (key, facts));
        }
        assert!(
            self.worlds.contains(&found),
            "found {found:#?}\nwhich is none of {:#?}",
            self.worlds
        );
        self.worlds = vec![found];
    }

    /// Asks for all objects, as those do who watch; what is ready to be sent is what the index says.
    pub(super) fn read(store: &Opened) {
        let inner = &store.inner;
        let all = ListQuery {
            limit: 1000,
            ..ListQuery::default()
        };
        let page = inner.readers.with(|index| index::list(index, &bucket(), &all));
        let objects = page.expect("the index can be read").objects;
        for object in inner.hot.ready() {
            let info = objects.iter().find(|info| info.key == object.info.key);
            assert_eq!(Some(&object.info), info);
            let bytes = match &object.content {
                Content::Blob(blob) => blob.read(&(0..object.info.length)).expect("a blob can be read"),
                content => content.bytes(),
            };
            assert_eq!(crc64(&bytes), object.info.crc64, "{:?}", object.info.key);
        }
        for info in objects {
            match inner.hot.look(&bucket(), &info.key) {
                Look::Absent(ticket) => {
                    let opened = inner.open_to_keep(&bucket(), &info.key, ticket);
                    opened.expect("what has a row can be read");
                }
                Look::Ready(object, Some(room)) => {
                    if let Content::Blob(blob) = &object.content {
                        let bytes = blob.read_whole(info.length).expect("a blob can be read");
                        assert_eq!(crc64(&inner.hot.fill(room, bytes).bytes()), info.crc64);
                    }
                }
                Look::Ready(_, None) => {}
            }
        }
    }

    fn check_bytes(&self, what: &dyn fmt::Debug, length: u64, crc64: u64, found: &[u8]) {
        let expected = &self.contents[&crc64];
        assert_eq!(expected.len() as u64, length, "{what:?}");
        assert!(found == expected, "the bytes of {what:?} are not those that were put");
    }

    /// The blobs there are those that rows name.
    pub(super) fn check_blobs(&self, store: &Opened) {
        let sql = "SELECT blob FROM objects WHERE blob IS NOT NULL UNION ALL SELECT blob FROM parts";
        let named = store.inner.readers.with(|index| {
            let mut statement = index.prepare(sql)?;
            let rows = statement.query_map((), |row| row.get::<_, i64>(0))?;
            rows.map(|id| Ok(format!("{:016x}", id?)))
                .collect::<rusqlite::Result<BTreeSet<_>>>()
        });
        let mut there = BTreeSet::new();
        for folder in fs::read_dir(store.inner.blobs.folder()).expect("it was opened") {
            for blob in fs::read_dir(folder.expect("it can be read").path()).expect("it is a folder") {
                let name = blob.expect("it can be read").file_name();
                there.insert(name.into_string().expect("blobs have simple names"));
            }
        }
        assert_eq!(
            there,
            named.expect("the index can be read"),
            "blobs there are, and those that rows name"
        );
    }
}
