use std::collections::BTreeSet;

use alluvium_oss::{Acl, ObjectAcl, UnixTime};
use bytes::Bytes;

use super::{Subject, attributes, bucket, key, pattern, put};
use crate::{
    Attributes, Body, CompleteUpload, Condition, Copy, CopyAttributes, Error, ListQuery, NewUpload, ObjectInfo, Part,
    PartInfo, RangeRequest, Upload, UploadId, UploadPage, UploadQuery, crc64,
};

/// The parts' bytes in the order of their numbers, the attributes of the beginning, and the facts of the completion make the object;
/// before that there is none, and afterwards there is no upload.
pub async fn joins_parts_into_an_object(subject: &Subject) {
    let lengths: [&[usize]; 5] = [&[0], &[10], &[200_000], &[7, 20, 3], &[150_000, 100_001, 5]];
    for lengths in lengths {
        let upload = begin(subject, "k", attributes("upload")).await;
        let parts: Vec<Bytes> = (0_u8..)
            .zip(lengths)
            .map(|(seed, length)| pattern(seed, *length))
            .collect();
        let mut chosen = Vec::new();
        // From the last to the first: numbers make the order, not time.
        for (number, bytes) in (1..).zip(&parts).collect::<Vec<_>>().into_iter().rev() {
            let path = subject.file(bytes);
            let body = if number % 2 == 0 {
                Body::File(path.clone())
            } else {
                Body::Bytes(bytes.clone())
            };
            let stored = subject.store.put_part(&upload, number, part(bytes, body)).await;
            let expected = info(number, bytes);
            assert_eq!(stored, Ok(expected.clone()));
            std::fs::remove_file(path).expect("a file stays its caller's");
            chosen.insert(0, (number, expected.etag));
        }
        assert_eq!(subject.bytes("k").await, None);

        let whole: Vec<u8> = parts.concat();
        let expected = ObjectInfo {
            key: key("k"),
            length: whole.len() as u64,
            crc64: crc64(&whole),
            etag: "whole-3".into(),
            modified: UnixTime::from_millis(9),
            attributes: attributes("upload"),
        };
        assert_eq!(
            subject.store.complete_upload(&upload, complete(chosen)).await,
            Ok(expected.clone())
        );
        assert_eq!(subject.store.head(&bucket(), &key("k")).await, Ok(expected));
        assert_eq!(subject.bytes("k").await, Some(whole.into()), "{lengths:?}");
        assert_eq!(uploads(subject, &UploadQuery::default()).await, UploadPage::default());
        subject
            .store
            .delete(&bucket(), &key("k"))
            .await
            .expect("it can be deleted");
    }
}

/// A part that is not there, or is another one, is named; a part that is not asked for is thrown away; a part put twice is the second.
pub async fn joins_only_the_parts_that_are_named_and_there(subject: &Subject) {
    let upload = begin(subject, "k", Attributes::default()).await;
    let (old, new) = (pattern(1, 100_000), pattern(2, 100_000));
    for (number, bytes) in [(2, &old), (5, &old), (5, &new), (10_000, &new)] {
        store(subject, &upload, number, bytes).await;
    }
    let (old, new) = (info(2, &old), info(5, &new));
    for (parts, number) in [
        (vec![(1, old.etag.clone())], 1),
        (vec![(2, old.etag.clone()), (3, old.etag.clone())], 3),
        (vec![(2, new.etag.clone())], 2),
        (vec![(5, old.etag.clone())], 5),
    ] {
        let refused = subject.store.complete_upload(&upload, complete(parts)).await;
        assert_eq!(refused, Err(Error::Part { number }));
    }
    let parts = vec![(2, old.etag), (5, new.etag)];
    subject
        .store
        .complete_upload(&upload, complete(parts))
        .await
        .expect("both are there");
    assert_eq!(
        subject.bytes("k").await,
        Some([pattern(1, 100_000), pattern(2, 100_000)].concat().into())
    );
}

