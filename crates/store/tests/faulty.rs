//! Each fault does what it says, to the calls that its rule names, and `check` finds what there is to be found.

use std::{sync::Arc, time::Duration};

use alluvium_oss::{Acl, BucketName, ObjectAcl, ObjectKey, UnixTime};
use alluvium_store::{
    Attributes, Body, CompleteUpload, Condition, Copy, CopyAttributes, Error, FaultyStore, ListQuery, MemoryStore,
    Mismatch, NewUpload, ObjectStore, Part, Put, check, crc64,
    faulty::{Fault, Gate, Keys, Operation, Rule},
};

const BYTES: &[u8] = b"0123456789";

fn bucket() -> BucketName {
    BucketName::parse("bucket").expect("a valid name")
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a valid key")
}

fn put() -> Put {
    Put::bytes(BYTES, "etag", Attributes::default(), UnixTime::default())
}

fn broken() -> Error {
    Error::unavailable("write", "the disk", "it is broken")
}

fn stores() -> (FaultyStore, MemoryStore) {
    let inside = MemoryStore::new();
    (FaultyStore::new(Arc::new(inside.clone())), inside)
}

async fn found(store: &dyn ObjectStore) -> Result<(), Mismatch> {
    check(store, &bucket(), &key("k"), BYTES.len() as u64, crc64(BYTES)).await
}

#[tokio::test]
async fn a_rule_concerns_its_operation_keys_and_calls_only() {
    let (store, inside) = stores();
    store.add(
        Rule::on(Operation::Put, Fault::Fail(broken()))
            .keys(Keys::Suffix(".ts".into()))
            .after(1)
            .times(2),
    );
    let mut outcomes = Vec::new();
    for name in ["c/1.ts", "c/2.ts", "c/playlist.m3u8", "c/3.ts", "c/4.ts"] {
        outcomes.push(store.put(&bucket(), &key(name), put()).await.is_ok());
    }
    assert_eq!(outcomes, [true, false, true, false, true]);
    assert_eq!((store.calls(Operation::Put), store.calls(Operation::Get)), (5, 0));
    assert_eq!(
        inside
            .list(
                &bucket(),
                &ListQuery {
                    limit: 9,
                    ..ListQuery::default()
                }
            )
            .await
            .unwrap()
            .objects
            .len(),
        3
    );

    store.add(Rule::on_all(Fault::Fail(broken())).keys(Keys::Only(key("c/1.ts"))));
    store.add(Rule::on(Operation::List, Fault::Fail(broken())).keys(Keys::Prefix("c/".into())));
    assert_eq!(store.head(&bucket(), &key("c/1.ts")).await, Err(broken()));
    assert_eq!(store.delete(&bucket(), &key("c/1.ts")).await, Err(broken()));
    let query = ListQuery {
        prefix: "c/".into(),
        limit: 9,
        ..ListQuery::default()
    };
    assert_eq!(store.list(&bucket(), &query).await, Err(broken()));
    assert!(store.head(&bucket(), &key("c/4.ts")).await.is_ok());
    store.heal();
    assert!(store.head(&bucket(), &key("c/1.ts")).await.is_ok());
}

#[tokio::test]
async fn fails_after_success() {
    let (store, inside) = stores();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, BYTES).unwrap();
    store.add(Rule::on_all(Fault::FailAfter(broken())));
    let from_file = Put {
        body: Body::File(file.clone()),
        ..put()
    };
    assert_eq!(store.put(&bucket(), &key("k"), from_file).await, Err(broken()));
    assert!(file.exists());
    assert_eq!(found(&inside).await, Ok(()));
    assert_eq!(
        store.set_acl(&bucket(), &key("k"), ObjectAcl::Own(Acl::Private)).await,
        Err(broken())
    );
    assert_eq!(
        inside.head(&bucket(), &key("k")).await.unwrap().attributes.acl,
        ObjectAcl::Own(Acl::Private)
    );
    assert_eq!(store.delete(&bucket(), &key("k")).await, Err(broken()));
    assert_eq!(found(&inside).await, Err(Mismatch::Missing));
}

#[tokio::test]
async fn stores_a_short_object_and_says_it_is_whole() {
    let (store, inside) = stores();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    std::fs::write(&file, BYTES).unwrap();
    store.add(Rule::on(Operation::Put, Fault::Truncate(4)));
    let info = store
        .put(
            &bucket(),
            &key("k"),
            Put {
                body: Body::File(file.clone()),
                ..put()
            },
        )
        .await
        .unwrap();
    assert_eq!(info.length, 10);
    assert_eq!(inside.head(&bucket(), &key("k")).await.unwrap().length, 4);
    assert_eq!(found(&store).await, Err(Mismatch::Length { expected: 10, found: 4 }));
}

