//! How a publish begins.

use alluvium_media::{Announced, Fault, Kind, Limits};

use crate::support::*;

const BOTH: Announced = Announced {
    audio: Some(true),
    video: Some(true),
};

/// A tag in words: what came out, without times.
fn words(seen: &[Seen]) -> Vec<&'static str> {
    seen.iter()
        .map(|seen| match seen {
            Seen::Tracks(tracks) => match (&tracks.video, &tracks.audio) {
                (Some(_), Some(_)) => "both",
                (Some(_), None) => "video only",
                (None, Some(_)) => "audio only",
                (None, None) => "none",
            },
            Seen::Picture { .. } => "picture",
            Seen::Frame { .. } => "frame",
            Seen::Discontinuity => "discontinuity",
            Seen::Fault(fault) => fault.name(),
        })
        .collect()
}

#[track_caller]
fn check(announced: Announced, tags: &[Tag], expected: &[&str]) {
    assert_eq!(words(&demux_with(Limits::default(), announced, tags)), expected);
}

#[test]
fn the_first_tracks_are_all_tracks() {
    let (video, audio) = (video_header(SPS, PPS), audio_header(LC_44100));
    let expected = ["both", "picture", "frame"];
    check(
        BOTH,
        &[video.clone(), audio.clone(), picture(0, 0, &IDR), frame(0)],
        &expected,
    );
    check(
        Announced::default(),
        &[video.clone(), picture(0, 0, &IDR), audio.clone(), frame(0)],
        &expected,
    );
    check(
        BOTH,
        &[audio, frame(0), video, picture(0, 0, &IDR)],
        &["both", "frame", "picture"],
    );
}

#[test]
fn announced_audio_that_never_comes_ends_the_wait() {
    let mut tags = vec![video_header(SPS, PPS)];
    tags.extend((0..=100).map(|at| picture(at * 40, 0, if at == 0 { &IDR } else { &P_SLICE })));
    for (announced, hold_ms) in [
        (BOTH, Limits::default().hold_announced_ms),
        (Announced::default(), Limits::default().hold_unknown_ms),
        (
            Announced {
                audio: Some(false),
                video: None,
            },
            0,
        ),
    ] {
        let held = (hold_ms / 40) as usize;
        for (count, expected) in [(held, usize::from(held == 0)), (held + 1, 1)] {
            let mut seen = Vec::new();
            let mut demuxer = alluvium_media::Demuxer::new(Limits::default());
            demuxer.announce(announced);
            for tag in &tags[..=count] {
                demuxer.receive(tag.kind, tag.timestamp_ms, &tag.payload, &mut collect(&mut seen));
            }
            assert_eq!(tracks(&seen).len(), expected, "{announced:?} {count}");
            assert_eq!(picture_dts(&seen).len(), count * expected);
        }
    }
}

#[test]
fn the_wait_ends_at_its_bytes() {
    let limits = Limits {
        held_bytes: 1_000,
        ..Limits::default()
    };
    let header = video_header(SPS, PPS);
    let big = |at: u32| picture(at, 0, &[&IDR[..], &[1; 300]].concat());
    let run = |count: u32| {
        let mut demuxer = alluvium_media::Demuxer::new(limits.clone());
        let mut seen = Vec::new();
        for tag in std::iter::once(header.clone()).chain((0..count).map(big)) {
            demuxer.receive(tag.kind, tag.timestamp_ms, &tag.payload, &mut collect(&mut seen));
        }
        words(&seen)
    };
    assert!(run(2).is_empty());
    assert_eq!(run(4), ["video only", "picture", "picture", "picture", "picture"]);
}

#[test]
fn a_late_track_comes_in_with_new_tracks() {
    let mut tags = vec![video_header(SPS, PPS)];
    tags.extend((0..=250).map(|at| picture(at * 40, 0, if at == 0 { &IDR } else { &P_SLICE })));
    tags.extend([audio_header(LC_44100), frame(10_010), picture(10_040, 0, &P_SLICE)]);
    let seen = demux(&tags);
    assert_eq!(faults(&seen), []);
    let words = words(&seen);
    assert_eq!(words[0], "video only");
    assert_eq!(words[words.len() - 3..], ["both", "frame", "picture"]);
    assert_eq!(frame_dts(&seen)[0] - picture_dts(&seen)[0], 10_010 * 90);
}

#[test]
fn frames_before_their_header_are_faults() {
    let tags = [
        frame(0),
        picture(0, 0, &IDR),
        video_header(SPS, PPS),
        frame(23),
        picture(40, 0, &IDR),
    ];
    check(
        Announced::default(),
        &tags,
        &[
            "before_sequence_header",
            "before_sequence_header",
            "before_sequence_header",
            "video only",
            "picture",
        ],
    );
}