/// Bytes or a file that differ from what is said of them are refused; the part before stays, and so does the file.
pub async fn keeps_a_part_only_when_it_is_what_it_is_said_to_be(subject: &Subject) {
    let upload = begin(subject, "k", Attributes::default()).await;
    let bytes = pattern(3, 50_000);
    store(subject, &upload, 1, &bytes).await;
    let path = subject.file(&bytes);
    for body in [Body::Bytes(bytes.clone()), Body::File(path.clone())] {
        let wrong = Part {
            length: 49_999,
            ..part(&bytes, body.clone())
        };
        let refused = subject.store.put_part(&upload, 1, wrong).await;
        assert!(
            matches!(refused, Err(Error::Mismatch { fact: "length", .. })),
            "{refused:?}"
        );
    }
    assert!(path.exists());
    let wrong = Part {
        crc64: 1,
        ..part(&bytes, Body::Bytes(bytes.clone()))
    };
    let refused = subject.store.put_part(&upload, 1, wrong).await;
    assert!(
        matches!(refused, Err(Error::Mismatch { fact: "CRC-64", .. })),
        "{refused:?}"
    );
    let there = subject
        .store
        .list_parts(&upload, 0, 10)
        .await
        .expect("the upload is there");
    assert_eq!(there.parts, [info(1, &bytes)]);
    std::fs::remove_file(path).expect("it is there");
}

/// The condition is about the key at the end; an upload that it refuses is as it was. The ACL may be given at the end too.
pub async fn completes_an_upload_only_where_the_condition_allows(subject: &Subject) {
    subject.put_text("k", "there").await;
    let upload = begin(subject, "k", Attributes::default()).await;
    let bytes = pattern(4, 100_000);
    store(subject, &upload, 1, &bytes).await;
    let complete = |condition| CompleteUpload {
        condition,
        acl: Some(ObjectAcl::Own(Acl::PublicRead)),
        ..complete(vec![(1, info(1, &bytes).etag)])
    };
    let exists = Error::Exists {
        bucket: bucket(),
        key: key("k"),
    };
    let refused = subject
        .store
        .complete_upload(&upload, complete(Condition::Absent))
        .await;
    assert_eq!(refused, Err(exists));
    let refused = subject
        .store
        .complete_upload(&upload, complete(Condition::Etag("x".into())))
        .await;
    assert!(matches!(refused, Err(Error::Precondition { .. })), "{refused:?}");
    assert_eq!(subject.bytes("k").await.as_deref(), Some(&b"there"[..]));

    let expected = Condition::Etag(put("there").etag);
    let info = subject
        .store
        .complete_upload(&upload, complete(expected))
        .await
        .expect("it is the one");
    assert_eq!(info.attributes.acl, ObjectAcl::Own(Acl::PublicRead));
    assert_eq!(subject.bytes("k").await, Some(bytes));
}

/// A store that counts losses has counted each by the time it is answered, whatever the verb.
pub async fn counts_every_object_that_is_replaced_or_removed(subject: &Subject) {
    let (store_of, there) = (&subject.store, put("there"));
    subject.put("k", there.clone()).await;
    subject.put("other", put("other")).await;
    let upload = begin(subject, "k", Attributes::default()).await;
    let bytes = pattern(6, 100_000);
    store(subject, &upload, 1, &bytes).await;
    let copy = Copy {
        source_etag: None,
        attributes: CopyAttributes::Keep,
        condition: Condition::None,
        at: UnixTime::default(),
    };
    for verb in [
        "put",
        "put where it is the expected one",
        "copy",
        "complete_upload",
        "delete",
    ] {
        let before = store_of.losses(&bucket(), &key("k"));
        match verb {
            "put" => subject.put("k", there.clone()).await,
            "copy" => {
                let (from, to) = (key("other"), key("k"));
                let copied = store_of.copy((&bucket(), &from), (&bucket(), &to), copy.clone()).await;
                copied.map(drop).expect("the source is there");
            }
            "complete_upload" => {
                let complete = complete(vec![(1, info(1, &bytes).etag)]);
                let completed = store_of.complete_upload(&upload, complete).await;
                completed.map(drop).expect("the part is there");
            }
            "delete" => store_of.delete(&bucket(), &key("k")).await.expect("it is there"),
            _ => {
                let expected = Condition::Etag(there.etag.clone());
                subject.put("k", there.clone().when(expected)).await;
            }
        }
        if before.is_some() {
            assert_ne!(store_of.losses(&bucket(), &key("k")), before, "after {verb}");
        }
    }
}

