use crate::amf0::{self, Value};
use crate::chunk::Outgoing;
use crate::handshake::Handshake;
use crate::message::{message_type, user_control};
use crate::outbox::Outbox;
use crate::{
    Connection, Error, Event, FaultKind, Limits, MediaKind, Metadata, Phase, PublishRequest, Refusal, StatusCode,
};

/// A client that says what it is told to, and a connection that hears it.
struct Dialogue {
    client: Outbox,
    connection: Connection,
    /// All that the connection has answered since the last look.
    answered: Vec<u8>,
}

/// An event without its borrow.
#[derive(Debug, PartialEq)]
enum Seen {
    Publish(PublishRequest),
    Media(MediaKind, u32, Vec<u8>),
    Metadata(Metadata),
    Unpublish,
    Refused(String),
    Fault(FaultKind),
}

impl Dialogue {
    /// The handshake is over.
    fn new(limits: Limits) -> Self {
        let mut client = Outbox::new();
        Handshake::client([1; 32], client.raw());
        client.raw().extend_from_slice(&[0; 1536]);
        client.set_chunk_size(1 << 20);
        let connection = Connection::new(limits, [2; 32]);
        let mut dialogue = Dialogue {
            client,
            connection,
            answered: Vec::new(),
        };
        assert_eq!(dialogue.hear(), Ok(vec![]));
        dialogue.answered.clear();
        dialogue
    }

    fn connected() -> Self {
        let mut dialogue = Dialogue::new(Limits::default());
        dialogue.connect("live");
        assert_eq!(dialogue.hear(), Ok(vec![]));
        dialogue.answered.clear();
        dialogue
    }

    fn publishing() -> Self {
        let mut dialogue = Dialogue::connected();
        dialogue.command(1, "publish", 5.0, &[Value::Null, text("chan"), text("live")]);
        assert!(matches!(dialogue.hear().as_deref(), Ok([Seen::Publish(_)])));
        dialogue.connection.accept();
        dialogue.hear().unwrap();
        dialogue.answered.clear();
        dialogue
    }

    fn connect(&mut self, app: &str) {
        let pairs = [
            ("app", app),
            ("flashVer", "test/1"),
            ("tcUrl", "rtmp://b.example.com/live"),
        ];
        let object = Value::Object(pairs.map(|(name, value)| (name.to_owned(), text(value))).into());
        self.command(0, "connect", 1.0, &[object]);
    }

    fn command(&mut self, stream_id: u32, name: &str, transaction: f64, arguments: &[Value]) {
        self.client.command(3, stream_id, name, transaction, arguments);
    }

    fn message(&mut self, csid: u8, type_id: u8, timestamp_ms: u32, payload: &[u8]) {
        self.client.message(Outgoing {
            csid,
            type_id,
            stream_id: 1,
            timestamp_ms,
            payload,
        });
    }

    /// Delivers what the client has said.
    fn hear(&mut self) -> Result<Vec<Seen>, Error> {
        let bytes = self.client.take().unwrap_or_default();
        let mut input = &bytes[..];
        let mut seen = Vec::new();
        let result = loop {
            match self.connection.receive(&mut input) {
                Ok(Some(event)) => seen.push(match event {
                    Event::Publish(request) => Seen::Publish(request),
                    Event::Media {
                        kind,
                        timestamp_ms,
                        payload,
                    } => Seen::Media(kind, timestamp_ms, payload.to_vec()),
                    Event::Metadata(metadata) => Seen::Metadata(metadata),
                    Event::Unpublish => Seen::Unpublish,
                    Event::Refused(refused) => Seen::Refused(refused.command),
                    Event::Fault(fault) => Seen::Fault(fault.kind),
                }),
                Ok(None) => break Ok(seen),
                Err(error) => break Err(error),
            }
        };
        self.answered
            .extend_from_slice(&self.connection.take_outgoing().unwrap_or_default());
        result
    }

