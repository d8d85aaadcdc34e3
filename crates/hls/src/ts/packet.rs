//! TS packets and their adaptation field: ISO/IEC 13818-1, 2.4.3.2 to 2.4.3.5.

use super::clock::Pcr;
use bytes::{BufMut, BytesMut};

/// Length of every TS packet, in bytes.
pub(crate) const PACKET: usize = 188;

/// What is left of a TS packet after its header of four bytes.
pub(crate) const PAYLOAD: usize = PACKET - 4;

/// The longest PES packet that can tell its length: 16 bits of it, and what comes before them.
pub(crate) const PES_COUNTED_MAX: usize = 6 + 0xFFFF;

/// The continuity counter of one PID: rises by one, modulo 16, with each packet that has a payload.
#[derive(Debug, Default)]
pub(crate) struct Continuity {
    next: u8,
}

impl Continuity {
    pub(crate) fn advance(&mut self) -> u8 {
        let value = self.next;
        self.next = (value + 1) & 0x0F;
        value
    }

    /// The value of the last packet with a payload, which one without a payload repeats.
    pub(crate) fn last(&self) -> u8 {
        self.next.wrapping_sub(1) & 0x0F
    }
}

/// What the adaptation field of a PES packet's first TS packet says.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Indicators {
    pub(crate) random_access: bool,
    pub(crate) pcr: Option<Pcr>,
}

impl Indicators {
    /// Bytes of the adaptation field, its length byte included; 0 where none is needed.
    fn length(self) -> usize {
        match self {
            Self { pcr: Some(_), .. } => 8,
            Self {
                random_access: true, ..
            } => 2,
            _ => 0,
        }
    }

    /// Writes an adaptation field of exactly `length` bytes, at most `PAYLOAD`.
    fn write(self, length: usize, out: &mut BytesMut) {
        out.put_u8((length - 1) as u8);
        if length == 1 {
            return;
        }
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let discontinuity = self.pcr.is_some_and(|pcr| pcr.discontinuity);
        out.put_u8(flag(discontinuity, 0x80) | flag(self.random_access, 0x40) | flag(self.pcr.is_some(), 0x10));
        if let Some(pcr) = self.pcr {
            // 33 bits of base, 6 reserved bits, 9 bits of extension, which is 0 as our clock counts at 90 kHz.
            out.put_slice(&((pcr.base << 15) | 0x7E00).to_be_bytes()[2..]);
        }
        out.put_bytes(0xFF, length - self.length().max(2));
    }
}

/// One packetised elementary stream packet of known length on its way into TS packets.
///
/// Pieces are gathered in the order written; the last TS packet is filled up in its adaptation field. One that is too
/// long to tell its length never fits exactly, so that its end is known without the packet that follows.
#[derive(Debug)]
pub(crate) struct Packetizer<'a> {
    out: &'a mut BytesMut,
    pid: u16,
    continuity: &'a mut Continuity,
    /// Bytes of the PES packet that are still to come.
    remaining: usize,
    /// Bytes that still go into the open TS packet.
    room: usize,
}

impl<'a> Packetizer<'a> {
    /// Begins a PES packet of exactly `length` bytes, more than 0, its own header included.
    pub(crate) fn begin(
        out: &'a mut BytesMut,
        pid: u16,
        continuity: &'a mut Continuity,
        first: Indicators,
        length: usize,
    ) -> Self {
        let adaptation = first.length();
        let is_exact = (length + adaptation).is_multiple_of(PAYLOAD);
        let adaptation = adaptation + usize::from(is_exact && length > PES_COUNTED_MAX);
        out.reserve((length + adaptation).div_ceil(PAYLOAD) * PACKET);
        let mut packetizer = Self {
            out,
            pid,
            continuity,
            remaining: length,
            room: 0,
        };
        packetizer.open(0x4000, first, adaptation);
        packetizer
    }

    /// Adds the next piece.
    pub(crate) fn write(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            if self.room == 0 {
                piece = self.write_full(piece);
                if piece.is_empty() {
                    return;
                }
                self.open(0, Indicators::default(), 0);
            }
            let (now, later) = piece.split_at(piece.len().min(self.room));
            self.out.put_slice(now);
            self.room -= now.len();
            self.remaining -= now.len();
            piece = later;
        }
    }

    /// Writes as much of the piece as fills TS packets that hold nothing else, which is most of a picture; the rest.
    fn write_full<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let (payloads, rest) = piece.as_chunks::<PAYLOAD>();
        let header = 0x4700_0010 | u32::from(self.pid) << 8;
        for payload in payloads {
            let counter = u32::from(self.continuity.advance());
            self.out.extend_from_slice(&(header | counter).to_be_bytes());
            self.out.extend_from_slice(payload);
        }
        self.remaining -= payloads.len() * PAYLOAD;
        rest
    }

    /// Begins a TS packet with an adaptation field of at least `adaptation` bytes.
    fn open(&mut self, unit_start: u32, indicators: Indicators, adaptation: usize) {
        let adaptation = adaptation.max(PAYLOAD.saturating_sub(self.remaining));
        self.room = PAYLOAD - adaptation;
        let control = if adaptation > 0 { 0x30 } else { 0x10 };
        let counter = u32::from(self.continuity.advance());
        self.out
            .put_u32(0x4700_0000 | (unit_start | u32::from(self.pid)) << 8 | control | counter);
        if adaptation > 0 {
            indicators.write(adaptation, self.out);
        }
    }
}

