//! Whole streams of real encoders, against what ffprobe reads from the same bytes.
//!
//! Each `.flv` is two seconds of ffmpeg 7 with libx264 and its AAC encoder; the `.csv` beside it is
//! `ffprobe -show_entries packet=codec_type,pts,dts,flags,size -of csv=p=0`.

use std::path::Path;

use alluvium_media::Kind;

use crate::support::{Seen, Tag, demux, discontinuities, faults, tracks};

/// A packet as ffprobe sees it, ms.
#[derive(Debug, PartialEq)]
struct Packet {
    kind: Kind,
    pts: i64,
    dts: i64,
    keyframe: bool,
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)).unwrap()
}

/// The audio and video tags of an FLV file (FLV 10.1, E.3).
fn tags(name: &str) -> Vec<Tag> {
    let file = file(name);
    let mut left = &file[13..];
    let mut tags = Vec::new();
    while !left.is_empty() {
        let length = usize::from(left[1]) << 16 | usize::from(left[2]) << 8 | usize::from(left[3]);
        let timestamp_ms = u32::from_be_bytes([left[7], left[4], left[5], left[6]]);
        let payload = left[11..11 + length].to_vec();
        match left[0] {
            8 => tags.push(Tag {
                kind: Kind::Audio,
                timestamp_ms,
                payload,
            }),
            9 => tags.push(Tag {
                kind: Kind::Video,
                timestamp_ms,
                payload,
            }),
            _ => {}
        }
        left = &left[11 + length + 4..];
    }
    tags
}

fn packets(name: &str) -> Vec<Packet> {
    let text = String::from_utf8(file(name)).unwrap();
    let packet = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let kind = if fields[0] == "video" { Kind::Video } else { Kind::Audio };
        let number = |at: usize| fields[at].parse().unwrap();
        Packet {
            kind,
            pts: number(1),
            dts: number(2),
            keyframe: fields[4].starts_with('K'),
        }
    };
    text.lines().map(packet).collect()
}

fn of_kind(seen: &[Seen], packets: Vec<Packet>, wanted: Kind) -> (Vec<Packet>, Vec<Packet>) {
    // The timeline begins with the first unit of all, which ffprobe shows at its own time.
    let ours = seen.iter().filter_map(|seen| match seen {
        Seen::Picture {
            dts,
            pts,
            random_access,
            ..
        } => Some(Packet {
            kind: Kind::Video,
            pts: pts / 90,
            dts: dts / 90,
            keyframe: *random_access,
        }),
        Seen::Frame { dts, .. } => {
            let ms = (dts + 45) / 90;
            Some(Packet {
                kind: Kind::Audio,
                pts: ms,
                dts: ms,
                keyframe: true,
            })
        }
        _ => None,
    });
    let shift = |packet: Packet| Packet {
        pts: packet.pts - 10_000,
        dts: packet.dts - 10_000,
        ..packet
    };
    let ours = ours.map(shift).filter(|packet| packet.kind == wanted).collect();
    (
        ours,
        packets.into_iter().filter(|packet| packet.kind == wanted).collect(),
    )
}

/// Demuxes a vector and compares its times; returns what came out.
#[track_caller]
fn check(name: &str, tags: &[Tag], same_keyframes: bool) -> Vec<Seen> {
    let seen = demux(tags);
    assert_eq!(faults(&seen), []);
    assert_eq!(discontinuities(&seen), 0);
    let (pictures, expected) = of_kind(&seen, packets(&format!("{name}.csv")), Kind::Video);
    assert_eq!(pictures.len(), expected.len());
    for (ours, expected) in pictures.iter().zip(&expected) {
        assert_eq!((ours.dts, ours.pts), (expected.dts, expected.pts));
        if same_keyframes {
            assert_eq!(ours.keyframe, expected.keyframe, "at {}", expected.dts);
        }
    }
    let (frames, expected) = of_kind(&seen, packets(&format!("{name}.csv")), Kind::Audio);
    assert_eq!(frames.len(), expected.len());
    for (ours, expected) in frames.iter().zip(&expected) {
        assert!((ours.dts - expected.dts).abs() <= 1, "{ours:?} {expected:?}");
    }
    seen
}

fn kinds(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().map(|unit| unit[0] & 0x1F).collect()
}

