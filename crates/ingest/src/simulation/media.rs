use std::iter;

/// 640x360, Main profile: an AVCDecoderConfigurationRecord behind its FLV header.
pub(super) const VIDEO_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, 0x01, 0x4d, 0x40, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40, 0x1e, 0xd9, 0x80, 0xa0, 0x2f,
    0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x68, 0x01, 0x00,
    0x05, 0x68, 0xe9, 0x73, 0x2c, 0x80,
];

/// AAC-LC, 8 kHz, mono: frames of 128 ms.
pub(super) const AUDIO_HEADER: &[u8] = &[0xaf, 0, 0x15, 0x88];

/// One access unit that a publisher has sent. Its bytes follow from this, so that nobody can take it for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unit {
    /// Which of all publishes it belongs to.
    pub(super) publish: u16,
    pub(super) kind: Kind,
    /// From 0, among those of its kind.
    pub(super) number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Video,
    Audio,
}

impl Unit {
    /// As an FLV tag's body.
    pub(super) fn payload(&self, random_access: bool) -> Vec<u8> {
        let body = self.body();
        match self.kind {
            Kind::Video => {
                let nal_unit: &[u8] = if random_access { &IDR } else { &NON_IDR };
                let length = (nal_unit.len() + body.len()) as u32;
                let tag = if random_access { 0x17 } else { 0x27 };
                [&[tag, 1, 0, 0, 0], length.to_be_bytes().as_slice(), nal_unit, &body].concat()
            }
            Kind::Audio => [&[0xaf, 1], AAC.as_slice(), &body].concat(),
        }
    }

    /// Every byte has its highest bit set, so that nothing in it reads as a start code.
    fn body(&self) -> Vec<u8> {
        let Self { publish, number, .. } = *self;
        let sevens = [publish >> 7, publish].map(|bits| bits as u8 | 0x80);
        let number_sevens = [number >> 14, number >> 7, number].map(|bits| bits as u8 | 0x80);
        let mixed = (number + 1).wrapping_mul(0x9E37_79B1) ^ u32::from(publish);
        let length_max = match self.kind {
            Kind::Video => 600,
            Kind::Audio => 60,
        };
        let length = (mixed >> 8) % length_max;
        let filler = (0..length).map(|at| (mixed.wrapping_add(at * 37) >> 3) as u8 | 0x80);
        sevens.into_iter().chain(number_sevens).chain(filler).collect()
    }

    fn read(kind: Kind, body: &[u8]) -> Result<Self, String> {
        let &[a, b, c, d, e, ..] = body else {
            return Err(format!("a unit of {} bytes", body.len()));
        };
        let seven = |byte: u8| u32::from(byte & 0x7F);
        let unit = Self {
            publish: (seven(a) << 7 | seven(b)) as u16,
            kind,
            number: seven(c) << 14 | seven(d) << 7 | seven(e),
        };
        if unit.body() == body {
            Ok(unit)
        } else {
            Err(format!("not the bytes of {unit:?}"))
        }
    }
}

/// The units of a segment as a player reads them, in the order of their packets.
pub(super) fn units(segment: &[u8]) -> Result<Vec<Unit>, String> {
    let (packets, []) = segment.as_chunks::<188>() else {
        return Err(format!("{} bytes are no whole TS packets", segment.len()));
    };
    let mut found = Vec::new();
    let mut open = [Vec::new(), Vec::new()];
    for packet in packets {
        let pid = u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2]);
        let kind = match pid {
            VIDEO_PID => Kind::Video,
            AUDIO_PID => Kind::Audio,
            _ => continue,
        };
        let payload_at = if packet[3] & 0x20 == 0 {
            4
        } else {
            5 + usize::from(packet[4])
        };
        let open = &mut open[kind as usize];
        if packet[1] & 0x40 != 0 {
            read_pes(kind, open, &mut found)?;
            open.clear();
        }
        open.extend_from_slice(packet.get(payload_at..).ok_or("an adaptation field past its packet")?);
    }
    read_pes(Kind::Video, &open[0], &mut found)?;
    read_pes(Kind::Audio, &open[1], &mut found)?;
    Ok(found)
}

fn read_pes(kind: Kind, pes: &[u8], found: &mut Vec<Unit>) -> Result<(), String> {
    if pes.is_empty() {
        return Ok(());
    }
    let header = 9 + usize::from(*pes.get(8).ok_or("a PES packet without its header")?);
    let payload = pes.get(header..).ok_or("a PES packet cut in its header")?;
    match kind {
        Kind::Video => {
            let starts = payload.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 0, 1]);
            let starts: Vec<_> = starts
                .map(|(at, _)| at + 3)
                .chain(iter::once(payload.len() + 3))
                .collect();
            for bounds in starts.windows(2) {
                let unit = &payload[bounds[0]..bounds[1] - 3];
                // The start code after it may have a fourth byte.
                let unit = unit.strip_suffix(&[0]).unwrap_or(unit);
                if let Some(body) = unit.strip_prefix(&IDR).or(unit.strip_prefix(&NON_IDR)) {
                    found.push(Unit::read(kind, body)?);
                }
            }
        }
        Kind::Audio => {
            let mut rest = payload;
            while !rest.is_empty() {
                let &[0xFF, _, _, a, b, c, _, ..] = rest else {
                    return Err("no ADTS header where one is due".to_owned());
                };
                let length = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c) >> 5;
                let (frame, later) = rest.split_at_checked(length).ok_or("an ADTS frame that is cut")?;
                let body = frame[7..].strip_prefix(&AAC).ok_or("an AAC frame of nobody")?;
                found.push(Unit::read(kind, body)?);
                rest = later;
            }
        }
    }
    Ok(())
}

/// A NAL unit's header and what stands before the number.
const IDR: [u8; 3] = [0x65, 0x88, 0x84];
const NON_IDR: [u8; 3] = [0x41, 0x9a, 0x24];
const AAC: [u8; 1] = [0x21];

const VIDEO_PID: u16 = 0x0100;
const AUDIO_PID: u16 = 0x0101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_told_from_every_other_and_from_damage() {
        for number in 0..1000 {
            let unit = Unit {
                publish: 300,
                kind: Kind::Audio,
                number,
            };
            let mut body = unit.body();
            assert_eq!(Unit::read(Kind::Audio, &body), Ok(unit));
            *body.last_mut().unwrap() ^= 4;
            assert_ne!(Unit::read(Kind::Audio, &body), Ok(unit));
        }
    }
}
