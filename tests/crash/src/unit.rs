//! Access units that say who they are: made for the publisher, recognised in what was stored.

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Track {
    Video,
    Audio,
}

/// One access unit among all that are ever sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UnitId {
    pub(crate) publisher: u32,
    /// Accepted publishes of this publisher before.
    pub(crate) connection: u32,
    pub(crate) track: Track,
    /// Units of this track before, in this connection.
    pub(crate) number: u32,
}

/// Bytes that are no unit as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(pub(crate) String);

/// The payload of a video message with the decoder's configuration: 640 x 360, baseline, from x264.
pub(crate) fn video_header() -> Vec<u8> {
    let mut payload = vec![0x17, 0, 0, 0, 0, 1, SPS[1], SPS[2], SPS[3], 0xFF, 0xE1];
    for (count, set) in [(None, &SPS[..]), (Some(1), &PPS[..])] {
        payload.extend(count);
        payload.extend_from_slice(&(set.len() as u16).to_be_bytes());
        payload.extend_from_slice(set);
    }
    payload
}

/// The payload of an audio message with the decoder's configuration: AAC-LC, 44.1 kHz, stereo.
pub(crate) const AUDIO_HEADER: [u8; 4] = [0xAF, 0, 0x12, 0x10];

/// Samples of an AAC frame, and how many there are in a second.
pub(crate) const FRAME_SAMPLES: u32 = 1024;
pub(crate) const SAMPLE_RATE: u32 = 44_100;

/// The payload of a video message with a picture: the stamp in SEI, and a slice of `length` bytes.
pub(crate) fn picture(id: UnitId, length: usize, random_access: bool, composition_ms: u32) -> Vec<u8> {
    let filler = filler(id, length);
    let stamp = stamp(id, &filler);
    let mut payload = vec![if random_access { 0x17 } else { 0x27 }, 1];
    payload.extend_from_slice(&composition_ms.to_be_bytes()[1..]);
    let sei = [&[SEI, USER_DATA, STAMP_BYTES as u8][..], &stamp, &[0x80]].concat();
    let slice = [
        &[if random_access { IDR_SLICE } else { SLICE } | REFERENCE][..],
        &filler,
    ]
    .concat();
    for unit in [sei, slice] {
        payload.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        payload.extend_from_slice(&unit);
    }
    payload
}

/// The payload of an audio message with a frame: the stamp and `length` bytes.
pub(crate) fn frame(id: UnitId, length: usize) -> Vec<u8> {
    let filler = filler(id, length);
    [&[0xAF, 1][..], &stamp(id, &filler), &filler].concat()
}

/// Recognises a picture in the bytes of its PES packet.
pub(crate) fn read_picture(annex_b: &[u8]) -> Result<UnitId, Damage> {
    let mut kinds = Vec::new();
    let (mut stamp, mut filler) = (None, None);
    for unit in nal_units(annex_b) {
        let kind = unit[0] & 0x1F;
        kinds.push(kind);
        match kind {
            SEI => stamp = unit.strip_prefix(&[SEI, USER_DATA, STAMP_BYTES as u8]),
            SLICE | IDR_SLICE => filler = Some(&unit[1..]),
            _ => {}
        }
    }
    let expected: [&[u8]; 2] = [
        &[DELIMITER, SEI, SLICE],
        &[DELIMITER, SPS[0] & 0x1F, PPS[0] & 0x1F, SEI, IDR_SLICE],
    ];
    if !expected.contains(&&kinds[..]) {
        return Err(Damage(format!("a picture of NAL units of the types {kinds:?}")));
    }
    match (stamp.and_then(<[u8]>::split_first_chunk), filler) {
        (Some((stamp, [0x80])), Some(filler)) => read(stamp, filler, Track::Video),
        _ => Err(Damage("a picture without a stamp".to_owned())),
    }
}

/// Recognises a raw AAC frame.
pub(crate) fn read_frame(raw: &[u8]) -> Result<UnitId, Damage> {
    match raw.split_first_chunk() {
        Some((stamp, filler)) => read(stamp, filler, Track::Audio),
        None => Err(Damage(format!("an audio frame of {} bytes", raw.len()))),
    }
}