#[test]
fn reads_b_frames() {
    let name = "ffmpeg-x264-bframes";
    let seen = check(name, &tags(&format!("{name}.flv")), true);
    let tracks = tracks(&seen);
    let video = tracks[0].video.as_ref().unwrap();
    assert_eq!(
        (video.width, video.height, video.profile_idc, video.frame_rate),
        (160, 90, 100, Some(25.0))
    );
    let audio = tracks[0].audio.as_ref().unwrap();
    assert_eq!(
        (audio.sample_rate, audio.channels, audio.config.object_type()),
        (44_100, 1, 2)
    );
    assert_eq!(tracks.len(), 1);
    for seen in &seen {
        let Seen::Picture {
            random_access, units, ..
        } = seen
        else {
            continue;
        };
        let head: &[u8] = if *random_access { &[9, 7, 8] } else { &[9] };
        assert_eq!(&kinds(units)[..head.len()], head);
        assert_eq!(kinds(units).iter().filter(|&&kind| kind == 9).count(), 1);
    }
}

#[test]
fn an_open_gop_can_be_entered() {
    let name = "ffmpeg-x264-open-gop";
    let seen = check(name, &tags(&format!("{name}.flv")), true);
    let entries: Vec<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Picture {
                random_access: true,
                units,
                ..
            } => Some(kinds(units)),
            _ => None,
        })
        .collect();
    assert_eq!(
        entries,
        [vec![9, 7, 8, 6, 5], vec![9, 7, 8, 6, 1], vec![9, 7, 8, 6, 1]][..entries.len()]
    );
    assert!(entries.len() >= 2, "one of them is not an IDR picture");
}

#[test]
fn an_intra_refresh_can_be_entered_at_its_idr_picture_alone() {
    let name = "ffmpeg-x264-intra-refresh";
    let seen = check(name, &tags(&format!("{name}.flv")), false);
    let entries = seen
        .iter()
        .filter(|seen| {
            matches!(
                seen,
                Seen::Picture {
                    random_access: true,
                    ..
                }
            )
        })
        .count();
    assert_eq!(entries, 1);
}

#[test]
fn several_slices_delimiters_filler_and_repeated_headers_come_out_clean() {
    let name = "ffmpeg-x264-slices-aud";
    let seen = check(name, &tags(&format!("{name}.flv")), true);
    assert_eq!(tracks(&seen).len(), 1);
    for seen in &seen {
        let Seen::Picture {
            random_access, units, ..
        } = seen
        else {
            continue;
        };
        let kinds: Vec<u8> = kinds(units).into_iter().filter(|&kind| kind != 6).collect();
        let expected: &[u8] = if *random_access {
            &[9, 7, 8, 5, 5, 5, 5]
        } else {
            &[9, 1, 1, 1, 1]
        };
        assert_eq!(kinds, expected);
    }
}

#[test]
fn annex_b_inside_flv_gives_the_same_units() {
    let name = "ffmpeg-x264-bframes";
    let plain = tags(&format!("{name}.flv"));
    let mut annex_b = plain.clone();
    for tag in annex_b
        .iter_mut()
        .filter(|tag| tag.kind == Kind::Video && tag.payload[1] == 1)
    {
        let mut at = 5;
        while at < tag.payload.len() {
            let length = u32::from_be_bytes(tag.payload[at..at + 4].try_into().unwrap()) as usize;
            tag.payload[at..at + 4].copy_from_slice(&[0, 0, 0, 1]);
            at += 4 + length;
        }
    }
    assert_eq!(demux(&annex_b), demux(&plain));
}

#[test]
fn adts_inside_flv_is_not_doubled() {
    let name = "ffmpeg-x264-bframes";
    let plain = tags(&format!("{name}.flv"));
    let header = plain.iter().find(|tag| tag.kind == Kind::Audio).unwrap();
    let config = alluvium_media::AudioSpecificConfig::parse(&header.payload[2..]).unwrap();
    let mut adts = plain.clone();
    for tag in adts
        .iter_mut()
        .filter(|tag| tag.kind == Kind::Audio && tag.payload[1] == 1)
    {
        let frame = tag.payload.split_off(2);
        tag.payload.extend_from_slice(&config.adts_header(frame.len()));
        tag.payload.extend_from_slice(&frame);
    }
    assert_eq!(demux(&adts), demux(&plain));
}
