//! Who may do what: owner, another account, nobody; with each ACL of the bucket and of the object. The table is that of
//! `docs/security.md`.

use std::collections::{BTreeMap, BTreeSet};

use alluvium_oss::{Acl, ObjectAcl};
use alluvium_store::Attributes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::world::*;

const DENIED: &str = "403 AccessDenied 0003-00000001";
const BUCKETS: [(&str, Acl); 3] = [
    ("private-bucket", Acl::Private),
    ("read-bucket", Acl::PublicRead),
    ("write-bucket", Acl::PublicReadWrite),
];

/// Whom an operation is open to, as `docs/security.md` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpenTo {
    Owner,
    Writers,
    Readers,
    Accounts,
    Anybody,
}

use OpenTo::{Accounts, Anybody, Owner, Readers, Writers};

impl OpenTo {
    fn lets(self, who: Who, acl: Acl) -> bool {
        who == Alice
            || match self {
                Owner => false,
                Writers => acl.anonymous_may_write(),
                Readers => acl.anonymous_may_read(),
                Accounts => who == Bob,
                Anybody => true,
            }
    }
}

/// What the documentation says of each operation.
fn documented() -> BTreeMap<&'static str, OpenTo> {
    let document = include_str!("../../../../docs/security.md");
    let rows = document.lines().filter_map(|line| {
        let (name, open_to) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        let open_to = match open_to {
            "owner" => Owner,
            "writers" => Writers,
            "readers" => Readers,
            "accounts" => Accounts,
            "anybody" => Anybody,
            _ => return None,
        };
        Some((name, open_to))
    });
    rows.collect()
}

const CHANNEL: &str = "<LiveChannelConfiguration><Target><Type>HLS</Type></Target></LiveChannelConfiguration>";
const CORS: &str = "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>";
const REFERER: &str =
    "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer><RefererList/></RefererConfiguration>";
const LIFECYCLE: &str = "<LifecycleConfiguration><Rule><Prefix>old/</Prefix><Status>Enabled</Status><Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>";
const PARTS: &str =
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"A\"</ETag></Part></CompleteMultipartUpload>";
const KEYS: &str = "<Delete><Object><Key>key</Key></Object></Delete>";

/// Every operation on a bucket, on an object and channel which exist, some also on what does not; and what it answers to
/// those whom it is open to.
fn operations(bucket: &str) -> Vec<(&'static str, Ask, &'static str)> {
    let ask = |method, target: &str| Ask::new(method, &format!("{bucket}{target}"));
    let acl = acl(bucket);
    let no_upload = "404 NoSuchUpload";
    vec![
        ("GetBucketInfo", ask("GET", "?bucketInfo"), "200"),
        ("GetBucketAcl", ask("GET", "?acl"), "200"),
        ("PutBucketAcl", ask("PUT", "?acl").header("x-oss-acl", acl), "200"),
        ("GetBucketLocation", ask("GET", "?location"), "200"),
        ("GetBucketVersioning", ask("GET", "?versioning"), "200"),
        ("GetBucketStat", ask("GET", "?stat"), "200"),
        ("PutBucketCors", ask("PUT", "?cors").body(CORS), "200"),
        ("GetBucketCors", ask("GET", "?cors"), "200"),
        ("DeleteBucketCors", ask("DELETE", "?cors"), "204"),
        ("PutBucketReferer", ask("PUT", "?referer").body(REFERER), "200"),
        ("GetBucketReferer", ask("GET", "?referer"), "200"),
        ("PutBucketLifecycle", ask("PUT", "?lifecycle").body(LIFECYCLE), "200"),
        ("GetBucketLifecycle", ask("GET", "?lifecycle"), "200"),
        ("DeleteBucketLifecycle", ask("DELETE", "?lifecycle"), "204"),
        ("ListObjects", ask("GET", ""), "200"),
        ("ListObjectsV2", ask("GET", "?list-type=2"), "200"),
        ("ListMultipartUploads", ask("GET", "?uploads"), "200"),
        ("DeleteBucket", ask("DELETE", ""), "409 BucketNotEmpty 0015-00000301"),
        ("PutLiveChannel", ask("PUT", "/new?live").body(CHANNEL), "200"),
        (
            "PutLiveChannelStatus",
            ask("PUT", "/channel?live&status=enabled"),
            "200",
        ),
        ("GetLiveChannelInfo", ask("GET", "/channel?live"), "200"),
        ("GetLiveChannelStat", ask("GET", "/channel?live&comp=stat"), "200"),
        ("GetLiveChannelHistory", ask("GET", "/channel?live&comp=history"), "200"),
        ("ListLiveChannel", ask("GET", "?live"), "200"),
        ("DeleteLiveChannel", ask("DELETE", "/other?live"), "204"),
        (
            "PostVodPlaylist",
            ask("POST", "/channel/vod.m3u8?vod&startTime=1700000000&endTime=1700000000"),
            "200",
        ),
        (
            "GetVodPlaylist",
            ask("GET", "/channel?vod&startTime=1700000000&endTime=1700000000"),
            "200",
        ),
        ("GetObject", ask("GET", "/key"), "200"),
        ("HeadObject", ask("HEAD", "/key"), "200"),
        ("GetObjectMeta", ask("HEAD", "/key?objectMeta"), "200"),
        ("PutObject", ask("PUT", "/key").body("new"), "200"),
        ("GetObjectAcl", ask("GET", "/key?acl"), "200"),
        (
            "PutObjectAcl",
            ask("PUT", "/key?acl").header("x-oss-object-acl", "default"),
            "200",
        ),
        ("InitiateMultipartUpload", ask("POST", "/key?uploads"), "200"),
        (
            "UploadPart",
            ask("PUT", "/key?uploadId=none&partNumber=1").body("part"),
            no_upload,
        ),
        ("ListParts", ask("GET", "/key?uploadId=none"), no_upload),
        (
            "CompleteMultipartUpload",
            ask("POST", "/key?uploadId=none").body(PARTS),
            no_upload,
        ),
        ("AbortMultipartUpload", ask("DELETE", "/key?uploadId=none"), no_upload),
        ("DeleteObject", ask("DELETE", "/key"), "204"),
        (
            "DeleteMultipleObjects",
            ask("POST", "?delete")
                .header("content-md5", &STANDARD.encode(Md5::digest(KEYS)))
                .body(KEYS),
            "200",
        ),
        ("GetObject", ask("GET", "/missing"), "404 NoSuchKey 0026-00000001"),
        ("HeadObject", ask("HEAD", "/missing"), "404 NoSuchKey 0026-00000001"),
        ("PutObject", ask("PUT", "/missing").body("new"), "200"),
        ("DeleteObject", ask("DELETE", "/missing"), "204"),
    ]
}

