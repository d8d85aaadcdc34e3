use super::*;
use crate::{Closed, Segment, Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, AudioSpecificConfig, AudioTrack, Content, NalUnits, Timestamp, Tracks, VideoTrack};
use std::time::Duration;

fn tracks(video: bool, audio: bool) -> Tracks {
    let track = VideoTrack {
        width: 640,
        height: 360,
        frame_rate: None,
        profile_idc: 66,
        level_idc: 30,
        generation: 0,
    };
    let config = AudioSpecificConfig::parse(&[0x11, 0x90]).unwrap();
    Tracks {
        video: video.then_some(track),
        audio: audio.then(|| AudioTrack::from(config)),
    }
}

fn salvage(bytes: &[u8]) -> Option<Salvaged> {
    let mut salvage = Salvage::new();
    salvage.push(bytes);
    salvage.finish()
}

#[test]
fn a_whole_segment_is_kept_whole() {
    let mut segmenter = Segmenter::new(SegmenterConfig {
        frag_duration: Duration::from_secs(2),
        audio_only: false,
    });
    segmenter.set_tracks(&tracks(true, true));
    let picture = vec![0x41; 70_000];
    let mut closed: Vec<Closed> = Vec::new();
    for n in 0..150 {
        let time = Timestamp::from_ms(n * 40);
        let length = 3 + (n as usize * 7_919) % 69_990;
        let nal_units = [0..2, 2..length];
        let units = [
            Content::Video(NalUnits::new(&picture, &nal_units)),
            Content::Audio {
                frame: &picture[..n as usize + 1],
                samples: 1_024,
            },
        ];
        for content in units {
            closed.extend(segmenter.push(&AccessUnit {
                pts: time,
                dts: time,
                random_access: n % 50 == 0,
                content,
            }));
        }
    }
    closed.extend(segmenter.finish());
    assert_eq!(closed.len(), 3);
    for Closed {
        tail,
        segment: Segment {
            start,
            duration,
            length,
            ..
        },
    } in closed
    {
        let start = start.as_ticks().unsigned_abs() + 900_000;
        let expected = Salvaged {
            length,
            start,
            duration,
            random_access: true,
        };
        assert_eq!(salvage(&tail), Some(expected));
        let short = salvage(&tail[..tail.len() - 1]).unwrap();
        assert!(short.length < length && short.start == start);
    }
}
