//! Tags to feed, and the only lines that know [`Demuxer`].

use alluvium_media::{Announced, Content, Demuxer, Fault, Item, Kind, Limits, Tracks};

/// An item that outlives its demuxer's buffers. Times are ticks of 90 kHz.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Tracks(Tracks),
    Picture {
        dts: i64,
        pts: i64,
        random_access: bool,
        units: Vec<Vec<u8>>,
    },
    Frame {
        dts: i64,
        samples: u32,
        frame: Vec<u8>,
    },
    Discontinuity,
    Fault(Fault),
}

/// A media message.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) kind: Kind,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: Vec<u8>,
}

/// 1920 x 1080 at 30000/1001.
pub(crate) const SPS: &str = "67640028acd940780227e5c04400000fa40003a9803c60c658";
pub(crate) const PPS: &str = "68ebe3cb22c0";
/// 640 x 360 at 25.
pub(crate) const SPS_360: &str = "6742c01ed900a02ff97011000003000100000300320f162e48";
pub(crate) const PPS_360: &str = "68cb83cb20";
pub(crate) const IDR: [u8; 3] = [0x65, 0x88, 0x84];
pub(crate) const P_SLICE: [u8; 3] = [0x41, 0x9A, 0x20];

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn video_header(sps: &str, pps: &str) -> Tag {
    let (sps, pps) = (unhex(sps), unhex(pps));
    let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
    let payload = [
        &[0x17, 0, 0, 0, 0, 1, sps[1], sps[2], sps[3], 0xFF, 0xE1],
        &length(&sps)[..],
        &sps,
        &[1],
        &length(&pps),
        &pps,
    ]
    .concat();
    Tag {
        kind: Kind::Video,
        timestamp_ms: 0,
        payload,
    }
}

/// AAC-LC, stereo, 44.1 kHz by default.
pub(crate) fn audio_header(config: [u8; 2]) -> Tag {
    Tag {
        kind: Kind::Audio,
        timestamp_ms: 0,
        payload: [&[0xAF, 0][..], &config].concat(),
    }
}

pub(crate) const LC_44100: [u8; 2] = [0x12, 0x10];
pub(crate) const LC_48000: [u8; 2] = [0x11, 0x90];

pub(crate) fn picture(timestamp_ms: u32, composition_ms: i32, unit: &[u8]) -> Tag {
    let frame_type = if unit[0] & 0x1F == 5 { 0x17 } else { 0x27 };
    let [_, high, middle, low] = composition_ms.to_be_bytes();
    let length = (unit.len() as u32).to_be_bytes();
    let payload = [&[frame_type, 1, high, middle, low][..], &length, unit].concat();
    Tag {
        kind: Kind::Video,
        timestamp_ms,
        payload,
    }
}

pub(crate) fn frame(timestamp_ms: u32) -> Tag {
    Tag {
        kind: Kind::Audio,
        timestamp_ms,
        payload: vec![0xAF, 1, 0x21, 0x10, 0x04],
    }
}

pub(crate) fn collect(seen: &mut Vec<Seen>) -> impl FnMut(Item<'_>) {
    |item| {
        seen.push(match item {
            Item::Tracks(tracks) => Seen::Tracks(tracks.clone()),
            Item::Discontinuity => Seen::Discontinuity,
            Item::Fault(fault) => Seen::Fault(fault),
            Item::Unit(unit) => match unit.content {
                Content::Video(units) => Seen::Picture {
                    dts: unit.dts.as_ticks(),
                    pts: unit.pts.as_ticks(),
                    random_access: unit.random_access,
                    units: units.iter().map(<[u8]>::to_vec).collect(),
                },
                Content::Audio { frame, samples } => {
                    assert_eq!(unit.pts, unit.dts);
                    Seen::Frame {
                        dts: unit.dts.as_ticks(),
                        samples,
                        frame: frame.to_vec(),
                    }
                }
            },
        });
    }
}

pub(crate) fn demux_with(limits: Limits, announced: Announced, tags: &[Tag]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut demuxer = Demuxer::new(limits);
    demuxer.announce(announced);
    for tag in tags {
        demuxer.receive(tag.kind, tag.timestamp_ms, &tag.payload, &mut collect(&mut seen));
    }
    demuxer.finish(&mut collect(&mut seen));
    seen
}

pub(crate) fn demux(tags: &[Tag]) -> Vec<Seen> {
    demux_with(Limits::default(), Announced::default(), tags)
}

pub(crate) fn faults(seen: &[Seen]) -> Vec<Fault> {
    seen.iter()
        .filter_map(|seen| {
            if let Seen::Fault(fault) = seen {
                Some(fault.clone())
            } else {
                None
            }
        })
        .collect()
}

pub(crate) fn tracks(seen: &[Seen]) -> Vec<&Tracks> {
    seen.iter()
        .filter_map(|seen| {
            if let Seen::Tracks(tracks) = seen {
                Some(tracks)
            } else {
                None
            }
        })
        .collect()
}

/// DTS of the pictures, ticks.
pub(crate) fn picture_dts(seen: &[Seen]) -> Vec<i64> {
    seen.iter()
        .filter_map(|seen| {
            if let Seen::Picture { dts, .. } = seen {
                Some(*dts)
            } else {
                None
            }
        })
        .collect()
}

/// DTS of the audio frames, ticks.
pub(crate) fn frame_dts(seen: &[Seen]) -> Vec<i64> {
    seen.iter()
        .filter_map(|seen| {
            if let Seen::Frame { dts, .. } = seen {
                Some(*dts)
            } else {
                None
            }
        })
        .collect()
}

pub(crate) fn discontinuities(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| **seen == Seen::Discontinuity).count()
}