    /// Whether the answers hold these bytes; chunk headers never part them.
    #[track_caller]
    fn assert_answered(&self, bytes: &[u8]) {
        let found = self.answered.windows(bytes.len()).any(|window| window == bytes);
        assert!(
            found,
            "{:?} in {}",
            String::from_utf8_lossy(bytes),
            String::from_utf8_lossy(&self.answered)
        );
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn encoded(values: &[Value]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        amf0::encode(value, &mut bytes);
    }
    bytes
}

#[test]
fn connect_is_answered_with_windows_chunk_size_and_success() {
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.connect("live");
    assert_eq!(dialogue.hear(), Ok(vec![]));
    let window = 2_500_000_u32.to_be_bytes();
    dialogue.assert_answered(&[&[2, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 0][..], &window].concat());
    dialogue.assert_answered(&[&[0, 0, 5, 6][..], &window, &[2]].concat());
    dialogue.assert_answered(&[0, 0, 4, 1, 0, 0, 16, 0]);
    dialogue.assert_answered(&encoded(&[text("_result"), Value::Number(1.0)]));
    dialogue.assert_answered(b"NetConnection.Connect.Success");
    assert_eq!(dialogue.connection.phase(), Phase::Connecting);
}

#[test]
fn connect_without_an_object_or_with_endless_names_is_rejected_in_words() {
    for arguments in [
        vec![],
        vec![Value::Null],
        vec![Value::Object(vec![("app".into(), text(&"a".repeat(8193)))])],
    ] {
        let mut dialogue = Dialogue::new(Limits::default());
        dialogue.command(0, "connect", 1.0, &arguments);
        assert_eq!(dialogue.hear(), Ok(vec![Seen::Refused("connect".into())]));
        dialogue.assert_answered(&encoded(&[text("_error"), Value::Number(1.0)]));
        dialogue.assert_answered(b"NetConnection.Connect.Rejected");
        assert_eq!(dialogue.connection.phase(), Phase::Ended);
    }
    let mut dialogue = Dialogue::new(Limits::default());
    dialogue.connect(&"a".repeat(8192));
    assert_eq!(dialogue.hear(), Ok(vec![]));
    assert_eq!(dialogue.connection.phase(), Phase::Connecting);
}

#[test]
fn a_second_connect_is_a_fault() {
    let mut dialogue = Dialogue::connected();
    dialogue.connect("other");
    assert!(matches!(
        dialogue.hear().as_deref(),
        Ok([Seen::Fault(FaultKind::Misplaced { .. })])
    ));
}

#[test]
fn commands_around_a_publish_are_answered() {
    let null = Value::Null;
    let result = |value| encoded(&[text("_result"), Value::Number(4.0), Value::Null, value]);
    let cases = [
        ("releaseStream", result(Value::Undefined)),
        ("FCPublish", result(Value::Undefined)),
        ("FCPublish", b"onFCPublish".to_vec()),
        ("FCUnpublish", b"onFCUnpublish".to_vec()),
        ("createStream", result(Value::Number(1.0))),
        ("_checkbw", result(Value::Undefined)),
        ("getStreamLength", result(Value::Number(0.0))),
        ("somethingUnknown", result(Value::Undefined)),
    ];
    for (name, answer) in cases {
        let mut dialogue = Dialogue::connected();
        dialogue.command(0, name, 4.0, &[null.clone(), text("chan")]);
        assert_eq!(dialogue.hear(), Ok(vec![]), "{name}");
        dialogue.assert_answered(&answer);
        dialogue.answered.clear();
        dialogue.command(0, name, 0.0, &[null.clone(), text("chan")]);
        assert_eq!(dialogue.hear(), Ok(vec![]), "{name}");
        assert!(
            !dialogue.answered.windows(7).any(|window| window == b"_result"),
            "{name} asked for no answer"
        );
    }
}

#[test]
fn commands_that_are_answers_are_not_answered() {
    for name in ["_result", "_error", "onStatus", "closeStream"] {
        let mut dialogue = Dialogue::connected();
        dialogue.command(0, name, 4.0, &[Value::Null]);
        assert_eq!(dialogue.hear(), Ok(vec![]));
        assert!(dialogue.answered.is_empty());
    }
}

#[test]
fn a_publish_waits_for_its_answer_and_media_before_it_is_dropped() {
    let mut dialogue = Dialogue::connected();
    dialogue.command(1, "publish", 5.0, &[Value::Null, text("chan?a=%2B&b"), text("live")]);
    dialogue.message(6, message_type::VIDEO, 0, b"early");
    let request = PublishRequest {
        app: "live".into(),
        tc_url: "rtmp://b.example.com/live".into(),
        name: "chan?a=%2B&b".into(),
        encoder: "test/1".into(),
    };
    assert_eq!(dialogue.hear(), Ok(vec![Seen::Publish(request)]));
    assert_eq!(dialogue.connection.phase(), Phase::Waiting);
    assert!(dialogue.answered.is_empty());
    dialogue.connection.accept();
    dialogue.message(6, message_type::VIDEO, 40, b"late");
    dialogue.message(4, message_type::AUDIO, 41, b"");
    let media = [
        Seen::Media(MediaKind::Video, 40, b"late".to_vec()),
        Seen::Media(MediaKind::Audio, 41, vec![]),
    ];
    assert_eq!(dialogue.hear().as_deref(), Ok(&media[..]));
    dialogue.assert_answered(&[0, 0, 0, 0, 0, 1]);
    dialogue.assert_answered(b"NetStream.Publish.Start");
    assert_eq!(dialogue.connection.phase(), Phase::Publishing);
}

#[test]
fn a_refusal_reaches_the_encoder_with_code_and_words() {
    let codes = [
        StatusCode::PublishBadName,
        StatusCode::PublishDenied,
        StatusCode::ConnectRejected,
    ];
    for code in codes {
        let mut dialogue = Dialogue::connected();
        dialogue.command(1, "publish", 5.0, &[Value::Null, text("chan")]);
        dialogue.hear().unwrap();
        dialogue.connection.refuse(Refusal {
            code,
            description: "no such channel",
        });
        dialogue.message(6, message_type::VIDEO, 0, b"media");
        assert_eq!(dialogue.hear(), Ok(vec![]));
        dialogue.assert_answered(&encoded(&[text("onStatus"), Value::Number(0.0), Value::Null]));
        for words in ["error", code.as_str(), "no such channel"] {
            dialogue.assert_answered(&encoded(&[text(words)]));
        }
        assert_eq!(dialogue.connection.phase(), Phase::Ended);
    }
}

#[test]
fn a_publish_without_connect_or_name_or_beside_another_is_refused_in_words() {
    let name = [Value::Null, text("chan")];
    let cases: [(Dialogue, &[Value], &str, Phase); 5] = [
        (
            Dialogue::new(Limits::default()),
            &name,
            "connect first",
            Phase::Connecting,
        ),
        (
            Dialogue::connected(),
            &[Value::Null],
            "no stream name",
            Phase::Connecting,
        ),
        (
            Dialogue::connected(),
            &[Value::Null, text("")],
            "no stream name",
            Phase::Connecting,
        ),
        (
            Dialogue::connected(),
            &[Value::Null, text(&"n".repeat(8193))],
            "8192 bytes",
            Phase::Connecting,
        ),
        (Dialogue::publishing(), &name, "publishing already", Phase::Publishing),
    ];
    for (mut dialogue, arguments, words, phase) in cases {
        dialogue.command(2, "publish", 5.0, arguments);
        assert_eq!(dialogue.hear(), Ok(vec![Seen::Refused("publish".into())]));
        dialogue.assert_answered(b"NetStream.Publish.BadName");
        dialogue.assert_answered(words.as_bytes());
        assert_eq!(dialogue.connection.phase(), phase);
    }
}

#[test]
fn playing_is_refused_in_words() {
    for name in ["play", "play2", "seek", "pause"] {
        let mut dialogue = Dialogue::connected();
        dialogue.command(1, name, 4.0, &[Value::Null, text("chan")]);
        assert_eq!(dialogue.hear(), Ok(vec![Seen::Refused(name.into())]));
        for words in ["NetStream.Play.Failed", "_error", "gives none"] {
            dialogue.assert_answered(words.as_bytes());
        }
    }
}

#[test]
fn publishes_follow_one_another_on_one_connection() {
    let stop: [(&str, u32, &[Value]); 4] = [
        ("FCUnpublish", 0, &[Value::Null, Value::Null]),
        ("deleteStream", 0, &[Value::Null, Value::Number(1.0)]),
        ("deleteStream", 0, &[Value::Null]),
        ("closeStream", 1, &[Value::Null]),
    ];
    let mut dialogue = Dialogue::publishing();
    for (name, stream_id, arguments) in stop {
        dialogue.command(stream_id, name, 0.0, arguments);
        dialogue.message(6, message_type::VIDEO, 0, b"after the end");
        assert_eq!(dialogue.hear(), Ok(vec![Seen::Unpublish]), "{name}");
        dialogue.assert_answered(b"NetStream.Unpublish.Success");
        assert_eq!(dialogue.connection.phase(), Phase::Connecting);
        dialogue.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(1.0)]);
        assert_eq!(dialogue.hear(), Ok(vec![]), "the end is told once");
        dialogue.command(1, "publish", 5.0, &[Value::Null, text("chan")]);
        assert!(matches!(dialogue.hear().as_deref(), Ok([Seen::Publish(_)])));
        dialogue.connection.accept();
        dialogue.answered.clear();
    }
}