#[test]
fn annex_b_without_a_sequence_header_is_configured_by_its_own_sets() {
    let data = [
        &[0, 0, 0, 1][..],
        &unhex(SPS),
        &[0, 0, 0, 1],
        &unhex(PPS),
        &[0, 0, 1],
        &IDR,
    ]
    .concat();
    let payload = [&[0x17, 1, 0, 0, 0][..], &data].concat();
    let seen = demux(&[Tag {
        kind: Kind::Video,
        timestamp_ms: 0,
        payload,
    }]);
    assert_eq!(words(&seen), ["video only", "picture"]);
}

#[test]
fn adts_without_a_sequence_header_is_configured_by_its_own() {
    let config = alluvium_media::AudioSpecificConfig::parse(&LC_48000).unwrap();
    let two = [&config.adts_header(3)[..], &[1, 2, 3], &config.adts_header(1), &[4]].concat();
    let payload = [&[0xAF, 1][..], &two].concat();
    let seen = demux(&[Tag {
        kind: Kind::Audio,
        timestamp_ms: 0,
        payload,
    }]);
    assert_eq!(words(&seen), ["audio only", "frame", "frame"]);
    let dts = frame_dts(&seen);
    assert_eq!(dts[1] - dts[0], 1_920, "the second frame follows the first");
}

#[test]
fn sets_that_come_during_the_wait_are_not_for_the_pictures_before_them() {
    let mut demuxer = alluvium_media::Demuxer::new(Limits::default());
    let mut seen = Vec::new();
    let long = picture(0, 0, &[&IDR[..], &[1; 300]].concat());
    let mut in_band = picture(40, 0, &unhex(SPS_360));
    in_band.payload.extend_from_slice(&picture(0, 0, &IDR).payload[5..]);
    for tag in [video_header(SPS, PPS), long] {
        demuxer.receive(tag.kind, tag.timestamp_ms, &tag.payload, &mut collect(&mut seen));
    }
    demuxer.announce(Announced {
        audio: Some(false),
        video: None,
    });
    demuxer.receive(in_band.kind, 40, &in_band.payload, &mut collect(&mut seen));
    assert_eq!(words(&seen), ["video only", "picture", "video only", "picture"]);
    for (seen, sps) in [(&seen[1], SPS), (&seen[3], SPS_360)] {
        let Seen::Picture { units, .. } = seen else {
            panic!("{seen:?}")
        };
        assert_eq!(units[1..3], [unhex(sps), unhex(PPS)]);
    }
}

#[test]
fn foreign_audio_is_named_and_video_lives_on() {
    let speex = Tag {
        kind: Kind::Audio,
        timestamp_ms: 0,
        payload: vec![0xB2, 1, 2],
    };
    let seen = demux_with(
        Limits::default(),
        BOTH,
        &[speex, video_header(SPS, PPS), picture(0, 0, &IDR)],
    );
    assert_eq!(words(&seen), ["audio_codec", "video only", "picture"]);
    assert_eq!(faults(&seen)[0].to_string(), "audio codec Speex is not supported");
}

#[test]
fn foreign_video_is_named() {
    for (payload, name) in [
        (&b"\x90hvc1\x01"[..], "H.265"),
        (b"\x12\x00", "Sorenson H.263"),
        (b"\x91vp09\x00", "VP9"),
    ] {
        let foreign = Tag {
            kind: Kind::Video,
            timestamp_ms: 0,
            payload: payload.to_vec(),
        };
        let seen = demux(&[foreign, audio_header(LC_44100), frame(0)]);
        assert_eq!(words(&seen), ["video_codec", "audio only", "frame"]);
        assert_eq!(
            faults(&seen)[0].to_string(),
            format!("video codec {name} is not supported")
        );
    }
}

#[test]
fn an_empty_first_sequence_header_is_ignored() {
    let empty = Tag {
        kind: Kind::Video,
        timestamp_ms: 0,
        payload: vec![0x17, 0, 0, 0, 0],
    };
    let no_audio = Announced {
        audio: Some(false),
        video: None,
    };
    check(
        no_audio,
        &[empty, video_header(SPS, PPS), picture(0, 0, &IDR)],
        &["video only", "picture"],
    );
}

#[test]
fn truncated_tags_are_faults() {
    for (kind, payload) in [
        (Kind::Video, &[][..]),
        (Kind::Video, &[0x17, 1, 0]),
        (Kind::Audio, &[0xAF]),
    ] {
        let seen = demux(&[Tag {
            kind,
            timestamp_ms: 0,
            payload: payload.to_vec(),
        }]);
        assert_eq!(
            faults(&seen),
            [Fault::TagTruncated {
                kind,
                length: payload.len()
            }]
        );
    }
}
