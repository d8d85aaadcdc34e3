use super::packet::Packet;
use crate::ts::pid;
use crc_fast::CrcAlgorithm::Crc32Mpeg2;

/// What the PAT says: there is one program.
#[derive(Debug)]
pub(super) struct Pat {
    number: u16,
    pmt_pid: u16,
}

/// What the PMT says of it.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) video: Option<u16>,
    pub(super) audio: Option<u16>,
    pub(super) pcr_pid: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Track {
    Video = 0,
    Audio = 1,
}

impl Pat {
    pub(super) fn read(packet: &Packet<'_>) -> Option<Self> {
        let (_, body) = section(packet, pid::PAT, PAT_ID)?;
        let [high, low, pmt_high, pmt_low] = *body else {
            return None;
        };
        Some(Self {
            number: u16::from_be_bytes([high, low]),
            pmt_pid: pid13(pmt_high, pmt_low)?,
        })
    }
}

impl Program {
    pub(super) fn read(pat: Pat, packet: &Packet<'_>) -> Option<Self> {
        let (number, body) = section(packet, pat.pmt_pid, PMT_ID)?;
        let (&[pcr_high, pcr_low, 0xF0, 0], mut streams) = body.split_first_chunk()? else {
            return None;
        };
        let mut program = Self {
            video: None,
            audio: None,
            pcr_pid: pid13(pcr_high, pcr_low)?,
        };
        while !streams.is_empty() {
            let (&[stream_type, high, low, 0xF0, 0], rest) = streams.split_first_chunk()? else {
                return None;
            };
            match stream_type {
                H264 => program.video = Some(pid13(high, low)?),
                AAC_ADTS => program.audio = Some(pid13(high, low)?),
                _ => return None,
            }
            streams = rest;
        }
        (number == pat.number).then_some(program)
    }

    /// Whose packets have this PID.
    pub(super) fn track(&self, pid: u16) -> Option<Track> {
        match Some(pid) {
            pid if pid == self.video => Some(Track::Video),
            pid if pid == self.audio => Some(Track::Audio),
            _ => None,
        }
    }
}

/// The number in the header and the body of the only section of a packet.
fn section<'a>(packet: &Packet<'a>, pid: u16, table_id: u8) -> Option<(u16, &'a [u8])> {
    if packet.pid != pid || !packet.unit_start {
        return None;
    }
    let (&[0, id, high, low], rest) = packet.payload.split_first_chunk()? else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high & 0x0F, low]));
    let (counted, stuffing) = rest.split_at_checked(length)?;
    let whole = &packet.payload[1..4 + length];
    let (&[number_high, number_low, version, 0, 0], body) = counted.split_first_chunk()? else {
        return None;
    };
    let (body, _) = body.split_last_chunk::<4>()?;
    let is_sound = id == table_id
        && high & 0xF0 == 0xB0
        && version & 0xC1 == 0xC1
        && stuffing.iter().all(|byte| *byte == 0xFF)
        // A section with its own checksum behind it has the checksum 0.
        && crc_fast::checksum(Crc32Mpeg2, whole) == 0;
    is_sound.then_some((u16::from_be_bytes([number_high, number_low]), body))
}

/// A PID behind its three reserved bits.
fn pid13(high: u8, low: u8) -> Option<u16> {
    (high & 0xE0 == 0xE0).then_some(u16::from_be_bytes([high & 0x1F, low]))
}

const PAT_ID: u8 = 0x00;
const PMT_ID: u8 = 0x02;

const H264: u8 = 0x1B;
const AAC_ADTS: u8 = 0x0F;