/// A name, the unit in hexadecimal digits, and the CRC over those and the filler: no byte of it is 0, so no start code
/// and no emulation prevention is ever in a picture.
fn stamp(id: UnitId, filler: &[u8]) -> [u8; STAMP_BYTES] {
    let track = match id.track {
        Track::Video => 'v',
        Track::Audio => 'a',
    };
    let text = format!(
        "{:08x}{:08x}{track}{:08x}{:08x}",
        id.publisher,
        id.connection,
        id.number,
        filler.len()
    );
    let crc = crc(text.as_bytes(), filler);
    let mut stamp = [0; STAMP_BYTES];
    stamp[..UUID.len()].copy_from_slice(&UUID);
    stamp[UUID.len()..UUID.len() + TEXT_BYTES].copy_from_slice(text.as_bytes());
    stamp[UUID.len() + TEXT_BYTES..].copy_from_slice(format!("{crc:016x}").as_bytes());
    stamp
}

fn read(stamp: &[u8; STAMP_BYTES], filler: &[u8], track: Track) -> Result<UnitId, Damage> {
    let shown = || String::from_utf8_lossy(stamp).into_owned();
    let illegible = || Damage(format!("an illegible stamp: {:?}", shown()));
    let text = stamp.strip_prefix(&UUID).ok_or_else(illegible)?;
    let text = std::str::from_utf8(text).map_err(|_| illegible())?;
    let hex = |at: usize, digits: usize| u64::from_str_radix(text.get(at..at + digits)?, 16).ok();
    let numbers = || Some((hex(0, 8)?, hex(8, 8)?, hex(17, 8)?, hex(25, 8)?, hex(33, 16)?));
    let (publisher, connection, number, length, written) = numbers().ok_or_else(illegible)?;
    let letter = match track {
        Track::Video => b'v',
        Track::Audio => b'a',
    };
    if text.as_bytes()[16] != letter {
        return Err(Damage(format!("a unit of another track: {:?}", shown())));
    }
    let id = UnitId {
        publisher: publisher as u32,
        connection: connection as u32,
        track,
        number: number as u32,
    };
    if length != filler.len() as u64 {
        return Err(Damage(format!("{id} has {} bytes instead of {length}", filler.len())));
    }
    let found = crc(&text.as_bytes()[..TEXT_BYTES], filler);
    if found != written {
        return Err(Damage(format!(
            "{id} has the CRC {found:016x} instead of {written:016x}"
        )));
    }
    Ok(id)
}

/// Bytes that only this unit has, none of them 0.
fn filler(id: UnitId, length: usize) -> Vec<u8> {
    let mut state = u64::from(id.publisher) << 40 ^ u64::from(id.connection) << 24 ^ u64::from(id.number) << 1;
    state ^= 0x9E37_79B9_7F4A_7C15 ^ u64::from(id.track == Track::Audio);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64: any state but 0 will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&(state | 0x0101_0101_0101_0101).to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn crc(text: &[u8], filler: &[u8]) -> u64 {
    let mut digest = Digest::new(CrcAlgorithm::Crc64Xz);
    digest.update(text);
    digest.update(filler);
    digest.finalize()
}

/// The NAL units between start codes, empty ones left out (ITU-T H.264, annex B).
fn nal_units(bytes: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(zero) = bytes[at..].iter().position(|&byte| byte == 0) {
        at += zero;
        if bytes[at..].starts_with(&[0, 0, 1]) {
            units.extend(start.map(|start: usize| &bytes[start..at]));
            at += 3;
            start = Some(at);
        } else {
            at += 1;
        }
    }
    units.extend(start.map(|start| &bytes[start..]));
    units.iter_mut().for_each(|unit| {
        let length = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        *unit = &unit[..length];
    });
    units.retain(|unit| !unit.is_empty());
    units
}

impl fmt::Display for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "picture",
            Self::Audio => "audio frame",
        })
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} of connection {} of publisher {}",
            self.track, self.number, self.connection, self.publisher
        )
    }
}

