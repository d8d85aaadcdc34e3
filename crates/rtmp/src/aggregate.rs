use std::ops::Range;

use crate::chunk::Message;

/// An aggregate message on its way of being taken apart (specification 7.1.6).
#[derive(Debug)]
pub(crate) struct Aggregate {
    timestamp_ms: u32,
    /// Where the next part begins.
    at: usize,
    /// The first part's timestamp: the parts' times count from it.
    first_ms: Option<u32>,
}

/// One message within an aggregate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) type_id: u8,
    pub(crate) timestamp_ms: u32,
    /// Where its payload lies in the aggregate's.
    pub(crate) range: Range<usize>,
}

impl Aggregate {
    pub(crate) fn new(message: &Message<'_>) -> Self {
        Aggregate {
            timestamp_ms: message.timestamp_ms,
            at: 0,
            first_ms: None,
        }
    }

    /// The next part; `Ok(None)` at the end, `Err` when the payload ends inside a part.
    pub(crate) fn next_part(&mut self, payload: &[u8]) -> Result<Option<Part>, Truncated> {
        let rest = &payload[self.at.min(payload.len())..];
        if rest.is_empty() {
            return Ok(None);
        }
        let header = rest.first_chunk::<PART_HEADER_BYTES>().ok_or(Truncated)?;
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        let time_ms = u32::from_be_bytes([header[7], header[4], header[5], header[6]]);
        let start = self.at + PART_HEADER_BYTES;
        if payload.len() - start < length {
            return Err(Truncated);
        }
        self.at = start + length + BACK_POINTER_BYTES;
        let first_ms = *self.first_ms.get_or_insert(time_ms);
        Ok(Some(Part {
            type_id: header[0],
            timestamp_ms: self.timestamp_ms.wrapping_add(time_ms.wrapping_sub(first_ms)),
            range: start..start + length,
        }))
    }
}

/// The payload ends inside a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Truncated;

/// Type, length, timestamp with its upper byte last, stream id: an FLV tag's header.
const PART_HEADER_BYTES: usize = 11;

/// Length of the part, once more; some leave the last one out.
const BACK_POINTER_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Payload;

    fn aggregate() -> Aggregate {
        Aggregate::new(&Message {
            type_id: 22,
            stream_id: 1,
            timestamp_ms: 5000,
            payload: Payload::Assembled,
        })
    }

    fn part(type_id: u8, time_ms: u32, payload: &[u8]) -> Vec<u8> {
        let [high, rest @ ..] = time_ms.to_be_bytes();
        let mut bytes = vec![type_id, 0, 0, payload.len() as u8];
        bytes.extend_from_slice(&rest);
        bytes.extend_from_slice(&[high, 0, 0, 0]);
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&(payload.len() as u32 + 11).to_be_bytes());
        bytes
    }

    #[test]
    fn times_count_from_the_first_part() {
        let first = 0x0100_0000 - 10;
        let bytes = [
            part(9, first, b"abc"),
            part(8, first + 23, b""),
            part(8, first - 1, b"d"),
        ]
        .concat();
        let mut aggregate = aggregate();
        let mut parts = Vec::new();
        while let Some(part) = aggregate.next_part(&bytes).unwrap() {
            parts.push((part.type_id, part.timestamp_ms, bytes[part.range].to_vec()));
        }
        assert_eq!(
            parts,
            [(9, 5000, b"abc".to_vec()), (8, 5023, vec![]), (8, 4999, b"d".to_vec())]
        );
    }

    #[test]
    fn a_missing_last_back_pointer_is_no_fault() {
        let mut bytes = part(9, 0, b"abc");
        bytes.truncate(bytes.len() - 4);
        let mut aggregate = aggregate();
        assert!(aggregate.next_part(&bytes).unwrap().is_some());
        assert_eq!(aggregate.next_part(&bytes), Ok(None));
    }

    #[test]
    fn an_end_inside_a_part_is_told() {
        let bytes = part(9, 0, b"abc");
        for length in 1..bytes.len() - 4 {
            assert_eq!(aggregate().next_part(&bytes[..length]), Err(Truncated), "{length}");
        }
        assert_eq!(aggregate().next_part(&[]), Ok(None));
    }
}
