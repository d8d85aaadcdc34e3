use std::sync::Arc;

use futures_util::future::join_all;

use super::{Subject, bucket, key, pattern, put};
use crate::{Condition, Error};

/// Of many concurrent puts that want the key to be absent, one is stored and the others are told.
pub async fn lets_one_of_many_creators_win(subject: &Subject) {
    for (name, length) in [("small", 50), ("large", 100_000)] {
        let creators = (0..20).map(|seed| {
            let store = Arc::clone(&subject.store);
            tokio::spawn(async move {
                store
                    .put(
                        &bucket(),
                        &key(name),
                        put(pattern(seed, length)).when(Condition::Absent),
                    )
                    .await
            })
        });
        let outcomes: Vec<_> = join_all(creators)
            .await
            .into_iter()
            .map(|joined| joined.expect("no panic"))
            .collect();
        let (won, lost): (Vec<_>, Vec<_>) = outcomes
            .into_iter()
            .enumerate()
            .partition(|(_, outcome)| outcome.is_ok());
        assert_eq!(won.len(), 1, "{name}: {won:?}");
        for (_, outcome) in lost {
            assert_eq!(
                outcome,
                Err(Error::Exists {
                    bucket: bucket(),
                    key: key(name)
                })
            );
        }
        assert_eq!(
            subject.bytes(name).await,
            Some(pattern(won[0].0 as u8, length)),
            "{name}: what is stored is the winner's"
        );
    }
}

/// `Etag` lets a put through when that object is there, and tells what is there otherwise.
pub async fn replaces_only_the_expected_object(subject: &Subject) {
    let expecting = |etag: &str| Condition::Etag(etag.to_owned());
    let refused = |found: Option<&str>| {
        Err(Error::Precondition {
            bucket: bucket(),
            key: key("k"),
            found: found.map(str::to_owned),
        })
    };
    let first = put("first");
    let second = put("second");

    assert_eq!(
        subject
            .store
            .put(&bucket(), &key("k"), first.clone().when(expecting("x")))
            .await,
        refused(None)
    );
    subject.put("k", first.clone()).await;
    assert_eq!(
        subject
            .store
            .put(&bucket(), &key("k"), second.clone().when(expecting("x")))
            .await,
        refused(Some(&first.etag))
    );
    assert_eq!(subject.bytes("k").await.as_deref(), Some(&b"first"[..]));
    subject.put("k", second.clone().when(expecting(&first.etag))).await;
    assert_eq!(
        subject
            .store
            .put(&bucket(), &key("k"), first.clone().when(expecting(&first.etag)))
            .await,
        refused(Some(&second.etag))
    );
    assert_eq!(subject.bytes("k").await.as_deref(), Some(&b"second"[..]));
}

/// Tasks that read, count one further and write under the ETag read count as far as they succeeded.
pub async fn loses_no_update_under_conditions(subject: &Subject) {
    subject.put_text("count", "0").await;
    let counters = (0..8).map(|_| {
        let store = Arc::clone(&subject.store);
        tokio::spawn(async move {
            let mut succeeded = 0;
            for _ in 0..5 {
                let object = store.get(&bucket(), &key("count"), None).await.expect("it exists");
                let etag = object.info.etag.clone();
                let text = object.bytes().await.expect("it can be read");
                let count: u64 = String::from_utf8_lossy(&text).parse().expect("it is a number");
                match store
                    .put(
                        &bucket(),
                        &key("count"),
                        put((count + 1).to_string()).when(Condition::Etag(etag)),
                    )
                    .await
                {
                    Ok(_) => succeeded += 1,
                    Err(Error::Precondition { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            succeeded
        })
    });
    let succeeded: u64 = join_all(counters)
        .await
        .into_iter()
        .map(|joined| joined.expect("no panic"))
        .sum();
    assert!(
        succeeded >= 5,
        "of those that begin together one succeeds, not only {succeeded}"
    );
    assert_eq!(
        subject.bytes("count").await.as_deref(),
        Some(succeeded.to_string().as_bytes())
    );
}
