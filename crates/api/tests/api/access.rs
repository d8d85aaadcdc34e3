//! Who may do what: owner, another account, nobody; with each ACL of the bucket and of the object.

use alluvium_oss::{Acl, ObjectAcl};
use alluvium_store::Attributes;

use crate::world::*;

const DENIED: &str = "403 AccessDenied 0003-00000001";
const BUCKETS: [(&str, Acl); 3] = [
    ("private-bucket", Acl::Private),
    ("read-bucket", Acl::PublicRead),
    ("write-bucket", Acl::PublicReadWrite),
];

/// What an operation is to those who do not own the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Owner,
    Read,
    Write,
}

const CHANNEL: &str = "<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>";

/// Every operation on a bucket, on an object and channel which exist; and what it answers to the owner.
fn operations(bucket: &str) -> Vec<(Kind, Ask, &'static str)> {
    use Kind::{Owner, Read, Write};
    let ask = |method, target: &str| Ask::new(method, &format!("{bucket}{target}"));
    vec![
        (Owner, ask("GET", "?bucketInfo"), "200"),
        (Owner, ask("GET", "?acl"), "200"),
        (Owner, ask("PUT", "?acl").header("x-oss-acl", acl(bucket)), "200"),
        (Owner, ask("GET", ""), "200"),
        (Owner, ask("DELETE", ""), "409 BucketNotEmpty 0015-00000301"),
        (Owner, ask("PUT", "/new?live").body(CHANNEL), "200"),
        (Owner, ask("PUT", "/channel?live&status=enabled"), "200"),
        (Owner, ask("GET", "/channel?live"), "200"),
        (Owner, ask("GET", "/channel?live&comp=stat"), "200"),
        (Owner, ask("GET", "/channel?live&comp=history"), "200"),
        (Owner, ask("GET", "?live"), "200"),
        (Owner, ask("DELETE", "/other?live"), "204"),
        (
            Owner,
            ask("POST", "/channel/vod.m3u8?vod&startTime=1700000000&endTime=1700000000"),
            "200",
        ),
        (
            Owner,
            ask("GET", "/channel?vod&startTime=1700000000&endTime=1700000000"),
            "200",
        ),
        (Read, ask("GET", "/key"), "200"),
        (Read, ask("HEAD", "/key"), "200"),
        (Read, ask("HEAD", "/key?objectMeta"), "200"),
        (Write, ask("PUT", "/key").body("new"), "200"),
        (Write, ask("DELETE", "/key"), "204"),
        (Read, ask("GET", "/missing"), "404 NoSuchKey 0026-00000001"),
        (Read, ask("HEAD", "/missing"), "404 NoSuchKey 0026-00000001"),
        (Write, ask("PUT", "/missing").body("new"), "200"),
        (Write, ask("DELETE", "/missing"), "204"),
    ]
}

fn acl(bucket: &str) -> &'static str {
    BUCKETS.iter().find(|(name, _)| *name == bucket).unwrap().1.as_str()
}

async fn world(bucket: &str) -> World {
    let world = World::with_buckets().await;
    world.record(bucket, "channel", &[NOW_S * 1000]).await;
    world
}

#[tokio::test]
async fn an_operation_is_open_to_whom_the_buckets_acl_lets() {
    for (bucket, acl) in BUCKETS {
        let count = operations(bucket).len();
        let world = world(bucket).await;
        for who in [Alice, Bob, Nobody] {
            for n in 0..count {
                world.put(bucket, "key", b"content", Attributes::default()).await;
                let _ = world.ask(Ask::new("DELETE", &format!("{bucket}/missing"))).await;
                let (kind, ask, success) = operations(bucket).swap_remove(n);
                let open = match kind {
                    Kind::Owner => false,
                    Kind::Read => acl.anonymous_may_read(),
                    Kind::Write => acl.anonymous_may_write(),
                };
                let expected = if who == Alice || open { success } else { DENIED };
                let name = ask.name();
                assert_eq!(
                    world.ask(ask.by(who)).await.outcome(),
                    expected,
                    "{who:?} {acl:?} {name}"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_objects_own_acl_wins_over_the_buckets() {
    let acls = [
        ObjectAcl::Default,
        ObjectAcl::Own(Acl::Private),
        ObjectAcl::Own(Acl::PublicRead),
        ObjectAcl::Own(Acl::PublicReadWrite),
    ];
    for (bucket, bucket_acl) in BUCKETS {
        let world = World::with_buckets().await;
        for own in acls {
            let effective = own.effective(bucket_acl);
            for who in [Alice, Bob, Nobody] {
                for (method, kind, success) in [
                    ("GET", Kind::Read, "200"),
                    ("HEAD", Kind::Read, "200"),
                    ("PUT", Kind::Write, "200"),
                    ("DELETE", Kind::Write, "204"),
                ] {
                    world
                        .put(
                            bucket,
                            "key",
                            b"content",
                            Attributes {
                                acl: own,
                                ..Attributes::default()
                            },
                        )
                        .await;
                    let open = match kind {
                        Kind::Read => effective.anonymous_may_read(),
                        _ => effective.anonymous_may_write(),
                    };
                    let ask = Ask::new(method, &format!("{bucket}/key")).by(who);
                    let ask = if method == "PUT" { ask.body("new") } else { ask };
                    let expected = if who == Alice || open { success } else { DENIED };
                    assert_eq!(
                        world.ask(ask).await.outcome(),
                        expected,
                        "{method} {who:?} {own:?} in {bucket_acl:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn an_object_is_put_with_an_acl_of_its_own() {
    let world = World::with_buckets().await;
    for (acl, expected) in [("public-read", "200"), ("private", DENIED), ("default", DENIED)] {
        let put = Ask::new("PUT", "private-bucket/key")
            .header("x-oss-object-acl", acl)
            .body("content");
        assert_eq!(world.ask(put).await.outcome(), "200");
        assert_eq!(
            world
                .ask(Ask::new("GET", "private-bucket/key").by(Nobody))
                .await
                .outcome(),
            expected
        );
    }
}

#[tokio::test]
async fn who_may_not_read_learns_nothing_of_the_object() {
    let world = World::with_buckets().await;
    world
        .put("private-bucket", "key", b"content", Attributes::default())
        .await;
    for ask in [
        Ask::new("GET", "private-bucket/key"),
        Ask::new("GET", "private-bucket/key")
            .header("range", "bytes=100-")
            .header("x-oss-range-behavior", "standard"),
        Ask::new("GET", "private-bucket/key").header("if-none-match", "*"),
        Ask::new("GET", "private-bucket/key").header("if-match", "\"other\""),
        Ask::new("GET", "private-bucket/missing"),
        Ask::new("HEAD", "private-bucket/key"),
        Ask::new("HEAD", "private-bucket/missing"),
    ] {
        assert_eq!(world.ask(ask.by(Nobody)).await.refusal(), DENIED);
    }
}

#[tokio::test]
async fn a_missing_bucket_is_missing_to_everybody() {
    for who in [Alice, Bob, Nobody] {
        let world = World::new().await;
        for (_, ask, _) in operations("private-bucket") {
            let name = ask.name();
            // Setting the ACL of a missing bucket makes it.
            if !name.starts_with("PUT") || !name.contains("?acl") {
                let outcome = world.ask(ask.by(who)).await.outcome();
                assert_eq!(outcome, "404 NoSuchBucket 0015-00000101", "{who:?} {name}");
            }
        }
    }
}
