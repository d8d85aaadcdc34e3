//! What becomes of a publish, from its acceptance to its end.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod support;
#[path = "publish/who_may_publish.rs"]
mod who_may_publish;

use std::time::Duration;

use alluvium_catalog::{Catalog, NodeId, OpenSession, SegmentRecord};
use alluvium_oss::{ChannelName, ChannelStatus, Clock, ObjectKey, UnixTime};
use alluvium_rtmp::MediaKind;
use alluvium_rtmp::publisher::Event;
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use alluvium_store::{Attributes, Error, ListQuery, ObjectStore, Put, check};
use tokio::task::unconstrained;

use support::{FRAG_COUNT, House, eventually, segments, tag};

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

/// A chunk with the command that asks for another stream.
const CREATE_STREAM: [u8; 37] = *b"\x03\0\0\0\0\0\x19\x14\0\0\0\0\x02\0\x0ccreateStream\0\x40\x10\0\0\0\0\0\0\x05";

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
    let put = alluvium_store::Put::bytes(&theirs[..], "E".repeat(32), alluvium_store::Attributes::default(), now);
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
async fn a_health_check_that_connects_and_closes_leaves_no_task_behind() {
    let house = House::new().await;
    // Waits until the connection's task has ended.
    house.encoder("camera").cut_off().await;
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
async fn refusals_say_why() {
    let house = House::new().await;
    let channel = house.channel("off").await;
    let now = house.clock.now();
    house
        .catalog
        .set_channel_status(&house.bucket, &channel, ChannelStatus::Disabled, now)
        .await
        .unwrap();
    let cases = [
        ("nobody", "does not exist"),
        ("off", "disabled"),
        ("off?OSSAccessKeyId=AK&Expires=4000000000&Signature=AAAA", "access key"),
        ("off?OSSAccessKeyId=AK&Expires=4000000000", "Signature"),
    ];
    for (name, words) in cases {
        let refused = house.encoder(name).refusal().await;
        assert!(refused.description.contains(words), "{name}: {}", refused.description);
        assert!(
            refused.code.starts_with("NetStream.Publish."),
            "{name}: {}",
            refused.code
        );
    }
    assert_eq!(house.store.calls(Operation::Put), 0);
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
