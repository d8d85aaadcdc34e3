//! What real encoders sent, recorded.

mod common;

use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::{Error, MediaKind};
use common::{Answer, Outcome, Seen, serve};

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../tests/vectors/{name}.rtmp", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::read(path).expect("the vector is part of the project");
    Capture::parse(&file).expect("a vector is a capture").bytes
}

/// The same events at any split; also the same answers, but for acknowledgements, which none of these is long enough for.
#[track_caller]
fn outcome(bytes: &[u8]) -> Outcome {
    let whole = serve(bytes, bytes.len(), Answer::Accept);
    for step in [1, 2, 3, 128, 1460, 4096] {
        assert_eq!(serve(bytes, step, Answer::Accept), whole, "{step} bytes at a time");
    }
    whole
}

struct Expected {
    app: &'static str,
    name: &'static str,
    audio: usize,
    video: usize,
    first_ms: u32,
    last_ms: u32,
}

/// One publish from its beginning to its end, media complete and in order.
#[track_caller]
fn check(vector_name: &str, expected: &Expected) {
    let outcome = outcome(&vector(vector_name));
    assert_eq!(outcome.error, None);
    let (mut audio, mut video, mut metadata, mut times) = (0, 0, 0, Vec::new());
    for event in &outcome.events {
        match event {
            Seen::Publish(request) => assert_eq!((&request.app[..], &request.name[..]), (expected.app, expected.name)),
            Seen::Media(kind, timestamp_ms, payload) => {
                let (count, codec) = match kind {
                    MediaKind::Audio => (&mut audio, 0xa0),
                    MediaKind::Video => (&mut video, 0x07),
                };
                *count += 1;
                let mask = if codec == 0xa0 { 0xf0 } else { 0x0f };
                assert_eq!(
                    payload[0] & mask,
                    codec,
                    "the payload begins with an FLV tag's first byte"
                );
                times.push(*timestamp_ms);
            }
            Seen::Metadata(found) => {
                metadata += 1;
                assert_eq!((found.audio, found.video), (Some(true), Some(true)));
                assert_eq!((found.width, found.height), (Some(128.0), Some(72.0)));
                assert_eq!(found.frame_rate, Some(15.0));
            }
            Seen::Unpublish => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((audio, video, metadata), (expected.audio, expected.video, 1));
    assert_eq!(
        (times.iter().min(), times.iter().max()),
        (Some(&expected.first_ms), Some(&expected.last_ms))
    );
    let ends = outcome.events.iter().filter(|event| **event == Seen::Unpublish).count();
    assert_eq!((outcome.events.last(), ends), (Some(&Seen::Unpublish), 1));
}

#[test]
fn ffmpeg_publishes() {
    let expected = Expected {
        app: "live",
        name: "chan?Expires=1",
        audio: 46,
        video: 32,
        first_ms: 0,
        last_ms: 2043,
    };
    check("ffmpeg-5.1-publish", &expected);
}

#[test]
fn ffmpeg_publishes_across_the_first_extended_timestamp() {
    let expected = Expected {
        app: "live",
        name: "chan",
        audio: 46,
        video: 32,
        first_ms: 0,
        last_ms: 16_778_197,
    };
    check("ffmpeg-5.1-first-extended-timestamp", &expected);
}

#[test]
fn gstreamer_publishes() {
    let expected = Expected {
        app: "live",
        name: "chan",
        audio: 92,
        video: 32,
        first_ms: 0,
        last_ms: 2089,
    };
    check("gstreamer-1.22-rtmp2sink-publish", &expected);
}

#[test]
fn librtmp_publishes() {
    let expected = Expected {
        app: "live",
        name: "chan",
        audio: 92,
        video: 32,
        first_ms: 0,
        last_ms: 2089,
    };
    check("librtmp-2.4-publish", &expected);
}

#[test]
fn ffmpeg_is_refused_when_it_wants_to_play() {
    let outcome = outcome(&vector("ffmpeg-5.1-play"));
    assert_eq!(outcome.events, [Seen::Refused("play".to_owned())]);
    let words = b"this server takes streams over RTMP, and gives none";
    assert!(outcome.sent.windows(words.len()).any(|window| window == words));
}

/// Bytes lost in the middle: one error that names a place behind the loss, and no media after it.
#[test]
fn a_desynchronised_stream_ends_with_the_position() {
    for name in [
        "ffmpeg-5.1-publish",
        "gstreamer-1.22-rtmp2sink-publish",
        "librtmp-2.4-publish",
    ] {
        let bytes = vector(name);
        for lost in [1, 7, 100, 1000] {
            let at = 9000;
            let damaged = [&bytes[..at], &bytes[at + lost..]].concat();
            let outcome = outcome(&damaged);
            let position = match outcome.error {
                Some(
                    Error::HeaderWithoutPrevious { at, .. }
                    | Error::HeaderInsideMessage { at, .. }
                    | Error::MessageTooLong { at, .. }
                    | Error::ChunkStreams { at, .. }
                    | Error::ChunkSize { at, .. },
                ) => at,
                other => panic!("{name} without {lost} bytes: {other:?}"),
            };
            assert!(position > 8000 && position < damaged.len() as u64, "{position}");
        }
    }
}
