//! Configurations that change in mid-stream.

use alluvium_media::{Announced, Fault, Limits};

use crate::support::*;

const NO_AUDIO: Announced = Announced {
    audio: Some(false),
    video: Some(true),
};

/// Heights, in the order of the tracks told.
fn heights(seen: &[Seen]) -> Vec<u32> {
    tracks(seen)
        .iter()
        .map(|tracks| tracks.video.as_ref().unwrap().height)
        .collect()
}

#[test]
fn a_sequence_header_repeated_identically_is_ignored() {
    let header = video_header(SPS, PPS);
    let tags = [
        header.clone(),
        picture(0, 0, &IDR),
        header.clone(),
        picture(40, 0, &P_SLICE),
        header,
    ];
    let seen = demux_with(Limits::default(), NO_AUDIO, &tags);
    assert_eq!((heights(&seen), faults(&seen)), (vec![1_080], vec![]));
}

#[test]
fn a_sequence_header_repeated_with_a_change_tells_the_tracks_again() {
    let tags = [
        video_header(SPS, PPS),
        picture(0, 0, &IDR),
        video_header(SPS_360, PPS_360),
        picture(40, 0, &IDR),
        video_header(SPS_360, "68cb83cb20cb"),
        picture(80, 0, &IDR),
    ];
    let seen = demux_with(Limits::default(), NO_AUDIO, &tags);
    assert_eq!(heights(&seen), [1_080, 360, 360]);
    let tracks = tracks(&seen);
    assert_ne!(
        tracks[1], tracks[2],
        "another picture parameter set is another configuration"
    );
    let last = seen.iter().rev().find_map(|seen| match seen {
        Seen::Picture { units, .. } => Some(units.clone()),
        _ => None,
    });
    assert_eq!(last.unwrap()[2], unhex("68cb83cb20cb"));
}

#[test]
fn in_band_sets_tell_the_tracks_when_the_picture_changes() {
    let in_band = |sps: &str, pps: &str, timestamp_ms| {
        let mut tag = picture(timestamp_ms, 0, &unhex(sps));
        tag.payload.extend_from_slice(&picture(0, 0, &unhex(pps)).payload[5..]);
        tag.payload.extend_from_slice(&picture(0, 0, &IDR).payload[5..]);
        tag
    };
    let tags = [
        video_header(SPS, PPS),
        picture(0, 0, &IDR),
        in_band(SPS, PPS, 40),
        in_band(SPS_360, PPS_360, 80),
        in_band(SPS_360, PPS_360, 120),
        video_header(SPS, PPS),
        picture(160, 0, &IDR),
    ];
    let seen = demux_with(Limits::default(), NO_AUDIO, &tags);
    assert_eq!((heights(&seen), faults(&seen)), (vec![1_080, 360], vec![]));
}

#[test]
fn a_new_audio_configuration_tells_the_tracks_again() {
    let tags = [
        video_header(SPS, PPS),
        audio_header(LC_44100),
        frame(0),
        audio_header(LC_44100),
        frame(23),
        audio_header(LC_48000),
        frame(46),
        frame(68),
    ];
    let seen = demux(&tags);
    let rates: Vec<_> = tracks(&seen)
        .iter()
        .map(|tracks| tracks.audio.as_ref().unwrap().sample_rate)
        .collect();
    assert_eq!((rates, faults(&seen)), (vec![44_100, 48_000], vec![]));
    let dts = frame_dts(&seen);
    assert!((dts[3] - dts[2] - 1_920).abs() < 90, "the clock counts in the new rate");
}

#[test]
fn another_audio_configuration_begins_at_its_own_time() {
    for (config, after_ms) in [
        (LC_48000, 37),
        ([0x11, 0x88], 37),
        ([0x12, 0x10], 37),
        ([0x12, 0x10], 0),
    ] {
        let mut tags = vec![video_header(SPS, PPS), audio_header([0x13, 0x90])];
        tags.extend((0..10).map(|at| frame(at * 46)));
        tags.push(audio_header(config));
        let begins_ms = 10 * 46 + after_ms;
        tags.push(frame(begins_ms));
        let dts = frame_dts(&demux(&tags));
        let off = dts[10] - dts[0] - i64::from(begins_ms) * 90;
        // The core of 22,050 Hz counts 46.4 ms for each of the ten.
        let overlap = if after_ms == 0 { 397 } else { 0 };
        assert!((off - overlap).abs() <= 90, "{config:?} {after_ms}: {off} ticks");
    }
}

#[test]
fn a_configuration_that_cannot_be_carried_is_a_fault() {
    let tags = [video_header(SPS, PPS), audio_header([0x12, 0x00]), picture(0, 0, &IDR)];
    let seen = demux(&tags);
    assert_eq!(
        faults(&seen)[0].to_string(),
        "AAC configuration: channel configuration 0 cannot be carried in ADTS"
    );
}

#[test]
fn a_frame_too_long_for_adts_is_dropped() {
    let frame_of = |length: usize| {
        let mut tag = frame(0);
        tag.payload.resize(2 + length, 1);
        tag
    };
    let longest = alluvium_media::AAC_FRAME_BYTES_MAX;
    let header = audio_header(LC_44100);
    assert_eq!(faults(&demux(&[header.clone(), frame_of(longest)])), []);
    for length in [0, longest + 1] {
        assert_eq!(
            faults(&demux(&[header.clone(), frame_of(length)])),
            [Fault::AudioFrameLength { length }]
        );
    }
}

#[test]
fn a_truncated_nal_unit_drops_its_picture_alone() {
    let mut broken = picture(40, 0, &P_SLICE);
    broken.payload[8] += 1;
    let tags = [
        video_header(SPS, PPS),
        picture(0, 0, &IDR),
        broken,
        picture(80, 0, &P_SLICE),
    ];
    let seen = demux_with(Limits::default(), NO_AUDIO, &tags);
    assert_eq!(picture_dts(&seen).len(), 2);
    assert_eq!(
        faults(&seen),
        [Fault::NalUnitTruncated {
            at: 0,
            length: 4,
            left: 3
        }]
    );
}

#[test]
fn a_composition_time_nobody_can_mean_is_a_fault() {
    let header = video_header(SPS, PPS);
    for (ms, is_fault) in [(20_000, false), (-2_000, false), (20_001, true), (-2_001, true)] {
        let seen = demux_with(Limits::default(), NO_AUDIO, &[header.clone(), picture(0, ms, &IDR)]);
        assert_eq!(!faults(&seen).is_empty(), is_fault, "{ms}");
    }
}
