use super::packet::Packet;

/// The beginning of a PES packet.
#[derive(Debug)]
pub(super) struct PesHeader {
    pub(super) stream_id: u8,
    /// Bytes of the PES packet, this header included; `None`: more than its length can tell.
    pub(super) length: Option<usize>,
    /// 33 bits.
    pub(super) dts: u64,
}

impl PesHeader {
    /// Reads it from the TS packet that it begins in. `None`: not a header of ours.
    pub(super) fn read(packet: &Packet<'_>) -> Option<Self> {
        let (&[0, 0, 1, stream_id, high, low, ALIGNED, flags, stamps_length], rest) =
            packet.payload.split_first_chunk()?
        else {
            return None;
        };
        let dts = match (flags, stamps_length) {
            (PTS, 5) => stamp(0b0010, rest)?,
            (PTS_AND_DTS, 10) => {
                stamp(0b0011, rest)?;
                stamp(0b0001, &rest[5..])?
            }
            _ => return None,
        };
        let length = match u16::from_be_bytes([high, low]) {
            0 => None,
            counted => Some(COUNTED_FROM + usize::from(counted)),
        };
        let header = COUNTED_FROM + 3 + usize::from(stamps_length);
        let is_sound = length.is_none_or(|length| length > header && length >= packet.payload.len());
        is_sound.then_some(Self { stream_id, length, dts })
    }
}

/// The 33 bits of a time stamp among their prefix and marker bits.
fn stamp(prefix: u8, bytes: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = bytes.first_chunk()?;
    let bits = |byte: u8, shift: u32| u64::from(byte >> 1) << shift;
    let is_marked = a >> 4 == prefix && a & c & e & 1 == 1;
    is_marked.then_some(bits(a & 0x0F, 30) | u64::from(b) << 22 | bits(c, 15) | u64::from(d) << 7 | bits(e, 0))
}

/// Bytes of a PES packet before those which its length counts.
const COUNTED_FROM: usize = 6;

/// Not scrambled, and an access unit begins right behind the header.
const ALIGNED: u8 = 0x84;

const PTS: u8 = 0x80;
const PTS_AND_DTS: u8 = 0xC0;
