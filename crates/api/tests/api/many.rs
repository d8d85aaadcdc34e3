//! Objects by the page and by the hundred: ListObjectsV2, DeleteMultipleObjects; and the ACL of single ones.

use alluvium_oss::xml::Element;
use alluvium_oss::{Acl, ObjectAcl};
use alluvium_store::faulty::{Fault, Operation, Rule};
use alluvium_store::{Attributes, Error};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::world::*;

fn own(acl: Acl) -> Attributes {
    Attributes {
        acl: ObjectAcl::Own(acl),
        ..Attributes::default()
    }
}

/// A signed DeleteMultipleObjects with what such a request must have.
fn delete(bucket: &str, document: &str) -> Ask {
    Ask::new("POST", bucket)
        .query("delete", "")
        .header("content-md5", &STANDARD.encode(Md5::digest(document)))
        .body(document)
}

fn keys(keys: &[&str]) -> String {
    let objects: String = keys
        .iter()
        .map(|key| format!("<Object><Key>{key}</Key></Object>"))
        .collect();
    format!("<Delete>{objects}</Delete>")
}

#[tokio::test]
async fn the_second_version_of_a_listing_pages_by_token() {
    let world = World::with_buckets().await;
    let names = ["a b", "dir/1", "dir/2", "e", "f\u{1}"];
    for name in names {
        world
            .put("private-bucket", name, b"content", Attributes::default())
            .await;
    }
    let mut shown = Vec::new();
    let mut token = String::new();
    loop {
        let list = Ask::new(
            "GET",
            "private-bucket?list-type=2&max-keys=2&delimiter=/&encoding-type=url",
        )
        .query("continuation-token", &token);
        let answer = world.ask(list).await;
        let root = Element::parse(&answer.body, "ListBucketResult").unwrap();
        let of = |name, inner| {
            let texts = root
                .children_named(name)
                .map(move |element: &Element| element.child_text(inner).unwrap().to_owned());
            texts.collect::<Vec<_>>()
        };
        let page = [of("Contents", "Key"), of("CommonPrefixes", "Prefix")].concat();
        assert_eq!(root.child_text("KeyCount"), Some(&*page.len().to_string()));
        assert!(!answer.text().contains("<Owner>"));
        shown.extend(page);
        match root.child_text("NextContinuationToken") {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(shown, ["a%20b", "dir%2F", "e", "f%01"]);
    let after = world
        .ask(Ask::new(
            "GET",
            "private-bucket?list-type=2&start-after=dir/1&fetch-owner=true&prefix=dir/",
        ))
        .await;
    assert!(after.document().contains("<StartAfter>dir/1</StartAfter>"));
    assert!(
        after
            .document()
            .contains("<KeyCount>1</KeyCount><Contents><Key>dir/2</Key>")
    );
    assert!(after.document().contains("<Owner><ID>alice</ID>"));
    for (target, expected) in [
        ("private-bucket?list-type=2&continuation-token=%", "400 InvalidArgument"),
        ("private-bucket?list-type=2&max-keys=0", "400 InvalidArgument"),
        ("private-bucket?list-type=1", "400 NotImplemented"),
        (
            "missing-bucket?list-type=2&max-keys=0",
            "404 NoSuchBucket 0015-00000101",
        ),
    ] {
        assert_eq!(world.ask(Ask::new("GET", target)).await.refusal(), expected, "{target}");
    }
    let nobody = Ask::new("GET", "read-bucket?list-type=2").by(Nobody);
    assert_eq!(world.ask(nobody).await.refusal(), "403 AccessDenied 0003-00000001");
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let world = World::with_buckets().await;
    for name in ["a &amp; b", "dir/", "..", "kept", "%2F"] {
        world
            .put(
                "private-bucket",
                &name.replace("&amp;", "&"),
                b"content",
                Attributes::default(),
            )
            .await;
    }
    let answer = world
        .ask(delete("private-bucket", &keys(&["a &amp; b", "missing", "dir/", ".."])))
        .await;
    assert_eq!(
        answer.document(),
        "<DeleteResult><Deleted><Key>a &amp; b</Key></Deleted><Deleted><Key>missing</Key></Deleted>\
         <Deleted><Key>dir/</Key></Deleted><Deleted><Key>..</Key></Deleted></DeleteResult>"
    );
    let encoded = world
        .ask(delete("private-bucket", &keys(&["%2F"])).query("encoding-type", "url"))
        .await;
    assert!(encoded.document().contains("<Key>%252F</Key>"));
    let left = world.ask(Ask::new("GET", "private-bucket")).await;
    assert_eq!(left.document().matches("<Contents>").count(), 1);
    let quiet = keys(&["kept"]).replace("<Delete>", "<Delete><Quiet>true</Quiet>");
    let answer = world.ask(delete("private-bucket", &quiet)).await;
    assert_eq!((answer.status, answer.text()), (200, ""));
    assert_eq!(world.bytes("private-bucket", "kept").await, None);
}

#[tokio::test]
async fn a_thousand_long_keys_fit_into_one_request() {
    let world = World::with_buckets().await;
    let names: Vec<String> = (0..1000).map(|n| format!("{n:04}{}", "k".repeat(1019))).collect();
    world
        .put("private-bucket", &names[999], b"content", Attributes::default())
        .await;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        world.ask(delete("private-bucket", &keys(&names))).await.outcome(),
        "200"
    );
    assert_eq!(world.bytes("private-bucket", names[999]).await, None);
}

#[tokio::test]
async fn wrong_deletes_are_refused_and_delete_nothing() {
    let world = World::with_buckets().await;
    world
        .put("private-bucket", "key", b"content", Attributes::default())
        .await;
    world
        .put("write-bucket", "key", b"content", Attributes::default())
        .await;
    world.put("write-bucket", "locked", b"content", own(Acl::Private)).await;
    let both = keys(&["key", "locked"]);
    let without_md5 = Ask::new("POST", "private-bucket?delete").body(keys(&["key"]));
    let wrong_md5 = Ask::new("POST", "private-bucket?delete")
        .header("content-md5", "AAAA")
        .body(keys(&["key"]));
    let large = format!("{}{}", keys(&["key"]), " ".repeat(2 << 20));
    for (ask, expected) in [
        (without_md5, "400 InvalidArgument"),
        (wrong_md5, "400 InvalidDigest"),
        (
            delete("private-bucket", "<Delete></Delete>"),
            "400 MalformedXML 0031-00000001",
        ),
        (
            delete("private-bucket", &keys(&["key"; 1001])),
            "400 MalformedXML 0031-00000001",
        ),
        (
            delete("private-bucket", &keys(&["key", "/key"])),
            "400 InvalidObjectName",
        ),
        (delete("private-bucket", &large), "400 EntityTooLarge"),
        (
            delete("private-bucket", &both).by(Bob),
            "403 AccessDenied 0003-00000001",
        ),
        (
            delete("private-bucket", &both).by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (
            delete("write-bucket", &both).by(Nobody),
            "403 AccessDenied 0003-00000001",
        ),
        (delete("missing-bucket", &both), "404 NoSuchBucket 0015-00000101"),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.outcome(), expected, "{name}");
    }
    for bucket in ["private-bucket", "write-bucket"] {
        assert!(world.bytes(bucket, "key").await.is_some(), "{bucket}");
    }
    let allowed = delete("write-bucket", &keys(&["key"])).by(Nobody);
    assert_eq!(world.ask(allowed).await.outcome(), "200");
    assert_eq!(world.bytes("write-bucket", "key").await, None);
    let failed = Error::unavailable("write", "disk", "full");
    world.store.add(Rule::on(Operation::Delete, Fault::Fail(failed)));
    assert_eq!(
        world.ask(delete("private-bucket", &keys(&["key"]))).await.refusal(),
        "503 ServiceUnavailable"
    );
}

#[tokio::test]
async fn segments_deleted_among_others_are_withdrawn() {
    let world = World::with_buckets().await;
    world
        .record("private-bucket", "channel", &[NOW_S * 1000, (NOW_S + 5) * 1000])
        .await;
    let gone = keys(&["other", "channel/1700000000000.ts"]);
    assert_eq!(world.ask(delete("private-bucket", &gone)).await.outcome(), "200");
    let vod = Ask::new(
        "GET",
        "private-bucket/channel?vod&startTime=1700000000&endTime=1700000005",
    );
    let playlist = world.ask(vod).await;
    assert!(playlist.text().contains("1700000005000.ts") && !playlist.text().contains("1700000000000.ts"));
}

#[tokio::test]
async fn an_objects_acl_is_told_set_and_taken_away() {
    let world = World::with_buckets().await;
    world
        .put("private-bucket", "key", b"content", Attributes::default())
        .await;
    let get = || Ask::new("GET", "private-bucket/key?acl");
    let set = |acl: &str| {
        Ask::new("PUT", "private-bucket/key?acl")
            .header("x-oss-object-acl", acl)
            .body("")
    };
    for (acl, anonymous) in [
        ("public-read", "200"),
        ("private", "403 AccessDenied 0003-00000001"),
        ("default", "403 AccessDenied 0003-00000001"),
    ] {
        assert_eq!(world.ask(set(acl)).await.outcome(), "200");
        assert_eq!(
            world.ask(get()).await.document(),
            format!(
                "<AccessControlPolicy><Owner><ID>alice</ID><DisplayName>alice</DisplayName></Owner>\
                 <AccessControlList><Grant>{acl}</Grant></AccessControlList></AccessControlPolicy>"
            )
        );
        let read = world.ask(Ask::new("GET", "private-bucket/key").by(Nobody)).await;
        assert_eq!(read.outcome(), anonymous, "{acl}");
    }
    for (ask, expected) in [
        (set("open"), "400 InvalidArgument"),
        (
            Ask::new("PUT", "private-bucket/key?acl").body(""),
            "400 InvalidArgument",
        ),
        (set("public-read").by(Bob), "403 AccessDenied 0003-00000001"),
        (get().by(Nobody), "403 AccessDenied 0003-00000001"),
        (get().key("missing"), "404 NoSuchKey 0026-00000001"),
        (set("private").key("missing"), "404 NoSuchKey 0026-00000001"),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.outcome(), expected, "{name}");
    }
}
