//! What a killed process has left, and what the next one makes of it.

use std::path::PathBuf;
use std::time::Duration;

use alluvium_catalog::{Catalog, NodeId, OpenSession, SegmentRecord};
use alluvium_oss::{ChannelName, Clock, ObjectKey};
use alluvium_rtmp::publisher::Event;
use alluvium_store::faulty::{Fault, Gate, Operation, Rule};
use alluvium_store::{Attributes, ObjectStore, Put};

use super::house;
use super::support::{Encoder, House, segments, tag};

/// Longer than the writer gathers and a batch waits.
const SETTLES: Duration = Duration::from_secs(1);

impl House {
    /// Lists what the process before has left.
    async fn recover(&self) {
        let recovery = self.ingest.find_leftovers().await.unwrap();
        recovery.run(self.stop.clone()).await;
    }

    /// Gives what was pushed the time to reach the spool.
    async fn settle(&self) {
        tokio::time::sleep(SETTLES).await;
    }

    async fn records(&self, channel: &ChannelName) -> Vec<SegmentRecord> {
        self.catalog.latest_segments(&self.bucket, channel, 100).await.unwrap()
    }

    /// A publish of which the process is killed after `seconds`; its encoder must be kept, so that nobody hears of an
    /// end.
    async fn killed_after(&self, seconds: u32) -> Encoder {
        let mut encoder = self.publishing("camera").await;
        self.push(&mut encoder, seconds).await;
        self.settle().await;
        encoder
    }
}

fn ticks(records: &[SegmentRecord]) -> u64 {
    records.iter().map(|record| record.duration).sum()
}

fn no_files() -> [PathBuf; 0] {
    []
}

