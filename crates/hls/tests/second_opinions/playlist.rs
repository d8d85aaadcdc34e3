//! Every playlist is read by `m3u8-rs` and by `hls_m3u8`, and both find in it what was put in.

use alluvium_hls::{Entry, LiveWindow, MediaPlaylist};
use proptest::prelude::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What a reader finds.
#[derive(Debug, PartialEq)]
struct Found {
    media_sequence: u64,
    discontinuity_sequence: u64,
    target_duration_s: u64,
    ended: bool,
    segments: Vec<FoundSegment>,
}

#[derive(Debug, PartialEq)]
struct FoundSegment {
    uri: String,
    duration_ms: u64,
    discontinuity: bool,
    date_ms: Option<i64>,
}

fn by_m3u8_rs(text: &str) -> Found {
    let playlist = match m3u8_rs::parse_playlist_res(text.as_bytes()) {
        Ok(m3u8_rs::Playlist::MediaPlaylist(playlist)) => playlist,
        other => panic!("{other:?} of\n{text}"),
    };
    assert_eq!((playlist.version, &playlist.unknown_tags), (Some(3), &Vec::new()));
    let segment = |segment: m3u8_rs::MediaSegment| FoundSegment {
        uri: segment.uri,
        duration_ms: (f64::from(segment.duration) * 1_000.0).round() as u64,
        discontinuity: segment.discontinuity,
        date_ms: segment.program_date_time.map(|date| date.timestamp_millis()),
    };
    Found {
        media_sequence: playlist.media_sequence,
        discontinuity_sequence: playlist.discontinuity_sequence,
        target_duration_s: playlist.target_duration,
        ended: playlist.end_list,
        segments: playlist.segments.into_iter().map(segment).collect(),
    }
}

fn by_hls_m3u8(text: &str) -> Found {
    let playlist = hls_m3u8::MediaPlaylist::try_from(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert!(playlist.unknown.is_empty());
    Found {
        media_sequence: playlist.media_sequence as u64,
        discontinuity_sequence: playlist.discontinuity_sequence as u64,
        target_duration_s: playlist.target_duration.as_secs(),
        ended: playlist.has_end_list,
        segments: playlist
            .segments
            .values()
            .map(|segment| FoundSegment {
                uri: segment.uri().to_string(),
                duration_ms: (segment.duration.duration().as_secs_f64() * 1_000.0).round() as u64,
                discontinuity: segment.has_discontinuity,
                date_ms: segment.program_date_time.as_ref().map(|tag| date_ms(&tag.date_time)),
            })
            .collect(),
    }
}

fn date_ms(text: &str) -> i64 {
    let date = OffsetDateTime::parse(text, &Rfc3339).unwrap_or_else(|error| panic!("{error} in {text}"));
    (date.unix_timestamp_nanos() / 1_000_000) as i64
}

/// Reads what should list `entries`.
#[track_caller]
fn check(text: &str, entries: &[Entry]) -> Found {
    let found = by_m3u8_rs(text);
    assert_eq!(by_hls_m3u8(text), found);
    for segment in &found.segments {
        let rounded = (segment.duration_ms + 500) / 1_000;
        assert!(rounded <= found.target_duration_s, "{segment:?} in\n{text}");
    }
    assert_eq!(found.segments.len(), entries.len());
    let mut reckoned_ms = None;
    for (entry, segment) in entries.iter().zip(&found.segments) {
        assert!(
            !segment.discontinuity || segment.date_ms.is_some(),
            "{segment:?} in\n{text}"
        );
        let date_ms = segment.date_ms.or(reckoned_ms).expect("the first segment has a date");
        let error_ms = date_ms.abs_diff(entry.program_date_time_ms);
        assert!(error_ms <= 40, "{segment:?} is {error_ms} ms off in\n{text}");
        reckoned_ms = Some(date_ms + segment.duration_ms as i64);
    }
    found
}

/// Entries of one channel: sequences rise by one, discontinuities are counted, dates follow from the durations or not.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    // Readers keep seconds in an f32: past 8192 s it has no milliseconds.
    let facts = (
        0..8_000 * 90_000_u64,
        proptest::bool::weighted(0.2),
        prop_oneof![4 => -30..30_i64, 1 => -10_000_000..10_000_000_i64],
    );
    (0..1_000_000_u64, 0..1_000_u64, proptest::collection::vec(facts, 0..30)).prop_map(
        |(first, mut discontinuity_sequence, facts)| {
            let mut program_date_time_ms = 1_472_106_315_123;
            let entry = |(index, (duration, discontinuity, jump_ms)): (usize, (u64, bool, i64))| {
                discontinuity_sequence += u64::from(discontinuity);
                let began_ms = program_date_time_ms;
                program_date_time_ms += (duration / 90) as i64 + jump_ms;
                Entry {
                    uri: format!("{:013}.ts", 1_472_106_315_123 + index),
                    duration,
                    sequence: first + index as u64,
                    discontinuity_sequence,
                    discontinuity,
                    program_date_time_ms: began_ms,
                }
            };
            facts.into_iter().enumerate().map(entry).collect()
        },
    )
}

