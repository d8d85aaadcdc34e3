use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};

use crate::world::*;

#[tokio::test]
async fn an_object_is_put_told_of_and_deleted() {
    let world = World::with_buckets().await;
    let put = Ask::new("PUT", "private-bucket/folder/a key")
        .header("content-type", "text/plain")
        .header("cache-control", "max-age=7")
        .header("content-disposition", "attachment")
        .header("content-encoding", "gzip")
        .header("content-language", "de")
        .header("expires", "Thu, 01 Jan 2026 00:00:00 GMT")
        .header("x-oss-meta-colour", "blue")
        .header("x-oss-server-side-encryption", "KMS")
        .header("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")
        .body("123456789");
    let answer = world.ask(put).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(
        answer.own_headers(),
        [
            "content-length: 0",
            "content-md5: JfnnlDI7RTiF9RgfG2JNCw==",
            "etag: \"25F9E794323B453885F5181F1B624D0B\"",
            "x-oss-hash-crc64ecma: 11051210869376104954",
        ]
    );

    let told = [
        "accept-ranges: bytes",
        "cache-control: max-age=7",
        "content-disposition: attachment",
        "content-encoding: gzip",
        "content-language: de",
        "content-length: 9",
        "content-md5: JfnnlDI7RTiF9RgfG2JNCw==",
        "content-type: text/plain",
        "etag: \"25F9E794323B453885F5181F1B624D0B\"",
        "expires: Thu, 01 Jan 2026 00:00:00 GMT",
        "last-modified: Tue, 14 Nov 2023 22:13:20 GMT",
        "x-oss-hash-crc64ecma: 11051210869376104954",
        "x-oss-meta-colour: blue",
        "x-oss-object-type: Normal",
        "x-oss-storage-class: Standard",
    ];
    let got = world.ask(Ask::new("GET", "private-bucket/folder/a key")).await;
    assert_eq!((got.status, got.text()), (200, "123456789"));
    assert_eq!(got.own_headers(), told);
    let head = world.ask(Ask::new("HEAD", "private-bucket/folder/a key")).await;
    assert_eq!(
        (head.status, head.own_headers()),
        (200, told.map(str::to_owned).to_vec())
    );
    let meta = world
        .ask(Ask::new("HEAD", "private-bucket/folder/a key?objectMeta"))
        .await;
    assert_eq!(
        meta.own_headers(),
        [
            "content-length: 9",
            "etag: \"25F9E794323B453885F5181F1B624D0B\"",
            "last-modified: Tue, 14 Nov 2023 22:13:20 GMT"
        ]
    );

    for _ in 0..2 {
        let deleted = world.ask(Ask::new("DELETE", "private-bucket/folder/a key")).await;
        assert_eq!((deleted.status, deleted.text()), (204, ""));
    }
    let missing = world.ask(Ask::new("GET", "private-bucket/folder/a key")).await;
    assert_eq!(missing.refusal(), "404 NoSuchKey 0026-00000001");
    assert_eq!(missing.detail("Key"), "folder/a key");
    assert_eq!(missing.header("cache-control"), Some("max-age=1"));
}

#[tokio::test]
async fn head_carries_its_refusal_in_a_header() {
    let world = World::with_buckets().await;
    for (target, expected) in [
        ("private-bucket/missing", "404 NoSuchKey 0026-00000001"),
        ("private-bucket/missing?objectMeta", "404 NoSuchKey 0026-00000001"),
        ("missing-bucket/key", "404 NoSuchBucket 0015-00000101"),
        ("private-bucket", "405 MethodNotAllowed"),
    ] {
        let answer = world.ask(Ask::new("HEAD", target)).await;
        assert!(answer.header("x-oss-err").is_some());
        assert_eq!(answer.refusal(), expected, "{target}");
    }
}

