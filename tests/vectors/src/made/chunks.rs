//! Chunks as other encoders cut them, and as broken ones do.

use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::{Error, Recorded};

use super::Vector;
use crate::media::{self, Tag};
use crate::script::{Script, at};

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("type-3-begins-a-message", type_3_begins_a_message()),
        ("length-changes-inside-a-message", length_changes_inside_a_message()),
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