#[test]
fn closing_another_message_stream_ends_nothing() {
    let mut dialogue = Dialogue::publishing();
    dialogue.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(7.0)]);
    dialogue.command(7, "closeStream", 0.0, &[Value::Null]);
    assert_eq!(dialogue.hear(), Ok(vec![]));
    assert_eq!(dialogue.connection.phase(), Phase::Publishing);
}

#[test]
fn a_withdrawn_request_cannot_be_accepted() {
    let mut dialogue = Dialogue::connected();
    dialogue.command(1, "publish", 5.0, &[Value::Null, text("chan")]);
    dialogue.command(0, "deleteStream", 0.0, &[Value::Null, Value::Number(1.0)]);
    assert!(matches!(
        dialogue.hear().as_deref(),
        Ok([Seen::Publish(_), Seen::Unpublish])
    ));
    dialogue.connection.accept();
    assert_eq!(dialogue.connection.phase(), Phase::Connecting);
    dialogue.connection.refuse(Refusal {
        code: StatusCode::PublishDenied,
        description: "",
    });
    assert_eq!(dialogue.connection.phase(), Phase::Connecting);
}

#[test]
fn the_end_is_told_to_a_running_publisher() {
    let mut dialogue = Dialogue::publishing();
    dialogue.connection.end(StatusCode::Failed, "the channel was disabled");
    dialogue.message(6, message_type::VIDEO, 0, b"media");
    assert_eq!(dialogue.hear(), Ok(vec![]));
    dialogue.assert_answered(b"NetStream.Failed");
    dialogue.assert_answered(b"the channel was disabled");
    assert_eq!(dialogue.connection.phase(), Phase::Ended);
}

