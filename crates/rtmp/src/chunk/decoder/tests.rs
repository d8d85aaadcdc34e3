use bytes::BytesMut;
use proptest::prelude::*;

use super::super::assembly::SPARE_BYTES_MAX;
use super::super::encoder::{Encoder, Outgoing};
use super::*;

/// Timestamp, type, message stream, payload; `None` for a skipped one.
type Read = (u32, u8, u32, Option<Vec<u8>>);

const AUDIO: u8 = message_type::AUDIO;
const VIDEO: u8 = message_type::VIDEO;

fn decoder() -> Decoder {
    let mut decoder = Decoder::new(Limits::default(), 0);
    decoder.admit(Admission::Media);
    decoder
}

/// Feeds `parts` in turn. Set Chunk Size and Abort are obeyed, as the connection does.
fn read<'p>(decoder: &mut Decoder, parts: impl IntoIterator<Item = &'p [u8]>) -> (Vec<Read>, Option<Error>) {
    let mut messages = Vec::new();
    for mut input in parts {
        loop {
            let message = match decoder.next_message(&mut input) {
                Ok(None) => break,
                Ok(Some(message)) => message,
                Err(error) => return (messages, Some(error)),
            };
            let payload = decoder.payload(message.payload).to_vec();
            let value = payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
            match (message.type_id, value) {
                (message_type::SET_CHUNK_SIZE, Some(size)) => {
                    if let Err(error) = decoder.set_chunk_bytes(size) {
                        return (messages, Some(error));
                    }
                }
                (message_type::ABORT, Some(csid)) => decoder.abort(csid),
                _ => {
                    let payload = (message.payload != Payload::Skipped).then_some(payload);
                    messages.push((message.timestamp_ms, message.type_id, message.stream_id, payload));
                }
            }
        }
    }
    (messages, None)
}

/// The same messages and the same error, whether the bytes come at once or one by one.
#[track_caller]
fn check_outcome(bytes: &[u8], expected: &[Read], error: Option<Error>) {
    for step in [bytes.len().max(1), 1, 2, 3, 5] {
        let outcome = read(&mut decoder(), bytes.chunks(step));
        assert_eq!(outcome, (expected.to_vec(), error), "{step} bytes at a time");
    }
}

#[track_caller]
fn check(bytes: &[u8], expected: &[(u32, &[u8])]) {
    let expected: Vec<Read> = expected
        .iter()
        .map(|(timestamp_ms, payload)| (*timestamp_ms, VIDEO, 1, Some(payload.to_vec())))
        .collect();
    check_outcome(bytes, &expected, None);
}

fn type0(csid: u8, time: u32, length: u32, type_id: u8) -> Vec<u8> {
    let mut header = type1(csid, time, length, type_id);
    header[0] = csid;
    header.splice(8..8, [1, 0, 0, 0]);
    header
}

fn type1(csid: u8, time: u32, length: u32, type_id: u8) -> Vec<u8> {
    let mut header = type2(csid, time);
    header[0] = 1 << 6 | csid;
    let length = length.to_be_bytes();
    header.splice(4..4, [length[1], length[2], length[3], type_id]);
    header
}

fn type2(csid: u8, time: u32) -> Vec<u8> {
    let field = time.min(0xff_ffff).to_be_bytes();
    let mut header = vec![2 << 6 | csid, field[1], field[2], field[3]];
    if time >= 0xff_ffff {
        header.extend_from_slice(&time.to_be_bytes());
    }
    header
}

fn type3(csid: u8) -> Vec<u8> {
    vec![3 << 6 | csid]
}

fn set_chunk_size(size: u32) -> Vec<u8> {
    [
        type0(2, 0, 4, message_type::SET_CHUNK_SIZE),
        size.to_be_bytes().to_vec(),
    ]
    .concat()
}

#[test]
fn chunk_stream_ids_have_three_forms() {
    let header = &type0(0, 7, 1, VIDEO)[1..];
    for basic in [&[2][..], &[63], &[0, 0], &[0, 255], &[1, 0, 0], &[1, 255, 255]] {
        check(&[basic, header, b"x"].concat(), &[(7, b"x")]);
    }
}

