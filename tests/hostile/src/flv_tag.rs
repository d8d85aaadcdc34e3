//! Media messages of any content and any timestamps: nothing panics, and the units keep their promises.
//!
//! The input is a list of messages: a byte whose lowest bit is set for video and whose next two announce a track as
//! absent, the timestamp in four bytes, the length in two, the payload.

use alluvium_media::{AAC_FRAME_BYTES_MAX, Announced, Content, Demuxer, Item, Kind, Limits, Timestamp};

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    let limits = Limits {
        held_bytes: 4_096,
        ..Limits::default()
    };
    let mut demuxer = Demuxer::new(limits);
    let mut last: [Option<Timestamp>; 2] = [None, None];
    let mut check = |item: Item<'_>| {
        let Item::Unit(unit) = item else { return };
        assert!(unit.pts >= unit.dts);
        let track = match unit.content {
            Content::Audio { frame, .. } => {
                assert!((1..=AAC_FRAME_BYTES_MAX).contains(&frame.len()));
                0
            }
            Content::Video(units) => {
                let is_delimiter = |unit: &[u8]| unit[0] & 0x1F == 9;
                assert!(units.iter().next().is_some_and(is_delimiter));
                assert_eq!(units.iter().filter(|unit| is_delimiter(unit)).count(), 1);
                assert!(units.iter().all(|unit| unit[0] & 0x1F != 12));
                1
            }
        };
        assert!(last[track].is_none_or(|last| last < unit.dts));
        last[track] = Some(unit.dts);
    };
    let mut left = input;
    while let Some((&[flags, a, b, c, d, high, low], rest)) = left.split_first_chunk() {
        let length = rest.len().min(usize::from(u16::from_be_bytes([high, low])));
        let (payload, rest) = rest.split_at(length);
        left = rest;
        let kind = if flags & 1 == 1 { Kind::Video } else { Kind::Audio };
        let absent = |bit: u8| (flags & bit != 0).then_some(false);
        demuxer.announce(Announced {
            audio: absent(2),
            video: absent(4),
        });
        demuxer.receive(kind, u32::from_be_bytes([a, b, c, d]), payload, &mut check);
    }
    demuxer.finish(&mut check);
}