#[test]
fn commands_and_metadata_in_amf3_messages_are_read() {
    for leading in [&[0][..], &[]] {
        let mut dialogue = Dialogue::connected();
        let publish = encoded(&[text("publish"), Value::Number(5.0), Value::Null, text("chan")]);
        dialogue.message(3, message_type::COMMAND_AMF3, 0, &[leading, &publish].concat());
        assert!(matches!(dialogue.hear().as_deref(), Ok([Seen::Publish(_)])));
        dialogue.connection.accept();
        let data = encoded(&[
            text("onMetaData"),
            Value::EcmaArray(vec![("width".into(), Value::Number(64.0))]),
        ]);
        dialogue.message(5, message_type::DATA_AMF3, 0, &[leading, &data].concat());
        let metadata = Metadata {
            width: Some(64.0),
            ..Metadata::default()
        };
        assert_eq!(dialogue.hear(), Ok(vec![Seen::Metadata(metadata)]));
    }
}

#[test]
fn what_cannot_be_read_is_a_fault_and_the_connection_goes_on() {
    let mut dialogue = Dialogue::publishing();
    let part = [&[8, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0][..], b"short"].concat();
    let odd: [(u8, &[u8]); 12] = [
        (message_type::COMMAND_AMF0, &[2, 0, 99, b'x']),
        (message_type::COMMAND_AMF0, &[5]),
        (message_type::COMMAND_AMF0, &[]),
        (message_type::COMMAND_AMF3, &[0x11, 1, 2, 3]),
        (message_type::DATA_AMF0, &[0xff]),
        (message_type::SET_CHUNK_SIZE, &[1, 2, 3]),
        (message_type::ABORT, &[]),
        (message_type::USER_CONTROL, &[0]),
        (message_type::USER_CONTROL, &[0, 6, 1, 2]),
        (message_type::AGGREGATE, &part),
        (19, b"shared object"),
        (255, b""),
    ];
    for (type_id, payload) in odd {
        dialogue.message(7, type_id, 0, payload);
        dialogue.message(6, message_type::VIDEO, 0, b"picture");
        let seen = dialogue.hear().unwrap();
        assert!(
            matches!(&seen[..], [Seen::Fault(_), Seen::Media(..)]),
            "{type_id} {payload:?}: {seen:?}"
        );
    }
}