#[test]
fn the_two_and_three_byte_forms_name_the_same_chunk_stream() {
    let bytes = [&[0, 36][..], &type0(0, 7, 1, VIDEO)[1..], b"x", &[0xc1, 36, 0], b"y"].concat();
    check(&bytes, &[(7, b"x"), (14, b"y")]);
}

#[test]
fn type_3_that_begins_a_message_applies_the_delta_again() {
    let bytes = [
        type0(4, 1000, 1, VIDEO),
        b"a".to_vec(),
        type1(4, 40, 1, VIDEO),
        b"b".to_vec(),
        type3(4),
        b"c".to_vec(),
        type2(4, 20),
        b"d".to_vec(),
        type3(4),
        b"e".to_vec(),
        type3(4),
        b"f".to_vec(),
    ]
    .concat();
    check(
        &bytes,
        &[
            (1000, b"a"),
            (1040, b"b"),
            (1080, b"c"),
            (1100, b"d"),
            (1120, b"e"),
            (1140, b"f"),
        ],
    );
}

#[test]
fn type_3_after_type_0_takes_its_timestamp_for_the_delta() {
    let bytes = [type0(4, 23, 1, VIDEO), b"a".to_vec(), type3(4), b"b".to_vec()].concat();
    check(&bytes, &[(23, b"a"), (46, b"b")]);
}

#[test]
fn timestamps_wrap() {
    let bytes = [
        type0(4, u32::MAX - 9, 1, VIDEO),
        b"a".to_vec(),
        type2(4, 30),
        b"b".to_vec(),
    ]
    .concat();
    check(&bytes, &[(u32::MAX - 9, b"a"), (20, b"b")]);
}

#[test]
fn extended_timestamps_are_repeated_or_not() {
    let payload: Vec<u8> = (0..=255).chain(0..=44).collect();
    for time in [0xff_ffff_u32, 0x0100_0000, 0x7fff_ffff, 0xffff_ffff] {
        for repeated in [&time.to_be_bytes()[..], &[]] {
            let mut bytes = Vec::new();
            for _ in 0..2 {
                bytes.extend(type0(4, time, payload.len() as u32, VIDEO));
                for (index, chunk) in payload.chunks(128).enumerate() {
                    if index > 0 {
                        bytes.extend(type3(4));
                        bytes.extend_from_slice(repeated);
                    }
                    bytes.extend_from_slice(chunk);
                }
            }
            check(&bytes, &[(time, &payload), (time, &payload)]);
        }
    }
}

#[test]
fn extended_deltas_are_repeated_as_delta_or_as_timestamp_or_not() {
    let delta = 0x0100_0000_u32;
    let payload = [9; 130];
    for repeated in [&delta.to_be_bytes()[..], &(delta + 5).to_be_bytes(), &[]] {
        let mut bytes = [type0(4, 5, 1, VIDEO), b"a".to_vec(), type1(4, delta, 130, VIDEO)].concat();
        bytes.extend_from_slice(&payload[..128]);
        bytes.extend(type3(4));
        bytes.extend_from_slice(repeated);
        bytes.extend_from_slice(&payload[128..]);
        check(&bytes, &[(5, b"a"), (delta + 5, &payload)]);
    }
}

#[test]
fn a_type_3_that_begins_a_message_may_repeat_the_extended_delta() {
    let delta = 0x0100_0000_u32;
    for repeated in [&delta.to_be_bytes()[..], &[]] {
        let mut bytes = [
            type0(4, 0, 1, VIDEO),
            b"a".to_vec(),
            type2(4, delta),
            b"b".to_vec(),
            type3(4),
        ]
        .concat();
        bytes.extend_from_slice(repeated);
        bytes.extend_from_slice(b"c");
        check(&bytes, &[(0, b"a"), (delta, b"b"), (2 * delta, b"c")]);
    }
}

#[test]
fn payload_that_begins_like_the_extended_timestamp_is_not_taken_for_it() {
    // Chunks of one byte: what was read ahead to compare holds whole chunks.
    let time = 0x0100_0000_u32;
    let payload = [8, 1, 0, 0, 5, 1, 0];
    let mut bytes = [set_chunk_size(1), type0(4, time, payload.len() as u32, VIDEO)].concat();
    for (index, byte) in payload.iter().enumerate() {
        if index > 0 {
            bytes.extend(type3(4));
        }
        bytes.push(*byte);
    }
    check(&bytes, &[(time, &payload)]);
}

