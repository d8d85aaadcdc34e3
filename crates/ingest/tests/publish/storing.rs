//! What a publish lists while its store waits, fails, or is written to by others.

use alluvium_catalog::Catalog;
use alluvium_oss::{Clock, ObjectKey};
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use alluvium_store::{Attributes, Error, ListQuery, ObjectStore, Put, check};

use crate::support::{FRAG_COUNT, House, segments, tag};

#[tokio::test]
async fn nothing_is_listed_before_the_store_has_answered() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let gate = Gate::closed();
    house
        .store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).keys(Keys::Suffix(".ts".to_owned())));
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 5).await;
    gate.reached(1).await;
    assert_eq!(house.playlist(&channel).await, None);
    assert!(
        house
            .catalog
            .latest_segments(&house.bucket, &channel, 10)
            .await
            .unwrap()
            .is_empty()
    );
    gate.open();
    house.playlist_when(&channel, |text| segments(text).len() == 2).await;
    encoder.cut_off().await;
}

#[tokio::test]
async fn a_stalled_store_stalls_only_the_stream_it_stalls() {
    let house = House::new().await;
    let (stalled, other) = (house.channel("stalled").await, house.channel("other").await);
    let gate = Gate::closed();
    house
        .store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).keys(Keys::Prefix("stalled/".to_owned())));
    let mut first = house.publishing("stalled").await;
    let mut second = house.publishing("other").await;
    house.push(&mut first, 9).await;
    house.push(&mut second, 5).await;
    house.playlist_when(&other, |text| segments(text).len() == 2).await;
    assert_eq!(house.playlist(&stalled).await, None);
    gate.open();
    let playlist = house
        .playlist_when(&stalled, |text| tag(text, "#EXT-X-MEDIA-SEQUENCE") == Some(1))
        .await;
    assert_eq!(segments(&playlist).len(), FRAG_COUNT as usize);
    first.cut_off().await;
    second.cut_off().await;
}

#[tokio::test]
async fn failed_puts_are_tried_again_and_none_is_listed_twice() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let unavailable = || Error::unavailable("write", "the store", "for a test");
    house.store.add(
        Rule::on(Operation::Put, Fault::Fail(unavailable()))
            .keys(Keys::Suffix(".ts".to_owned()))
            .times(2),
    );
    // This one succeeds, and says that it did not.
    house.store.add(
        Rule::on(Operation::Put, Fault::FailAfter(unavailable()))
            .keys(Keys::Suffix(".ts".to_owned()))
            .after(1)
            .times(1),
    );
    house.store.add(
        Rule::on(Operation::Put, Fault::FailAfter(unavailable()))
            .keys(Keys::Suffix(".m3u8".to_owned()))
            .times(1),
    );
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 6).await;
    encoder.cut_off().await;
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(
        records.iter().map(|record| record.sequence).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    for record in &records {
        let key = channel.segment_key(record.name);
        check(&house.store, &house.bucket, &key, record.length, record.crc64)
            .await
            .unwrap();
    }
    assert_eq!(segments(&house.playlist(&channel).await.unwrap()).len(), 3);
}

#[tokio::test]
async fn a_playlist_that_its_owner_overwrote_is_put_again() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    let key = ObjectKey::parse("camera/playlist.m3u8").unwrap();
    house.store.delete(&house.bucket, &key).await.unwrap();
    house.push(&mut encoder, 2).await;
    house.playlist_when(&channel, |text| segments(text).len() == 2).await;
    encoder.cut_off().await;
}

#[tokio::test]
async fn a_withdrawn_segment_is_in_no_later_playlist() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 5).await;
    let playlist = house.playlist_when(&channel, |text| segments(text).len() == 2).await;
    let withdrawn = segments(&playlist)[0].to_owned();
    let key = ObjectKey::parse(&format!("{channel}/{withdrawn}")).unwrap();
    assert!(house.catalog.withdraw_segment(&house.bucket, &key).await.unwrap());
    house.push(&mut encoder, 2).await;
    let playlist = house
        .playlist_when(&channel, |text| tag(text, "#EXT-X-MEDIA-SEQUENCE") == Some(1))
        .await;
    assert!(!playlist.contains(&withdrawn), "{playlist}");
    encoder.cut_off().await;
}

/// What a client does to a segment's object before the segment is recorded.
async fn meddle_before_it_is_recorded(meddle: impl AsyncFnOnce(&House, &ObjectKey)) {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let gate = Gate::closed();
    // The store is asked what it has before that is recorded.
    let held = Rule::on(Operation::Head, Fault::HoldAnswer(gate.clone()))
        .keys(Keys::Suffix(".ts".to_owned()))
        .times(1);
    house.store.add(held);
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 5).await;
    gate.reached(1).await;
    let query = ListQuery {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        limit: 10,
    };
    let stored = house.store.list(&house.bucket, &query).await.unwrap().objects;
    assert!(
        !house
            .catalog
            .withdraw_segment(&house.bucket, &stored[0].key)
            .await
            .unwrap()
    );
    meddle(&house, &stored[0].key).await;
    gate.open();
    let playlist = house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    assert_eq!(tag(&playlist, "#EXT-X-MEDIA-SEQUENCE"), Some(1));
    encoder.cut_off().await;
}

#[tokio::test]
async fn a_segment_deleted_before_it_was_recorded_is_never_listed() {
    meddle_before_it_is_recorded(async |house, key| {
        house.store.delete(&house.bucket, key).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_segment_replaced_before_it_was_recorded_is_never_listed() {
    meddle_before_it_is_recorded(async |house, key| {
        let other = Put::bytes("other bytes", "etag", Attributes::default(), house.clock.now());
        house.store.put(&house.bucket, key, other).await.unwrap();
    })
    .await;
}
