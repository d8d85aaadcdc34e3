use std::sync::Arc;

use alluvium_oss::{BucketName, UnixTime};

use super::{Subject, attributes, bucket, key, pattern, put};
use crate::{Attributes, Condition, Copy, Error, ObjectInfo, Put, check};

/// A copy is an object of its own: it has the source's bytes and facts, and outlives it.
pub async fn copies_within_and_between_buckets(subject: &Subject) {
    let other = BucketName::parse("conformance-2").expect("a valid name");
    let at = UnixTime::from_millis(42);
    for length in [10, 200_000] {
        let bytes = pattern(9, length);
        subject
            .put(
                "from",
                Put {
                    attributes: attributes("source"),
                    ..put(bytes.clone())
                },
            )
            .await;
        let source = subject.store.head(&bucket(), &key("from")).await.expect("it was put");
        for (to_bucket, changed) in [(bucket(), None), (other.clone(), Some(Attributes::default()))] {
            let copy = Copy {
                attributes: changed.clone(),
                condition: Condition::None,
                at,
            };
            let copied = subject
                .store
                .copy((&bucket(), &key("from")), (&to_bucket, &key("to")), copy)
                .await;
            let attributes = changed.unwrap_or_else(|| source.attributes.clone());
            let expected = ObjectInfo {
                key: key("to"),
                modified: at,
                attributes,
                ..source.clone()
            };
            assert_eq!(copied, Ok(expected.clone()));
            assert_eq!(subject.store.head(&to_bucket, &key("to")).await, Ok(expected));
        }
        subject
            .store
            .delete(&bucket(), &key("from"))
            .await
            .expect("it can be deleted");
        for to_bucket in [bucket(), other.clone()] {
            assert_eq!(
                check(&*subject.store, &to_bucket, &key("to"), source.length, source.crc64).await,
                Ok(())
            );
        }
    }
    let copy = Copy {
        attributes: None,
        condition: Condition::None,
        at,
    };
    let absent = subject
        .store
        .copy((&bucket(), &key("absent")), (&bucket(), &key("to")), copy)
        .await;
    assert_eq!(
        absent,
        Err(Error::NotFound {
            bucket: bucket(),
            key: key("absent")
        })
    );
}

/// Copied onto itself an object has the new attributes and time, and its bytes.
pub async fn copies_onto_itself_to_change_attributes(subject: &Subject) {
    for bytes in [pattern(1, 10), pattern(1, 200_000)] {
        subject.put("k", put(bytes.clone())).await;
        let copy = Copy {
            attributes: Some(attributes("new")),
            condition: Condition::None,
            at: UnixTime::from_millis(7),
        };
        subject
            .store
            .copy((&bucket(), &key("k")), (&bucket(), &key("k")), copy)
            .await
            .expect("it can be copied");
        let info = subject.store.head(&bucket(), &key("k")).await.expect("it exists");
        assert_eq!(
            (info.attributes, info.modified),
            (attributes("new"), UnixTime::from_millis(7))
        );
        assert_eq!(subject.bytes("k").await, Some(bytes));
    }
}

/// A copy's condition is about its destination.
pub async fn copies_only_where_the_condition_allows(subject: &Subject) {
    subject.put("from", put(pattern(1, 100_000))).await;
    subject.put_text("to", "there").await;
    let copy = |condition| {
        let copy = Copy {
            attributes: None,
            condition,
            at: UnixTime::default(),
        };
        let store = Arc::clone(&subject.store);
        async move {
            store
                .copy((&bucket(), &key("from")), (&bucket(), &key("to")), copy)
                .await
                .map(drop)
        }
    };
    assert_eq!(
        copy(Condition::Absent).await,
        Err(Error::Exists {
            bucket: bucket(),
            key: key("to")
        })
    );
    let found = Some(put("there").etag);
    assert_eq!(
        copy(Condition::Etag("x".into())).await,
        Err(Error::Precondition {
            bucket: bucket(),
            key: key("to"),
            found
        })
    );
    assert_eq!(subject.bytes("to").await.as_deref(), Some(&b"there"[..]));
    assert_eq!(copy(Condition::Etag(put("there").etag)).await, Ok(()));
    assert_eq!(subject.bytes("to").await, Some(pattern(1, 100_000)));
}
