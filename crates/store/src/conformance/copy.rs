use std::sync::Arc;

use alluvium_oss::{Acl, BucketName, ObjectAcl, UnixTime};

use super::{Subject, attributes, bucket, key, pattern, put};
use crate::{Attributes, Condition, Copy, CopyAttributes, Error, ObjectInfo, Put, check};

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
        let kept = source.attributes.clone();
        let private = Attributes {
            acl: ObjectAcl::Own(Acl::Private),
            ..kept.clone()
        };
        for (to_bucket, changed, attributes) in [
            (bucket(), CopyAttributes::Keep, kept),
            (bucket(), CopyAttributes::KeepBut(private.acl), private),
            (
                other.clone(),
                CopyAttributes::Replace(Attributes::default()),
                Attributes::default(),
            ),
        ] {
            let copy = Copy {
                source_etag: Some(source.etag.clone()),
                attributes: changed,
                condition: Condition::None,
                at,
            };
            let copied = subject
                .store
                .copy((&bucket(), &key("from")), (&to_bucket, &key("to")), copy)
                .await;
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
        source_etag: None,
        attributes: CopyAttributes::Keep,
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
            source_etag: None,
            attributes: CopyAttributes::Replace(attributes("new")),
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
            source_etag: None,
            attributes: CopyAttributes::Keep,
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

/// A copy may insist on the object that its source has; another one is left where it is.
pub async fn copies_only_the_expected_source(subject: &Subject) {
    for bytes in [pattern(1, 10), pattern(1, 100_000)] {
        subject.put("from", put(bytes.clone())).await;
        let copy = |etag: String| {
            let copy = Copy {
                source_etag: Some(etag),
                attributes: CopyAttributes::Keep,
                condition: Condition::None,
                at: UnixTime::default(),
            };
            let store = Arc::clone(&subject.store);
            async move {
                let copied = store
                    .copy((&bucket(), &key("from")), (&bucket(), &key("to")), copy)
                    .await;
                copied.map(drop)
            }
        };
        let refused = Error::Precondition {
            bucket: bucket(),
            key: key("from"),
            found: Some(put(bytes.clone()).etag),
        };
        assert_eq!(copy("x".into()).await, Err(refused));
        assert_eq!(subject.bytes("to").await, None);
        assert_eq!(copy(put(bytes.clone()).etag).await, Ok(()));
        assert_eq!(subject.bytes("to").await, Some(bytes));
        subject
            .store
            .delete(&bucket(), &key("to"))
            .await
            .expect("it can be deleted");
    }
}
