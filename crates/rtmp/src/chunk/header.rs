/// The basic header (specification 5.3.1.1): how much of the message header follows, and for which chunk stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BasicHeader {
    /// 0..=3
    pub(super) fmt: u8,
    /// 2..=65,599
    pub(super) csid: u32,
    /// Bytes on the wire, 1..=3.
    pub(super) length: usize,
}

impl BasicHeader {
    /// `None` until all of it has come.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let (csid, length) = match first & 0x3f {
            0 => (64 + u32::from(*bytes.get(1)?), 2),
            1 => (64 + u32::from(u16::from_le_bytes([*bytes.get(1)?, *bytes.get(2)?])), 3),
            csid => (u32::from(csid), 1),
        };
        Some(BasicHeader {
            fmt: first >> 6,
            csid,
            length,
        })
    }
}

/// The message header of types 0, 1 and 2 (specification 5.3.1.2), its extended timestamp read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageHeader {
    /// Timestamp (type 0) or delta (types 1 and 2), milliseconds.
    pub(super) time_ms: u32,
    /// Whether `time_ms` stood in the four extended bytes.
    pub(super) extended: bool,
    /// Message length and type, not in type 2.
    pub(super) message: Option<(u32, u8)>,
    /// Message stream id, in type 0 only.
    pub(super) stream_id: Option<u32>,
    /// Bytes on the wire, 3..=15.
    pub(super) length: usize,
}

impl MessageHeader {
    /// Reads what follows the basic header of a type 0, 1 or 2 chunk; `None` until all of it has come.
    pub(super) fn parse(fmt: u8, bytes: &[u8]) -> Option<Self> {
        let length = [11, 7, 3][usize::from(fmt)];
        let header = bytes.get(..length)?;
        let field = u24(header);
        let extended = field == EXTENDED;
        Some(MessageHeader {
            time_ms: if extended {
                u32::from_be_bytes(bytes.get(length..length + 4)?.try_into().ok()?)
            } else {
                field
            },
            extended,
            message: (fmt < 2).then(|| (u24(&header[3..]), header[6])),
            stream_id: (fmt == 0).then(|| u32::from_le_bytes([header[7], header[8], header[9], header[10]])),
            length: length + if extended { 4 } else { 0 },
        })
    }
}

/// Whether the bytes behind a type 3 header begin with one of `values`; `None` while too few have come to tell.
pub(super) fn repeats(bytes: &[u8], values: [u32; 2]) -> Option<bool> {
    let seen = &bytes[..bytes.len().min(4)];
    let possible = values.iter().any(|value| value.to_be_bytes().starts_with(seen));
    if possible && seen.len() < 4 {
        None
    } else {
        Some(possible)
    }
}

/// The first three bytes, big-endian.
pub(super) fn u24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

/// The timestamp field that says: four more bytes follow (specification 5.3.1.3).
pub(super) const EXTENDED: u32 = 0xff_ffff;

/// Longest header: basic header of 3, message header of 11, extended timestamp of 4.
pub(super) const HEADER_BYTES_MAX: usize = 18;
