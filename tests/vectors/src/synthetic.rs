//! Media made up unit by unit, which no decoder is asked to decode: each slice and each frame tells its number.

use crate::media::Tag;

/// Pictures of 640x360 at 25 a second, Baseline.
pub(crate) const SPS_360: &str = "6742c01ed900a02ff97011000003000100000300320f162e48";
pub(crate) const PPS_360: &str = "68cb83cb20";
/// Pictures of 1920x1080 at 30000/1001 a second, High.
pub(crate) const SPS_1080: &str = "67640028acd940780227e5c04400000fa40003a9803c60c658";
pub(crate) const PPS_1080: &str = "68ebe3cb22c0";
/// Pictures of 64x36 at 25 a second, High 4:2:2.
pub(crate) const SPS_422: &str = "677a000abcd9447f8dc044000003000400000300c83c489658";
pub(crate) const PPS_422: &str = "68ebe3cb22c0";

/// An access unit delimiter.
pub(crate) const DELIMITER: &[u8] = &[0x09, 0xF0];
/// Filler data.
pub(crate) const FILLER: &[u8] = &[0x0C, 0xFF, 0xFF, 0x80];

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A sequence header, for NAL units behind lengths of so many bytes.
pub(crate) fn video_header(timestamp_ms: u32, sps: &str, pps: &str, length_bytes: u8) -> Tag {
    let (sps, pps) = (unhex(sps), unhex(pps));
    let mut payload = vec![0x17, 0, 0, 0, 0, 1];
    payload.extend_from_slice(&sps[1..4]);
    payload.extend_from_slice(&[0xFC | (length_bytes - 1), 0xE1]);
    payload.extend_from_slice(&behind_lengths(&[&sps], 2));
    payload.push(1);
    payload.extend_from_slice(&behind_lengths(&[&pps], 2));
    Tag {
        kind: 9,
        timestamp_ms,
        payload,
    }
}

/// A picture of these units, each behind a length of so many bytes.
pub(crate) fn picture(timestamp_ms: u32, composition_ms: i32, units: &[&[u8]], length_bytes: usize) -> Tag {
    let is_idr = units.iter().any(|unit| unit[0] & 0x1F == 5);
    let [_, high, middle, low] = composition_ms.to_be_bytes();
    let head = [if is_idr { 0x17 } else { 0x27 }, 1, high, middle, low];
    Tag {
        kind: 9,
        timestamp_ms,
        payload: [&head[..], &behind_lengths(units, length_bytes)].concat(),
    }
}

/// A slice of a picture: IDR, or of one that nothing is predicted from.
pub(crate) fn slice(number: u32, is_idr: bool) -> Vec<u8> {
    let head = if is_idr { [0x65, 0x88, 0x84] } else { [0x41, 0x9A, 0x24] };
    [&head[..], &digits(number), &[0x80]].concat()
}

/// The AudioSpecificConfig in a sequence header.
pub(crate) fn audio_header(timestamp_ms: u32, config: &[u8]) -> Tag {
    Tag {
        kind: 8,
        timestamp_ms,
        payload: [&[0xAF, 0], config].concat(),
    }
}

/// A raw AAC frame.
pub(crate) fn frame(timestamp_ms: u32, number: u32) -> Tag {
    Tag {
        kind: 8,
        timestamp_ms,
        payload: [&[0xAF, 1, 0x21][..], &digits(number)].concat(),
    }
}

/// AAC-LC, stereo.
pub(crate) const LC_48000: &[u8] = &[0x11, 0x90];
pub(crate) const LC_44100: &[u8] = &[0x12, 0x10];

/// The sequence header and pictures of 640x360 at these times, IDR ones where `is_idr` says so.
pub(crate) fn pictures(times_ms: impl IntoIterator<Item = u32>, is_idr: impl Fn(u32) -> bool) -> Vec<Tag> {
    let picture = |(number, ms): (usize, u32)| picture(ms, 0, &[&slice(number as u32, is_idr(ms))], 4);
    let mut tags = vec![video_header(0, SPS_360, PPS_360, 4)];
    tags.extend(times_ms.into_iter().enumerate().map(picture));
    tags
}

/// The sequence header and frames of AAC-LC at 48 kHz that begin within these times.
pub(crate) fn frames(times_ms: std::ops::Range<u32>) -> Vec<Tag> {
    let begins = |number: &u32| number * 1024 / 48;
    let numbers = (0..).skip_while(|number| begins(number) < times_ms.start);
    let numbers = numbers.take_while(|number| begins(number) < times_ms.end);
    let mut tags = vec![audio_header(times_ms.start, LC_48000)];
    tags.extend(numbers.map(|number| frame(begins(&number), number)));
    tags
}

/// Both tracks in the order of their times, video first.
pub(crate) fn interleaved(video: Vec<Tag>, audio: Vec<Tag>) -> Vec<Tag> {
    let mut tags = [video, audio].concat();
    tags.sort_by_key(|tag| tag.timestamp_ms);
    tags
}

/// The same media by another clock.
pub(crate) fn stamped(tags: Vec<Tag>, stamp: impl Fn(&Tag) -> u32) -> Vec<Tag> {
    let stamped = |tag: Tag| Tag {
        timestamp_ms: stamp(&tag),
        ..tag
    };
    tags.into_iter().map(stamped).collect()
}

fn behind_lengths(units: &[&[u8]], length_bytes: usize) -> Vec<u8> {
    let behind = |unit: &&[u8]| [&(unit.len() as u32).to_be_bytes()[4 - length_bytes..], *unit].concat();
    units.iter().flat_map(behind).collect()
}

/// 28 bits in bytes that are never zero, so that they are no start code.
fn digits(number: u32) -> [u8; 4] {
    std::array::from_fn(|at| 0x80 | (number >> (7 * at)) as u8 & 0x7F)
}
