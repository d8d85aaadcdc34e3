use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use super::{Subject, bucket, key, pattern, put};
use crate::{Error, RangeRequest, crc64};

/// A range gives the bytes it names, whatever the object's size; one beyond the object is told the length.
pub async fn reads_exactly_the_range(subject: &Subject) {
    use RangeRequest::{Between, From, Last};
    for length in [1_u64, 1000, 400_000] {
        let bytes = pattern(5, length as usize);
        subject.put("k", put(bytes.clone())).await;
        let end = length - 1;
        for request in [
            From(0),
            From(end),
            From(length / 3),
            Between(0, 0),
            Between(0, end),
            Between(length / 3, length / 2),
            Between(end, u64::MAX),
            Between(length / 4, u64::MAX),
            Last(1),
            Last(length / 2 + 1),
            Last(length),
            Last(u64::MAX),
        ] {
            let object = subject
                .store
                .get(&bucket(), &key("k"), Some(request))
                .await
                .expect("it lies within the object");
            let range = request.resolve(length).expect("it lies within the object");
            assert_eq!(
                (object.info.length, &object.range),
                (length, &range),
                "{request:?} of {length}"
            );
            let expected = bytes.slice(range.start as usize..range.end as usize);
            assert_eq!(object.bytes().await, Ok(expected), "{request:?} of {length}");
        }
        for request in [From(length), Between(length, length + 5), Between(1, 0), Last(0)] {
            let outcome = subject
                .store
                .get(&bucket(), &key("k"), Some(request))
                .await
                .map(|object| object.range);
            assert_eq!(outcome, Err(Error::Range { length }), "{request:?} of {length}");
        }
    }
    subject.put_text("empty", "").await;
    let outcome = subject
        .store
        .get(&bucket(), &key("empty"), Some(From(0)))
        .await
        .map(|object| object.range);
    assert_eq!(outcome, Err(Error::Range { length: 0 }));
    let absent = subject
        .store
        .get(&bucket(), &key("absent"), Some(From(0)))
        .await
        .map(|object| object.range);
    assert_eq!(
        absent,
        Err(Error::NotFound {
            bucket: bucket(),
            key: key("absent")
        })
    );
}

/// What a reader began to read it reads to the end, though the key is replaced twice and deleted before it takes a byte, or after the first.
pub async fn reads_on_while_the_object_is_replaced_and_deleted(subject: &Subject) {
    for length in [1000, 3_000_000] {
        let old = pattern(1, length);
        subject.put("k", put(old.clone())).await;
        let mut begun = subject.store.get(&bucket(), &key("k"), None).await.expect("it was put");
        let untouched = subject.store.get(&bucket(), &key("k"), None).await.expect("it was put");
        let first = begun.body.next().await.expect("it has bytes").expect("it can be read");

        for seed in [2, 3] {
            subject.put("k", put(pattern(seed, length / 2))).await;
        }
        let between = subject.store.get(&bucket(), &key("k"), None).await.expect("it was put");
        subject
            .store
            .delete(&bucket(), &key("k"))
            .await
            .expect("it can be deleted");
        assert_eq!(subject.bytes("k").await, None);

        let mut all = first.to_vec();
        while let Some(piece) = begun.body.next().await {
            all.extend_from_slice(&piece.expect("it can be read to the end"));
        }
        assert_eq!(all, old);
        assert_eq!(untouched.bytes().await, Ok(old));
        assert_eq!(between.bytes().await, Ok(pattern(3, length / 2)));
    }
}

/// Readers beside a writer that replaces a small object by a large one and back see one or the other, never a failure.
pub async fn shows_each_of_many_overwrites_whole(subject: &Subject) {
    let versions: [Bytes; 3] = [pattern(1, 100), pattern(2, 300_000), pattern(3, 150_000)];
    subject.put("k", put(versions[0].clone())).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&subject.store);
            tokio::spawn(async move {
                for _ in 0..30 {
                    let head = store.head(&bucket(), &key("k")).await.expect("it always exists");
                    assert!([100, 300_000, 150_000].contains(&head.length));
                    let object = store.get(&bucket(), &key("k"), None).await.expect("it always exists");
                    let told = (object.info.length, object.info.crc64);
                    let bytes = object.bytes().await.expect("it can be read to the end");
                    assert_eq!((bytes.len() as u64, crc64(&bytes)), told);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for version in versions.iter().cycle() {
        subject.put("k", put(version.clone())).await;
        tokio::task::yield_now().await;
        if readers.iter().all(|reader| reader.is_finished()) {
            break;
        }
    }
    for reader in readers {
        reader.await.expect("no panic");
    }
}
