//! Chunks as other encoders cut them, and as broken ones do.

use alluvium_rtmp::capture::Expectation::{Error, Recorded};
use alluvium_rtmp::capture::{Capture, Expectation};

use super::Vector;
use crate::media::{self, Tag};
use crate::script::{Script, at};

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("type-3-begins-a-message", type_3_begins_a_message()),
        ("length-changes-inside-a-message", length_changes_inside_a_message()),
        ("audio-inside-a-video-message", audio_inside_a_video_message()),
        ("extended-timestamps-not-repeated", extended_timestamps_not_repeated()),
        ("chunks-of-one-byte", chunks_of(1, Recorded)),
        ("chunks-of-2147483647-bytes", chunks_of(0x7fff_ffff, Recorded)),
        ("chunks-of-no-bytes", chunks_of(0, Error)),
        ("bytes-lost", bytes_lost()),
        ("unknown-message-types", unknown_message_types()),
        ("window-of-no-bytes", window_of_no_bytes()),
    ]
}

/// librtmp does so for audio frames of one length at one distance.
fn type_3_begins_a_message() -> Capture {
    let tags = media::first(1.0);
    let is_frame = |tag: &&Tag| tag.kind == 9 && tag.payload[1] == 1;
    let mut script = Script::publishing();
    script.set_chunk_bytes(4096);
    script.media(tags.iter().filter(|tag| tag.payload[1] == 0));
    let mut frames: Vec<Tag> = tags.iter().filter(is_frame).cloned().collect();
    // One length, so that nothing but the time differs: filler NAL units make up for the rest.
    let length = frames.iter().map(|tag| tag.payload.len()).max().unwrap_or_default() + FILLER_BYTES_MIN;
    for tag in &mut frames {
        fill_up(&mut tag.payload, length);
    }
    for (index, tag) in frames.iter().enumerate() {
        let header = at(6, 9, 1, tag.timestamp_ms);
        match index {
            0 => script.begin(header, length),
            1 => script.begin_after(header, tag.timestamp_ms - frames[0].timestamp_ms, length),
            _ => script.go_on(6),
        };
        script.raw(&tag.payload);
    }
    script.shows(
        "type 3 headers begin messages: the delta before is applied again",
        Recorded,
    )
}

/// A filler NAL unit's length, type and end.
const FILLER_BYTES_MIN: usize = 4 + 2;

fn fill_up(payload: &mut Vec<u8>, length: usize) {
    let filler = length - payload.len() - 4;
    payload.extend_from_slice(&(filler as u32).to_be_bytes());
    payload.push(12);
    payload.resize(length - 1, 0xff);
    payload.push(0x80);
}

fn length_changes_inside_a_message() -> Capture {
    let mut script = Script::publishing();
    script.media(&media::first(0.2));
    script.begin(at(6, 9, 1, 200), 1000).raw(&[0x27; 128]);
    script.begin(at(6, 9, 1, 240), 900).raw(&[0x27; 128]);
    script.shows("a header announces another message while one is unfinished", Error)
}

/// Some hardware encoders do so, on chunk streams of their own.
fn audio_inside_a_video_message() -> Capture {
    let tags = media::first(1.0);
    let is_picture = |tag: &Tag| tag.kind == 9 && tag.payload[1] == 1;
    let mut script = Script::publishing();
    let mut rest = &tags[..];
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        let length = tag.payload.len();
        if !is_picture(tag) || length <= CHUNK_BYTES {
            script.media([tag]);
            continue;
        }
        let mut chunks = tag.payload.chunks(CHUNK_BYTES);
        script.begin(at(6, tag.kind, 1, tag.timestamp_ms), length);
        script.raw(chunks.next().unwrap_or_default());
        // All audio up to the next picture, between the first chunk and the second.
        let audio = rest.iter().take_while(|tag| tag.kind == 8).count();
        script.media(&rest[..audio]);
        rest = &rest[audio..];
        for chunk in chunks {
            script.go_on(6).raw(chunk);
        }
    }
    script.shows("audio messages between the chunks of video messages", Recorded)
}

const CHUNK_BYTES: usize = 128;

/// The other reading of the specification (5.3.1.3), as Flash Media Live Encoder and some hardware have it.
fn extended_timestamps_not_repeated() -> Capture {
    let mut script = Script::publishing();
    for tag in media::first(1.0) {
        let timestamp_ms = tag.timestamp_ms + 0xff_ffff - 500;
        let csid = if tag.kind == 9 { 6 } else { 4 };
        script.begin(at(csid, tag.kind, 1, timestamp_ms), tag.payload.len());
        for (index, chunk) in tag.payload.chunks(CHUNK_BYTES).enumerate() {
            if index > 0 {
                script.go_on(csid);
            }
            script.raw(chunk);
        }
    }
    script.shows(
        "a clock that passes 16777215 ms, and type 3 headers that do not repeat it",
        Recorded,
    )
}

fn chunks_of(size: u32, expects: Expectation) -> Capture {
    let mut script = Script::publishing();
    script.media(&media::first(0.2));
    script.set_chunk_bytes(size);
    if size > 0 {
        let tags = media::first(1.0);
        let sent = media::first(0.2).len();
        script.media(&tags[sent..]);
    }
    script.shows(&format!("a chunk size of {size} bytes"), expects)
}

fn bytes_lost() -> Capture {
    let mut script = Script::publishing();
    let tags = media::first(1.0);
    let whole = tags.len() / 2;
    script.media(&tags[..whole]);
    let tag = &tags[whole];
    script.begin(at(6, 9, 1, tag.timestamp_ms), 1000).raw(&[0x27; 100]);
    script.media(&tags[whole..]);
    script.shows(
        "bytes are lost inside a message, so that nothing after it is where it should be",
        Error,
    )
}

fn unknown_message_types() -> Capture {
    let mut script = Script::publishing();
    let tags = media::first(1.0);
    for (index, tag) in tags.iter().enumerate() {
        script.media([tag]);
        if let Some(&kind) = [7, 16, 19, 23, 255].get(index) {
            script.message(at(5, kind, 1, tag.timestamp_ms), &[kind; 3]);
        }
    }
    script.shows(
        "messages of types that nothing defines, shared objects among them",
        Recorded,
    )
}

fn window_of_no_bytes() -> Capture {
    let mut script = Script::publishing();
    script.message(at(2, 5, 0, 0), &[0; 4]);
    script.message(at(2, 6, 0, 0), &[0; 5]);
    script.media(&media::first(1.0));
    script.shows("a window of 0 bytes, and a bandwidth of 0", Recorded)
}
