//! Real media for vectors whose oddity lies elsewhere.

use std::sync::LazyLock;

/// An FLV tag: what an RTMP media message carries.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    /// Message type, 8 or 9.
    pub(crate) kind: u8,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: Vec<u8>,
}

/// The first `seconds` of 160x90 at 25 pictures a second with B-frames, and AAC at 44,100 Hz: sequence headers first,
/// in the order that the encoder sent; two seconds at most.
pub(crate) fn first(seconds: f64) -> Vec<Tag> {
    let within = |tag: &&Tag| f64::from(tag.timestamp_ms) < seconds * 1000.0;
    ALL.iter().filter(within).cloned().collect()
}

/// Two seconds of the same, whose GOPs are open.
pub(crate) fn open_gop() -> Vec<Tag> {
    read(include_bytes!(
        "../../../crates/media/tests/vectors/ffmpeg-x264-open-gop.flv"
    ))
}

/// Two seconds with four slices, a delimiter, SEI and filler in each picture, and repeated parameter sets.
pub(crate) fn slices_and_delimiters() -> Vec<Tag> {
    read(include_bytes!(
        "../../../crates/media/tests/vectors/ffmpeg-x264-slices-aud.flv"
    ))
}

static ALL: LazyLock<Vec<Tag>> = LazyLock::new(|| read(FLV));

/// The audio and video tags of an FLV file (FLV 10.1, E.3).
fn read(file: &[u8]) -> Vec<Tag> {
    let mut left = &file[13..];
    let mut tags = Vec::new();
    while !left.is_empty() {
        let length = u32::from_be_bytes([0, left[1], left[2], left[3]]) as usize;
        if let kind @ (8 | 9) = left[0] {
            tags.push(Tag {
                kind,
                timestamp_ms: u32::from_be_bytes([left[7], left[4], left[5], left[6]]),
                payload: left[11..11 + length].to_vec(),
            });
        }
        left = &left[11 + length + 4..];
    }
    tags
}

const FLV: &[u8] = include_bytes!("../../../crates/media/tests/vectors/ffmpeg-x264-bframes.flv");
