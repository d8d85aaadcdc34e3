//! CopyObject.

use std::collections::BTreeMap;

use alluvium_oss::{Acl, ObjectAcl};
use alluvium_store::faulty::{Fault, Gate, Operation, Rule};
use alluvium_store::{Attributes, Error};

use crate::world::*;

const ETAG: &str = "0123456789ABCDEF0123456789ABCDEF";

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("text/plain".into()),
        content_md5: Some("md5".into()),
        user: BTreeMap::from([("colour".to_owned(), "blue".to_owned())]),
        acl: ObjectAcl::Own(Acl::PublicRead),
        ..Attributes::default()
    }
}

async fn world() -> World {
    let world = World::with_buckets().await;
    world.put("private-bucket", "a b", b"content", attributes()).await;
    world
}

fn copy(to: &str) -> Ask {
    Ask::new("PUT", to)
        .header("x-oss-copy-source", "/private-bucket/a%20b")
        .body("")
}

#[tokio::test]
async fn a_copy_has_bytes_and_headers_of_its_source_but_not_its_acl() {
    let world = world().await;
    let copied = world.ask(copy("read-bucket/copy")).await;
    assert_eq!(
        copied.document(),
        format!(
            "<CopyObjectResult><LastModified>2023-11-14T22:13:20.000Z</LastModified>\
             <ETag>&quot;{ETAG}&quot;</ETag></CopyObjectResult>"
        )
    );
    let crc64 = alluvium_store::crc64(b"content").to_string();
    assert_eq!(copied.header("x-oss-hash-crc64ecma"), Some(&*crc64));
    let got = world.ask(Ask::new("GET", "read-bucket/copy")).await;
    assert_eq!((got.status, got.text()), (200, "content"));
    for (name, value) in [
        ("content-type", "text/plain"),
        ("content-md5", "md5"),
        ("x-oss-meta-colour", "blue"),
        ("x-oss-hash-crc64ecma", &crc64),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    let acl = world.ask(Ask::new("GET", "read-bucket/copy?acl")).await;
    assert!(acl.document().contains("<Grant>default</Grant>"));
}

#[tokio::test]
async fn a_copy_has_what_the_request_says_where_it_replaces() {
    let world = world().await;
    let replace = |to| {
        copy(to)
            .header("content-type", "text/html")
            .header("x-oss-meta-size", "small")
            .header("x-oss-metadata-directive", "REPLACE")
    };
    assert_eq!(
        world
            .ask(replace("private-bucket/copy").header("x-oss-object-acl", "private"))
            .await
            .outcome(),
        "200"
    );
    // Onto itself the directive has no say, and an ACL that is not given stays.
    let onto_itself = copy("private-bucket/a b")
        .header("content-type", "text/html")
        .header("x-oss-meta-size", "small");
    assert_eq!(world.ask(onto_itself).await.outcome(), "200");
    for (key, grant) in [("copy", "private"), ("a b", "public-read")] {
        let got = world.ask(Ask::new("GET", "private-bucket").key(key)).await;
        assert_eq!((got.status, got.text()), (200, "content"));
        assert_eq!(got.header("content-type"), Some("text/html"), "{key}");
        assert_eq!(got.header("content-md5"), Some("md5"), "{key}");
        assert_eq!(
            (got.header("x-oss-meta-size"), got.header("x-oss-meta-colour")),
            (Some("small"), None)
        );
        let acl = world
            .ask(Ask::new("GET", "private-bucket").key(key).query("acl", ""))
            .await;
        assert!(acl.document().contains(&format!("<Grant>{grant}</Grant>")), "{key}");
    }
}

#[tokio::test]
async fn wrong_copies_are_refused_and_store_nothing() {
    let world = world().await;
    world
        .put("private-bucket", "secret", b"secret", Attributes::default())
        .await;
    world
        .put("private-bucket", "there", b"there", Attributes::default())
        .await;
    let source = |source: &str| {
        Ask::new("PUT", "private-bucket/copy")
            .header("x-oss-copy-source", source)
            .body("")
    };
    let conditional =
        |name: &str, value: &str| copy("private-bucket/copy").header(&format!("x-oss-copy-source-if-{name}"), value);
    let before = "Tue, 14 Nov 2023 22:13:19 GMT";
    for (ask, expected) in [
        (source("a b"), "400 InvalidArgument"),
        (source("/missing-bucket/a"), "404 NoSuchBucket 0015-00000101"),
        (source("/private-bucket/missing"), "404 NoSuchKey 0026-00000001"),
        (source("/private-bucket/"), "400 InvalidObjectName"),
        (source("/private-bucket/a%20b?versionId=1"), "400 NotImplemented"),
        (copy("missing-bucket/copy"), "404 NoSuchBucket 0015-00000101"),
        (copy("private-bucket/copy").by(Bob), "403 AccessDenied 0003-00000001"),
        (
            Ask::new("PUT", "write-bucket/copy")
                .by(Nobody)
                .header("x-oss-copy-source", "/private-bucket/secret")
                .body(""),
            "403 AccessDenied 0003-00000001",
        ),
        (
            copy("private-bucket/copy").header("x-oss-metadata-directive", "MOVE"),
            "400 InvalidArgument",
        ),
        (
            copy("private-bucket/copy").header("x-oss-object-acl", "open"),
            "400 InvalidArgument",
        ),
        (
            copy("private-bucket/copy").header("x-oss-tagging", "a=b"),
            "400 NotImplemented",
        ),
        (
            copy("private-bucket/there").header("x-oss-forbid-overwrite", "true"),
            "409 FileAlreadyExists",
        ),
        (conditional("match", "x"), "412 PreconditionFailed"),
        (conditional("unmodified-since", before), "412 PreconditionFailed"),
        (conditional("none-match", ETAG), "304"),
        (conditional("modified-since", "Tue, 14 Nov 2023 22:13:20 GMT"), "304"),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.outcome(), expected, "{name}");
    }
    assert_eq!(world.bytes("private-bucket", "copy").await, None);
    assert_eq!(world.bytes("private-bucket", "there").await.unwrap(), b"there");
    assert_eq!(world.ask(conditional("match", ETAG)).await.outcome(), "200");
    let public = copy("write-bucket/copy").by(Nobody);
    assert_eq!(
        world.ask(public).await.outcome(),
        "200",
        "its own ACL lets everybody read it"
    );
}

