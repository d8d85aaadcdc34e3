//! What becomes of a publish, from its acceptance to its end.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "publish/ending.rs"]
mod ending;
#[path = "publish/second_publisher.rs"]
mod second_publisher;
#[path = "publish/storing.rs"]
mod storing;
mod support;
#[path = "publish/who_may_publish.rs"]
mod who_may_publish;

use std::time::Duration;

use alluvium_catalog::Catalog;
use alluvium_oss::{ChannelName, Clock};
use alluvium_rtmp::MediaKind;
use alluvium_store::check;

use support::{House, eventually, segments, tag};

/// The server's clock is stepped by this.
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn what_was_sent_is_stored_recorded_and_listed() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 7).await;
    encoder.unpublish().await;
    house.until_idle(&channel).await;

    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(
        records.iter().map(|record| record.duration).collect::<Vec<_>>(),
        [180_000, 180_000, 180_000, 90_000]
    );
    for record in &records {
        let key = channel.segment_key(record.name);
        check(&house.store, &house.bucket, &key, record.length, record.crc64)
            .await
            .unwrap();
    }
    let playlist = house.playlist(&channel).await.unwrap();
    let last: Vec<_> = records[1..]
        .iter()
        .map(|record| format!("{}.ts", record.name.as_millis()))
        .collect();
    assert_eq!(segments(&playlist), last);
    assert_eq!(tag(&playlist, "#EXT-X-MEDIA-SEQUENCE"), Some(1));
    assert!(!playlist.contains("DISCONTINUITY"), "{playlist}");
    let history = house
        .catalog
        .recent_sessions(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].ended.since(history[0].started), Duration::from_secs(7));
}

#[tokio::test]
async fn a_stepped_clock_ends_nothing_and_never_goes_back_in_the_playlist() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    house.playlist_when(&channel, |text| segments(text).len() == 1).await;
    let began = house.clock.now();
    for stepped in [began.plus(HOUR), began.minus(HOUR)] {
        house.clock.set(stepped);
        encoder.picture(false).await;
        // The session has looked at both clocks, and has heard of the publisher by the stepped one.
        eventually(async || {
            let live = house.catalog.live_session(&house.bucket, &channel).await.unwrap();
            (live.unwrap().last_media >= stepped).then_some(())
        })
        .await;
        house.push(&mut encoder, 4).await;
    }
    encoder.cut_off().await;
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    assert_eq!(
        records.iter().map(|record| record.duration).sum::<u64>(),
        11 * 90_000 + 2 * 3_600
    );
    assert!(
        records.is_sorted_by(|a, b| a.name < b.name && a.program_date_time <= b.program_date_time),
        "{records:?}"
    );
}

#[tokio::test]
async fn a_publish_without_h264_ends_in_words() {
    let house = House::with(|config| config.first_media_timeout = Duration::from_secs(1)).await;
    house.channel("camera").await;
    let mut sorenson = house.publishing("camera").await;
    sorenson.video(&[0x12, 0, 0, 0]).await;
    let words = sorenson.refusal().await.description;
    assert!(words.contains("only H.264 can be recorded"), "{words}");

    let mut audio_alone = house.publishing("camera").await;
    audio_alone.audio(&[0xaf, 0, 0x11, 0x88]).await;
    audio_alone.audio(&[0xaf, 1, 0x21, 0x10, 0x04]).await;
    let words = audio_alone.refusal().await.description;
    assert!(words.contains("No H.264 video came within 1 s"), "{words}");
}

#[tokio::test]
async fn audio_alone_is_recorded_where_the_setting_allows_it() {
    let house = House::with(|config| {
        config.first_media_timeout = Duration::from_secs(1);
        config.audio_only = true;
    })
    .await;
    let channel = house.channel("radio").await;
    let mut encoder = house.publishing("radio").await;
    encoder.audio(&[0xaf, 0, 0x11, 0x90]).await;
    for frame in 0..235_u32 {
        let payload = [0xaf, 1, 0x21, 0x10, 0x04];
        let stamp = frame * 1024 / 48;
        encoder.publisher.send_media(MediaKind::Audio, stamp, &payload).unwrap();
        encoder.send().await;
    }
    encoder.cut_off().await;
    let records = house
        .catalog
        .latest_segments(&house.bucket, &channel, 10)
        .await
        .unwrap();
    let durations: Vec<_> = records.iter().map(|record| record.duration).collect();
    // Cut at the first frame at or after two seconds; stamps of whole milliseconds move a frame by some ticks.
    let whole = |duration: u64, frames: u64| duration.abs_diff(frames * 1_920) < 90;
    let [first, second, last] = durations[..] else {
        panic!("{durations:?}")
    };
    assert!(
        whole(first, 94) && whole(second, 94) && whole(last, 47),
        "{durations:?}"
    );
}

#[tokio::test]
async fn a_running_publish_is_shown_to_who_asks_and_an_ended_one_is_not() {
    let house = House::new().await;
    let channel = house.channel("camera").await;
    house.channel("another").await;
    assert_eq!(house.ingest.status(&house.bucket, &channel), None);
    let mut encoder = house.publishing("camera").await;
    let other = house.publishing("another").await;
    house.push(&mut encoder, 3).await;
    let status = eventually(async || {
        let status = house.ingest.status(&house.bucket, &channel);
        status.filter(|status| status.video.is_some() && status.store.segments_listed == 1)
    })
    .await;
    assert_eq!((&*status.peer, &*status.encoder), ("192.0.2.1:5000", "test"));
    assert_eq!(status.frag_duration_s, 2);
    let video = status.video.unwrap();
    assert_eq!(
        (video.width, video.height, &*video.profile, &*video.level),
        (640, 360, "Main", "3.0")
    );
    assert_eq!(video.keyframe_interval_s.unwrap().median, 1.0);

    let channels = |after, limit| {
        let statuses = house.ingest.statuses(|bucket| *bucket == house.bucket, after, limit);
        statuses
            .into_iter()
            .map(|status| status.channel.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(channels(None, 9), ["another", "camera"]);
    assert_eq!(channels(None, 1), ["another"]);
    let after = (house.bucket.clone(), ChannelName::parse("another").unwrap());
    assert_eq!(channels(Some(&after), 9), ["camera"]);
    assert!(house.ingest.statuses(|_| false, None, 9).is_empty());

    other.cut_off().await;
    encoder.cut_off().await;
    assert_eq!(house.ingest.status(&house.bucket, &channel), None);
}
