//! What clients see while the store fails, and what they do not.

use alluvium_store::Error;
use alluvium_store::faulty::{Fault, Gate, Operation, Rule};
use http_body_util::BodyExt;

use crate::world::*;

fn unavailable() -> Fault {
    Fault::Fail(Error::unavailable("write", "disk", "full"))
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_a_503() {
    let world = World::with(alluvium_api::Limits {
        upload_memory_bytes_max: 10,
        ..Default::default()
    })
    .await;
    world.make_buckets().await;
    world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
    world.store.add(Rule::on_all(unavailable()));
    for ask in [
        Ask::new("GET", "private-bucket/key"),
        Ask::new("GET", "private-bucket/key").header("range", "bytes=0-1"),
        Ask::new("HEAD", "private-bucket/key"),
        Ask::new("PUT", "private-bucket/key").body("small"),
        Ask::new("PUT", "private-bucket/key").body("larger than memory"),
        Ask::new("PUT", "write-bucket/key").by(Nobody).body("small"),
        Ask::new("DELETE", "private-bucket/key"),
        Ask::new("GET", "private-bucket"),
        Ask::new("DELETE", "private-bucket"),
        Ask::new(
            "POST",
            "private-bucket/channel/v.m3u8?vod&startTime=1700000000&endTime=1700000000",
        ),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.refusal(), "503 ServiceUnavailable", "{name}");
    }
    world.no_uploads().await;
}

#[tokio::test]
async fn a_damaged_object_is_a_500_without_its_reason() {
    let world = World::with_buckets().await;
    world.put("private-bucket", "key", b"content", Default::default()).await;
    let damaged = Error::Damaged {
        bucket: alluvium_oss::BucketName::parse("private-bucket").unwrap(),
        key: alluvium_oss::ObjectKey::parse("key").unwrap(),
        reason: "the blob is gone".to_owned(),
    };
    world.store.add(Rule::on(Operation::Get, Fault::Fail(damaged)));
    let answer = world.ask(Ask::new("GET", "private-bucket/key")).await;
    assert_eq!(answer.refusal(), "500 InternalError");
    assert!(!answer.text().contains("blob"));
}

#[tokio::test]
async fn a_read_that_breaks_off_is_never_a_short_success() {
    let world = World::with_buckets().await;
    world.put("private-bucket", "key", b"content", Default::default()).await;
    world.store.add(Rule::on(
        Operation::Get,
        Fault::Break(3, Error::unavailable("read", "disk", "gone")),
    ));
    let response = world.send(Ask::new("GET", "private-bucket/key")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-length"]),
        (200, &"7".parse().unwrap())
    );
    assert!(response.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_client_that_goes_away_during_the_put_leaves_it_whole() {
    let world = World::with(alluvium_api::Limits {
        upload_memory_bytes_max: 10,
        ..Default::default()
    })
    .await;
    world.make_buckets().await;
    let gate = Gate::closed();
    world
        .store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).times(1));
    let put = world.send(Ask::new("PUT", "private-bucket/key").body("larger than memory"));
    tokio::select! {
        _ = put => panic!("answered"),
        () = until("the store is asked", async || world.store.calls(Operation::Put) > 0) => {}
    }
    gate.open();
    until("the object is there", async || {
        world.bytes("private-bucket", "key").await.is_some()
    })
    .await;
    assert_eq!(
        world.bytes("private-bucket", "key").await.unwrap(),
        b"larger than memory"
    );
    world.no_uploads().await;
}

#[tokio::test]
async fn a_segment_recorded_while_its_object_is_changed_is_withdrawn() {
    for method in ["PUT", "DELETE"] {
        let world = World::with_buckets().await;
        let operation = if method == "PUT" {
            Operation::Put
        } else {
            Operation::Delete
        };
        let gate = Gate::closed();
        let key = "private-bucket/channel/1700000000000.ts";
        world.store.add(Rule::on(operation, Fault::Hold(gate.clone())).times(1));
        let change = world.ask(if method == "PUT" {
            Ask::new("PUT", key).body("mine")
        } else {
            Ask::new("DELETE", key)
        });
        let record = async {
            until("the store is asked", async || world.store.calls(operation) > 0).await;
            world.record("private-bucket", "channel", &[NOW_S * 1000]).await;
            gate.open();
        };
        let (answer, ()) = futures_util::future::join(change, record).await;
        assert!(matches!(answer.status, 200 | 204));
        let vod = Ask::new(
            "GET",
            "private-bucket/channel?vod&startTime=1700000000&endTime=1700000000",
        );
        assert_eq!(
            world.ask(vod).await.refusal(),
            "400 InvalidArgument 0044-00000308",
            "{method}"
        );
    }
}

#[tokio::test]
async fn a_panic_is_a_500_in_xml_and_ends_that_request_only() {
    let world = World::with_buckets().await;
    world.put("private-bucket", "key", b"content", Default::default()).await;
    world.store.add(Rule::on_all(Fault::Panic).times(3));
    for ask in [
        Ask::new("GET", "private-bucket/key"),
        Ask::new("PUT", "private-bucket/other").body("small"),
        Ask::new("DELETE", "private-bucket/key"),
    ] {
        let name = ask.name();
        assert_eq!(world.ask(ask).await.refusal(), "500 InternalError", "{name}");
    }
    assert_eq!(world.ask(Ask::new("GET", "private-bucket/key")).await.text(), "content");
    world.no_uploads().await;
}