/// The discontinuity sequence number of each listed segment, as a player counts it.
fn numbers(found: &Found) -> Vec<u64> {
    let mut number = found.discontinuity_sequence;
    let count = |segment: &FoundSegment| {
        number += u64::from(segment.discontinuity);
        number
    };
    found.segments.iter().map(count).collect()
}

proptest! {
    #[test]
    fn live_playlists_are_read_and_never_go_back(entries in entries(), frag_count in 0..8_usize, frag_s in 0..10_u32, resumed in 0..5_usize) {
        let resumed = resumed.min(entries.len());
        let mut window = LiveWindow::new(frag_count, frag_s, entries[..resumed].to_vec());
        let mut before: Option<Found> = None;
        for (index, entry) in entries.iter().enumerate().skip(resumed) {
            window.push(entry.clone());
            let listed = &entries[(index + 1).saturating_sub(frag_count.max(1))..=index];
            let found = check(&window.playlist(index % 7 == 0), listed);
            prop_assert_eq!(found.media_sequence, listed[0].sequence);
            prop_assert_eq!(numbers(&found), listed.iter().map(|entry| entry.discontinuity_sequence).collect::<Vec<_>>());
            if let Some(before) = before {
                prop_assert!(found.media_sequence >= before.media_sequence);
                prop_assert!(found.discontinuity_sequence >= before.discontinuity_sequence);
                prop_assert!(found.target_duration_s >= before.target_duration_s);
            }
            before = Some(found);
        }
    }

    #[test]
    fn vod_playlists_are_read(mut entries in entries(), missing in 0..40_usize) {
        if missing < entries.len() {
            entries.remove(missing);
        }
        let found = check(&MediaPlaylist::vod(&entries), &entries);
        prop_assert!(found.ended);
        prop_assert_eq!((found.media_sequence, found.discontinuity_sequence), (0, 0));
        for (index, (entry, segment)) in entries.iter().zip(&found.segments).enumerate() {
            prop_assert_eq!(&entry.uri, &segment.uri);
            prop_assert!((entry.duration as i64 - segment.duration_ms as i64 * 90).abs() <= 45 + 90);
            let parted = index > 0 && (entry.discontinuity || index == missing);
            prop_assert_eq!(segment.discontinuity, parted);
        }
    }
}

#[test]
fn an_empty_window_is_read() {
    let entry = |sequence| Entry {
        uri: format!("{sequence}.ts"),
        duration: 450_000,
        sequence,
        discontinuity_sequence: 4,
        discontinuity: false,
        program_date_time_ms: 0,
    };
    let mut window = LiveWindow::new(3, 5, [entry(8), entry(9)]);
    window.retain_from(10);
    for ended in [false, true] {
        let found = by_m3u8_rs(&window.playlist(ended));
        assert_eq!(
            (found.media_sequence, found.discontinuity_sequence, found.ended),
            (10, 4, ended)
        );
        assert_eq!(found.segments, []);
    }
}
