//! What a client may send, at each bound and past it; and what is not offered.

use std::time::Duration;

use alluvium_api::Limits;
use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};

use crate::world::*;

fn pieces(lengths: &[usize]) -> Body {
    let pieces: Vec<_> = lengths
        .iter()
        .map(|length| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; *length])))
        .collect();
    Body::from_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_document_has_at_most_64_kib() {
    let world = World::with_buckets().await;
    let document = "<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>";
    for (length, expected) in [(65_536, "200"), (65_537, "400 EntityTooLarge")] {
        let body = format!("{document}{}", " ".repeat(length - document.len()));
        assert_eq!(
            world
                .ask(Ask::new("PUT", "private-bucket/c?live").body(&*body))
                .await
                .outcome(),
            expected
        );
        let chunked = Ask::new("PUT", "private-bucket/c?live").chunked(Body::from(body));
        assert_eq!(world.ask(chunked).await.outcome(), expected);
    }
    // Nothing is read past the bound.
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1000])));
    let ask = Ask::new("PUT", "private-bucket/c?live").chunked(Body::from_stream(endless));
    assert_eq!(world.ask(ask).await.refusal(), "400 EntityTooLarge");
}

#[tokio::test]
async fn an_object_has_a_bound() {
    let world = World::with(Limits {
        object_bytes_max: 100,
        upload_memory_bytes_max: 10,
        ..Limits::default()
    })
    .await;
    world.make_buckets().await;
    for (lengths, expected) in [
        (&[100][..], "200"),
        (&[50, 50], "200"),
        (&[101], "400 EntityTooLarge"),
        (&[50, 50, 1], "400 EntityTooLarge"),
    ] {
        let put = Ask::new("PUT", "private-bucket/key").chunked(pieces(lengths));
        assert_eq!(world.ask(put).await.outcome(), expected);
        world.no_uploads().await;
    }
    let announced = Ask::new("PUT", "private-bucket/key").header("content-length", "101");
    assert_eq!(world.ask(announced).await.refusal(), "400 EntityTooLarge");
    assert_eq!(Limits::default().object_bytes_max, 5 * 1024 * 1024 * 1024);
}

#[tokio::test]
async fn user_metadata_has_a_bound() {
    let world = World::with_buckets().await;
    for (length, expected) in [(8192 - 1, "200"), (8192, "400 InvalidArgument")] {
        let put = Ask::new("PUT", "private-bucket/key")
            .header("x-oss-meta-a", &"v".repeat(length))
            .body("");
        assert_eq!(world.ask(put).await.outcome(), expected);
    }
}

#[tokio::test]
async fn a_request_has_a_bound_on_its_parameters() {
    let world = World::with_buckets().await;
    world.put("read-bucket", "key", b"", Default::default()).await;
    for (count, expected) in [(64, "200"), (65, "400 InvalidArgument")] {
        let ask = (0..count).fold(Ask::new("GET", "read-bucket/key"), |ask, n| {
            ask.query(&format!("p{n}"), "")
        });
        assert_eq!(world.ask(ask).await.outcome(), expected);
    }
}

#[tokio::test]
async fn an_owner_has_a_bound_on_buckets() {
    let world = World::with(Limits {
        buckets_per_owner_max: 3,
        ..Limits::default()
    })
    .await;
    world.make_buckets().await;
    assert_eq!(
        world.ask(Ask::new("PUT", "one-more")).await.refusal(),
        "400 TooManyBuckets"
    );
    let by_acl = Ask::new("PUT", "one-more?acl").header("x-oss-acl", "private");
    assert_eq!(world.ask(by_acl).await.refusal(), "400 TooManyBuckets");
    assert_eq!(world.ask(Ask::new("PUT", "read-bucket")).await.outcome(), "200");
    assert_eq!(world.ask(Ask::new("PUT", "one-more").by(Bob)).await.outcome(), "200");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let world = World::with(Limits {
        body_grace: Duration::ZERO,
        ..Limits::default()
    })
    .await;
    world.make_buckets().await;
    // What is there already is never late.
    let put = Ask::new("PUT", "private-bucket/key").chunked(pieces(&[100, 100]));
    assert_eq!(world.ask(put).await.outcome(), "200");
    for target in ["private-bucket/key", "private-bucket/channel?live"] {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"first"))]);
        let stalled = Body::from_stream(first.chain(stream::pending()));
        let put = Ask::new("PUT", target).chunked(stalled);
        assert_eq!(world.ask(put).await.refusal(), "400 RequestTimeout");
    }
}