#[test]
fn audio_interleaved_inside_a_video_message_comes_out_first() {
    let video = [7; 300];
    let mut bytes = [
        type0(6, 40, 300, VIDEO),
        video[..128].to_vec(),
        type0(4, 30, 3, AUDIO),
        b"aac".to_vec(),
    ]
    .concat();
    bytes.extend(
        [
            type3(6),
            video[128..256].to_vec(),
            type3(4),
            b"AAC".to_vec(),
            type3(6),
            vec![7; 44],
        ]
        .concat(),
    );
    let expected = [
        (30, AUDIO, 1, Some(b"aac".to_vec())),
        (60, AUDIO, 1, Some(b"AAC".to_vec())),
        (40, VIDEO, 1, Some(video.to_vec())),
    ];
    check_outcome(&bytes, &expected, None);
}

#[test]
fn another_header_inside_a_message_is_an_error_with_its_position() {
    let begun = [type0(4, 0, 200, VIDEO), vec![7; 128]].concat();
    let at = begun.len() as u64;
    for (header, length) in [
        (type0(4, 0, 201, VIDEO), 201),
        (type1(4, 0, 10, VIDEO), 10),
        (type0(4, 0, 200, AUDIO), 200),
    ] {
        let error = Error::HeaderInsideMessage {
            csid: 4,
            length,
            expected: 200,
            at,
        };
        check_outcome(&[begun.clone(), header].concat(), &[], Some(error));
    }
}

#[test]
fn the_same_header_inside_a_message_continues_it() {
    for header in [type0(4, 9, 200, VIDEO), type1(4, 9, 200, VIDEO), type2(4, 9)] {
        let bytes = [type0(4, 5, 200, VIDEO), vec![7; 128], header, vec![7; 72]].concat();
        check(&bytes, &[(5, &[7; 200])]);
    }
}

#[test]
fn refuses_a_type_2_or_3_header_without_previous() {
    for (header, fmt) in [(type2(9, 0), 2), (type3(9), 3)] {
        let bytes = [type0(4, 0, 1, VIDEO), b"a".to_vec(), header].concat();
        let error = Error::HeaderWithoutPrevious { csid: 9, fmt, at: 13 };
        check_outcome(&bytes, &[(0, VIDEO, 1, Some(b"a".to_vec()))], Some(error));
    }
}

#[test]
fn a_type_1_header_may_come_first_as_with_librtmp() {
    let bytes = [type1(2, 0, 4, message_type::ACKNOWLEDGEMENT), vec![0; 4]].concat();
    check_outcome(&bytes, &[(0, message_type::ACKNOWLEDGEMENT, 0, Some(vec![0; 4]))], None);
}

#[test]
fn chunk_size_is_within_1_and_the_limit() {
    for size in [1, 2, 127, 65_536, 16 << 20, 0x7fff_ffff] {
        let payload: Vec<u8> = (0..200).collect();
        let mut bytes = [set_chunk_size(size), type0(4, 0, 200, VIDEO)].concat();
        for (index, chunk) in payload.chunks(size as usize).enumerate() {
            if index > 0 {
                bytes.extend(type3(4));
            }
            bytes.extend_from_slice(chunk);
        }
        check(&bytes, &[(0, &payload)]);
    }
    for size in [0, 0x8000_0000, 0x8000_0080, u32::MAX] {
        let error = Error::ChunkSize {
            size,
            limit: 16 << 20,
            at: 16,
        };
        check_outcome(&set_chunk_size(size), &[], Some(error));
    }
}

#[test]
fn chunk_size_may_change_inside_a_message() {
    let bytes = [
        type0(4, 0, 300, VIDEO),
        vec![7; 128],
        set_chunk_size(1000),
        type3(4),
        vec![7; 172],
    ]
    .concat();
    check(&bytes, &[(0, &[7; 300])]);
}

#[test]
fn an_aborted_message_is_forgotten() {
    let abort = |csid| [type0(2, 0, 4, message_type::ABORT), vec![0, 0, 0, csid]].concat();
    let begun = [type0(4, 0, 200, VIDEO), vec![7; 128]].concat();
    check(
        &[begun.clone(), abort(4), type0(4, 9, 1, VIDEO), b"a".to_vec()].concat(),
        &[(9, b"a")],
    );
    check(&[begun, abort(5), type3(4), vec![7; 72]].concat(), &[(0, &[7; 200])]);
}

