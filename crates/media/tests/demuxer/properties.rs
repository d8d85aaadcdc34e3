//! What holds for every input.

use alluvium_media::{Announced, Demuxer, Kind, Limits};
use proptest::prelude::*;

use crate::support::*;

fn any_tag() -> impl Strategy<Value = Tag> {
    let kind = prop_oneof![Just(Kind::Audio), Just(Kind::Video)];
    let head = prop_oneof![
        Just(vec![0x17, 1, 0, 0, 0, 0, 0, 0]),
        Just(vec![0x27, 1, 0xFF, 0xFF, 0x80]),
        Just(vec![0x17, 0, 0, 0, 0, 1]),
        Just(vec![0xAF, 1]),
        Just(vec![0xAF, 0]),
        Just(vec![0x91, b'a', b'v', b'c', b'1']),
        Just(vec![]),
    ];
    let bytes = (head, proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(head, tail)| [head, tail].concat());
    (kind, any::<u32>(), bytes).prop_map(|(kind, timestamp_ms, payload)| Tag {
        kind,
        timestamp_ms,
        payload,
    })
}

/// Timestamps as broken as can be, mostly near each other.
fn stamps() -> impl Strategy<Value = Vec<(bool, u32, i32)>> {
    let step = prop_oneof![
        20 => 0u32..60,
        2 => Just(0),
        2 => (0u32..300).prop_map(|back| 0u32.wrapping_sub(back)),
        1 => 1_000u32..20_000,
        1 => any::<u32>(),
    ];
    let composition_ms = prop_oneof![5 => 0i32..200, 1 => -300i32..0, 1 => -8_388_608i32..8_388_607];
    proptest::collection::vec((any::<bool>(), step, composition_ms), 1..300).prop_map(|steps| {
        let mut now = 0u32;
        let stamp = |(video, step, composition_ms)| {
            now = now.wrapping_add(step);
            (video, now, composition_ms)
        };
        steps.into_iter().map(stamp).collect()
    })
}

fn configured(stamps: &[(bool, u32, i32)]) -> Vec<Tag> {
    let unit = |&(video, ms, composition_ms): &(bool, u32, i32)| {
        if video {
            picture(ms, composition_ms, &IDR)
        } else {
            frame(ms)
        }
    };
    [video_header(SPS, PPS), audio_header(LC_44100)]
        .into_iter()
        .chain(stamps.iter().map(unit))
        .collect()
}

proptest! {
    #[test]
    fn no_bytes_panic(tags in proptest::collection::vec(any_tag(), 0..40), configure: bool) {
        let headers = if configure { vec![video_header(SPS, PPS), audio_header(LC_44100)] } else { vec![] };
        demux(&[headers, tags].concat());
    }

    #[test]
    fn dts_strictly_rises_and_pts_is_never_before_it(stamps in stamps()) {
        let seen = demux(&configured(&stamps));
        for dts in [picture_dts(&seen), frame_dts(&seen)] {
            prop_assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", dts);
        }
        for seen in &seen {
            if let Seen::Picture { dts, pts, .. } = seen {
                prop_assert!(pts >= dts);
            }
        }
    }

    #[test]
    fn every_unit_comes_out_once(stamps in stamps()) {
        let seen = demux(&configured(&stamps));
        let pictures = stamps.iter().filter(|(video, ..)| *video).count();
        prop_assert_eq!((picture_dts(&seen).len(), frame_dts(&seen).len()), (pictures, stamps.len() - pictures));
    }

    #[test]
    fn memory_stays_within_the_limits(stamps in stamps()) {
        let limits = Limits { held_bytes: 300, ..Limits::default() };
        let mut demuxer = Demuxer::new(limits);
        demuxer.announce(Announced { audio: Some(true), video: Some(true) });
        let (mut taken, mut seen) = (0, Vec::new());
        for tag in configured(&stamps).iter().filter(|tag| tag.kind == Kind::Video) {
            demuxer.receive(tag.kind, tag.timestamp_ms, &tag.payload, &mut collect(&mut seen));
            taken += usize::from(tag.payload[1] == 1);
            let held = taken - picture_dts(&seen).len();
            prop_assert!(held <= 300 / tag.payload.len());
        }
    }
}