/// Completed, aborted, of another key or never begun: each verb says that there is no such upload, and nothing of it stays.
pub async fn knows_no_upload_that_has_ended(subject: &Subject) {
    let bytes = pattern(5, 40_000);
    let completed = begin(subject, "k", Attributes::default()).await;
    store(subject, &completed, 1, &bytes).await;
    let parts = vec![(1, info(1, &bytes).etag)];
    subject
        .store
        .complete_upload(&completed, complete(parts.clone()))
        .await
        .expect("it is there");
    let aborted = begin(subject, "k", Attributes::default()).await;
    store(subject, &aborted, 1, &bytes).await;
    assert_eq!(subject.store.abort_upload(&aborted).await, Ok(()));
    let running = begin(subject, "k", Attributes::default()).await;
    let elsewhere = Upload {
        key: key("other"),
        ..running.clone()
    };
    let unknown = Upload {
        id: UploadId::new("no such id"),
        ..running.clone()
    };
    for upload in [completed, aborted, elsewhere, unknown] {
        let none = Error::NoUpload(upload.clone());
        let body = part(&bytes, Body::Bytes(bytes.clone()));
        assert_eq!(subject.store.put_part(&upload, 1, body).await, Err(none.clone()));
        assert_eq!(subject.store.list_parts(&upload, 0, 1).await, Err(none.clone()));
        let ended = subject.store.complete_upload(&upload, complete(parts.clone())).await;
        assert_eq!(ended, Err(none.clone()));
        assert_eq!(subject.store.abort_upload(&upload).await, Err(none));
    }
    let page = uploads(subject, &UploadQuery::default()).await;
    assert_eq!(
        page.uploads.iter().map(|upload| &upload.id).collect::<Vec<_>>(),
        [&running.id]
    );
}

/// Parts come in the order of their numbers, each page after the number that it is told.
pub async fn pages_parts_by_number(subject: &Subject) {
    let upload = begin(subject, "k", Attributes::default()).await;
    let bytes = pattern(6, 10);
    for number in [7, 1, 10_000, 3] {
        store(subject, &upload, number, &bytes).await;
    }
    for (after, limit, numbers, truncated) in [
        (0, 1000, &[1, 3, 7, 10_000][..], false),
        (0, 2, &[1, 3], true),
        (3, 2, &[7, 10_000], false),
        (2, 1, &[3], true),
        (10_000, 5, &[], false),
        (0, 0, &[], false),
    ] {
        let page = subject
            .store
            .list_parts(&upload, after, limit)
            .await
            .expect("the upload is there");
        let shown: Vec<u32> = page.parts.iter().map(|part| part.number).collect();
        assert_eq!(
            (&shown[..], page.truncated),
            (numbers, truncated),
            "{limit} after {after}"
        );
    }
}