#[tokio::test]
async fn any_key_is_kept_as_it_is() {
    let world = World::with_buckets().await;
    for key in [
        "a b",
        "a+b",
        "a%2Fb",
        "a//b",
        "dir/",
        "ключ/鍵",
        "q?x=1&y",
        "#",
        "..",
        "%",
        "'\"<>",
        "-/healthz",
    ] {
        for ask in [
            |method| Ask::new(method, "private-bucket"),
            |method| Ask::new(method, "private-bucket").at("127.0.0.1"),
        ] {
            for form in [Form::V1Header, Form::V1Url, Form::V4Header, Form::V4Url] {
                let put = world.ask(ask("PUT").key(key).form(form).body(key)).await;
                assert_eq!(put.outcome(), "200", "{key} {form:?}");
                let got = world.ask(ask("GET").key(key).form(form)).await;
                assert_eq!((got.status, got.text()), (200, key), "{form:?}");
            }
        }
        assert_eq!(world.bytes("private-bucket", key).await.unwrap(), key.as_bytes());
        assert_eq!(
            world.ask(Ask::new("DELETE", "private-bucket").key(key)).await.status,
            204
        );
    }
}

#[tokio::test]
async fn wrong_puts_are_refused_and_store_nothing() {
    let world = World::with_buckets().await;
    let put = || Ask::new("PUT", "private-bucket/key");
    let long = format!("private-bucket/{}", "k".repeat(1024));
    for (ask, expected) in [
        (put(), "411 MissingContentLength"),
        (
            put().header("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==").body("12345678"),
            "400 InvalidDigest",
        ),
        (
            put().header("content-md5", "nonsense").body("123456789"),
            "400 InvalidDigest",
        ),
        (
            put().header("x-oss-object-acl", "public").body(""),
            "400 InvalidArgument",
        ),
        (put().header("x-oss-storage-class", "IA").body(""), "400 NotImplemented"),
        (put().header("x-oss-tagging", "a=b").body(""), "400 NotImplemented"),
        (put().header("x-oss-callback", "e30=").body(""), "400 NotImplemented"),
        (put().header("if-none-match", "*").body(""), "400 NotImplemented"),
        (
            Ask::new("PUT", "private-bucket").key("/key").body(""),
            "400 InvalidObjectName",
        ),
        (
            Ask::new("PUT", "private-bucket").key("\\key").body(""),
            "400 InvalidObjectName",
        ),
        (Ask::new("PUT", &long).body(""), "400 InvalidObjectName"),
        (
            Ask::new("PUT", "missing-bucket/key").body(""),
            "404 NoSuchBucket 0015-00000101",
        ),
    ] {
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
    let list = world.ask(Ask::new("GET", "private-bucket")).await;
    assert!(!list.document().contains("<Contents>"));
    let refused = world.ask(put().header("x-oss-tagging", "a=b").body("")).await;
    assert_eq!(refused.detail("Header"), "x-oss-tagging");
}

#[tokio::test]
async fn an_existing_object_is_kept_when_overwriting_is_forbidden() {
    let world = World::with_buckets().await;
    let put = |text: &str| {
        Ask::new("PUT", "private-bucket/key")
            .header("x-oss-forbid-overwrite", "true")
            .body(text)
    };
    assert_eq!(world.ask(put("first")).await.outcome(), "200");
    assert_eq!(world.ask(put("second")).await.refusal(), "409 FileAlreadyExists");
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"first");
    let allowed = Ask::new("PUT", "private-bucket/key")
        .header("x-oss-forbid-overwrite", "false")
        .body("third");
    assert_eq!(world.ask(allowed).await.outcome(), "200");
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"third");
}

#[tokio::test]
async fn a_body_is_the_same_in_memory_and_in_a_file() {
    let limits = alluvium_api::Limits {
        upload_memory_bytes_max: 1000,
        ..Default::default()
    };
    let world = World::with(limits).await;
    world.make_buckets().await;
    for length in [0, 1, 999, 1000, 1001, 2000, 2001, 100_000] {
        let bytes: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
        for piece in [1000, 1001, 7, 65_536] {
            let pieces: Vec<_> = bytes
                .chunks(piece)
                .map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)))
                .collect();
            let put = Ask::new("PUT", "private-bucket/key").chunked(Body::from_stream(stream::iter(pieces)));
            let put = world.ask(put).await;
            assert_eq!(put.outcome(), "200");
            let got = world.ask(Ask::new("GET", "private-bucket/key")).await;
            assert!(got.body == bytes, "{length} by {piece}");
            for header in ["etag", "content-md5", "x-oss-hash-crc64ecma"] {
                assert_eq!(put.header(header), got.header(header));
            }
            assert_eq!(
                got.header("x-oss-hash-crc64ecma"),
                Some(&*alluvium_store::crc64(&bytes).to_string())
            );
        }
    }
    world.no_uploads().await;
}

