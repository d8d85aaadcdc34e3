//! Segments that were cut off, salvaged, and read back by `mpeg2ts`: whole units, and all of them.

use std::time::Duration;

use super::transport_stream::{Pes, Session, merge, pictures, segments, start, tracks};
use alluvium_hls::{Salvage, Salvaged};
use alluvium_media::Tracks;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

fn salvage(bytes: &[u8]) -> Option<Salvaged> {
    let mut salvage = Salvage::new();
    salvage.push(bytes);
    salvage.finish()
}

/// Cuts the segment off at `end` and compares what is kept with what had been written by then.
#[track_caller]
fn check(segment: &Bytes, end: usize, tracks: &Tracks) {
    let written = Session::read(std::slice::from_ref(segment), tracks);
    let whole = |all: Vec<Pes>| all.into_iter().filter(|pes| pes.end <= end).collect::<Vec<_>>();
    let (video, audio) = (whole(written.video), whole(written.audio));
    let Some(salvaged) = salvage(&segment[..end]) else {
        assert_eq!((video, audio), (vec![], vec![]));
        return;
    };
    let first = video.first().or(audio.first()).expect("what is salvaged has a unit");
    assert_eq!(salvaged.start, first.dts as u64);
    let kept = Session::read(&[segment.slice(..salvaged.length as usize)], tracks);
    assert_eq!((kept.video, kept.audio), (video, audio));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_kept_is_every_unit_that_was_whole(
        pictures in prop_oneof![8 => pictures(), 1 => Just(Vec::new())],
        frame_lengths in proptest::collection::vec(1..1_500_usize, 1..150),
        with_audio in any::<bool>(),
        start in start(),
        lag_ms in -300..300_i64,
        frag_ms in 0..3_000_u64,
        ends in proptest::collection::vec(any::<Index>(), 8),
    ) {
        let with_audio = with_audio || pictures.is_empty();
        let tracks = tracks(!pictures.is_empty(), with_audio);
        let frame_lengths = if with_audio { &frame_lengths[..] } else { &[] };
        let units = merge(&pictures, frame_lengths, start, lag_ms);
        for segment in segments(&units, &tracks, Duration::from_millis(frag_ms)) {
            for end in ends.iter().map(|end| end.index(segment.len() + 1)).chain([segment.len()]) {
                check(&segment, end, &tracks);
            }
            prop_assert_eq!(salvage(&segment).map(|salvaged| salvaged.length), Some(segment.len() as u64));
        }
    }
}
