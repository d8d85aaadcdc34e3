use alluvium_oss::{Acl, ObjectAcl, UnixTime};

use super::{Subject, attributes, bucket, key, pattern, put};
use crate::{Attributes, Body, Condition, Error, ListQuery, ObjectInfo, Put, check, crc64, recorded_etag};

/// Put, head, get and list tell the same facts, and those that were put; an overwrite replaces every one.
pub async fn keeps_every_fact_of_an_object(subject: &Subject) {
    for (bytes, mark) in [
        (pattern(1, 10), "first"),
        (pattern(2, 300_000), "second"),
        (pattern(3, 11), "third"),
    ] {
        let put = Put {
            attributes: attributes(mark),
            at: UnixTime::from_millis(-5),
            ..put(bytes.clone())
        };
        let expected = ObjectInfo {
            key: key("k"),
            length: bytes.len() as u64,
            crc64: crc64(&bytes),
            etag: put.etag.clone(),
            modified: UnixTime::from_millis(-5),
            attributes: attributes(mark),
        };
        assert_eq!(subject.store.put(&bucket(), &key("k"), put).await, Ok(expected.clone()));
        assert_eq!(subject.store.head(&bucket(), &key("k")).await, Ok(expected.clone()));
        let object = subject.store.get(&bucket(), &key("k"), None).await.expect("it was put");
        assert_eq!((&object.info, &object.range), (&expected, &(0..expected.length)));
        assert_eq!(object.bytes().await, Ok(bytes));
        assert_eq!(
            subject
                .list(&ListQuery {
                    limit: 9,
                    ..ListQuery::default()
                })
                .await
                .objects,
            [expected]
        );
    }
    subject.put("k", put("fourth")).await;
    let info = subject.store.head(&bucket(), &key("k")).await.expect("it was put");
    assert_eq!(
        info.attributes,
        Attributes::default(),
        "nothing stays of the one before"
    );
}

/// An object without bytes is an object.
pub async fn keeps_empty_objects(subject: &Subject) {
    subject.put_text("bytes", "").await;
    let file = subject.file(b"");
    subject
        .put(
            "file",
            Put {
                body: Body::File(file.clone()),
                ..put("")
            },
        )
        .await;
    std::fs::remove_file(file).expect("it is still there");
    for name in ["bytes", "file"] {
        assert_eq!(subject.bytes(name).await.as_deref(), Some(&b""[..]), "{name}");
        assert_eq!(
            subject
                .store
                .head(&bucket(), &key(name))
                .await
                .map(|info| (info.length, info.crc64)),
            Ok((0, 0)),
            "{name}"
        );
    }
}

/// Several MiB come back as they were, from memory and from a file.
pub async fn keeps_large_objects_from_bytes_and_from_files(subject: &Subject) {
    let bytes = pattern(7, 5 * 1024 * 1024 + 3);
    let (length, crc) = (bytes.len() as u64, crc64(&bytes));
    subject.put("bytes", put(bytes.clone())).await;
    let file = subject.file(&bytes);
    let put = Put::file(
        &file,
        length,
        crc,
        recorded_etag(crc, length),
        Attributes::default(),
        UnixTime::default(),
    );
    subject.put("file", put).await;
    for name in ["bytes", "file"] {
        assert_eq!(
            check(&*subject.store, &bucket(), &key(name), length, crc).await,
            Ok(()),
            "{name}"
        );
        assert_eq!(subject.bytes(name).await, Some(bytes.clone()), "{name}");
    }
}

/// After `Ok` and after `Err` the file is there with its bytes, and can be put again; after `Ok` it can be removed too.
pub async fn leaves_a_file_to_its_caller(subject: &Subject) {
    for length in [100, 200_000] {
        let (old, new) = (pattern(1, length), pattern(2, length));
        let name = format!("file of {length}");
        subject.put(&name, put(old.clone())).await;
        let file = subject.file(&new);
        let from_file = Put {
            body: Body::File(file.clone()),
            ..put(new.clone())
        };

        for refused in [
            from_file.clone().when(Condition::Absent),
            from_file.clone().when(Condition::Etag("another".into())),
            Put {
                length: from_file.length + 1,
                ..from_file.clone()
            },
        ] {
            subject
                .store
                .put(&bucket(), &key(&name), refused)
                .await
                .expect_err("it is to be refused");
            assert_eq!(
                std::fs::read(&file).ok().as_deref(),
                Some(&*new),
                "{name}: the file is still there"
            );
            assert_eq!(
                subject.bytes(&name).await.as_ref(),
                Some(&old),
                "{name}: the object is as it was"
            );
        }
        let again = format!("{name}, again");
        for name in [&name, &again] {
            subject.put(name, from_file.clone()).await;
            assert_eq!(
                std::fs::read(&file).ok().as_deref(),
                Some(&*new),
                "{name}: it is still there"
            );
        }
        subject
            .store
            .delete(&bucket(), &key(&again))
            .await
            .expect("it can be deleted");
        assert_eq!(
            std::fs::read(&file).ok().as_deref(),
            Some(&*new),
            "the file is not the object"
        );
        subject.put(&again, from_file).await;
        std::fs::remove_file(&file).expect("it is still there");
        for name in [&name, &again] {
            assert_eq!(
                subject.bytes(name).await.as_ref(),
                Some(&new),
                "{name}: the object is not the file"
            );
        }
    }
    let missing = Put {
        body: Body::File(subject.scratch.join("no such file")),
        ..put("abc")
    };
    let error = subject
        .store
        .put(&bucket(), &key("missing"), missing)
        .await
        .expect_err("there is no such file");
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(subject.bytes("missing").await, None);
}

