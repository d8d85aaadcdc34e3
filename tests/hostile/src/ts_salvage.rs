//! What is left of a segment: no panic on any bytes, the same answer at any split, and every whole unit of a segment
//! that was cut off.
//!
//! The first byte says which: even, the rest are bytes, pushed in pieces as long as the second byte says. Odd, they are
//! units, each a kind, ticks since the one before in two bytes and a length in two; the three bytes before them say
//! where the segment is cut off.

use alluvium_hls::{Salvage, Salvaged, TsMuxer};
use alluvium_media::{AAC_FRAME_BYTES_MAX, AccessUnit, AudioSpecificConfig, AudioTrack, Content, NalUnits, Timestamp};
use alluvium_media::{Tracks, VideoTrack};

fn salvage(bytes: &[u8], step: usize) -> Option<Salvaged> {
    let mut salvage = Salvage::new();
    bytes.chunks(step.max(1)).for_each(|piece| salvage.push(piece));
    salvage.finish()
}

fn check_bytes(bytes: &[u8], step: u8) {
    let whole = salvage(bytes, bytes.len());
    assert_eq!(salvage(bytes, usize::from(step)), whole);
    let Some(salvaged) = whole else { return };
    let kept = usize::try_from(salvaged.length).expect("part of the input");
    assert!(kept >= 3 * 188 && kept <= bytes.len() && kept.is_multiple_of(188));
    assert!(salvaged.start < 1 << 33 && (1..=241 * 90_000).contains(&salvaged.duration));
    let kept = &bytes[..kept];
    if !kept.ends_with(&[0; 4]) {
        assert_eq!(salvage(kept, kept.len()), whole);
    }
}

/// Every unit is flushed, so that it is known where each ends.
fn check_units(units: &[u8], cut: usize) {
    let mut muxer = TsMuxer::new();
    let (video, audio) = (
        VideoTrack {
            width: 640,
            height: 360,
            frame_rate: None,
            profile_idc: 66,
            level_idc: 30,
            generation: 0,
        },
        AudioSpecificConfig::parse(&[0x11, 0x90]).expect("AAC"),
    );
    muxer.set_tracks(&Tracks {
        video: Some(video),
        audio: Some(AudioTrack::from(audio)),
    });
    muxer.begin_segment(false);
    let payload = [0x65; 2 * 0xFFFF];
    let (mut dts, mut ends) = (Timestamp::from_ms(0), vec![0]);
    for &[kind, gap_high, gap, length_high, length] in units.as_chunks().0 {
        dts = dts.plus(1 + i64::from(u16::from_be_bytes([gap_high, gap])));
        let length = 1 + usize::from(u16::from_be_bytes([length_high, length]));
        if dts >= Timestamp::from_ms(120_000) || muxer.length() > 1 << 18 {
            break;
        }
        let range = 0..if kind & 1 == 0 { length } else { length + 0xFFFE };
        let content = match kind & 2 {
            0 => Content::Video(NalUnits::new(&payload, std::slice::from_ref(&range))),
            _ => Content::Audio {
                frame: &payload[..length.min(AAC_FRAME_BYTES_MAX)],
                samples: 1_024,
            },
        };
        let pts = if kind & 6 == 4 { dts.plus(3_600) } else { dts };
        assert!(muxer.write(&AccessUnit {
            pts,
            dts,
            random_access: kind & 8 != 0,
            content
        }));
        muxer.flush();
        ends.push(muxer.length());
    }
    let written = muxer.take();
    if ends.len() > 1 {
        assert_eq!(
            salvage(&written, written.len()).map(|salvaged| salvaged.length),
            Some(written.len() as u64)
        );
    }
    let cut = cut % (written.len() + 1);
    let whole = ends.into_iter().rfind(|end| *end <= cut).unwrap_or(0);
    let kept = salvage(&written[..cut], cut).map_or(0, |salvaged| salvaged.length as usize);
    // Clock references before the next unit are kept too.
    assert!((whole..=cut).contains(&kept));
    assert!(kept == 0 || whole > 0);
}

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    match *input {
        [kind, step, ref bytes @ ..] if kind % 2 == 0 => check_bytes(bytes, step),
        [_, a, b, c, ref units @ ..] => check_units(units, usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)),
        _ => {}
    }
}