#[tokio::test]
async fn a_source_replaced_while_it_is_looked_at_is_looked_at_again() {
    let world = world().await;
    let gate = Gate::closed();
    world
        .store
        .add(Rule::on(Operation::Copy, Fault::Hold(gate.clone())).times(1));
    let request = world.ask(
        Ask::new("PUT", "write-bucket/copy")
            .by(Nobody)
            .header("x-oss-copy-source", "/private-bucket/a%20b")
            .body(""),
    );
    let replace = async {
        gate.reached(1).await;
        let secret = Ask::new("PUT", "private-bucket/a b").body("secret");
        assert_eq!(world.ask(secret).await.outcome(), "200");
        gate.open();
    };
    let (answer, ()) = futures_util::future::join(request, replace).await;
    assert_eq!(
        answer.refusal(),
        "403 AccessDenied 0003-00000001",
        "the new one is private"
    );
    assert_eq!(world.bytes("write-bucket", "copy").await, None);
}

#[tokio::test]
async fn a_copy_over_a_segment_withdraws_it_and_one_onto_itself_does_not() {
    let key = "channel/1700000000000.ts";
    for (source, expected) in [("a%20b", "400 InvalidArgument 0044-00000308"), (key, "200")] {
        let world = world().await;
        world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
        let copy = Ask::new("PUT", "private-bucket")
            .key(key)
            .header("x-oss-copy-source", &format!("/private-bucket/{source}"))
            .header("cache-control", "max-age=1")
            .body("");
        assert_eq!(world.ask(copy).await.outcome(), "200");
        let vod = Ask::new(
            "GET",
            "private-bucket/channel?vod&startTime=1700000000&endTime=1700000000",
        );
        assert_eq!(world.ask(vod).await.outcome(), expected, "{source}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_a_copy_is_a_503() {
    let world = world().await;
    let failed = Error::unavailable("write", "disk", "full");
    world.store.add(Rule::on(Operation::Copy, Fault::Fail(failed)));
    assert_eq!(
        world.ask(copy("private-bucket/copy")).await.refusal(),
        "503 ServiceUnavailable"
    );
}
