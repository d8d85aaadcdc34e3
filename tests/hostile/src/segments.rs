//! Media messages of any content and any timestamps, cut into segments: each is what it says it is, and can be found again
//! whole in its bytes.
//!
//! The input is a byte for the settings (audio only, FragDuration), then messages as in [`flv_tag`](crate::flv_tag).

use std::time::Duration;

use alluvium_hls::{Closed, Salvage, Segmenter, SegmenterConfig};
use alluvium_media::{Demuxer, Item, Kind, Limits};

/// No segment is longer, whatever the clocks say (design: 120 s), but for the last unit's own duration.
const DURATION_MAX: u64 = 121 * 90_000;

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    let Some((settings, mut left)) = input.split_first() else {
        return;
    };
    let mut segmenter = Segmenter::new(SegmenterConfig {
        frag_duration: Duration::from_secs(1 + u64::from(settings >> 1) % 100),
        audio_only: settings & 1 == 1,
    });
    let mut bytes = Vec::new();
    let mut take = |item: Item<'_>| match item {
        Item::Tracks(tracks) => segmenter.set_tracks(tracks),
        Item::Discontinuity => segmenter.discontinuity(),
        Item::Fault(_) => {}
        Item::Unit(unit) => {
            if let Some(closed) = segmenter.push(&unit) {
                check_segment(&mut bytes, &closed);
            }
            if segmenter.batch_length() > 4_096 {
                bytes.extend_from_slice(&segmenter.take_batch());
            }
        }
    };
    let mut demuxer = Demuxer::new(Limits {
        held_bytes: 4_096,
        ..Limits::default()
    });
    while let Some((&[flags, a, b, c, d, high, low], rest)) = left.split_first_chunk() {
        let length = rest.len().min(usize::from(u16::from_be_bytes([high, low])));
        let (payload, rest) = rest.split_at(length);
        left = rest;
        let kind = if flags & 1 == 1 { Kind::Video } else { Kind::Audio };
        demuxer.receive(kind, u32::from_be_bytes([a, b, c, d]), payload, &mut take);
    }
    demuxer.finish(&mut take);
    if let Some(closed) = segmenter.finish() {
        check_segment(&mut bytes, &closed);
    }
}

fn check_segment(bytes: &mut Vec<u8>, closed: &Closed) {
    bytes.extend_from_slice(&closed.tail);
    let segment = &closed.segment;
    assert_eq!(segment.length, bytes.len() as u64);
    assert_eq!(segment.crc64, alluvium_store::crc64(bytes));
    assert!(bytes.len().is_multiple_of(188));
    assert!(segment.duration <= DURATION_MAX, "{segment:?}");
    let mut salvage = Salvage::new();
    salvage.push(bytes);
    // A last unit that ends in zeros cannot be told from one that was lost.
    if !bytes.ends_with(&[0; 4]) {
        let salvaged = salvage.finish().expect("a segment has a unit");
        assert_eq!(salvaged.length, segment.length);
    }
    bytes.clear();
}
