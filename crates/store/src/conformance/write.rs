use std::sync::Arc;

use alluvium_oss::{Acl, BucketName, ObjectAcl, UnixTime};
use futures_util::future::join_all;

use super::{Subject, attributes, bucket, key, pattern, put};
use crate::{Attributes, Body, Condition, Copy, Error, ListQuery, ObjectInfo, Put, check, crc64, recorded_etag};

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
    assert!(!file.exists());
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

/// `Ok`: the path is gone. `Err`: the file is there, with its bytes, and can be put again.
pub async fn takes_a_file_over_on_success_and_leaves_it_on_failure(subject: &Subject) {
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
        subject.put(&name, from_file).await;
        assert!(!file.exists(), "{name}: the file is taken over");
        assert_eq!(subject.bytes(&name).await, Some(new), "{name}");
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

/// Every key is a text of its own, however much it looks like a path.
pub async fn keeps_awkward_keys_apart(subject: &Subject) {
    let long = "長".repeat(341);
    let mut names: Vec<&str> = vec![
        "a",
        "a/",
        "a//",
        "a/b",
        "a//b",
        "a/./b",
        "a/../b",
        ".",
        "..",
        "../x",
        "./x",
        "x",
        "x//y",
        "x/y",
        "p#1",
        "p?q=1",
        "p%2F1",
        "p/1",
        "P",
        "p",
        "a b",
        " ",
        "a\\b",
        "a\0b",
        "a\nb",
        "é",
        "e\u{301}",
        "测试通过",
        "\u{10FFFF}",
        "\u{FFFF}",
        "*",
        "'",
        "\"",
        "%",
        "_",
        "-wal",
        "lock",
        &long,
    ];
    join_all(names.iter().map(|name| subject.put_text(name, name))).await;
    for name in &names {
        assert_eq!(subject.bytes(name).await.as_deref(), Some(name.as_bytes()), "{name:?}");
    }
    names.sort_unstable();
    let page = subject
        .list(&ListQuery {
            limit: 1000,
            ..ListQuery::default()
        })
        .await;
    assert_eq!(
        page.objects.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(),
        names
    );

    assert_eq!(subject.store.delete(&bucket(), &key("a")).await, Ok(()));
    assert_eq!(subject.bytes("a").await, None);
    assert_eq!(subject.bytes("a/").await.as_deref(), Some(&b"a/"[..]));
    assert_eq!(subject.bytes("a/b").await.as_deref(), Some(&b"a/b"[..]));
}

/// The same key in two buckets is two objects.
pub async fn keeps_buckets_apart(subject: &Subject) {
    let other = BucketName::parse("conformance-2").expect("a valid name");
    subject.put_text("k", "here").await;
    let absent = Error::NotFound {
        bucket: other.clone(),
        key: key("k"),
    };
    assert_eq!(subject.store.head(&other, &key("k")).await, Err(absent));
    subject
        .store
        .put(&other, &key("k"), put("there"))
        .await
        .expect("it can be put");
    subject
        .store
        .put(&other, &key("l"), put("there"))
        .await
        .expect("it can be put");
    assert_eq!(
        subject
            .list(&ListQuery {
                limit: 9,
                ..ListQuery::default()
            })
            .await
            .objects
            .len(),
        1
    );
    subject
        .store
        .delete(&other, &key("k"))
        .await
        .expect("it can be deleted");
    assert_eq!(subject.bytes("k").await.as_deref(), Some(&b"here"[..]));
}

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
