//! Who else publishes to the channel.

use std::time::Duration;

use alluvium_catalog::{Catalog, NodeId, OpenSession};
use alluvium_oss::{Clock, ObjectKey};
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use alluvium_store::{Attributes, ObjectStore, Put};

use crate::support::{House, segments};

#[tokio::test]
async fn a_second_publisher_is_refused_while_the_first_is_alive() {
    let house = House::new().await;
    house.channel("camera").await;
    let mut first = house.publishing("camera").await;
    house.push(&mut first, 1).await;
    let refused = house.encoder("camera").refusal().await;
    assert_eq!(refused.code, "NetStream.Publish.BadName");
    assert!(
        refused.description.contains("another publisher"),
        "{}",
        refused.description
    );
    first.cut_off().await;
}

#[tokio::test]
async fn a_second_publisher_takes_over_from_a_silent_one_and_loses_nothing_of_it() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut first = house.publishing("camera").await;
    house.push(&mut first, 3).await;
    // Two of the three seconds are in a segment that is complete: everything sent has been read by then.
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    house.pass(Duration::from_secs(4)).await;
    let mut second = house.publishing("camera").await;
    assert_eq!(first.refusal().await.code, "NetStream.Publish.BadName");
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(records.len(), 2, "the silent publisher's open segment is listed");
    house.push(&mut second, 2).await;
    second.cut_off().await;
    let playlist = house.playlist(&channel).await.unwrap();
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
}

#[tokio::test]
async fn a_writer_that_was_replaced_changes_nothing_that_readers_see() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    let gate = Gate::closed();
    house.store.add(
        Rule::on(Operation::Put, Fault::Hold(gate.clone()))
            .keys(Keys::Suffix(".m3u8".to_owned()))
            .times(1),
    );
    house.push(&mut encoder, 2).await;
    gate.reached(1).await;

    // Another node takes over, and lists.
    let now = house.clock.now();
    let open = OpenSession {
        bucket: house.bucket.clone(),
        channel: channel.clone(),
        node: NodeId::new("there"),
        remote_addr: "192.0.2.2:6000".parse().unwrap(),
        playlist_name: None,
        at: now,
        busy_within: Duration::ZERO,
    };
    let lease = house.catalog.open_session(open).await.unwrap();
    let theirs = b"#EXTM3U\n# theirs\n";
    let key = ObjectKey::parse("camera/playlist.m3u8").unwrap();
    let put = Put::bytes(&theirs[..], "E".repeat(32), Attributes::default(), now);
    house.store.put(&house.bucket, &key, put).await.unwrap();
    gate.open();
    encoder.refusal().await;
    assert_eq!(house.playlist(&channel).await.unwrap().as_bytes(), theirs);
    let live = house
        .catalog
        .live_session(&house.bucket, &channel)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(live.epoch, lease.epoch);
}
