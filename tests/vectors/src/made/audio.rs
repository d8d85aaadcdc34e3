//! AAC as encoders configure and pack it.

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::Recorded;

use super::Vector;
use crate::media::{self, Tag};
use crate::script::{Script, text};
use crate::synthetic::{LC_44100, LC_48000, audio_header, frame, frames, interleaved, pictures};

pub(super) fn all() -> Vec<Vector> {
    vec![
        ("aac-of-every-rate", every_rate()),
        ("aac-of-every-channel-layout", every_channel_layout()),
        ("he-aac-in-every-signalling", every_signalling()),
        ("another-audio-configuration", another_configuration()),
        ("adts-inside-flv", adts()),
        ("video-only", video_only()),
        ("announced-audio-that-never-comes", announced_audio_that_never_comes()),
        ("audio-that-starts-10-s-late", late_audio()),
    ]
}

fn vector(tags: &[Tag], shows: &str) -> Capture {
    let mut script = Script::publishing();
    script.set_chunk_bytes(4096).media(tags);
    script.shows(shows, Recorded)
}

/// The rates that have an index, Hz, and one that has none.
const RATES: [u32; 14] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350, 44_000,
];

fn every_rate() -> Capture {
    let config = |(index, &rate): (usize, &u32)| match index {
        13 => (rate, packed(&[(2, 5), (15, 4), (rate, 24), (2, 4), (0, 3)])),
        _ => (rate, packed(&[(2, 5), (index as u32, 4), (2, 4), (0, 3)])),
    };
    let configs: Vec<_> = RATES.iter().enumerate().map(config).collect();
    vector(
        &configured_anew(&configs),
        "AAC-LC at each of the thirteen rates and an escaped one, two seconds each",
    )
}

fn every_channel_layout() -> Capture {
    let config = |layout| (48_000, packed(&[(2, 5), (3, 4), (layout, 4), (0, 3)]));
    let configs: Vec<_> = (1..=7).map(config).collect();
    vector(&configured_anew(&configs), "AAC-LC from mono to 7.1, two seconds each")
}

/// The core's rate is 24 kHz, whatever comes out of the decoder.
fn every_signalling() -> Capture {
    const SBR: (u32, usize) = (5, 5);
    const PARAMETRIC_STEREO: (u32, usize) = (29, 5);
    let (core, sync, ps_sync) = ([(2, 5), (6, 4), (1, 4), (0, 3)], (0x2B7, 11), (0x548, 11));
    let with = |tail: &[(u32, usize)]| (24_000, packed(&[&core[..], tail].concat()));
    let explicit = |kind| (24_000, packed(&[kind, (6, 4), (1, 4), (3, 4), (2, 5), (0, 3)]));
    let configs = [
        with(&[]),
        with(&[sync, SBR, (1, 1), (3, 4)]),
        with(&[sync, SBR, (1, 1), (3, 4), ps_sync, (1, 1)]),
        explicit(SBR),
        explicit(PARAMETRIC_STEREO),
    ];
    vector(
        &configured_anew(&configs),
        "HE-AAC v1 and v2: not signalled, by the backward compatible extension, by the object type; two seconds each",
    )
}

/// Two seconds of each configuration, of which each begins right before a keyframe.
fn configured_anew(configs: &[(u32, Vec<u8>)]) -> Vec<Tag> {
    let until_ms = configs.len() as u32 * 2_000;
    let video = pictures((0..until_ms).step_by(200), |ms| ms % 2_000 == 0);
    let (mut audio, mut number) = (Vec::new(), 0);
    for (index, (rate, config)) in configs.iter().enumerate() {
        let from_ms = index as u32 * 2_000;
        // Before the keyframe, with which the new segment begins, and the frames behind it.
        audio.push(audio_header(from_ms.saturating_sub(1), config));
        for count in 0..2 * rate / 1_024 {
            audio.push(frame(from_ms + 1 + count * 1_024_000 / rate, number));
            number += 1;
        }
    }
    interleaved(video, audio)
}

fn another_configuration() -> Capture {
    let video = pictures((0..6_000).step_by(40), |ms| ms % 2_000 == 0);
    let mut audio = vec![audio_header(0, LC_48000)];
    audio.extend((0..140).map(|number| frame(number * 1_024 / 48, number)));
    // A second before the next keyframe.
    audio.push(audio_header(3_000, LC_44100));
    audio.extend((0..129).map(|number| frame(3_000 + number * 10_240 / 441, 140 + number)));
    vector(
        &interleaved(video, audio),
        "the audio's rate changes between two keyframes",
    )
}

fn adts() -> Capture {
    let mut tags = media::first(2.0);
    for tag in tags.iter_mut().filter(|tag| tag.kind == 8 && tag.payload[1] == 1) {
        let length = tag.payload.len() - 2 + 7;
        // LC, 44,100 Hz, mono, as the media's sequence header says.
        let header = [
            0xFF,
            0xF1,
            0x50,
            0x40 | (length >> 11) as u8,
            (length >> 3) as u8,
            (length as u8 & 7) << 5 | 0x1F,
            0xFC,
        ];
        tag.payload.splice(2..2, header);
    }
    vector(&tags, "each AAC frame stands behind an ADTS header of its own")
}

fn video_only() -> Capture {
    vector(
        &pictures((0..5_000).step_by(40), |ms| ms % 1_000 == 0),
        "there is no audio",
    )
}

fn announced_audio_that_never_comes() -> Capture {
    let mut script = with_audio_announced();
    script.media(&pictures((0..8_000).step_by(40), |ms| ms % 1_000 == 0));
    script.shows("onMetaData announces audio that never comes", Recorded)
}

fn late_audio() -> Capture {
    let video = pictures((0..15_000).step_by(40), |ms| ms % 1_000 == 0);
    let mut script = with_audio_announced();
    script.media(&interleaved(video, frames(10_000..15_000)));
    script.shows("audio starts ten seconds after the video", Recorded)
}

fn with_audio_announced() -> Script {
    let pairs = [("videocodecid", 7.0), ("audiocodecid", 10.0)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), Value::Number(value)));
    let mut script = Script::publishing();
    script
        .data(&[
            text("@setDataFrame"),
            text("onMetaData"),
            Value::EcmaArray(pairs.into()),
        ])
        .set_chunk_bytes(4096);
    script
}

/// Fields of so many bits, most significant first.
fn packed(fields: &[(u32, usize)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut filled = 0;
    for &(value, bits) in fields {
        for bit in (0..bits).rev() {
            if filled % 8 == 0 {
                bytes.push(0);
            }
            let last = bytes.len() - 1;
            bytes[last] |= ((value >> bit & 1) as u8) << (7 - filled % 8);
            filled += 1;
        }
    }
    bytes
}