#[tokio::test]
async fn an_upload_that_fails_or_breaks_off_leaves_no_file() {
    let limits = alluvium_api::Limits {
        upload_memory_bytes_max: 10,
        ..Default::default()
    };
    let world = World::with(limits).await;
    world.make_buckets().await;
    let put = || Ask::new("PUT", "private-bucket/key");
    let broken = stream::iter([Ok(Bytes::from(vec![1; 100])), Err(std::io::Error::other("gone"))]);
    assert_eq!(
        world.ask(put().chunked(Body::from_stream(broken))).await.refusal(),
        "400 BadRequest"
    );
    let wrong = put()
        .header("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==")
        .body(vec![1; 100]);
    assert_eq!(world.ask(wrong).await.refusal(), "400 InvalidDigest");
    assert_eq!(world.ask(put().body(vec![1; 100])).await.outcome(), "200");
    let exists = put().header("x-oss-forbid-overwrite", "true").body(vec![2; 100]);
    assert_eq!(world.ask(exists).await.refusal(), "409 FileAlreadyExists");

    // A client that goes away: the rest of its body never comes, and its request is dropped.
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![3; 100]))]);
    let stalled = Body::from_stream(first.chain(stream::pending()));
    tokio::select! {
        _ = world.send(put().chunked(stalled)) => panic!("answered"),
        () = until("the upload has begun", async || world.uploads() > 0) => {}
    }
    world.no_uploads().await;
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), [1; 100]);
}

#[tokio::test]
async fn what_a_killed_process_left_is_discarded() {
    let folder = tempfile::TempDir::new().unwrap();
    assert_eq!(
        alluvium_api::discard_leftover_uploads(&folder.path().join("missing")).unwrap(),
        0
    );
    std::fs::write(folder.path().join("0123.upload"), b"left").unwrap();
    std::fs::write(folder.path().join("other"), b"kept").unwrap();
    assert_eq!(alluvium_api::discard_leftover_uploads(folder.path()).unwrap(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_segment_that_is_overwritten_or_deleted_is_withdrawn() {
    for (ask, outcome, withdrawn) in [
        (
            Ask::new("DELETE", "private-bucket/channel/1700000000000.ts"),
            "204",
            true,
        ),
        (
            Ask::new("PUT", "private-bucket/channel/1700000000000.ts").body("mine"),
            "200",
            true,
        ),
        (
            Ask::new("PUT", "private-bucket/channel/1700000000000.ts")
                .header("x-oss-forbid-overwrite", "true")
                .body("mine"),
            "409 FileAlreadyExists",
            false,
        ),
        (
            Ask::new("DELETE", "private-bucket/channel/1700000000000.ts").by(Nobody),
            "403 AccessDenied 0003-00000001",
            false,
        ),
        (
            Ask::new("PUT", "private-bucket/channel/1700000000000.ts")
                .header("content-md5", "AAAA")
                .body("mine"),
            "400 InvalidDigest",
            false,
        ),
    ] {
        let world = World::with_buckets().await;
        world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
        assert_eq!(world.ask(ask).await.outcome(), outcome);
        let vod = Ask::new(
            "GET",
            "private-bucket/channel?vod&startTime=1700000000&endTime=1700000000",
        );
        let expected = if withdrawn {
            "400 InvalidArgument 0044-00000308"
        } else {
            "200"
        };
        assert_eq!(world.ask(vod).await.outcome(), expected, "{outcome}");
    }
}

#[tokio::test]
async fn an_object_is_as_old_as_its_last_byte() {
    let world = World::with_buckets().await;
    let clock = world.clock.clone();
    let body = stream::iter(0..2).map(move |_| {
        clock.advance(std::time::Duration::from_secs(60));
        Ok::<_, std::io::Error>(Bytes::from_static(b"half"))
    });
    let put = Ask::new("PUT", "private-bucket/key").chunked(Body::from_stream(body));
    assert_eq!(world.send(put).await.status(), 200);
    let got = world.ask(Ask::new("GET", "private-bucket/key")).await;
    assert_eq!(got.header("last-modified"), Some("Tue, 14 Nov 2023 22:15:20 GMT"));
}