#[tokio::test]
async fn loses_what_it_says_is_done() {
    let (store, inside) = stores();
    inside.put(&bucket(), &key("k"), put()).await.unwrap();
    store.add(Rule::on_all(Fault::Lose));
    let copy = Copy {
        source_etag: None,
        attributes: CopyAttributes::Keep,
        condition: Condition::None,
        at: UnixTime::from_millis(1),
    };
    let copied = store
        .copy((&bucket(), &key("k")), (&bucket(), &key("l")), copy)
        .await
        .unwrap();
    assert_eq!((copied.key, copied.modified), (key("l"), UnixTime::from_millis(1)));
    assert!(store.put(&bucket(), &key("m"), put()).await.is_ok());
    assert!(store.delete(&bucket(), &key("k")).await.is_ok());
    assert!(
        store
            .set_acl(&bucket(), &key("k"), ObjectAcl::Own(Acl::Private))
            .await
            .is_ok()
    );
    let objects = inside
        .list(
            &bucket(),
            &ListQuery {
                limit: 9,
                ..ListQuery::default()
            },
        )
        .await
        .unwrap()
        .objects;
    assert_eq!(objects, [inside.put(&bucket(), &key("k"), put()).await.unwrap()]);
}

#[tokio::test]
async fn check_finds_bodies_that_end_early_break_or_are_lied_about() {
    let (store, inside) = stores();
    assert_eq!(found(&store).await, Err(Mismatch::Missing));
    inside.put(&bucket(), &key("k"), put()).await.unwrap();
    assert_eq!(found(&store).await, Ok(()));
    let crc = crc64(BYTES);
    for (fault, expected) in [
        (Fault::Truncate(3), Mismatch::Length { expected: 10, found: 3 }),
        (Fault::Break(3, broken()), Mismatch::Unreadable(broken())),
        (Fault::Fail(broken()), Mismatch::Unreadable(broken())),
        (
            Fault::Lie,
            Mismatch::Crc64 {
                expected: crc,
                found: crc ^ 1,
            },
        ),
    ] {
        store.add(Rule::on(Operation::Get, fault).times(1));
        assert_eq!(found(&store).await, Err(expected));
    }
    assert_eq!(found(&store).await, Ok(()));
    let other = [b"0123456780".as_slice(), BYTES].concat();
    let wrong = check(&store, &bucket(), &key("k"), 10, crc64(&other)).await;
    assert_eq!(
        wrong,
        Err(Mismatch::Crc64 {
            expected: crc64(&other),
            found: crc
        })
    );
}

#[tokio::test]
async fn holds_a_call_before_or_its_answer_after_until_the_gate_is_opened() {
    for (after, hold) in [(false, Fault::Hold as fn(Gate) -> Fault), (true, Fault::HoldAnswer)] {
        let (store, inside) = stores();
        let gate = Gate::closed();
        store.add(Rule::on(Operation::Put, hold(gate.clone())));
        let held = tokio::spawn({
            let store = store.clone();
            async move { store.put(&bucket(), &key("k"), put()).await }
        });
        gate.reached(1).await;
        assert_eq!(found(&inside).await.is_ok(), after);
        assert!(!held.is_finished());
        gate.open();
        assert!(held.await.unwrap().is_ok());
        assert_eq!(found(&inside).await, Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn delays_by_the_clock_of_the_runtime() {
    let (store, _) = stores();
    store.add(Rule::on(Operation::Head, Fault::Delay(Duration::from_secs(30))));
    let begun = tokio::time::Instant::now();
    assert!(matches!(
        store.head(&bucket(), &key("k")).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(begun.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn loses_parts_and_fails_after_a_completion() {
    let (store, inside) = stores();
    let new = NewUpload {
        attributes: Attributes::default(),
        at: UnixTime::default(),
    };
    let upload = store.begin_upload(&bucket(), &key("k"), new).await.unwrap();
    let part = || Part {
        body: Body::Bytes(BYTES.into()),
        length: BYTES.len() as u64,
        crc64: crc64(BYTES),
        etag: "etag".into(),
        at: UnixTime::default(),
    };
    store.add(Rule::on(Operation::PutPart, Fault::Lose).times(1));
    store.add(Rule::on(Operation::AbortUpload, Fault::Lose));
    store.add(Rule::on(Operation::CompleteUpload, Fault::FailAfter(broken())));
    store.put_part(&upload, 1, part()).await.unwrap();
    assert_eq!(inside.list_parts(&upload, 0, 9).await.unwrap().parts.len(), 0);
    store.put_part(&upload, 1, part()).await.unwrap();
    assert_eq!(store.abort_upload(&upload).await, Ok(()));
    let complete = CompleteUpload {
        parts: vec![(1, "etag".into())],
        etag: "etag".into(),
        acl: None,
        condition: Condition::None,
        at: UnixTime::default(),
    };
    assert_eq!(store.complete_upload(&upload, complete).await, Err(broken()));
    assert_eq!(found(&store).await, Ok(()));
}