const SPS: [u8; 25] = [
    0x67, 0x42, 0xC0, 0x1E, 0xD9, 0x00, 0xA0, 0x2F, 0xF9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03,
    0x00, 0x32, 0x0F, 0x16, 0x2E, 0x48,
];
const PPS: [u8; 5] = [0x68, 0xCB, 0x83, 0xCB, 0x20];

const SLICE: u8 = 1;
const IDR_SLICE: u8 = 5;
const SEI: u8 = 6;
const DELIMITER: u8 = 9;
const REFERENCE: u8 = 0x60;

/// `user_data_unregistered` (ITU-T H.264, D.1.7).
const USER_DATA: u8 = 5;
const UUID: [u8; 16] = *b"alluvium-crash/1";
const TEXT_BYTES: usize = 33;
const STAMP_BYTES: usize = UUID.len() + TEXT_BYTES + 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(track: Track) -> UnitId {
        UnitId {
            publisher: 7,
            connection: 3,
            track,
            number: 4_711,
        }
    }

    /// As a muxer would write the payload of a video message.
    fn annex_b(payload: &[u8], random_access: bool) -> Vec<u8> {
        let mut units = vec![vec![DELIMITER, 0xF0]];
        if random_access {
            units.extend([SPS.to_vec(), PPS.to_vec()]);
        }
        let mut left = &payload[5..];
        while let Some((length, rest)) = left.split_first_chunk() {
            let (unit, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
            units.push(unit.to_vec());
            left = rest;
        }
        units
            .iter()
            .flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat())
            .collect()
    }

    #[test]
    fn a_picture_is_recognised() {
        for (length, random_access) in [(0, false), (1, true), (70_000, true)] {
            let payload = picture(id(Track::Video), length, random_access, 80);
            assert_eq!(read_picture(&annex_b(&payload, random_access)), Ok(id(Track::Video)));
        }
    }

    #[test]
    fn a_frame_is_recognised() {
        let payload = frame(id(Track::Audio), 200);
        assert_eq!(read_frame(&payload[2..]), Ok(id(Track::Audio)));
        let video = stamp(id(Track::Video), &[]);
        assert!(read_frame(&video).is_err());
    }

    #[test]
    fn a_picture_without_its_parameter_sets_is_damaged() {
        let payload = picture(id(Track::Video), 10, true, 0);
        assert!(read_picture(&annex_b(&payload, false)).is_err());
    }

    #[test]
    fn no_two_units_are_alike() {
        let other = UnitId {
            number: 4_712,
            ..id(Track::Audio)
        };
        assert_ne!(filler(id(Track::Audio), 64), filler(other, 64));
        assert_ne!(filler(id(Track::Audio), 64), filler(id(Track::Video), 64));
    }

    proptest! {
        #[test]
        fn any_damage_is_found(at in 0usize..400, bit in 0u32..8) {
            let mut bytes = annex_b(&picture(id(Track::Video), 300, false, 0), false);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let found = read_picture(&bytes);
            let stamp = 13..13 + UUID.len() + TEXT_BYTES;
            if stamp.contains(&at) || at >= bytes.len() - 300 {
                prop_assert!(found.is_err(), "{at}: {found:?}");
            }
            // Some other bits tell nothing: a start code's first zero, or the case of the CRC's digits.
            prop_assert!(found.is_err() || found == Ok(id(Track::Video)), "{at}: {found:?}");
        }

        #[test]
        fn any_cut_is_found(length in 0usize..400) {
            let bytes = annex_b(&picture(id(Track::Video), 300, false, 0), false);
            prop_assume!(length < bytes.len());
            prop_assert!(read_picture(&bytes[..length]).is_err());
            let bytes = frame(id(Track::Audio), 300);
            prop_assume!(length < bytes.len() - 2);
            prop_assert!(read_frame(&bytes[2..2 + length]).is_err());
        }
    }
}