#[tokio::test(start_paused = true)]
async fn the_open_segment_of_a_killed_process_is_listed_and_its_session_closed() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let _killed = house.killed_after(3).await;
    assert_eq!(house.records(&channel).await.len(), 1);
    let next = house.successor(|_| {});
    next.recover().await;
    let records = next.records(&channel).await;
    assert_eq!(records.len(), 2);
    assert_eq!(ticks(&records), 3 * 90_000);
    assert_eq!(segments(&next.playlist(&channel).await.unwrap()).len(), 2);
    assert_eq!(next.spooled(), no_files());
    let history = next.catalog.recent_sessions(&next.bucket, &channel, 9).await.unwrap();
    assert_eq!(history.len(), 1);
    assert!(
        next.catalog
            .live_session(&next.bucket, &channel)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn the_next_publish_goes_on_behind_one_discontinuity() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let _killed = house.killed_after(3).await;
    let next = house.successor(|_| {});
    next.recover().await;
    let mut encoder = next.publishing("camera").await;
    next.push(&mut encoder, 2).await;
    encoder.cut_off().await;
    let records = next.records(&channel).await;
    let discontinuities: Vec<_> = records.iter().map(|record| record.discontinuity).collect();
    assert_eq!(discontinuities, [false, false, true]);
    assert!(records.is_sorted_by(|a, b| a.name < b.name && a.program_date_time < b.program_date_time));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_comes_during_the_recovery_waits_for_it() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let _killed = house.killed_after(3).await;
    let next = house.successor(|_| {});
    let gate = Gate::closed();
    next.store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).times(1));
    let recovery = next.ingest.find_leftovers().await.unwrap();
    let recovered = tokio::spawn(recovery.run(next.stop.clone()));
    gate.reached(1).await;
    let mut encoder = next.encoder("camera");
    let waits = tokio::time::timeout(Duration::from_secs(5), encoder.event()).await;
    assert!(waits.is_err(), "{waits:?}");
    gate.open();
    recovered.await.unwrap();
    assert_eq!(encoder.event().await, Some(Event::Started));
    next.push(&mut encoder, 1).await;
    encoder.cut_off().await;
    assert_eq!(next.records(&channel).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_publisher_is_refused_in_words_when_the_recovery_takes_too_long() {
    let house = house(|_| {}).await;
    house.channel("camera").await;
    let _killed = house.killed_after(3).await;
    let next = house.successor(|_| {});
    let gate = Gate::closed();
    next.store.add(Rule::on(Operation::Put, Fault::Hold(gate.clone())));
    let recovery = next.ingest.find_leftovers().await.unwrap();
    let recovered = tokio::spawn(recovery.run(next.stop.clone()));
    let words = next.encoder("camera").refusal().await.description;
    assert!(words.contains("still being stored"), "{words}");
    gate.open();
    recovered.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_was_stored_but_not_recorded_is_recorded_under_its_name() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let gate = Gate::closed();
    house
        .store
        .add(Rule::on(Operation::Put, Fault::HoldAnswer(gate.clone())));
    let _killed = house.killed_after(3).await;
    gate.reached(1).await;
    let next = house.successor(|_| {});
    next.recover().await;
    let records = next.records(&channel).await;
    assert_eq!(ticks(&records), 3 * 90_000);
    let query = alluvium_store::ListQuery {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        limit: 100,
    };
    let objects = next.store.list(&next.bucket, &query).await.unwrap().objects;
    assert_eq!(objects.len(), records.len() + 1, "the segments and the playlist");
}

#[tokio::test(start_paused = true)]
async fn a_playlist_that_lacks_its_last_record_is_put_again() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.killed_after(3).await;
    let gate = Gate::closed();
    house.store.add(
        Rule::on(Operation::Put, Fault::Hold(gate)).keys(alluvium_store::faulty::Keys::Suffix(".m3u8".to_owned())),
    );
    house.push(&mut encoder, 2).await;
    house.settle().await;
    assert_eq!(house.records(&channel).await.len(), 2);
    assert_eq!(segments(&house.playlist(&channel).await.unwrap()).len(), 1);
    let next = house.successor(|_| {});
    next.recover().await;
    assert_eq!(segments(&next.playlist(&channel).await.unwrap()).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_record_is_there_already_is_not_listed_twice() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    let gate = Gate::closed();
    house
        .store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).times(1));
    house.push(&mut encoder, 3).await;
    gate.reached(1).await;
    house.settle().await;
    let before = house.spooled();
    let whole = before.iter().find(|path| path.extension().unwrap() == "ts").unwrap();
    let kept = whole.with_extension("kept");
    std::fs::copy(whole, &kept).unwrap();
    gate.open();
    house.settle().await;
    assert_eq!(house.records(&channel).await.len(), 1);
    // As after a crash of the machine that forgot the removal.
    std::fs::rename(kept, whole).unwrap();
    let next = house.successor(|_| {});
    next.recover().await;
    assert_eq!(ticks(&next.records(&channel).await), 3 * 90_000);
    assert_eq!(next.spooled(), no_files());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_cut_back_and_the_next_one_stands_behind_a_discontinuity() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.store.add(Rule::on(Operation::Put, Fault::Hold(Gate::closed())));
    house.push(&mut encoder, 5).await;
    house.settle().await;
    let damaged = house
        .spooled()
        .into_iter()
        .find(|path| path.to_string_lossy().contains("/0-"))
        .unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let half = bytes.len() / 2;
    bytes[half..half + 400].fill(0);
    std::fs::write(&damaged, bytes).unwrap();
    let next = house.successor(|_| {});
    next.recover().await;
    let records = next.records(&channel).await;
    assert_eq!(records.len(), 3);
    assert!(
        records[0].duration < 180_000 && records[0].duration > 45_000,
        "{records:?}"
    );
    let discontinuities: Vec<_> = records.iter().map(|record| record.discontinuity).collect();
    assert_eq!(discontinuities, [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn target_duration_does_not_fall_when_a_session_is_recovered() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    // One long segment, which the window has left by the end.
    encoder.picture(true).await;
    for _ in 0..125 {
        encoder.picture(false).await;
        house.clock.advance(Duration::from_millis(40));
    }
    house.push(&mut encoder, 9).await;
    house.settle().await;
    let before = tag(&house.playlist(&channel).await.unwrap(), "#EXT-X-TARGETDURATION");
    assert_eq!(before, Some(5));
    let next = house.successor(|_| {});
    next.recover().await;
    let after = next.playlist(&channel).await.unwrap();
    assert_eq!(tag(&after, "#EXT-X-TARGETDURATION"), before, "{after}");
}

#[tokio::test(start_paused = true)]
async fn what_a_replaced_session_has_left_is_stored_and_in_no_playlist() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let _killed = house.killed_after(3).await;
    let open = OpenSession {
        bucket: house.bucket.clone(),
        channel: channel.clone(),
        node: NodeId::new("there"),
        remote_addr: "192.0.2.2:6000".parse().unwrap(),
        playlist_name: None,
        at: house.clock.now(),
        busy_within: Duration::ZERO,
    };
    house.catalog.open_session(open).await.unwrap();
    let (records, playlist) = (house.records(&channel).await, house.playlist(&channel).await);
    let next = house.successor(|_| {});
    next.recover().await;
    assert_eq!(next.records(&channel).await, records);
    assert_eq!(next.playlist(&channel).await, playlist);
    assert_eq!(next.spooled(), no_files());
    let query = alluvium_store::ListQuery {
        prefix: String::new(),
        delimiter: None,
        after: String::new(),
        limit: 100,
    };
    let objects = next.store.list(&next.bucket, &query).await.unwrap().objects;
    assert_eq!(objects.len(), 3, "two segments and a playlist");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_object_under_the_name_of_a_segment_stays_and_the_segment_takes_another() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let name = house.clock.now();
    for offset in [0, 1, 3] {
        let key = channel.segment_key(name.plus(Duration::from_millis(offset)));
        let put = Put::bytes(&b"theirs"[..], "E".repeat(32), Attributes::default(), name);
        house.store.put(&house.bucket, &key, put).await.unwrap();
    }
    let mut encoder = house.publishing("camera").await;
    // The clock stands still: both segments would like to have the same name.
    for picture in 0..75 {
        encoder.picture(picture % 25 == 0).await;
    }
    encoder.cut_off().await;
    let records = house.records(&channel).await;
    assert_eq!(ticks(&records), 3 * 90_000);
    let names: Vec<_> = records.iter().map(|record| record.name).collect();
    assert_eq!(names, [7, 8].map(|offset| name.plus(Duration::from_millis(offset))));
    let theirs = ObjectKey::parse(&format!("{channel}/{}.ts", name.as_millis())).unwrap();
    let info = house.store.head(&house.bucket, &theirs).await.unwrap();
    assert_eq!(info.length, 6);
}
