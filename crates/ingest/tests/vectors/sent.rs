//! What a publisher sent, read with as little of the server's own code as possible: the protocol machine gives the
//! messages, the rest is read here.

use std::collections::BTreeMap;

use alluvium_media::{Announced, Demuxer, Item, Kind};
use alluvium_rtmp::{Connection, Error, Event, Limits, MediaKind, PublishRequest};

/// A picture or an audio frame: what decoders get of it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// 90 kHz; where the clock begins is its own affair.
    pub(crate) dts: i64,
    pub(crate) pts: i64,
    /// The slices of a picture, or one raw frame.
    pub(crate) content: Vec<Vec<u8>>,
}

/// All that came.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) requests: Vec<PublishRequest>,
    pub(crate) video: Vec<Unit>,
    pub(crate) audio: Vec<Unit>,
    /// What was odd, by name, and how often.
    pub(crate) faults: BTreeMap<String, u32>,
    /// How often a new timeline began.
    pub(crate) discontinuities: u32,
    pub(crate) error: Option<Error>,
    /// When the last message of a track came, ms, wraps undone.
    last_ms: BTreeMap<u8, i64>,
    /// Behind each event: where cutting the bytes is worth a try.
    pub(crate) boundaries: Vec<usize>,
}

impl Sent {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut sent = Self::default();
        let mut connection = Connection::new(Limits::default(), [1; 32]);
        let mut demuxer = Demuxer::new(alluvium_media::Limits::default());
        let mut nal_length_bytes = 4;
        let mut input = bytes;
        loop {
            let event = match connection.receive(&mut input) {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    sent.error = Some(error);
                    break;
                }
            };
            sent.boundaries.push(bytes.len() - input.len());
            match event {
                Event::Publish(request) => {
                    sent.requests.push(request);
                    connection.accept();
                }
                Event::Metadata(metadata) => demuxer.announce(Announced {
                    audio: metadata.audio,
                    video: metadata.video,
                }),
                Event::Media {
                    kind,
                    timestamp_ms,
                    payload,
                } => {
                    let kind = match kind {
                        MediaKind::Audio => Kind::Audio,
                        MediaKind::Video => Kind::Video,
                    };
                    demuxer.receive(kind, timestamp_ms, payload, &mut |item| sent.count(item));
                    let ms = sent.unwrapped(kind as u8, timestamp_ms);
                    match kind {
                        Kind::Video => sent.picture(ms, payload, &mut nal_length_bytes),
                        Kind::Audio => sent.frame(ms, payload),
                    }
                }
                Event::Fault(fault) => *sent.faults.entry(format!("rtmp: {}", fault.kind)).or_default() += 1,
                Event::Unpublish | Event::Refused(_) => {}
            }
        }
        demuxer.finish(&mut |item| sent.count(item));
        sent
    }

    fn count(&mut self, item: Item<'_>) {
        match item {
            Item::Fault(fault) => *self.faults.entry(fault.name().to_owned()).or_default() += 1,
            Item::Discontinuity => self.discontinuities += 1,
            Item::Tracks(_) | Item::Unit(_) => {}
        }
    }

    /// Times go on where RTMP's 32 bits begin again, or the 31 that FFmpeg and OBS use of them.
    fn unwrapped(&mut self, track: u8, timestamp_ms: u32) -> i64 {
        let last = self.last_ms.entry(track).or_insert(i64::from(timestamp_ms));
        *last += i64::from((timestamp_ms.wrapping_sub(*last as u32) << 1) as i32 >> 1);
        *last
    }

    /// FLV 10.1, E.4.3: codec 7, a packet type, a composition time.
    fn picture(&mut self, ms: i64, payload: &[u8], nal_length_bytes: &mut usize) {
        let [first, packet_type, c0, c1, c2, data @ ..] = payload else {
            return;
        };
        match (first & 0x0f, packet_type) {
            (7, 0) if data.len() > 4 => *nal_length_bytes = usize::from(data[4] & 3) + 1,
            (7, 1) => {
                let composition_ms = i64::from(i32::from_be_bytes([*c0, *c1, *c2, 0]) >> 8);
                // A length may look like a start code, so that lengths which fit come first.
                let slices = match avcc(data, *nal_length_bytes) {
                    Some(units) => slices(&units),
                    None => slices(&annex_b(data)),
                };
                if !slices.is_empty() {
                    let dts = ms * 90;
                    self.video.push(Unit {
                        dts,
                        pts: dts + composition_ms * 90,
                        content: slices,
                    });
                }
            }
            _ => {}
        }
    }

    /// FLV 10.1, E.4.2: codec 10, a packet type.
    fn frame(&mut self, ms: i64, payload: &[u8]) {
        let [first, 1, frame @ ..] = payload else { return };
        if first >> 4 != 10 || frame.is_empty() {
            return;
        }
        let dts = ms * 90;
        let frames = match adts(frame) {
            frames if frames.is_empty() => vec![frame.to_vec()],
            frames => frames,
        };
        for frame in frames {
            self.audio.push(Unit {
                dts,
                pts: dts,
                content: vec![frame],
            });
        }
    }
}

/// The NAL units between start codes (ISO/IEC 14496-10, B.1).
pub(crate) fn annex_b(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(2))
        .filter(|&at| bytes[at..at + 3] == [0, 0, 1])
        .collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let unit = &bytes[start + 3..end];
            let zeros = unit.iter().rev().take_while(|&&byte| byte == 0).count();
            &unit[..unit.len() - zeros]
        })
        .collect()
}

/// The NAL units behind lengths (ISO/IEC 14496-15, 5.3.2); `None` where these do not fit.
fn avcc(mut bytes: &[u8], length_bytes: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        units.push(unit);
        bytes = rest;
    }
    Some(units)
}

/// Of a picture's NAL units, its slices.
pub(crate) fn slices(units: &[&[u8]]) -> Vec<Vec<u8>> {
    let is_slice = |unit: &&&[u8]| unit.first().is_some_and(|first| (1..=5).contains(&(first & 0x1f)));
    units.iter().filter(is_slice).map(|unit| unit.to_vec()).collect()
}

/// The raw frames in ADTS (ISO/IEC 13818-7, 6.2), or none where it is not ADTS to its end.
pub(crate) fn adts(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [0xff, second, _, fourth, fifth, sixth, _, ..] = bytes
        && second & 0xf6 == 0xf0
    {
        let length = usize::from(fourth & 3) << 11 | usize::from(*fifth) << 3 | usize::from(sixth >> 5);
        let header = if second & 1 == 1 { 7 } else { 9 };
        let Some(frame) = bytes.get(header..length) else {
            return Vec::new();
        };
        frames.push(frame.to_vec());
        bytes = &bytes[length..];
    }
    if bytes.is_empty() { frames } else { Vec::new() }
}