/// A put whose future was dropped on its way can be asked again at once: it is `Ok`, or the first one has happened; either way
/// the object is there with its bytes, and the file is the caller's.
pub async fn answers_a_put_again_whose_future_was_dropped(subject: &Subject) {
    for length in [100, 200_000] {
        let bytes = pattern(5, length);
        let file = subject.file(&bytes);
        for (kind, body) in [
            ("bytes", Body::Bytes(bytes.clone())),
            ("file", Body::File(file.clone())),
        ] {
            for polls in 0..4 {
                let name = format!("{length} of {kind}, {polls}");
                let put = Put {
                    body: body.clone(),
                    ..put(bytes.clone()).when(Condition::Absent)
                };
                drop_after(polls, subject.store.put(&bucket(), &key(&name), put.clone())).await;
                match subject.store.put(&bucket(), &key(&name), put).await {
                    Ok(_) | Err(Error::Exists { .. }) => {}
                    Err(error) => panic!("{name}: {error}"),
                }
                let info = subject.store.head(&bucket(), &key(&name)).await.expect("it was put");
                assert_eq!((info.length, info.crc64), (length as u64, crc64(&bytes)), "{name}");
                assert_eq!(subject.bytes(&name).await.as_ref(), Some(&bytes), "{name}");
            }
        }
        std::fs::remove_file(&file).expect("it is still there");
        let last = format!("{length} of file, 3");
        assert_eq!(subject.bytes(&last).await, Some(bytes), "{last}");
    }
}

/// Polls a future at most so often, each time when it has asked for it, then drops it.
async fn drop_after<T>(polls: usize, future: impl Future<Output = T>) {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 || future.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        left -= 1;
        if left == 0 {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// A wrong length or CRC-64 is told, with both values, and nothing is stored.
pub async fn refuses_a_body_that_is_not_what_it_is_said_to_be(subject: &Subject) {
    for length in [100, 200_000] {
        let right = put(pattern(3, length));
        let file = Body::File(subject.file(&pattern(3, length)));
        let (stated, found) = (length as u64 + 1, length as u64);
        for wrong in [
            Put {
                length: stated,
                ..right.clone()
            },
            Put {
                length: stated,
                body: file,
                ..right.clone()
            },
        ] {
            let outcome = subject.store.put(&bucket(), &key("k"), wrong).await;
            assert_eq!(
                outcome,
                Err(Error::Mismatch {
                    fact: "length",
                    stated,
                    found
                })
            );
        }
        let (stated, found) = (right.crc64 ^ 1, right.crc64);
        let outcome = subject
            .store
            .put(&bucket(), &key("k"), Put { crc64: stated, ..right })
            .await;
        assert_eq!(
            outcome,
            Err(Error::Mismatch {
                fact: "CRC-64",
                stated,
                found
            })
        );
        assert_eq!(subject.bytes("k").await, None);
    }
}

/// After a delete the object is absent everywhere; deleting it again is `Ok`, and so is putting it.
pub async fn deletes_what_is_there_and_what_is_not(subject: &Subject) {
    for bytes in [pattern(1, 10), pattern(1, 200_000)] {
        subject.put("k", put(bytes.clone()).when(Condition::Absent)).await;
        for _ in 0..2 {
            assert_eq!(subject.store.delete(&bucket(), &key("k")).await, Ok(()));
            let absent = Error::NotFound {
                bucket: bucket(),
                key: key("k"),
            };
            assert_eq!(subject.store.head(&bucket(), &key("k")).await, Err(absent.clone()));
            assert_eq!(
                subject
                    .store
                    .get(&bucket(), &key("k"), None)
                    .await
                    .map(|object| object.info),
                Err(absent)
            );
            assert!(
                subject
                    .list(&ListQuery {
                        limit: 1,
                        ..ListQuery::default()
                    })
                    .await
                    .objects
                    .is_empty()
            );
        }
    }
}

/// An ACL changes alone.
pub async fn sets_an_acl_and_nothing_else(subject: &Subject) {
    subject
        .put(
            "k",
            Put {
                attributes: attributes("k"),
                ..put(pattern(1, 100))
            },
        )
        .await;
    let before = subject.store.head(&bucket(), &key("k")).await.expect("it was put");
    for acl in [
        ObjectAcl::Own(Acl::Private),
        ObjectAcl::Own(Acl::PublicReadWrite),
        ObjectAcl::Default,
    ] {
        assert_eq!(subject.store.set_acl(&bucket(), &key("k"), acl).await, Ok(()));
        let expected = ObjectInfo {
            attributes: Attributes {
                acl,
                ..before.attributes.clone()
            },
            ..before.clone()
        };
        assert_eq!(subject.store.head(&bucket(), &key("k")).await, Ok(expected));
    }
    let outcome = subject
        .store
        .set_acl(&bucket(), &key("absent"), ObjectAcl::Default)
        .await;
    assert_eq!(
        outcome,
        Err(Error::NotFound {
            bucket: bucket(),
            key: key("absent")
        })
    );
}