#[test]
fn empty_messages_are_messages() {
    check(&[type0(4, 5, 0, VIDEO), type2(4, 3)].concat(), &[(5, b""), (8, b"")]);
}

#[test]
fn chunk_streams_are_limited() {
    let message = |csid: usize| {
        [
            type0(0, 5, 1, VIDEO)[..1].to_vec(),
            vec![csid as u8],
            type0(0, 5, 1, VIDEO)[1..].to_vec(),
            b"a".to_vec(),
        ]
        .concat()
    };
    let bytes: Vec<u8> = (0..64).flat_map(message).collect();
    let expected: Vec<Read> = vec![(5, VIDEO, 1, Some(b"a".to_vec())); 64];
    check_outcome(&bytes, &expected, None);
    let more = [bytes.clone(), message(64)].concat();
    check_outcome(
        &more,
        &expected,
        Some(Error::ChunkStreams {
            csid: 128,
            limit: 64,
            at: bytes.len() as u64,
        }),
    );
}

#[test]
fn message_length_is_limited() {
    let limit = 8 << 20;
    let mut decoder = decoder();
    let mut bytes = [set_chunk_size(16 << 20), type0(4, 0, limit, VIDEO)].concat();
    bytes.resize(bytes.len() + limit as usize, 7);
    let (messages, error) = read(&mut decoder, bytes.chunks(1 << 20));
    assert_eq!((messages.len(), error), (1, None));
    let (messages, error) = read(&mut decoder, [&type0(5, 0, limit + 1, VIDEO)[..]]);
    assert!(messages.is_empty());
    let at = bytes.len() as u64;
    assert_eq!(
        error,
        Some(Error::MessageTooLong {
            csid: 5,
            length: limit + 1,
            limit,
            at
        })
    );
}

#[test]
fn memory_follows_what_has_come_and_not_what_is_announced() {
    let mut decoder = decoder();
    for csid in 3..63 {
        let bytes = [type0(csid, 0, 8 << 20, VIDEO), vec![7; 128]].concat();
        assert_eq!(read(&mut decoder, [&bytes[..]]), (vec![], None));
    }
    assert!(decoder.footprint() < 60 * 256 + 64 * 96, "{}", decoder.footprint());
}

#[test]
fn an_idle_connection_holds_little_after_a_huge_message() {
    let mut decoder = decoder();
    let mut bytes = [set_chunk_size(60_000), type0(4, 0, 4 << 20, VIDEO)].concat();
    for index in 0..(4 << 20) / 60_000 + 1 {
        if index > 0 {
            bytes.extend(type3(4));
        }
        bytes.resize(bytes.len() + 60_000.min((4 << 20) - index * 60_000), 7);
    }
    let (messages, error) = read(&mut decoder, bytes.chunks(1460));
    assert_eq!((messages.len(), error), (1, None));
    assert!(decoder.footprint() <= SPARE_BYTES_MAX + 1024, "{}", decoder.footprint());
}

#[test]
fn unfinished_messages_together_are_limited() {
    let limit = Limits::default().before_publish_bytes_max;
    for (length, fits) in [(limit, true), (limit + 1, false)] {
        let mut decoder = Decoder::new(Limits::default(), 0);
        let header = [
            set_chunk_size(1 << 20),
            type0(3, 0, length as u32, message_type::COMMAND_AMF0),
        ]
        .concat();
        let bytes = [header.clone(), vec![7; length]].concat();
        for step in [1, 1000] {
            let (messages, error) = read(&mut Decoder::new(Limits::default(), 0), bytes.chunks(step));
            assert_eq!(
                (messages.len() == 1, error.is_none()),
                (fits, fits),
                "{length} in steps of {step}"
            );
        }
        let many: Vec<u8> = (0..40)
            .flat_map(|csid| [type0(3 + csid, 0, 100_000, message_type::COMMAND_AMF0), vec![7; 4000]].concat())
            .collect();
        let (_, error) = read(&mut decoder, [&set_chunk_size(4000)[..], &many]);
        assert!(
            matches!(error, Some(Error::Assembly { limit: 65_536, .. })),
            "{error:?}"
        );
        assert!(decoder.footprint() < limit + 64 * 96);
    }
}