/// Whatever the size of the pages, together they show each upload or its common prefix once, in order.
pub async fn pages_uploads_like_the_model(subject: &Subject) {
    let mut all = BTreeSet::new();
    for name in ["a", "a", "a", "a/b", "a/c", "b", "b", "ключ/1", "ключ/1", "z//"] {
        let upload = begin(subject, name, Attributes::default()).await;
        all.insert((name.to_owned(), upload.id.to_string()));
    }
    for (prefix, delimiter) in [
        ("", None),
        ("", Some("/")),
        ("a", None),
        ("a", Some("/")),
        ("ключ/", Some("/")),
        ("x", None),
    ] {
        let mut expected = Vec::new();
        for (name, id) in all.iter().filter(|(name, _)| name.starts_with(prefix)) {
            let rest = &name[prefix.len()..];
            let shown = match delimiter.and_then(|delimiter| rest.find(delimiter)) {
                Some(at) => (name[..=prefix.len() + at].to_owned(), None),
                None => (name.clone(), Some(id.clone())),
            };
            if expected.last() != Some(&shown) {
                expected.push(shown);
            }
        }
        for limit in [1, 2, 3, 100] {
            let mut query = UploadQuery {
                list: ListQuery {
                    prefix: prefix.into(),
                    delimiter: delimiter.map(str::to_owned),
                    limit,
                    ..ListQuery::default()
                },
                after_id: String::new(),
            };
            let mut shown = Vec::new();
            loop {
                let page = uploads(subject, &query).await;
                let mut entries: Vec<_> = page.prefixes.into_iter().map(|prefix| (prefix, None)).collect();
                let upload = |upload: crate::UploadInfo| (upload.key.to_string(), Some(upload.id.to_string()));
                entries.extend(page.uploads.into_iter().map(upload));
                entries.sort();
                assert!(entries.len() <= limit);
                shown.extend(entries);
                let Some((after, after_id)) = page.next else { break };
                (query.list.after, query.after_id) = (after, after_id);
            }
            assert_eq!(shown, expected, "{prefix:?} {delimiter:?} by {limit}");
        }
    }
}

/// A get that began before an upload was completed, or before one was aborted, reads the old object to its end.
pub async fn reads_on_while_an_upload_replaces_the_object(subject: &Subject) {
    let (old, new) = (pattern(7, 600_000), pattern(8, 600_000));
    subject.put("k", put(old.clone())).await;
    let object = subject
        .store
        .get(&bucket(), &key("k"), Some(RangeRequest::From(1)))
        .await
        .expect("it was put");
    let upload = begin(subject, "k", Attributes::default()).await;
    store(subject, &upload, 1, &new).await;
    let parts = vec![(1, info(1, &new).etag)];
    subject
        .store
        .complete_upload(&upload, complete(parts))
        .await
        .expect("it is there");
    assert_eq!(object.bytes().await.expect("it is read to its end"), old.slice(1..));
    assert_eq!(subject.bytes("k").await, Some(new));
}

async fn begin(subject: &Subject, name: &str, attributes: Attributes) -> Upload {
    let new = NewUpload {
        attributes,
        at: UnixTime::from_millis(5),
    };
    let upload = subject.store.begin_upload(&bucket(), &key(name), new).await;
    let upload = upload.unwrap_or_else(|error| panic!("begin of {name:?}: {error}"));
    assert_eq!((&upload.bucket, &upload.key), (&bucket(), &key(name)));
    upload
}

async fn store(subject: &Subject, upload: &Upload, number: u32, bytes: &Bytes) {
    let stored = subject
        .store
        .put_part(upload, number, part(bytes, Body::Bytes(bytes.clone())))
        .await;
    assert_eq!(stored, Ok(info(number, bytes)));
}

async fn uploads(subject: &Subject, query: &UploadQuery) -> UploadPage {
    let query = UploadQuery {
        list: ListQuery {
            limit: if query.list.limit == 0 { 1000 } else { query.list.limit },
            ..query.list.clone()
        },
        ..query.clone()
    };
    let page = subject.store.list_uploads(&bucket(), &query).await;
    page.unwrap_or_else(|error| panic!("uploads of {query:?}: {error}"))
}

fn part(bytes: &Bytes, body: Body) -> Part {
    Part {
        body,
        length: bytes.len() as u64,
        crc64: crc64(bytes),
        etag: format!("{:X}", crc64(bytes)),
        at: UnixTime::from_millis(6),
    }
}

fn info(number: u32, bytes: &Bytes) -> PartInfo {
    PartInfo {
        number,
        length: bytes.len() as u64,
        crc64: crc64(bytes),
        etag: format!("{:X}", crc64(bytes)),
        modified: UnixTime::from_millis(6),
    }
}

fn complete(parts: Vec<(u32, String)>) -> CompleteUpload {
    CompleteUpload {
        parts,
        etag: "whole-3".into(),
        acl: None,
        condition: Condition::None,
        at: UnixTime::from_millis(9),
    }
}
