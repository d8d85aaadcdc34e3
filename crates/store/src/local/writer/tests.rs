use std::sync::mpsc::{Receiver, sync_channel};

use alluvium_oss::UnixTime;
use tempfile::TempDir;

use super::*;
use crate::{Attributes, crc64, local::disk::RealDisk};

struct Bench {
    writer: Writer,
    woken: Receiver<()>,
    _folder: TempDir,
}

impl Bench {
    fn new(next: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index.sqlite");
        let connection = index::open_writer(&index).unwrap();
        let blobs_folder = folder.path().join("blobs");
        std::fs::create_dir(&blobs_folder).unwrap();
        let blobs = Arc::new(Blobs::new(Arc::new(RealDisk), blobs_folder, BlobId(next)));
        let (sweep, woken) = sync_channel(1);
        Self {
            writer: Writer::new(
                connection,
                index,
                (blobs, Arc::new(Losses::new()), Arc::new(Hot::new(1 << 20, 8))),
                BlobId(0),
                sweep,
            ),
            woken,
            _folder: folder,
        }
    }

    fn commit(&mut self, changes: Vec<Change>) -> Vec<Result<(), Error>> {
        let (commands, replies): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|change| {
                let (reply, outcome) = oneshot::channel();
                (Command { change, reply }, outcome)
            })
            .unzip();
        self.writer.commit(commands);
        replies
            .into_iter()
            .map(|mut reply| reply.try_recv().expect("every command is answered"))
            .collect()
    }

    fn staged(&self) -> Staged {
        let staged = self.writer.blobs.stage().unwrap();
        staged.write(b"bytes").unwrap();
        staged
    }

    fn exists(&self, name: &str) -> bool {
        index::current(&self.writer.connection, &bucket(), &key(name))
            .unwrap()
            .is_some()
    }

    fn dropped(&self) -> Vec<BlobId> {
        index::dropped(&self.writer.connection, None, 9).unwrap()
    }
}

fn bucket() -> BucketName {
    BucketName::parse("bucket").unwrap()
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(name).unwrap()
}

fn put(name: &str, content: Content) -> Change {
    let info = ObjectInfo {
        key: key(name),
        length: 5,
        crc64: crc64(b"bytes"),
        etag: "etag".into(),
        modified: UnixTime::default(),
        attributes: Attributes::default(),
    };
    Change::Put {
        bucket: bucket(),
        info: info.into(),
        content,
        condition: Condition::Absent,
    }
}

fn inline(length: usize) -> Content {
    Content::Inline(vec![7; length].into())
}

#[test]
fn a_refused_change_leaves_the_others_of_its_batch_alone() {
    let mut bench = Bench::new(0);
    let (first, second) = (bench.staged(), bench.staged());
    let (kept, removed) = (first.path(), second.path());
    let changes = vec![
        put("a", Content::Blob(first)),
        put("a", Content::Blob(second)),
        put("b", inline(5)),
    ];
    let exists = Err(Error::Exists {
        bucket: bucket(),
        key: key("a"),
    });
    assert_eq!(bench.commit(changes), [Ok(()), exists, Ok(())]);
    assert!(kept.exists() && !removed.exists() && bench.exists("b"));
    assert!(bench.dropped().is_empty() && bench.woken.try_recv().is_err());

    assert_eq!(
        bench.commit(vec![Change::Delete {
            bucket: bucket(),
            key: key("a")
        }]),
        [Ok(())]
    );
    assert_eq!(bench.dropped(), [BlobId(0)]);
    assert!(bench.woken.try_recv().is_ok());
    assert_eq!(bench.commit(vec![Change::Forget(vec![BlobId(0)])]), [Ok(())]);
    assert!(bench.dropped().is_empty());
}

