use super::adts::Frames;
use super::packet::{Adaptation, Packet};
use super::program::Track;
use crate::ts::PAYLOAD;

/// A PES packet as far as it has come.
#[derive(Debug)]
pub(super) struct Pes {
    /// 33 bits.
    pub(super) dts: u64,
    pub(super) random_access: bool,
    left: Left,
    content: Content,
}

/// How much of it is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Bytes.
    Counted(usize),
    /// Everything up to the first TS packet with stuffing.
    UpToStuffing,
}

#[derive(Debug)]
enum Content {
    Picture,
    Audio(Frames),
}

impl Pes {
    /// The one that begins in this TS packet. `None`: that is wrong.
    pub(super) fn begin(track: Track, packet: &Packet<'_>) -> Option<Self> {
        let (&[0, 0, 1, stream_id, high, low, ALIGNED, flags, stamps_length], rest) =
            packet.payload.split_first_chunk()?
        else {
            return None;
        };
        let (stamps, payload) = rest.split_at_checked(usize::from(stamps_length))?;
        let dts = match (flags, stamps.as_chunks()) {
            (PTS, ([pts], [])) => stamp(0b0010, *pts)?,
            (PTS_AND_DTS, ([pts, dts], [])) => {
                stamp(0b0011, *pts)?;
                stamp(0b0001, *dts)?
            }
            _ => return None,
        };
        let left = match u16::from_be_bytes([high, low]) {
            0 => Left::UpToStuffing,
            counted => Left::Counted((COUNTED_FROM + usize::from(counted)).checked_sub(packet.payload.len())?),
        };
        let content = match (track, stream_id, left) {
            (Track::Video, 0xE0..=0xEF, _) => Content::Picture,
            (Track::Audio, 0xC0..=0xDF, Left::Counted(_)) => Content::Audio(Frames::default()),
            _ => return None,
        };
        let pes = Self {
            dts,
            random_access: packet.adaptation.is_some_and(|adaptation| adaptation.random_access),
            left,
            content,
        };
        (packet.unit_start && !payload.is_empty()).then_some(pes)?.walk(payload)
    }

    /// With what the next TS packet carries of it. `None`: that is wrong.
    pub(super) fn go_on(self, packet: &Packet<'_>) -> Option<Self> {
        if packet.unit_start || packet.adaptation.is_some_and(|said| said != Adaptation::default()) {
            return None;
        }
        let now = packet.payload.len();
        let left = match self.left {
            _ if now == 0 => return None,
            Left::Counted(left) if now == left.min(PAYLOAD) => Left::Counted(left - now),
            Left::Counted(_) => return None,
            Left::UpToStuffing if now == PAYLOAD => Left::UpToStuffing,
            Left::UpToStuffing => Left::Counted(0),
        };
        Self { left, ..self }.walk(packet.payload)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.left == Left::Counted(0)
    }

    /// How long its units last, 90 kHz, where they tell.
    pub(super) fn duration(&self) -> Option<u64> {
        match &self.content {
            Content::Picture => None,
            Content::Audio(frames) => frames.duration(),
        }
    }

    /// A whole packet holds whole frames.
    fn walk(mut self, payload: &[u8]) -> Option<Self> {
        if let Content::Audio(frames) = &mut self.content {
            frames.walk(payload)?;
            if self.left == Left::Counted(0) {
                frames.duration()?;
            }
        }
        Some(self)
    }
}

/// The 33 bits of a time stamp among their prefix and marker bits.
fn stamp(prefix: u8, [a, b, c, d, e]: [u8; 5]) -> Option<u64> {
    let seven = |byte: u8| u64::from(byte >> 1);
    let ticks = u64::from(a >> 1 & 7) << 30 | u64::from(b) << 22 | seven(c) << 15 | u64::from(d) << 7 | seven(e);
    (a >> 4 == prefix && a & c & e & 1 == 1).then_some(ticks)
}

/// Bytes of a PES packet before those which its length counts.
const COUNTED_FROM: usize = 6;

/// Not scrambled, and an access unit begins right behind the header.
const ALIGNED: u8 = 0x84;

const PTS: u8 = 0x80;
const PTS_AND_DTS: u8 = 0xC0;
