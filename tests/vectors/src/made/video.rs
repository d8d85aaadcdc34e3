//! H.264 as encoders pack it.

use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::Recorded;

use super::Vector;
use crate::media::{self, Tag};
use crate::script::Script;
use crate::synthetic::{
    DELIMITER, FILLER, PPS_360, PPS_422, PPS_1080, SPS_360, SPS_422, SPS_1080, frames, interleaved, picture, pictures,
    slice, unhex, video_header,
};

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("nal-lengths-of-one-byte", nal_lengths_of_one_byte()),
        ("nal-lengths-of-two-bytes", nal_lengths_of_two_bytes()),
        ("annex-b-inside-flv", annex_b()),
        ("delimiters-in-any-place", delimiters()),
        ("several-slices-sei-and-filler", slices_sei_and_filler()),
        ("open-gop", open_gop()),
        ("negative-composition-times", negative_composition_times()),
        ("keyframes-irregular", keyframes_irregular()),
        ("keyframes-8.3-s-apart", keyframes_apart(8_300, 25_000)),
        ("keyframes-25-s-apart", keyframes_apart(25_000, 60_000)),
        ("no-keyframe-after-the-first", no_keyframe_after_the_first()),
        ("another-size-by-a-new-sequence-header", another_size(Sets::Header)),
        ("another-size-by-sets-in-band", another_size(Sets::InBand)),
        ("another-frame-rate", another_frame_rate()),
        ("high-4-2-2", high_422()),
    ]
}

fn vector(tags: &[Tag], shows: &str) -> Capture {
    let mut script = Script::publishing();
    script.set_chunk_bytes(4096).media(tags);
    script.shows(shows, Recorded)
}

fn nal_lengths_of_one_byte() -> Capture {
    let mut tags = vec![video_header(0, SPS_360, PPS_360, 1)];
    tags.extend((0..50).map(|number| picture(number * 40, 0, &[FILLER, &slice(number, number % 25 == 0)], 1)));
    vector(&tags, "NAL units stand behind lengths of one byte")
}

fn nal_lengths_of_two_bytes() -> Capture {
    let mut tags = media::first(2.0);
    for tag in tags.iter_mut().filter(|tag| tag.kind == 9) {
        match tag.payload[1] {
            0 => tag.payload[9] = 0xFD,
            _ => tag.payload = repacked(&tag.payload, |unit| [&(unit.len() as u16).to_be_bytes(), unit].concat()),
        }
    }
    vector(&tags, "NAL units stand behind lengths of two bytes")
}

fn annex_b() -> Capture {
    let mut tags = media::first(2.0);
    for tag in tags.iter_mut().filter(|tag| tag.kind == 9 && tag.payload[1] == 1) {
        tag.payload = repacked(&tag.payload, |unit| [&[0, 0, 0, 1], unit].concat());
    }
    vector(&tags, "pictures are Annex B, behind a sequence header as it should be")
}

/// A picture whose units, behind lengths of four bytes so far, are written by `write`.
fn repacked(payload: &[u8], write: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let (head, units) = payload.split_at(5);
    [head.to_vec(), each_unit(units).into_iter().flat_map(write).collect()].concat()
}

fn each_unit(mut left: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while let Some((length, behind)) = left.split_first_chunk() {
        let (unit, rest) = behind.split_at(u32::from_be_bytes(*length) as usize);
        units.push(unit);
        left = rest;
    }
    units
}

fn delimiters() -> Capture {
    let mut tags = vec![video_header(0, SPS_360, PPS_360, 4)];
    for number in 0..50 {
        let slice = slice(number, number % 25 == 0);
        let units: &[&[u8]] = match number % 5 {
            0 => &[&slice],
            1 => &[DELIMITER, &slice],
            2 => &[&slice, DELIMITER],
            3 => &[DELIMITER, DELIMITER, &slice],
            _ => &[&[0x09, 0x10], &slice, &[0x09, 0x30]],
        };
        tags.push(picture(number * 40, 0, units, 4));
    }
    vector(&tags, "pictures with no, one or several delimiters, in any place")
}

fn slices_sei_and_filler() -> Capture {
    let tags = media::slices_and_delimiters();
    vector(
        &tags,
        "four slices, SEI, filler and a delimiter in each picture, parameter sets in band, sequence headers repeated",
    )
}

fn open_gop() -> Capture {
    vector(
        &media::open_gop(),
        "GOPs that begin with a recovery point, and refer to the one before",
    )
}

fn negative_composition_times() -> Capture {
    let mut tags = vec![video_header(0, SPS_360, PPS_360, 4)];
    for number in 0..50 {
        let composition_ms = [0, 80, -40, -40][number as usize % 4];
        tags.push(picture(
            number * 40,
            composition_ms,
            &[&slice(number, number % 24 == 0)],
            4,
        ));
    }
    vector(&tags, "pictures are presented before they are decoded")
}

fn keyframes_irregular() -> Capture {
    let is_idr = |ms: u32| [0, 200, 2_600, 2_800, 6_000, 11_000, 11_200].contains(&ms);
    let tags = interleaved(pictures((0..14_000).step_by(200), is_idr), frames(0..14_000));
    vector(&tags, "keyframes come 0.2 to 5 s apart")
}

fn keyframes_apart(apart_ms: u32, until_ms: u32) -> Capture {
    let tags = pictures((0..until_ms).step_by(100), |ms| ms % apart_ms == 0);
    vector(&tags, "keyframes come much further apart than FragDuration")
}

fn no_keyframe_after_the_first() -> Capture {
    let tags = pictures((0..150_000).step_by(200), |ms| ms == 0);
    vector(&tags, "no keyframe comes after the first")
}

/// How new parameter sets come.
enum Sets {
    Header,
    InBand,
}

fn another_size(sets: Sets) -> Capture {
    let mut tags = pictures((0..3_000).step_by(40), |ms| ms % 1_000 == 0);
    let large = [unhex(SPS_1080), unhex(PPS_1080)];
    if let Sets::Header = sets {
        tags.push(video_header(3_000, SPS_1080, PPS_1080, 4));
    }
    for number in 75..150 {
        let (ms, slice) = (number * 40, slice(number, number % 25 == 0));
        let units: &[&[u8]] = match (&sets, number % 25) {
            (Sets::InBand, 0) => &[&large[0], &large[1], &slice],
            _ => &[&slice],
        };
        tags.push(picture(ms, 0, units, 4));
    }
    let tags = interleaved(tags, frames(0..6_000));
    vector(&tags, "pictures of another size and profile follow in mid-stream")
}

fn another_frame_rate() -> Capture {
    let times = (0..3_000).step_by(40).chain((3_000..6_000).step_by(20));
    let tags = interleaved(pictures(times, |ms| ms % 1_000 == 0), frames(0..6_000));
    vector(&tags, "25 pictures a second become 50 in mid-stream")
}

fn high_422() -> Capture {
    let mut tags = vec![video_header(0, SPS_422, PPS_422, 4)];
    tags.extend((0..50).map(|number| picture(number * 40, 0, &[&slice(number, number % 25 == 0)], 4)));
    vector(&tags, "pictures in the High 4:2:2 profile, which few players decode")
}