#[test]
fn media_is_counted_through_until_it_is_wanted() {
    let mut decoder = Decoder::new(Limits::default(), 0);
    let bytes = [type0(4, 0, 8 << 20, VIDEO), vec![7; 128]].concat();
    assert_eq!(read(&mut decoder, [&bytes[..]]), (vec![], None));
    assert!(decoder.footprint() < 1024);
    let bytes = [type0(5, 3, 200, VIDEO), vec![7; 128]].concat();
    assert_eq!(read(&mut decoder, [&bytes[..]]), (vec![], None));
    decoder.admit(Admission::Media);
    let bytes = [type3(5), vec![7; 72], type3(5), vec![7; 128], type3(5), vec![7; 72]].concat();
    let (messages, _) = read(&mut decoder, [&bytes[..]]);
    assert_eq!(messages, [(3, VIDEO, 1, None), (6, VIDEO, 1, Some(vec![7; 200]))]);
}

#[test]
fn an_unfinished_video_message_is_let_go_when_media_is_wanted_no_more() {
    let mut decoder = decoder();
    let begun = [set_chunk_size(1 << 20), type0(4, 0, 200_000, VIDEO), vec![7; 100_000]].concat();
    assert_eq!(read(&mut decoder, [&begun[..]]), (vec![], None));
    decoder.admit(Admission::Commands);
    assert!(decoder.footprint() < 1024);
    assert_eq!(
        read(&mut decoder, [&vec![7; 100_000][..]]),
        (vec![(0, VIDEO, 1, None)], None)
    );
}

#[test]
fn a_message_whole_in_the_input_is_not_copied() {
    let bytes = [type0(4, 0, 100, VIDEO), vec![7; 100]].concat();
    let mut decoder = decoder();
    let mut input = &bytes[..];
    let message = decoder.next_message(&mut input).unwrap().unwrap();
    assert!(matches!(message.payload, Payload::Input(payload) if payload.as_ptr() == bytes[12..].as_ptr()));
    assert_eq!(decoder.footprint() / 1024, 0);
}

/// One message for the property tests.
fn message() -> impl Strategy<Value = (u8, u32, u8, Vec<u8>)> {
    let time = prop_oneof![0..5000_u32, 0xff_fff0..0x0100_0010_u32, any::<u32>()];
    let payload = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..10),
        proptest::collection::vec(any::<u8>(), 120..400)
    ];
    (3..8_u8, time, prop_oneof![Just(AUDIO), Just(VIDEO)], payload)
}

proptest! {
    #[test]
    fn what_the_encoder_writes_is_read_again_at_any_split(
        messages in proptest::collection::vec(message(), 1..20),
        chunk_bytes in prop_oneof![1..4_u32, 1..500_u32],
        step in 1..300_usize,
    ) {
        let mut encoder = Encoder::new();
        let mut bytes = BytesMut::new();
        let payload = &chunk_bytes.to_be_bytes();
        let type_id = message_type::SET_CHUNK_SIZE;
        encoder.write(Outgoing { csid: 2, type_id, stream_id: 0, timestamp_ms: 0, payload }, &mut bytes);
        encoder.set_chunk_bytes(chunk_bytes as usize);
        for (csid, timestamp_ms, type_id, payload) in &messages {
            let (csid, timestamp_ms, type_id) = (*csid, *timestamp_ms, *type_id);
            encoder.write(Outgoing { csid, type_id, stream_id: 1, timestamp_ms, payload }, &mut bytes);
        }
        let expected: Vec<Read> = messages
            .into_iter()
            .map(|(_, timestamp_ms, type_id, payload)| (timestamp_ms, type_id, 1, Some(payload)))
            .collect();
        prop_assert_eq!(read(&mut decoder(), bytes.chunks(step)), (expected, None));
    }

    #[test]
    fn any_bytes_give_the_same_at_any_split(bytes: Vec<u8>, step in 1..40_usize) {
        let whole = read(&mut decoder(), [&bytes[..]]);
        let mut decoder = decoder();
        prop_assert_eq!(read(&mut decoder, bytes.chunks(step)), whole);
        prop_assert!(decoder.footprint() <= 4 * bytes.len() + 64 * 96);
    }
}