#[test]
fn an_upload_ends_only_with_the_parts_that_were_joined() {
    let mut bench = Bench::new(0);
    let upload = Upload {
        bucket: bucket(),
        key: key("a"),
        id: crate::UploadId::new("id"),
    };
    let new = NewUpload {
        attributes: Attributes::default(),
        at: UnixTime::default(),
    };
    let part = |content| Change::PutPart {
        upload: upload.clone(),
        info: PartInfo {
            number: 7,
            length: 5,
            crc64: crc64(b"bytes"),
            etag: "etag".into(),
            modified: UnixTime::default(),
        },
        content,
    };
    let complete = |blob| match put("a", inline(5)) {
        Change::Put {
            info,
            content,
            condition,
            ..
        } => Change::CompleteUpload {
            upload: upload.clone(),
            parts: vec![(7, blob)],
            info,
            content,
            condition,
        },
        _ => panic!("a put is a put"),
    };
    let begin = Change::BeginUpload(Box::new((upload.clone(), new)));
    let (first, second) = (bench.staged(), bench.staged());
    let (old, new) = (first.id(), second.id());
    assert_eq!(
        bench.commit(vec![begin, part(first), part(second)]),
        [Ok(()), Ok(()), Ok(())]
    );
    let outcomes = bench.commit(vec![complete(old), complete(new), complete(new)]);
    let replaced = Err(Error::Part { number: 7 });
    assert_eq!(outcomes, [replaced, Ok(()), Err(Error::NoUpload(upload.clone()))]);
    assert_eq!(bench.dropped(), [old, new]);
}

#[test]
fn a_full_disk_fails_the_batch_whole_and_room_heals_it() {
    let mut bench = Bench::new(0);
    bench
        .writer
        .connection
        .pragma_update(None, "max_page_count", 20)
        .unwrap();
    let staged = bench.staged();
    let blob = staged.path();
    let outcomes = bench.commit(vec![
        put("a", inline(5)),
        put("b", Content::Blob(staged)),
        put("c", inline(200_000)),
    ]);
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable { place, .. } if place.ends_with("index.sqlite")),
            "{error}"
        );
    }
    assert!(!blob.exists() && !bench.exists("a") && !bench.exists("b"));

    bench
        .writer
        .connection
        .pragma_update(None, "max_page_count", 2000)
        .unwrap();
    assert_eq!(
        bench.commit(vec![put("a", inline(5)), put("c", inline(200_000))]),
        [Ok(()), Ok(())]
    );
}

#[test]
fn blobs_of_a_failed_commit_stay_until_another_has_succeeded() {
    let mut bench = Bench::new(0);
    // A violated deferred constraint is noticed by COMMIT itself.
    bench
        .writer
        .connection
        .execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER fail AFTER INSERT ON objects BEGIN INSERT INTO child VALUES (1); END;",
        )
        .unwrap();
    let staged = bench.staged();
    let (id, blob) = (staged.id(), staged.path());
    let outcome = bench.commit(vec![put("a", Content::Blob(staged))]).remove(0);
    assert!(matches!(outcome, Err(Error::Unavailable { .. })), "{outcome:?}");
    assert!(!bench.exists("a") && blob.exists());
    assert_eq!(bench.writer.blobs.settled(), id);

    bench.writer.connection.execute_batch("DROP TRIGGER fail").unwrap();
    assert_eq!(bench.commit(vec![put("a", inline(5))]), [Ok(())]);
    assert_eq!(bench.dropped(), [id]);
    assert!(bench.writer.blobs.settled() > id && bench.woken.try_recv().is_ok());
}

#[test]
fn the_mark_follows_from_folder_to_folder_but_never_past_a_blob_in_flight() {
    let mut bench = Bench::new(3 * BLOBS_PER_FOLDER);
    let in_flight = bench.staged();
    let committed = bench.staged();
    assert_eq!(bench.commit(vec![put("a", Content::Blob(committed))]), [Ok(())]);
    assert_eq!(index::settled(&bench.writer.connection).unwrap(), in_flight.id());
}
