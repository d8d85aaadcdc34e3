//! What a store does to a recording: it is slow, away, wrong or silent.

use std::time::Duration;

use alluvium_catalog::{Catalog, SegmentRecord};
use alluvium_oss::{ChannelName, Clock};
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use alluvium_store::{Error, ListQuery, ObjectStore, check};

use tokio::runtime::Builder;

use super::house;
use super::support::{Encoder, House, eventually, segments};
use crate::simulation::log::{listening, told};

/// As long as a store may be away without a loss.
const OUTAGE_S: u32 = 600;

/// A file of so many seconds: more than the spool of its test takes.
const FILE_S: u32 = 600;

fn away() -> Fault {
    Fault::Fail(Error::unavailable("reach", "the store", "it is away"))
}

fn segments_only(operation: Operation, fault: Fault) -> Rule {
    Rule::on(operation, fault).keys(Keys::Suffix(".ts".to_owned()))
}

impl House {
    /// Sends media in real time, as the runtime's clock counts it.
    async fn stream(&self, encoder: &mut Encoder, seconds: u32) {
        for _ in 0..seconds {
            self.push(encoder, 1).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Every segment of the channel, each checked in the store.
    async fn readable(&self, channel: &ChannelName) -> Vec<SegmentRecord> {
        let records = self
            .catalog
            .latest_segments(&self.bucket, channel, 10_000)
            .await
            .unwrap();
        for record in &records {
            let key = channel.segment_key(record.name);
            check(&self.store, &self.bucket, &key, record.length, record.crc64)
                .await
                .unwrap();
        }
        records
    }

    async fn objects(&self) -> usize {
        let query = ListQuery {
            prefix: String::new(),
            delimiter: None,
            after: String::new(),
            limit: 1000,
        };
        let listed = self.store.list(&self.bucket, &query).await.unwrap().objects;
        listed
            .iter()
            .filter(|object| object.key.as_str().ends_with(".ts"))
            .count()
    }
}

fn seconds(records: &[SegmentRecord]) -> u64 {
    records.iter().map(|record| record.duration).sum::<u64>() / 90_000
}

fn discontinuities(records: &[SegmentRecord]) -> usize {
    records.iter().filter(|record| record.discontinuity).count()
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_without_a_store_lose_nothing() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.stream(&mut encoder, 4).await;
    house.store.add(Rule::on_all(away()));
    let before = house.store.calls(Operation::Put);
    house.stream(&mut encoder, OUTAGE_S).await;
    let tried = house.store.calls(Operation::Put) - before;
    house.store.heal();
    house.stream(&mut encoder, 6).await;
    encoder.cut_off().await;
    house.until_idle(&channel).await;
    let records = house.readable(&channel).await;
    assert_eq!(seconds(&records), u64::from(4 + OUTAGE_S + 6));
    assert_eq!(discontinuities(&records), 0);
    assert!(tried > 100 && tried < 300, "tried {tried} times in ten minutes");
    assert_eq!(house.spooled(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn refused_credentials_are_told_of_at_once_and_lose_nothing_until_they_are_rotated() {
    let refused = Error::unavailable("put to", "the store", "403: the access key was disabled");
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    let recorded = listening(|| {
        runtime.block_on(async {
            let house = house(|_| {}).await;
            let channel = house.channel("camera").await;
            let mut encoder = house.publishing("camera").await;
            house.stream(&mut encoder, 4).await;
            house.store.add(Rule::on_all(Fault::Fail(refused)));
            assert_eq!(told("store_fails"), 0);
            // The next segment ends, and with it the quiet.
            house.stream(&mut encoder, 3).await;
            assert_ne!(told("store_fails"), 0);
            house.stream(&mut encoder, 60).await;
            house.store.heal();
            house.stream(&mut encoder, 6).await;
            encoder.cut_off().await;
            house.until_idle(&channel).await;
            house.readable(&channel).await
        })
    });
    assert_eq!((seconds(&recorded), discontinuities(&recorded)), (73, 0));
}

#[tokio::test(start_paused = true)]
async fn puts_of_thirty_seconds_are_waited_for() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house
        .store
        .add(segments_only(Operation::Put, Fault::Delay(Duration::from_secs(30))));
    house.stream(&mut encoder, 60).await;
    encoder.cut_off().await;
    house.until_idle(&channel).await;
    let records = house.readable(&channel).await;
    assert_eq!((seconds(&records), discontinuities(&records)), (60, 0));
    assert_eq!(house.store.calls(Operation::Put), 2 * records.len());
}

#[tokio::test(start_paused = true)]
async fn a_put_that_never_answers_is_given_up_and_asked_again() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    for fault in [Fault::Hold(Gate::closed()), Fault::HoldAnswer(Gate::closed())] {
        house.store.add(segments_only(Operation::Put, fault).times(1));
        let mut encoder = house.publishing("camera").await;
        house.stream(&mut encoder, 6).await;
        encoder.cut_off().await;
        house.until_idle(&channel).await;
    }
    let records = house.readable(&channel).await;
    assert_eq!(seconds(&records), 12);
    assert_eq!(house.objects().await, records.len(), "none was stored twice");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_failed_after_the_put_stores_no_second_object() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let failed = Fault::FailAfter(Error::unavailable("hear of", "the put", "timeout"));
    house.store.add(Rule::on(Operation::Put, failed));
    let mut encoder = house.publishing("camera").await;
    house.stream(&mut encoder, 20).await;
    house.store.heal();
    encoder.cut_off().await;
    house.until_idle(&channel).await;
    let records = house.readable(&channel).await;
    assert_eq!(seconds(&records), 20);
    assert_eq!(house.objects().await, records.len());
}

#[tokio::test(start_paused = true)]
async fn what_a_lying_store_has_lost_or_cut_is_not_listed() {
    for lie in [Fault::Truncate(188), Fault::Truncate(0), Fault::Lose] {
        let house = house(|_| {}).await;
        let channel = house.channel("camera").await;
        house.store.add(segments_only(Operation::Put, lie).times(3));
        let mut encoder = house.publishing("camera").await;
        house.stream(&mut encoder, 10).await;
        encoder.cut_off().await;
        house.until_idle(&channel).await;
        let records = house.readable(&channel).await;
        assert_eq!((seconds(&records), discontinuities(&records)), (10, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_quota_is_a_gap_with_one_discontinuity_and_ends_nothing() {
    let house = house(|config| config.spool_quota = 200_000).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.stream(&mut encoder, 4).await;
    house.store.add(Rule::on_all(away()));
    house.stream(&mut encoder, OUTAGE_S).await;
    house.store.heal();
    eventually(async || house.spooled().len().le(&3).then_some(())).await;
    house.stream(&mut encoder, 10).await;
    encoder.cut_off().await;
    house.until_idle(&channel).await;
    let records = house.readable(&channel).await;
    assert!(
        seconds(&records) > 20 && seconds(&records) < 300,
        "{} s were kept",
        seconds(&records)
    );
    assert_eq!(discontinuities(&records), 1);
    assert!(records.is_sorted_by(|a, b| a.program_date_time < b.program_date_time));
    assert_eq!(
        house
            .catalog
            .recent_sessions(&house.bucket, &channel, 9)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_pushed_at_once_waits_for_the_store_and_loses_nothing() {
    let house = house(|config| config.spool_quota = 500_000).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.store.add(Rule::on_all(away()));
    let pushing = house.push(&mut encoder, FILE_S);
    let healing = async {
        // Longer than a publisher may be silent.
        tokio::time::sleep(Duration::from_secs(60)).await;
        house.store.heal();
    };
    tokio::join!(pushing, healing);
    encoder.cut_off().await;
    house.until_idle(&channel).await;
    let records = house.readable(&channel).await;
    assert_eq!((seconds(&records), discontinuities(&records)), (u64::from(FILE_S), 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stalls_for_one_channel_delays_no_other() {
    let house = house(|_| {}).await;
    let (stalled, other) = (house.channel("stalled").await, house.channel("other").await);
    let gate = Gate::closed();
    house
        .store
        .add(Rule::on(Operation::Put, Fault::Hold(gate.clone())).keys(Keys::Prefix("stalled/".to_owned())));
    let (mut first, mut second) = (house.publishing("stalled").await, house.publishing("other").await);
    for round in 1..=20 {
        house.push(&mut first, 2).await;
        house.push(&mut second, 2).await;
        let listed = |text: &str| text.contains(&format!("#EXT-X-MEDIA-SEQUENCE:{}\n", round - 4));
        if round >= 4 {
            house.playlist_when(&other, listed).await;
        }
    }
    assert_eq!(house.playlist(&stalled).await, None);
    gate.open();
    for encoder in [first, second] {
        encoder.cut_off().await;
    }
    house.until_idle(&stalled).await;
    assert_eq!(seconds(&house.readable(&stalled).await), 40);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_without_its_store_leaves_the_rest_to_the_next() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.stream(&mut encoder, 5).await;
    house.store.add(Rule::on_all(away()));
    house.stream(&mut encoder, 20).await;
    house.stop.cancel();
    assert!(encoder.refusal().await.description.contains("stopping"));
    encoder.cut_off().await;

    let next = house.successor(|_| {});
    let recovery = next.ingest.find_leftovers().await.unwrap();
    recovery.run(next.stop.clone()).await;
    next.until_idle(&channel).await;
    let records = next.readable(&channel).await;
    assert_eq!((seconds(&records), discontinuities(&records)), (25, 0));
    assert_eq!(segments(&next.playlist(&channel).await.unwrap()).len(), 3);
    assert_eq!(next.spooled(), [] as [std::path::PathBuf; 0]);
    let history = next.catalog.recent_sessions(&next.bucket, &channel, 9).await.unwrap();
    assert_eq!(history.len(), 1);
    let media_ended = records.last().unwrap().ends();
    assert_eq!(history[0].ended, media_ended.min(next.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_storing_ends_the_publish_in_words_and_frees_the_channel() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    house.store.add(segments_only(Operation::Put, Fault::Panic).times(1));
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 5).await;
    assert!(encoder.refusal().await.description.contains("internal error"));
    house.until_idle(&channel).await;
    let mut encoder = house.publishing("camera").await;
    house.stream(&mut encoder, 4).await;
    encoder.cut_off().await;
    assert_eq!(seconds(&house.readable(&channel).await), 4);
}
