//! What encoders are told of their stream while they publish.

use std::time::Duration;

use alluvium_rtmp::publisher::Event;
use tokio::time::sleep;

use super::house;
use super::support::{Encoder, House};

/// Sends media in its own time, with a keyframe only at the beginning.
async fn push(house: &House, encoder: &mut Encoder, seconds: u32) {
    for second in 0..seconds {
        for picture in 0..25 {
            encoder.picture(second == 0 && picture == 0).await;
            sleep(Duration::from_millis(40)).await;
            house.clock.advance(Duration::from_millis(40));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_encoder_is_told_in_words_and_goes_on() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    push(&house, &mut encoder, 30).await;
    let Some(Event::Advised(told)) = encoder.event().await else {
        panic!("the encoder is told nothing");
    };
    assert_eq!(told.code, "NetStream.Health.Notice");
    assert!(told.description.starts_with("no keyframe for "), "{told:?}");
    let status = house.ingest.status(&house.bucket, &channel).unwrap();
    assert_eq!(status.conditions[0].code, "keyframes_missing");
    push(&house, &mut encoder, 5).await;
    encoder.unpublish().await;
    assert_eq!(encoder.event().await, Some(Event::Unpublished));
}

#[tokio::test(start_paused = true)]
async fn an_encoder_is_told_nothing_where_the_setting_says_so() {
    let house = house(|config| config.health_notices = false).await;
    house.channel("camera").await;
    let mut encoder = house.publishing("camera").await;
    push(&house, &mut encoder, 30).await;
    encoder.unpublish().await;
    assert_eq!(encoder.event().await, Some(Event::Unpublished));
}