#[tokio::test]
async fn what_is_not_offered_says_so() {
    let world = World::with_buckets().await;
    world.put("private-bucket", "key", b"content", Default::default()).await;
    for target in [
        "private-bucket?versions",
        "private-bucket/key?tagging",
        "private-bucket/key?symlink",
        "private-bucket/key?bucketInfo",
        "private-bucket/key?versionId=1",
        "private-bucket/key?x-oss-process=image/resize",
        "private-bucket/key?objectMeta",
    ] {
        assert_eq!(
            world.ask(Ask::new("GET", target)).await.refusal(),
            "400 NotImplemented",
            "{target}"
        );
    }
    for (method, target, expected) in [
        ("POST", "private-bucket", "400 NotImplemented"),
        ("POST", "private-bucket/key?append&position=0", "400 NotImplemented"),
        ("PUT", "private-bucket?versioning", "400 NotImplemented"),
        ("POST", "private-bucket/key?live", "400 NotImplemented"),
        ("POST", "private-bucket/key", "405 MethodNotAllowed"),
        ("PATCH", "private-bucket/key", "405 MethodNotAllowed"),
        ("DELETE", "", "405 MethodNotAllowed"),
    ] {
        assert_eq!(
            world.ask(Ask::new(method, target)).await.refusal(),
            expected,
            "{method} {target}"
        );
    }
    assert_eq!(world.bytes("private-bucket", "key").await.unwrap(), b"content");
    // Parameters that are not the API's mean nothing: players add some against caches.
    assert_eq!(
        world
            .ask(Ask::new("GET", "private-bucket/key?_=123&live2"))
            .await
            .outcome(),
        "200"
    );
}

#[tokio::test]
async fn odd_targets_are_refused_or_served() {
    let world = World::with_buckets().await;
    world.put("read-bucket", "a/b", b"content", Default::default()).await;
    for (target, host, expected) in [
        ("/a/b", "read-bucket.oss.test", "200"),
        ("/a/b", "READ-BUCKET.OSS.TEST:80", "200"),
        ("/a%2Fb", "read-bucket.oss.test", "200"),
        ("/read-bucket/a/b", "oss.test", "200"),
        ("/read-bucket/a/b", "[::1]:9000", "200"),
        ("http://read-bucket.oss.test/a/b", "other.example", "200"),
        ("http://oss.test:9000/read-bucket/a/b", "", "200"),
        ("/a/b", "", "400 InvalidArgument"),
        ("/a/b", "read-bucket.oss.test\nother.oss.test", "400 InvalidArgument"),
        (
            "/a/b",
            "read-bucket.oss.test\nread-bucket.oss.test",
            "400 InvalidArgument",
        ),
        ("//a", "read-bucket.oss.test", "400 InvalidObjectName"),
        ("//a", "oss.test", "400 InvalidBucketName"),
        ("/favicon.ico", "oss.test", "400 InvalidBucketName"),
        ("/a/b?%ff=1", "read-bucket.oss.test", "400 InvalidArgument"),
        ("/a/b?&&=&", "read-bucket.oss.test", "200"),
    ] {
        assert_eq!(
            world.raw("GET", target, host).await.outcome(),
            expected,
            "{target} {host}"
        );
    }
}