#[test]
fn what_means_nothing_here_is_ignored() {
    let mut dialogue = Dialogue::publishing();
    dialogue.message(2, message_type::USER_CONTROL, 0, &[0, 3, 0, 0, 0, 1, 0, 0, 3, 0xe8]);
    dialogue.message(2, message_type::USER_CONTROL, 0, &[0, 99]);
    dialogue.message(2, message_type::ACKNOWLEDGEMENT, 0, &[0; 4]);
    dialogue.message(
        5,
        message_type::DATA_AMF0,
        0,
        &encoded(&[text("onTextData"), Value::Null]),
    );
    dialogue.message(7, message_type::AGGREGATE, 0, &[]);
    assert_eq!(dialogue.hear(), Ok(vec![]));
    assert!(dialogue.answered.is_empty());
}

#[test]
fn aggregates_are_taken_apart() {
    let metadata = encoded(&[
        text("onMetaData"),
        Value::Object(vec![("fps".into(), Value::Number(25.0))]),
    ]);
    let mut aggregate = Vec::new();
    for (type_id, time_ms, payload) in [
        (message_type::VIDEO, 10, &b"picture"[..]),
        (message_type::AUDIO, 33, b"sound"),
        (message_type::DATA_AMF0, 33, &metadata),
        (message_type::AGGREGATE, 33, b"aggregate"),
        (message_type::VIDEO, 50, b"next"),
    ] {
        aggregate.extend([type_id, 0, 0, payload.len() as u8, 0, 0, time_ms, 0, 0, 0, 0]);
        aggregate.extend_from_slice(payload);
        aggregate.extend_from_slice(&[0; 4]);
    }
    let mut dialogue = Dialogue::publishing();
    dialogue.message(6, message_type::AGGREGATE, 1000, &aggregate);
    dialogue.message(6, message_type::VIDEO, 1080, b"after");
    let expected = [
        Seen::Media(MediaKind::Video, 1000, b"picture".to_vec()),
        Seen::Media(MediaKind::Audio, 1023, b"sound".to_vec()),
        Seen::Metadata(Metadata {
            frame_rate: Some(25.0),
            ..Metadata::default()
        }),
        Seen::Fault(FaultKind::MessageType {
            type_id: message_type::AGGREGATE,
        }),
        Seen::Media(MediaKind::Video, 1040, b"next".to_vec()),
        Seen::Media(MediaKind::Video, 1080, b"after".to_vec()),
    ];
    assert_eq!(dialogue.hear().as_deref(), Ok(&expected[..]));
}

