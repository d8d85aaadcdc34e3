//! A publisher and a connection, the bytes between them cut anywhere.

mod common;

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::publisher::{Event, NotSent, Publisher, Status};
use alluvium_rtmp::{Connection, Limits, MediaKind, Metadata, Phase, PublishRequest, StatusCode};
use common::{Answer, Outcome, Seen, feed};
use proptest::prelude::*;

fn request(name: &str) -> PublishRequest {
    PublishRequest {
        app: "bucket/live".into(),
        tc_url: "rtmp://127.0.0.1:1935/bucket/live".into(),
        name: name.into(),
        encoder: "test".into(),
    }
}

/// Both sides, and what each has seen.
struct Pair {
    publisher: Publisher,
    connection: Connection,
    answer: Answer,
    step: usize,
    outcome: Outcome,
    told: Vec<Event>,
}

impl Pair {
    fn new(answer: Answer, step: usize) -> Self {
        Pair {
            publisher: Publisher::new(request("chan"), [1; 32]),
            connection: Connection::new(Limits::default(), [2; 32]),
            answer,
            step,
            outcome: Outcome {
                events: Vec::new(),
                sent: Vec::new(),
                error: None,
            },
            told: Vec::new(),
        }
    }

    /// Carries bytes to and fro until both are silent.
    fn settle(&mut self) {
        loop {
            let sent = self.publisher.take_outgoing().unwrap_or_default();
            for part in sent.chunks(self.step) {
                feed(&mut self.connection, part, self.answer, &mut self.outcome);
            }
            if let Some(bytes) = self.connection.take_outgoing() {
                self.outcome.sent.extend_from_slice(&bytes);
            }
            let answered = std::mem::take(&mut self.outcome.sent);
            for mut part in answered.chunks(self.step) {
                while let Some(event) = self
                    .publisher
                    .receive(&mut part)
                    .expect("the connection keeps the protocol")
                {
                    self.told.push(event);
                }
            }
            if sent.is_empty() && answered.is_empty() {
                return;
            }
        }
    }
}

#[test]
fn a_publish_runs_ends_and_is_followed_by_another() {
    for step in [1, 100, 100_000] {
        let mut pair = Pair::new(Answer::Accept, step);
        assert_eq!(
            pair.publisher.send_media(MediaKind::Audio, 0, b""),
            Err(NotSent::NotPublishing)
        );
        pair.settle();
        pair.publisher
            .send_metadata(&[("width", Value::Number(1920.0)), ("videocodecid", Value::Number(7.0))])
            .unwrap();
        pair.publisher.send_media(MediaKind::Video, 0, &[0x17, 1, 2]).unwrap();
        pair.settle();
        pair.publisher.unpublish();
        pair.settle();
        pair.publisher.publish("other".into()).unwrap();
        pair.settle();
        assert_eq!(pair.connection.phase(), Phase::Publishing);
        assert_eq!(pair.told, [Event::Started, Event::Unpublished, Event::Started]);
        let metadata = Metadata {
            audio: Some(false),
            video: Some(true),
            width: Some(1920.0),
            ..Metadata::default()
        };
        let expected = [
            Seen::Publish(request("chan")),
            Seen::Metadata(metadata),
            Seen::Media(MediaKind::Video, 0, vec![0x17, 1, 2]),
            Seen::Unpublish,
            Seen::Publish(request("other")),
        ];
        assert_eq!((&pair.outcome.events[..], pair.outcome.error), (&expected[..], None));
    }
}

#[test]
fn a_refused_publisher_learns_code_and_words() {
    for code in [StatusCode::PublishBadName, StatusCode::PublishDenied] {
        let mut pair = Pair::new(Answer::Refuse(code, "the channel is busy"), 50);
        pair.settle();
        let status = Status {
            code: code.as_str().into(),
            description: "the channel is busy".into(),
        };
        assert_eq!(pair.told, [Event::Refused(status)]);
        assert_eq!(
            pair.publisher.send_media(MediaKind::Audio, 0, b""),
            Err(NotSent::NotPublishing)
        );
        assert_eq!(pair.connection.phase(), Phase::Ended);
    }
}

#[test]
fn a_running_publisher_learns_why_it_is_ended() {
    let mut pair = Pair::new(Answer::Accept, 50);
    pair.settle();
    pair.connection
        .end(StatusCode::UnpublishSuccess, "another publisher has taken over");
    pair.settle();
    let description = "another publisher has taken over".into();
    let status = Status {
        code: "NetStream.Unpublish.Success".into(),
        description,
    };
    assert_eq!(pair.told, [Event::Started, Event::Ended(status)]);
}

#[test]
fn a_payload_longer_than_a_message_is_not_sent() {
    let mut pair = Pair::new(Answer::Accept, 100_000);
    pair.settle();
    let limit = 0xff_ffff;
    let long = vec![0; limit + 1];
    assert_eq!(
        pair.publisher.send_media(MediaKind::Video, 0, &long),
        Err(NotSent::TooLong {
            length: limit + 1,
            limit
        })
    );
    assert_eq!(pair.publisher.send_media(MediaKind::Video, 0, &long[1..]), Ok(()));
}

#[test]
fn acknowledgements_flow_beyond_four_gibibytes() {
    let mut pair = Pair::new(Answer::Accept, 1 << 20);
    pair.settle();
    let payload = vec![7; 8 << 20];
    let mut acknowledged = 0;
    for index in 0..513 {
        pair.publisher.send_media(MediaKind::Video, index, &payload).unwrap();
        let sent = pair.publisher.take_outgoing().unwrap();
        for mut part in sent.chunks(16 << 20) {
            while pair.connection.receive(&mut part).unwrap().is_some() {}
        }
        acknowledged += usize::from(pair.connection.take_outgoing().is_some());
    }
    assert!(pair.connection.bytes_received() > 1 << 32);
    assert_eq!(acknowledged, 513);
}

fn media() -> impl Strategy<Value = (bool, u32, Vec<u8>)> {
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (59_990..60_010_usize, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    let time = prop_oneof![0..100_000_u32, 0xff_fff0..0x0100_0010_u32, any::<u32>()];
    (any::<bool>(), time, payload)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn media_arrives_as_it_was_sent(
        messages in proptest::collection::vec(media(), 1..12),
        step in prop_oneof![1..10_usize, 1..5000_usize, Just(1 << 20)],
    ) {
        let mut pair = Pair::new(Answer::Accept, step);
        pair.settle();
        let mut expected = vec![Seen::Publish(request("chan"))];
        for (is_video, timestamp_ms, payload) in messages {
            let kind = if is_video { MediaKind::Video } else { MediaKind::Audio };
            pair.publisher.send_media(kind, timestamp_ms, &payload).unwrap();
            expected.push(Seen::Media(kind, timestamp_ms, payload));
        }
        pair.settle();
        prop_assert_eq!(&pair.outcome.events, &expected);
        prop_assert_eq!(pair.outcome.error, None);
    }
}
