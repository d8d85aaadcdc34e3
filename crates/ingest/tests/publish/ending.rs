//! How a publish ends, and what may follow.

use std::time::Duration;

use alluvium_catalog::{Catalog, NodeId, OpenSession, SegmentRecord};
use alluvium_oss::{ChannelStatus, Clock, UnixTime};
use alluvium_rtmp::publisher::Event;
use tokio::task::unconstrained;

use crate::support::{FRAG_COUNT, House, segments, tag};

#[tokio::test]
async fn a_cut_off_publish_is_listed_to_its_last_picture() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    encoder.cut_off().await;
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(records.iter().map(|record| record.duration).sum::<u64>(), 3 * 90_000);
}

/// A chunk with the command that asks for another stream.
const CREATE_STREAM: [u8; 37] = *b"\x03\0\0\0\0\0\x19\x14\0\0\0\0\x02\0\x0ccreateStream\0\x40\x10\0\0\0\0\0\0\x05";

#[tokio::test]
async fn what_was_sent_before_a_cut_is_recorded_also_when_an_answer_cannot_be_sent_any_more() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 1).await;
    // At once, and more than one read takes.
    unconstrained(async {
        encoder.say(&CREATE_STREAM).await;
        house.push(&mut encoder, 300).await;
    })
    .await;
    encoder.cut_off().await;
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 1000)
        .await
        .unwrap();
    assert_eq!(records.iter().map(|record| record.duration).sum::<u64>(), 301 * 90_000);
}

#[tokio::test]
async fn a_publish_that_comes_back_continues_the_window() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    for _ in 0..2 {
        let mut encoder = house.publishing("camera").await;
        house.push(&mut encoder, 4).await;
        encoder.cut_off().await;
    }
    let playlist = house.playlist(&channel).await.unwrap();
    assert_eq!(segments(&playlist).len(), FRAG_COUNT as usize);
    assert_eq!(tag(&playlist, "#EXT-X-MEDIA-SEQUENCE"), Some(1));
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(
        records
            .iter()
            .map(|record| record.discontinuity_sequence)
            .collect::<Vec<_>>(),
        [0, 0, 1, 1]
    );
    assert!(
        records.is_sorted_by(|a, b| a.name < b.name && a.program_date_time < b.program_date_time),
        "{records:?}"
    );
}

#[tokio::test]
async fn another_publish_on_the_same_connection_is_another_session() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 2).await;
    encoder.unpublish().await;
    while encoder.event().await != Some(Event::Unpublished) {}
    encoder.publisher.publish("camera".to_owned()).unwrap();
    assert_eq!(encoder.event().await, Some(Event::Started));
    encoder.cut_off().await;
    assert_eq!(
        house
            .catalog
            .recent_sessions(&house.bucket, &channel, 10)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn stopping_the_server_lists_the_open_segment_and_says_so() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 1).await;
    // Stopped only after the pictures have arrived: the session's first batch is in the spool by then.
    house
        .catalog
        .live_session(&house.bucket, &channel)
        .await
        .unwrap()
        .unwrap();
    house.stop.cancel();
    assert!(encoder.refusal().await.description.contains("stopping"));
    house.until_idle(&channel).await;
    assert!(segments(&house.playlist(&channel).await.unwrap_or_default()).len() <= 1);
}

#[tokio::test]
async fn disabling_the_channel_ends_its_publisher_after_its_segment() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    let now = house.clock.now();
    house
        .catalog
        .set_channel_status(&house.bucket, &channel, ChannelStatus::Disabled, now)
        .await
        .unwrap();
    assert!(encoder.refusal().await.description.contains("disabled"));
    house.until_idle(&channel).await;
    assert_eq!(segments(&house.playlist(&channel).await.unwrap()).len(), 2);
    assert!(house.encoder("camera").refusal().await.description.contains("disabled"));
}

#[tokio::test]
async fn silence_ends_a_publish_in_words() {
    let house = House::with(|config| config.silence_timeout = Duration::from_secs(1)).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    assert!(encoder.refusal().await.description.contains("No media came for 1 s"));
    house.until_idle(&channel).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_publish_is_closed_in_time() {
    let house = House::new().await;
    let mut encoder = house.encoder("camera");
    // Nothing was said before the deadline: the pipe ends without an answer.
    let limit = Duration::from_secs(5);
    let before = tokio::time::Instant::now();
    assert_eq!(encoder.listen().await, 0);
    assert!(before.elapsed() >= limit);
}

#[tokio::test]
async fn a_health_check_that_connects_and_closes_leaves_no_task_behind() {
    let house = House::new().await;
    // Waits until the connection's task has ended.
    house.encoder("camera").cut_off().await;
}

#[tokio::test]
async fn a_playlist_gets_its_endlist_when_nobody_comes_back() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    encoder.cut_off().await;
    let live = house.playlist(&channel).await.unwrap();
    house.clock.advance(Duration::from_secs(59));
    house.ingest.end_due_playlists().await;
    assert_eq!(house.playlist(&channel).await.unwrap(), live);
    house.clock.advance(Duration::from_secs(2));
    house.ingest.end_due_playlists().await;
    let ended = house.playlist(&channel).await.unwrap();
    assert_eq!(ended, format!("{live}#EXT-X-ENDLIST\n"));

    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 1).await;
    encoder.cut_off().await;
    house.ingest.end_due_playlists().await;
    assert!(
        !house.playlist(&channel).await.unwrap().contains("ENDLIST"),
        "it is live again"
    );
}

#[tokio::test]
async fn sessions_of_a_killed_process_are_closed_at_start() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let open = OpenSession {
        bucket: house.bucket.clone(),
        channel: channel.clone(),
        node: NodeId::new("here"),
        remote_addr: "192.0.2.2:6000".parse().unwrap(),
        playlist_name: None,
        at: house.clock.now(),
        busy_within: Duration::ZERO,
    };
    let lease = house.catalog.open_session(open).await.unwrap();
    let began = house.clock.now();
    let record = SegmentRecord {
        session: lease.session,
        sequence: 0,
        discontinuity_sequence: 0,
        discontinuity: false,
        name: began,
        program_date_time: began,
        duration: 180_000,
        length: 188,
        crc64: 0,
    };
    house.catalog.append_segment(&lease, record).await.unwrap();
    house.clock.advance(Duration::from_secs(1000));
    let recovery = house.ingest.find_leftovers().await.unwrap();
    recovery.run(house.stop.clone()).await;
    assert!(
        house
            .catalog
            .live_session(&house.bucket, &channel)
            .await
            .unwrap()
            .is_none()
    );
    let history = house
        .catalog
        .recent_sessions(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(history[0].ended, UnixTime::from_millis(began.as_millis() + 2000));
}