#[test]
fn pings_are_answered() {
    let mut dialogue = Dialogue::connected();
    dialogue.client.user_control(user_control::PING_REQUEST, 0x0102_0304);
    assert_eq!(dialogue.hear(), Ok(vec![]));
    dialogue.assert_answered(&[0, 7, 1, 2, 3, 4]);
}

#[test]
fn set_peer_bandwidth_is_answered_with_the_window() {
    let mut dialogue = Dialogue::connected();
    dialogue
        .client
        .control(message_type::SET_PEER_BANDWIDTH, &[0, 1, 2, 3, 2]);
    assert_eq!(dialogue.hear(), Ok(vec![]));
    dialogue.assert_answered(&[0, 1, 2, 3]);
}

#[test]
fn received_bytes_are_acknowledged_per_window() {
    let mut dialogue = Dialogue::publishing();
    dialogue.message(6, message_type::VIDEO, 0, &vec![7; 3_000_000]);
    dialogue.hear().unwrap();
    let sequence = dialogue.connection.bytes_received() as u32;
    assert!(sequence > 3_000_000);
    dialogue.assert_answered(&sequence.to_be_bytes());
    dialogue
        .client
        .control(message_type::WINDOW_ACKNOWLEDGEMENT_SIZE, &1000_u32.to_be_bytes());
    dialogue
        .client
        .control(message_type::WINDOW_ACKNOWLEDGEMENT_SIZE, &0_u32.to_be_bytes());
    dialogue.hear().unwrap();
    dialogue.answered.clear();
    dialogue.message(6, message_type::VIDEO, 0, &[7; 1000]);
    dialogue.hear().unwrap();
    dialogue.assert_answered(&(dialogue.connection.bytes_received() as u32).to_be_bytes());
}

#[test]
fn answers_that_nobody_reads_are_limited() {
    let limit = 4000;
    let mut dialogue = Dialogue::new(Limits {
        outgoing_bytes_max: limit,
        ..Limits::default()
    });
    dialogue.connect("live");
    dialogue.hear().unwrap();
    for _ in 0..1000 {
        dialogue.client.user_control(user_control::PING_REQUEST, 1);
    }
    assert!(matches!(dialogue.hear(), Err(Error::Outgoing { limit: 4000, .. })));
    assert_eq!(dialogue.connection.phase(), Phase::Ended);
    assert!(dialogue.answered.len() < 2 * limit, "{}", dialogue.answered.len());
}

#[test]
fn a_broken_stream_is_told_why_it_ends() {
    let mut dialogue = Dialogue::publishing();
    dialogue.client.raw().extend_from_slice(&[0xc9]);
    let at = dialogue.connection.bytes_received();
    let error = Error::HeaderWithoutPrevious { csid: 9, fmt: 3, at };
    assert_eq!(dialogue.hear(), Err(error));
    dialogue.assert_answered(error.to_string().as_bytes());
    assert_eq!(dialogue.connection.phase(), Phase::Ended);
    dialogue.message(6, message_type::VIDEO, 0, b"more");
    assert_eq!(dialogue.hear(), Ok(vec![]));
}

#[test]
fn a_health_check_leaves_nothing_behind() {
    let mut connection = Connection::new(Limits::default(), [0; 32]);
    assert_eq!(connection.receive(&mut &[][..]), Ok(None));
    assert_eq!(
        (connection.phase(), connection.take_outgoing()),
        (Phase::Handshaking, None)
    );
    assert_eq!(
        connection.receive(&mut &b"GET / HTTP/1.0"[..]),
        Err(Error::Version { version: b'G' })
    );
    assert_eq!((connection.phase(), connection.take_outgoing()), (Phase::Ended, None));
}