/// What concerns no bucket, or asks for more than a right, and is shown by tests of its own below and beside.
const APART: [&str; 4] = ["ListBuckets", "PutBucket", "OptionObject", "GetSignedPlaylist"];

#[test]
fn every_documented_operation_is_tried() {
    let tried = operations("read-bucket").into_iter().map(|(name, ..)| name);
    let tried: BTreeSet<_> = tried.chain(APART).collect();
    let documented: BTreeSet<_> = documented().into_keys().collect();
    assert_eq!(tried, documented);
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
        let documented = documented();
        for who in [Alice, Bob, Nobody] {
            for n in 0..count {
                world.put(bucket, "key", b"content", Attributes::default()).await;
                let _ = world.ask(Ask::new("DELETE", &format!("{bucket}/missing"))).await;
                let (operation, ask, success) = operations(bucket).swap_remove(n);
                let open = documented[operation].lets(who, acl);
                let expected = if open { success } else { DENIED };
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
                for (method, open_to, success) in [
                    ("GET", Readers, "200"),
                    ("HEAD", Readers, "200"),
                    ("PUT", Writers, "200"),
                    ("DELETE", Writers, "204"),
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
                    let open = open_to.lets(who, effective);
                    let ask = Ask::new(method, &format!("{bucket}/key")).by(who);
                    let ask = if method == "PUT" { ask.body("new") } else { ask };
                    let expected = if open { success } else { DENIED };
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

#[tokio::test]
async fn an_account_sees_and_makes_buckets_of_its_own_alone() {
    let world = World::with_buckets().await;
    assert_eq!(documented()["ListBuckets"], Accounts);
    assert_eq!(documented()["PutBucket"], Accounts);
    let listed = async |who| world.ask(Ask::new("GET", "").by(who)).await;
    assert!(listed(Alice).await.text().contains("private-bucket"));
    let bobs = listed(Bob).await;
    assert_eq!(bobs.status, 200);
    assert!(BUCKETS.iter().all(|(name, _)| !bobs.text().contains(name)), "{bobs:?}");
    assert_eq!(listed(Nobody).await.refusal(), DENIED);

    let make = async |bucket: &str, who| world.ask(Ask::new("PUT", bucket).by(who)).await.outcome();
    assert_eq!(make("of-nobody", Nobody).await, DENIED);
    assert_eq!(make("of-bob", Bob).await, "200");
    assert_eq!(
        make("private-bucket", Bob).await,
        "409 BucketAlreadyExists 0015-00000104"
    );
    let asked = world.ask(Ask::new("GET", "of-bob?acl").by(Bob)).await;
    assert!(asked.text().contains("<Grant>private</Grant>"), "{asked:?}");
    assert_eq!(world.ask(Ask::new("GET", "of-bob").by(Alice)).await.refusal(), DENIED);
}

#[tokio::test]
async fn a_preflight_is_answered_to_anybody_by_the_rules_alone() {
    let world = World::with_buckets().await;
    assert_eq!(documented()["OptionObject"], Anybody);
    let rules = Ask::new("PUT", "private-bucket?cors").body(CORS);
    assert_eq!(world.ask(rules).await.outcome(), "200");
    for who in [Alice, Bob, Nobody] {
        let preflight = Ask::new("OPTIONS", "private-bucket/key")
            .header("origin", "https://page.example")
            .header("access-control-request-method", "GET");
        assert_eq!(world.ask(preflight.by(who)).await.outcome(), "200", "{who:?}");
    }
}

#[tokio::test]
async fn a_signed_playlist_is_open_to_readers_with_a_signed_url() {
    assert_eq!(documented()["GetSignedPlaylist"], Readers);
    for (bucket, acl) in BUCKETS {
        let world = World::with_buckets().await;
        world
            .put(bucket, "p.m3u8", b"#EXTM3U\n#EXTINF:1,\n1.ts\n", Attributes::default())
            .await;
        for who in [Alice, Bob] {
            let ask = Ask::new("GET", &format!("{bucket}/p.m3u8?x-oss-process=hls/sign")).by(who);
            let expected = if Readers.lets(who, acl) { "200" } else { DENIED };
            assert_eq!(
                world.ask(ask.form(Form::V1Url)).await.outcome(),
                expected,
                "{who:?} {acl:?}"
            );
        }
    }
}
