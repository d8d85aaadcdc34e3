//! What a crash, a full disk or a meddling hand leaves, and what the store makes of it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use alluvium_oss::{Acl, BucketName, ObjectAcl, ObjectKey, UnixTime};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tempfile::TempDir;

use super::{
    blobs::{BLOBS_PER_FOLDER, BlobId},
    index,
    pieces::PIECE_BYTES,
    store::*,
};
use crate::{Attributes, Body, Condition, Error, ListQuery, ObjectStore, Put, RangeRequest, crc64};

fn bucket() -> BucketName {
    BucketName::parse("bucket").unwrap()
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

fn large(seed: u8) -> Bytes {
    Bytes::from(vec![seed; 3 * PIECE_BYTES as usize])
}

fn put(bytes: impl Into<Bytes>) -> Put {
    Put::bytes(bytes, "etag", Attributes::default(), UnixTime::default())
}

fn put_file(path: &Path, bytes: &[u8]) -> Put {
    fs::write(path, bytes).unwrap();
    Put::file(
        path,
        bytes.len() as u64,
        crc64(bytes),
        "etag",
        Attributes::default(),
        UnixTime::default(),
    )
}

fn open(folder: &TempDir) -> LocalStore {
    LocalStore::open(folder.path(), LocalStoreConfig::default()).unwrap()
}

async fn bytes(store: &LocalStore, name: &str) -> Result<Bytes, Error> {
    store.get(&bucket(), &key(name), None).await?.bytes().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_an_object_counts_as_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for bytes in [Bytes::from_static(b"small"), large(1)] {
        let before = store.losses(&bucket(), &key("k"));
        let absent = put(bytes).when(Condition::Absent);
        store.put(&bucket(), &key("k"), absent).await.unwrap();
        assert_eq!(store.losses(&bucket(), &key("k")), before);
        store.delete(&bucket(), &key("k")).await.unwrap();
        assert_ne!(store.losses(&bucket(), &key("k")), before);
    }
}

/// The blobs there are, in the order of their names, when the sweeper has done what it was woken for.
fn blobs(store: &LocalStore) -> Vec<PathBuf> {
    store.sweep().unwrap();
    blobs_in(store.folder())
}

fn blobs_in(blobs: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(blobs).unwrap().map(|folder| folder.unwrap().path());
    let mut found: Vec<_> = folders
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.put(&bucket(), &key("small"), put("small")).await.unwrap();
    store.put(&bucket(), &key("large"), put(large(1))).await.unwrap();
    store
        .put(
            &bucket(),
            &key("file"),
            put_file(&folder.path().join("body"), &large(2)),
        )
        .await
        .unwrap();
    store.put(&bucket(), &key("gone"), put(large(3))).await.unwrap();
    store.delete(&bucket(), &key("gone")).await.unwrap();
    let before = store
        .list(
            &bucket(),
            &ListQuery {
                limit: 9,
                ..ListQuery::default()
            },
        )
        .await
        .unwrap();
    drop(store);

    let store = open(&folder);
    assert_eq!(
        store
            .list(
                &bucket(),
                &ListQuery {
                    limit: 9,
                    ..ListQuery::default()
                }
            )
            .await,
        Ok(before)
    );
    assert_eq!(bytes(&store, "small").await.as_deref(), Ok(&b"small"[..]));
    assert_eq!(bytes(&store, "large").await, Ok(large(1)));
    assert_eq!(bytes(&store, "file").await, Ok(large(2)));
    assert_eq!(blobs(&store).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_open_is_refused_until_the_first_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(&folder);
    let error = LocalStore::open(folder.path(), LocalStoreConfig::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has it open") && error.contains(folder.path().to_str().unwrap()),
        "{error}"
    );
    drop(first);
    open(&folder);
}

#[test]
fn an_open_that_cannot_be_names_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    fs::create_dir_all(folder.path().join("strange")).unwrap();
    fs::write(
        folder.path().join("strange/index.sqlite"),
        "this is not a database, and long enough to be one; ".repeat(100),
    )
    .unwrap();
    for (place, named) in [
        (file.join("store"), "file/store"),
        (folder.path().join("strange"), "strange/index.sqlite"),
    ] {
        let error = LocalStore::open(&place, LocalStoreConfig::default()).unwrap_err();
        assert!(
            matches!(error, Error::Unavailable { .. }) && error.to_string().contains(named),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn blobs_left_without_a_row_are_swept_at_open_and_their_names_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.put(&bucket(), &key("k"), put(large(1))).await.unwrap();
    let kept = blobs(&store);
    let blob_folder = store.folder().to_owned();
    drop(store);
    let far = blob_folder.join(format!("{:013x}/{:016x}", 5, 5 * BLOBS_PER_FOLDER));
    let near = kept[0].with_file_name(format!("{:016x}", 1));
    fs::create_dir(far.parent().unwrap()).unwrap();
    for orphan in [&near, &far] {
        fs::write(orphan, "left by a process that was killed").unwrap();
    }

    let store = open(&folder);
    assert_eq!(blobs(&store), kept);
    store.put(&bucket(), &key("l"), put(large(2))).await.unwrap();
    assert_eq!(
        blobs(&store)[1],
        far.with_file_name(format!("{:016x}", 5 * BLOBS_PER_FOLDER + 1))
    );
    assert_eq!(bytes(&store, "k").await, Ok(large(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn blobs_left_listed_as_dropped_are_swept_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.put(&bucket(), &key("k"), put(large(1))).await.unwrap();
    let kept = blobs(&store);
    drop(store);
    let dropped = kept[0].with_file_name(format!("{:016x}", 7));
    fs::write(&dropped, "its row was deleted just before the process was killed").unwrap();
    let connection = index::open_writer(&folder.path().join("index.sqlite")).unwrap();
    index::drop_blob(&connection, BlobId(7)).unwrap();
    index::set_settled(&connection, BlobId(1000)).unwrap();
    drop(connection);

    let store = open(&folder);
    assert_eq!(blobs(&store), kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_process_killed_before_the_commit_leaves_the_callers_file() {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    let put = put_file(&body, &large(1));
    let store = open(&folder);
    let linked = store.link_and_forget(&body);
    drop(store);

    let store = open(&folder);
    assert!(!linked.exists() && body.exists());
    store.put(&bucket(), &key("k"), put).await.unwrap();
    assert_eq!(bytes(&store, "k").await, Ok(large(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lost_or_short_blob_is_damage_until_the_object_is_put_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let harms: [fn(&Path); 2] = [
        |blob| fs::remove_file(blob).unwrap(),
        |blob| fs::write(blob, "short").unwrap(),
    ];
    for harm in harms {
        store.put(&bucket(), &key("k"), put(large(1))).await.unwrap();
        harm(&blobs(&store)[0]);
        for outcome in [
            bytes(&store, "k").await.map(drop),
            store.head(&bucket(), &key("k")).await.map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert!(
                matches!(&error, Error::Damaged { bucket: b, key: k, .. } if *b == bucket() && *k == key("k")),
                "{error}"
            );
        }
        assert_eq!(
            store
                .list(
                    &bucket(),
                    &ListQuery {
                        limit: 1,
                        ..ListQuery::default()
                    }
                )
                .await
                .unwrap()
                .objects
                .len(),
            1
        );
        store.put(&bucket(), &key("k"), put(large(2))).await.unwrap();
        assert_eq!(bytes(&store, "k").await, Ok(large(2)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_blob_that_shrinks_under_a_reader_ends_its_body_with_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.put(&bucket(), &key("k"), put(large(1))).await.unwrap();
    let mut body = store.get(&bucket(), &key("k"), None).await.unwrap().body;
    fs::File::options()
        .write(true)
        .open(&blobs(&store)[0])
        .unwrap()
        .set_len(PIECE_BYTES + 1)
        .unwrap();
    assert_eq!(body.next().await.unwrap().unwrap().len() as u64, PIECE_BYTES);
    assert!(matches!(body.next().await, Some(Err(Error::Damaged { .. }))));
    assert!(body.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn blobs_of_replaced_deleted_and_refused_objects_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for seed in 0..5 {
        store.put(&bucket(), &key("replaced"), put(large(seed))).await.unwrap();
        store.put(&bucket(), &key("deleted"), put(large(seed))).await.unwrap();
        store
            .put(
                &bucket(),
                &key("replaced"),
                put(large(seed)).when(crate::Condition::Absent),
            )
            .await
            .unwrap_err();
        store
            .put(
                &bucket(),
                &key("wrong"),
                Put {
                    crc64: 1,
                    ..put(large(seed))
                },
            )
            .await
            .unwrap_err();
    }
    store.delete(&bucket(), &key("deleted")).await.unwrap();
    assert_eq!(blobs(&store).len(), 1);
    store.put(&bucket(), &key("replaced"), put("small")).await.unwrap();
    assert_eq!(blobs(&store).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn adopts_a_file_on_its_own_file_system_and_copies_what_a_link_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let body = folder.path().join("body");
    let file = put_file(&body, &large(1));
    let inode = fs::metadata(&body).unwrap().ino();
    store.put(&bucket(), &key("adopted"), file).await.unwrap();
    assert_eq!(fs::metadata(&blobs(&store)[0]).unwrap().ino(), inode);

    let target = folder.path().join("target");
    let link = folder.path().join("link");
    let file = Put {
        body: Body::File(link.clone()),
        ..put_file(&target, &large(2))
    };
    std::os::unix::fs::symlink(&target, &link).unwrap();
    store.put(&bucket(), &key("copied"), file.clone()).await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::symlink_metadata(&blobs(&store)[1]).unwrap().is_file());
    assert_eq!(bytes(&store, "copied").await, Ok(large(2)));

    let error = store
        .put(&bucket(), &key("copied"), Put { crc64: 1, ..file })
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Mismatch { fact: "CRC-64", .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn copies_and_verifies_files_once_write_back_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    store.distrust_files();
    let body = folder.path().join("body");
    let file = put_file(&body, &large(1));
    let error = store
        .put(
            &bucket(),
            &key("k"),
            Put {
                crc64: 1,
                ..file.clone()
            },
        )
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Mismatch { fact: "CRC-64", .. }), "{error}");
    let inode = fs::metadata(&body).unwrap().ino();
    store.put(&bucket(), &key("k"), file).await.unwrap();
    assert_ne!(fs::metadata(&blobs(&store)[0]).unwrap().ino(), inode);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn recovers_by_itself_when_blobs_could_not_be_made_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let away = folder.path().join("away");
    fs::rename(store.folder(), &away).unwrap();
    fs::write(store.folder(), "not a folder").unwrap();
    let file = put_file(&folder.path().join("body"), &large(1));
    for failing in [put(large(1)), file.clone()] {
        let error = store.put(&bucket(), &key("k"), failing).await.unwrap_err();
        assert!(
            matches!(&error, Error::Unavailable { place, .. } if place.contains("blobs/")),
            "{error}"
        );
    }
    store.put(&bucket(), &key("small"), put("needs no blob")).await.unwrap();

    fs::remove_file(store.folder()).unwrap();
    fs::rename(&away, store.folder()).unwrap();
    store.put(&bucket(), &key("k"), file).await.unwrap();
    assert_eq!(bytes(&store, "k").await, Ok(large(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_put_whose_future_is_dropped_happens_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open(
        folder.path(),
        LocalStoreConfig {
            writes_max: 1,
            ..LocalStoreConfig::default()
        },
    )
    .unwrap();
    for turn in 0..20 {
        let name = format!("k{turn}");
        let dropped = store.put(&bucket(), &key(&name), put(large(turn))).now_or_never();
        assert!(dropped.is_none(), "it cannot be durable at once");
    }
    // There is one thread for writing, so what was begun has ended when this has.
    store.put(&bucket(), &key("last"), put(large(99))).await.unwrap();
    let objects = store
        .list(
            &bucket(),
            &ListQuery {
                limit: 99,
                ..ListQuery::default()
            },
        )
        .await
        .unwrap()
        .objects;
    assert_eq!(objects.len(), blobs(&store).len());
    for info in objects {
        assert_eq!(crc64(&bytes(&store, info.key.as_str()).await.unwrap()), info.crc64);
    }
}

/// Readers run all the time, so that what they have read meets puts at every stage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_sees_no_older_object_than_was_answered_before() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    };

    const PUTS: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(&folder));
    // One lives in the index, one in a blob, and one in the one and the other by turns.
    let body = |name: &str, number: usize| {
        let is_large = name == "large" || (name == "both" && number % 2 == 1);
        let text = format!("{number:08}");
        match is_large {
            true => Bytes::from(text.repeat(8 * 1024)),
            false => Bytes::from(text),
        }
    };
    let mut tasks = Vec::new();
    for name in ["small", "large", "both"] {
        store.put(&bucket(), &key(name), put(body(name, 0))).await.unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
            tasks.push(tokio::spawn(async move {
                while answered.load(SeqCst) < PUTS {
                    let least = answered.load(SeqCst);
                    let object = store.get(&bucket(), &key(name), None).await.unwrap();
                    let (info, bytes) = (object.info.clone(), object.bytes().await.unwrap());
                    let number: usize = std::str::from_utf8(&bytes[..8]).unwrap().parse().unwrap();
                    assert!(number >= least, "{name}: {number} after {least}");
                    assert_eq!((info.length, info.crc64), (bytes.len() as u64, crc64(&bytes)));
                    tokio::task::yield_now().await;
                }
            }));
        }
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            for number in 1..=PUTS {
                store.put(&bucket(), &key(name), put(body(name, number))).await.unwrap();
                answered.store(number, SeqCst);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn heat(store: &LocalStore, name: &str) {
    for _ in 0..8 {
        bytes(store, name).await.unwrap();
    }
    assert!(store.ready().contains(&name.to_owned()), "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hot_object_that_is_changed_or_deleted_is_what_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for (name, body) in [("small", Bytes::from("old")), ("large", large(1))] {
        let name = &key(name);
        store.put(&bucket(), name, put(body.clone())).await.unwrap();
        heat(&store, name.as_str()).await;
        let acl = ObjectAcl::Own(Acl::Private);
        store.set_acl(&bucket(), name, acl).await.unwrap();
        let object = store.get(&bucket(), name, None).await.unwrap();
        assert_eq!(object.info.attributes.acl, acl);

        heat(&store, name.as_str()).await;
        let before = store.get(&bucket(), name, None).await.unwrap();
        store.delete(&bucket(), name).await.unwrap();
        let gone = store.get(&bucket(), name, None).await.map(drop);
        assert!(matches!(gone, Err(Error::NotFound { .. })));
        assert_eq!(store.ready(), [""; 0]);
        assert!(blobs(&store).is_empty());
        assert_eq!(before.bytes().await, Ok(body), "a reader in progress is not disturbed");

        store.put(&bucket(), name, put("new")).await.unwrap();
        heat(&store, name.as_str()).await;
        let refused = store.put(&bucket(), name, put("refused").when(Condition::Absent)).await;
        assert!(matches!(refused, Err(Error::Exists { .. })));
        assert_eq!(bytes(&store, name.as_str()).await.as_deref(), Ok(&b"new"[..]));
        store.delete(&bucket(), name).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_known_of_a_hot_object_is_what_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    for (name, body) in [("small", Bytes::from("old")), ("large", large(1))] {
        store.put(&bucket(), &key(name), put(body.clone())).await.unwrap();
        heat(&store, name).await;
        let head = store.head(&bucket(), &key(name)).await.unwrap();
        assert_eq!(head, store.get(&bucket(), &key(name), None).await.unwrap().info);
        store.put(&bucket(), &key(name), put("new")).await.unwrap();
        let head = store.head(&bucket(), &key(name)).await.unwrap();
        assert_eq!((head.length, head.crc64), (3, crc64(b"new")));
        heat(&store, name).await;
        store.delete(&bucket(), &key(name)).await.unwrap();
        let gone = store.head(&bucket(), &key(name)).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hot_blob_of_many_bytes_is_sent_from_a_file_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let body: Bytes = (0..3 * PIECE_BYTES).map(|at| (at / 1000) as u8).collect();
    store.put(&bucket(), &key("k"), put(body.clone())).await.unwrap();
    let cold = store.get(&bucket(), &key("k"), None).await.unwrap();
    assert!(cold.memory_file.is_none());
    heat(&store, "k").await;
    for asked in [
        None,
        Some(RangeRequest::From(1000)),
        Some(RangeRequest::Between(7, 7)),
        Some(RangeRequest::Last(200_000)),
    ] {
        let mut object = store.get(&bucket(), &key("k"), asked).await.unwrap();
        let file = object.memory_file.clone().unwrap();
        assert_eq!(file.as_ref(), body);
        let mut at = object.range.start;
        while let Some(piece) = object.body.next().await.transpose().unwrap() {
            assert_eq!(file.position(&piece), Some(at));
            at += piece.len() as u64;
        }
        assert_eq!(at, object.range.end);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hot_object_is_read_in_ranges_and_from_the_disk_when_the_system_has_forgotten_it() {
    let folder = tempfile::tempdir().unwrap();
    // Too little for its bytes.
    let config = LocalStoreConfig {
        hot_bytes_max: PIECE_BYTES as usize,
        ..LocalStoreConfig::default()
    };
    let store = LocalStore::open(folder.path(), config).unwrap();
    let body: Bytes = (0..5 * PIECE_BYTES / 2).map(|at| (at / 1000) as u8).collect();
    store.put(&bucket(), &key("k"), put(body.clone())).await.unwrap();
    heat(&store, "k").await;
    let blob = fs::File::open(&blobs(&store)[0]).unwrap();
    let read = async |range: std::ops::Range<usize>| {
        let asked = RangeRequest::Between(range.start as u64, range.end as u64 - 1);
        let object = store.get(&bucket(), &key("k"), Some(asked)).await.unwrap();
        assert!(object.bytes().await.unwrap() == body.slice(range));
    };
    let piece = PIECE_BYTES as usize;
    // From where on, and how much; all of it without a length.
    for forgotten in [
        None,
        Some((0, 1)),
        Some((0, 0)),
        Some((piece, 0)),
        Some((piece / 2, piece)),
    ] {
        if let Some((from, length)) = forgotten {
            let length = std::num::NonZeroU64::new(length as u64);
            rustix::fs::fadvise(&blob, from as u64, length, rustix::fs::Advice::DontNeed).unwrap();
        }
        assert_eq!(bytes(&store, "k").await.unwrap(), body);
        read(10..11).await;
        read(piece - 1..2 * piece + 1).await;
        read(0..body.len()).await;
    }
}
