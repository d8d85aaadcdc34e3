//! Codecs that are not recorded, and sequence headers that say nothing new.

use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::{Recorded, Refused};

use super::Vector;
use crate::media::{self, Tag};
use crate::script::Script;

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("h265-by-fourcc", h265_by_fourcc()),
        ("h265-by-codec-id", h265_by_codec_id()),
        ("unknown-fourcc", unknown_fourcc()),
        ("mp3-beside-h264", foreign_audio(0x2f, "MP3 audio beside H.264")),
        ("speex-beside-h264", foreign_audio(0xb2, "Speex audio beside H.264")),
        ("opus-beside-h264", opus_beside_h264()),
        ("empty-first-sequence-header", empty_first_sequence_header()),
        ("sequence-header-again-and-again", sequence_header_again_and_again()),
    ]
}

/// Pictures of another codec: the same bytes behind another tag header.
fn foreign_video(head: &[u8], shows: &str) -> Capture {
    let mut script = Script::publishing();
    let video = media::first(0.2).into_iter().filter(|tag| tag.kind == 9);
    let tags: Vec<Tag> = video
        .map(|tag| Tag {
            payload: [head, &tag.payload[5..]].concat(),
            ..tag
        })
        .collect();
    script.media(&tags);
    script.shows(shows, Refused("NetStream.Publish.Denied".to_owned()))
}

fn h265_by_fourcc() -> Capture {
    foreign_video(b"\x91hvc1\0\0\0", "H.265 as enhanced RTMP has it")
}

fn h265_by_codec_id() -> Capture {
    foreign_video(b"\x1c\x01\0\0\0", "H.265 under codec id 12, as some vendors have it")
}

fn unknown_fourcc() -> Capture {
    foreign_video(b"\x91zzzz\0\0\0", "a FourCC that nothing defines")
}

fn with_audio(payload: impl Fn(&Tag) -> Vec<u8>, shows: &str) -> Capture {
    let mut script = Script::publishing();
    let tags = media::first(1.0).into_iter().map(|tag| match tag.kind {
        8 => Tag {
            payload: payload(&tag),
            ..tag
        },
        _ => tag,
    });
    script.media(&tags.collect::<Vec<_>>());
    script.shows(shows, Recorded)
}

fn foreign_audio(first: u8, shows: &str) -> Capture {
    with_audio(|tag| [&[first][..], &tag.payload[2..]].concat(), shows)
}

fn opus_beside_h264() -> Capture {
    with_audio(
        |tag| [&b"\x91Opus"[..], &tag.payload[2..]].concat(),
        "Opus audio as enhanced RTMP has it",
    )
}

fn empty_first_sequence_header() -> Capture {
    let tags = media::first(1.0);
    let empty = Tag {
        payload: vec![0x17, 0, 0, 0, 0],
        ..tags[0].clone()
    };
    let mut script = Script::publishing();
    script.media([&empty]).media(&tags);
    script.shows("a first video sequence header without a record", Recorded)
}

fn sequence_header_again_and_again() -> Capture {
    let tags = media::first(1.0);
    let headers: Vec<Tag> = tags.iter().filter(|tag| tag.payload[1] == 0).cloned().collect();
    let mut script = Script::publishing();
    for tag in &tags {
        for header in headers
            .iter()
            .filter(|header| header.kind == tag.kind && tag.payload[1] == 1)
        {
            let again = Tag {
                timestamp_ms: tag.timestamp_ms,
                ..header.clone()
            };
            script.media([&again]);
        }
        script.media([tag]);
    }
    script.shows(
        "the same sequence headers before every picture and every frame",
        Recorded,
    )
}
