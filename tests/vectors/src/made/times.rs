//! The clocks of encoders.

use alluvium_rtmp::capture::Capture;
use alluvium_rtmp::capture::Expectation::Recorded;

use super::Vector;
use crate::media::Tag;
use crate::script::Script;
use crate::synthetic::{frames, interleaved, pictures, stamped};

pub(super) fn all() -> Vec<Vector> {
    let goes_back = |back: u32| move |tag: &Tag| tag.timestamp_ms - if is_picture_at(tag, 4_120) { back } else { 0 };
    let jumps = |at_ms: u32, by: u32| {
        move |tag: &Tag| {
            let by = if tag.timestamp_ms < at_ms { 0 } else { by };
            (tag.timestamp_ms + 5 * HOUR_MS).wrapping_add(by)
        }
    };
    let made: [(&str, &str, Clock<'_>); 13] = [
        ("clocks-hours-apart", "audio begins five hours before video", &|tag| {
            tag.timestamp_ms + if tag.kind == 9 { 5 * HOUR_MS } else { 0 }
        }),
        (
            "clock-that-does-not-begin-at-zero",
            "the clock begins at 32.5 h",
            &|tag| tag.timestamp_ms + 32 * HOUR_MS + HOUR_MS / 2,
        ),
        (
            "a-picture-stamped-hours-away",
            "one picture is stamped five hours late",
            &|tag| tag.timestamp_ms + if is_picture_at(tag, 4_120) { 5 * HOUR_MS } else { 0 },
        ),
        (
            "a-picture-that-goes-back-20-ms",
            "one picture is stamped 20 ms before the one before",
            &goes_back(60),
        ),
        (
            "a-picture-that-goes-back-200-ms",
            "one picture is stamped 200 ms before the one before",
            &goes_back(240),
        ),
        (
            "two-pictures-at-one-time",
            "two pictures are stamped alike",
            &goes_back(40),
        ),
        (
            "clock-that-jumps-forward",
            "the clock jumps two hours ahead, for good",
            &jumps(4_000, 2 * HOUR_MS),
        ),
        (
            "clock-that-jumps-back",
            "the clock jumps two hours back, for good",
            &jumps(4_000, 0_u32.wrapping_sub(2 * HOUR_MS)),
        ),
        (
            "clock-that-jumps-between-keyframes",
            "the clock jumps two hours ahead, 600 ms before a keyframe",
            &jumps(4_400, 2 * HOUR_MS),
        ),
        (
            "clock-that-begins-again",
            "the clock begins again at zero",
            &|tag| match tag.timestamp_ms {
                ms if ms < 4_000 => ms + 100_000,
                ms => ms - 4_000,
            },
        ),
        (
            "clock-over-extended-timestamps",
            "the clock passes 16,777,215 ms",
            &|tag| tag.timestamp_ms + 0xFF_FFFF - 4_020,
        ),
        ("clock-over-33-bits", "the 33 bits of PTS wrap: 26.5 h", &|tag| {
            // The stream's time stamps are twenty seconds ahead of the encoder's.
            tag.timestamp_ms + ((1_u64 << 33) / 90) as u32 - 20_000 - 4_020
        }),
        ("clock-over-32-bits", "RTMP's 32 bits wrap: 49.7 days", &|tag| {
            tag.timestamp_ms.wrapping_sub(4_020)
        }),
    ];
    made.into_iter()
        .map(|(name, shows, stamp)| (name, vector(stamp, shows)))
        .collect()
}

/// How an encoder stamps what it would have sent at the tag's time.
type Clock<'c> = &'c dyn Fn(&Tag) -> u32;

const HOUR_MS: u32 = 3_600_000;

fn is_picture_at(tag: &Tag, ms: u32) -> bool {
    tag.kind == 9 && tag.payload[1] == 1 && tag.timestamp_ms == ms
}

/// Eight seconds of both tracks, with a keyframe each second, by this clock.
fn vector(stamp: impl Fn(&Tag) -> u32, shows: &str) -> Capture {
    let tags = interleaved(pictures((0..8_000).step_by(40), |ms| ms % 1_000 == 0), frames(0..8_000));
    let mut script = Script::publishing();
    script.set_chunk_bytes(4096).media(&stamped(tags, stamp));
    script.shows(shows, Recorded)
}
