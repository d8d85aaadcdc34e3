use crate::ts::PACKET;

/// First byte of every TS packet.
pub(super) const SYNC: u8 = 0x47;

/// A TS packet of the kinds that the muxer writes.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    /// A PES packet or a section begins in it.
    pub(super) unit_start: bool,
    pub(super) counter: u8,
    pub(super) adaptation: Option<Adaptation>,
    /// Empty when the packet carries a PCR and nothing else.
    pub(super) payload: &'a [u8],
}

/// What an adaptation field says; the rest of it is stuffing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Adaptation {
    pub(super) random_access: bool,
    pub(super) pcr: bool,
}

impl<'a> Packet<'a> {
    /// `None`: not a packet of ours, as far as it can be told from this one alone.
    pub(super) fn read(bytes: &'a [u8; PACKET]) -> Option<Self> {
        let (&[SYNC, high, low, control], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (adaptation, payload) = match control >> 4 {
            PAYLOAD_ONLY => (None, rest),
            kind @ (ADAPTATION_ONLY | ADAPTATION_AND_PAYLOAD) => {
                let (&length, rest) = rest.split_first()?;
                let (field, payload) = rest.split_at_checked(usize::from(length))?;
                if payload.is_empty() != (kind == ADAPTATION_ONLY) {
                    return None;
                }
                (Some(Adaptation::read(field)?), payload)
            }
            _ => return None,
        };
        (high & (TRANSPORT_ERROR | PRIORITY) == 0).then_some(Self {
            pid: u16::from(high & 0x1F) << 8 | u16::from(low),
            unit_start: high & UNIT_START != 0,
            counter: control & 0x0F,
            adaptation,
            payload,
        })
    }

    /// It carries a PCR and nothing else.
    pub(super) fn is_clock(&self) -> bool {
        self.payload.is_empty() && self.has_pcr() && !self.unit_start
    }

    pub(super) fn has_pcr(&self) -> bool {
        self.adaptation.is_some_and(|adaptation| adaptation.pcr)
    }
}

impl Adaptation {
    fn read(field: &[u8]) -> Option<Self> {
        let Some((&flags, rest)) = field.split_first() else {
            return Some(Self::default());
        };
        let pcr = flags & PCR != 0;
        if flags & !(DISCONTINUITY | RANDOM_ACCESS | PCR) != 0 || flags & DISCONTINUITY != 0 && !pcr {
            return None;
        }
        let stuffing = if pcr {
            // 33 bits of base, 6 reserved bits, 9 bits of extension.
            let (&[.., reserved, 0], stuffing) = rest.split_first_chunk::<6>()? else {
                return None;
            };
            (reserved & 0x7F == 0x7E).then_some(stuffing)?
        } else {
            rest
        };
        stuffing.iter().all(|byte| *byte == 0xFF).then_some(Self {
            random_access: flags & RANDOM_ACCESS != 0,
            pcr,
        })
    }
}

/// Bits of a packet's second byte.
const TRANSPORT_ERROR: u8 = 0x80;
const UNIT_START: u8 = 0x40;
const PRIORITY: u8 = 0x20;

/// Scrambling control, which is 0, and adaptation field control.
const PAYLOAD_ONLY: u8 = 0b01;
const ADAPTATION_ONLY: u8 = 0b10;
const ADAPTATION_AND_PAYLOAD: u8 = 0b11;

/// Flags of the adaptation field.
const DISCONTINUITY: u8 = 0x80;
const RANDOM_ACCESS: u8 = 0x40;
const PCR: u8 = 0x10;