/// Writes a TS packet that carries nothing but a PCR.
pub(crate) fn write_pcr_packet(out: &mut BytesMut, pid: u16, continuity: &Continuity, pcr: Pcr) {
    out.reserve(PACKET);
    out.put_u32(0x4700_0020 | u32::from(pid) << 8 | u32::from(continuity.last()));
    Indicators {
        random_access: false,
        pcr: Some(pcr),
    }
    .write(PAYLOAD, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packetises `length` bytes, checks the shape of every packet and that the payloads join to the same bytes.
    #[track_caller]
    fn check(length: usize, first: Indicators) -> BytesMut {
        let bytes: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let (mut out, mut continuity) = (BytesMut::new(), Continuity::default());
        let mut packetizer = Packetizer::begin(&mut out, 0x101, &mut continuity, first, length);
        for piece in bytes.chunks(67) {
            packetizer.write(piece);
        }
        assert_eq!((packetizer.remaining, packetizer.room), (0, 0));
        assert_eq!(out.len() % PACKET, 0);
        let mut joined = Vec::new();
        for (index, packet) in out.chunks(PACKET).enumerate() {
            assert_eq!(packet[0], 0x47);
            assert_eq!(packet[1], if index == 0 { 0x41 } else { 0x01 });
            assert_eq!(usize::from(packet[3] & 0x0F), index % 16);
            let field = if packet[3] & 0x20 == 0 {
                0
            } else {
                1 + usize::from(packet[4])
            };
            joined.extend_from_slice(&packet[4 + field..]);
        }
        assert_eq!(joined, bytes);
        out
    }

    #[test]
    fn stuffing_is_exact_at_every_length() {
        let pcr = Indicators {
            random_access: false,
            pcr: Some(Pcr {
                base: 0x1_2345_6789,
                discontinuity: false,
            }),
        };
        let access = Indicators {
            random_access: true,
            ..Indicators::default()
        };
        for length in 1..600 {
            check(length, Indicators::default());
            check(length, pcr);
            check(length, access);
        }
    }

    #[test]
    fn what_is_too_long_to_tell_its_length_ends_in_stuffing() {
        for length in PES_COUNTED_MAX - 400..PES_COUNTED_MAX + 400 {
            for first in [
                Indicators::default(),
                Indicators {
                    random_access: true,
                    pcr: None,
                },
            ] {
                let out = check(length, first);
                let mut stuffed = out.chunks(PACKET).skip(1).map(|packet| packet[3] & 0x20 != 0);
                let ends_in_stuffing = stuffed.next_back() == Some(true);
                assert!(stuffed.all(|is_stuffed| !is_stuffed));
                let fits = (length + first.length()).is_multiple_of(PAYLOAD);
                assert_eq!(ends_in_stuffing, !fits || length > PES_COUNTED_MAX, "{length}");
            }
        }
    }

    #[test]
    fn a_full_packet_has_no_adaptation_field_and_one_byte_less_has_one_of_one_byte() {
        assert_eq!(check(184, Indicators::default())[3] & 0x30, 0x10);
        let out = check(183, Indicators::default());
        assert_eq!((out[3] & 0x30, out[4]), (0x30, 0));
    }

    #[test]
    fn pcr_packet_repeats_the_counter_and_carries_33_bits() {
        let (mut out, mut continuity) = (BytesMut::new(), Continuity::default());
        for _ in 0..3 {
            continuity.advance();
        }
        write_pcr_packet(
            &mut out,
            0x100,
            &continuity,
            Pcr {
                base: 0x1_FFFF_FFFF,
                discontinuity: true,
            },
        );
        assert_eq!(out.len(), PACKET);
        assert_eq!(&out[..6], &[0x47, 0x01, 0x00, 0x22, 183, 0x90]);
        assert_eq!(&out[6..12], &[0xFF, 0xFF, 0xFF, 0xFF, 0xFE, 0x00]);
        assert!(out[12..].iter().all(|byte| *byte == 0xFF));
    }
}
