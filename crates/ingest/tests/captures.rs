//! What is kept of connections that went wrong.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod support;

use alluvium_ingest::Config;
use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::{Connection, Event, Limits, PublishRequest};
use support::{House, eventually};

fn captures(config: &mut Config) {
    config.capture_refused = 1 << 20;
}

/// The one that is kept, once it is whole.
async fn kept(house: &House) -> Capture {
    eventually(async || {
        let files = house.captures();
        assert!(files.len() < 2, "{files:?}");
        Capture::parse(&std::fs::read(files.first()?).unwrap()).ok()
    })
    .await
}

/// What a connection that sends these bytes asks for.
fn request(bytes: &[u8]) -> PublishRequest {
    let mut connection = Connection::new(Limits::default(), [1; 32]);
    let mut input = bytes;
    match connection.receive(&mut input) {
        Ok(Some(Event::Publish(request))) => request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_publish_is_kept_without_its_secrets() {
    let house = House::with(captures).await;
    house.channel("camera").await;
    let mut encoder = house.encoder("camera?OSSAccessKeyId=AK17&Expires=4000000000&Signature=c2VjcmV0");
    let words = encoder.refusal().await.description;
    let capture = kept(&house).await;
    assert_eq!(capture.head.refused, Some(words));
    assert_eq!(capture.head.from.as_deref(), Some("test"));
    assert_eq!(capture.head.received.as_deref(), Some("2023-11-14T22:13:20.000Z"));
    assert_eq!((capture.head.cut, capture.head.expects), (None, None));
    let request = request(&capture.bytes);
    assert_eq!(request.app, "bucket/live");
    assert_eq!(
        request.name,
        "camera?OSSAccessKeyId=****&Expires=4000000000&Signature=********"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_the_protocol_is_kept() {
    let house = House::with(captures).await;
    house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    encoder.picture(true).await;
    encoder.raw(&[0xff; 100]).await;
    let words = encoder.refusal().await.description;
    let capture = kept(&house).await;
    assert_eq!(capture.head.refused, Some(words));
    assert!(capture.bytes.ends_with(&[0xff; 100]));
}

#[tokio::test]
async fn a_publish_that_its_media_ended_is_kept() {
    let house = House::with(captures).await;
    house.channel("camera").await;
    let mut sorenson = house.publishing("camera").await;
    sorenson.video(&[0x12, 0, 0, 0]).await;
    let words = sorenson.refusal().await.description;
    assert_eq!(kept(&house).await.head.refused, Some(words));
}

#[tokio::test]
async fn a_recorded_session_with_faults_is_kept() {
    let house = House::with(captures).await;
    house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    encoder.picture(true).await;
    encoder.video(&[0x27]).await;
    house.push(&mut encoder, 1).await;
    encoder.cut_off().await;
    let capture = kept(&house).await;
    assert_eq!(capture.head.refused.as_deref(), Some("1 odd things were skipped"));
}

#[tokio::test]
async fn nothing_is_kept_of_what_goes_right_or_says_nothing() {
    let house = House::with(captures).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    house.push(&mut encoder, 3).await;
    encoder.cut_off().await;
    let health_check = house.encoder("camera");
    health_check.cut_off().await;
    house.until_idle(&channel).await;
    // What is refused after them is kept after them.
    house.encoder("nobody").refusal().await;
    assert_eq!(request(&kept(&house).await.bytes).name, "nobody");
}

#[tokio::test]
async fn nothing_is_kept_unless_it_is_wanted() {
    let house = House::new().await;
    let mut encoder = house.encoder("nobody");
    encoder.refusal().await;
    encoder.cut_off().await;
    assert_eq!(house.captures().len(), 0);
}

#[tokio::test]
async fn only_the_first_bytes_are_kept() {
    let limit = 5000;
    let house = House::with(|config| config.capture_refused = limit).await;
    house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    encoder.audio(&[0x22; 10_000]).await;
    encoder.raw(&[0xff; 100]).await;
    encoder.refusal().await;
    let capture = kept(&house).await;
    assert_eq!(capture.bytes.len() as u64, limit);
    assert!(
        capture.head.cut.is_some_and(|cut| cut > 10_000 - limit),
        "{:?}",
        capture.head
    );
}
