use bytes::{BufMut, BytesMut};

use super::header::EXTENDED;

/// Cuts messages into chunks, with the shortest header that the last one on the chunk stream allows.
#[derive(Debug)]
pub(crate) struct Encoder {
    chunk_bytes: usize,
    previous: Vec<(u8, Previous)>,
}

/// A message to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    /// 2..=63
    pub(crate) csid: u8,
    pub(crate) type_id: u8,
    pub(crate) stream_id: u32,
    pub(crate) timestamp_ms: u32,
    /// At most [`MESSAGE_BYTES_MAX`].
    pub(crate) payload: &'a [u8],
}

/// What the last header on a chunk stream said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Previous {
    timestamp_ms: u32,
    delta_ms: u32,
    length: u32,
    type_id: u8,
    stream_id: u32,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Encoder {
            chunk_bytes: 128,
            previous: Vec::new(),
        }
    }

    /// What a Set Chunk Size message has announced; not 0.
    pub(crate) fn set_chunk_bytes(&mut self, size: usize) {
        self.chunk_bytes = size;
    }

    /// Appends the chunks of one message.
    pub(crate) fn write(&mut self, message: Outgoing<'_>, out: &mut BytesMut) {
        let length = message.payload.len() as u32;
        let known = self.previous.iter().position(|(csid, _)| *csid == message.csid);
        let previous = known.map(|index| self.previous[index].1);
        let (fmt, time_ms) = header_type(previous, &message, length);
        let now = Previous {
            timestamp_ms: message.timestamp_ms,
            delta_ms: time_ms,
            length,
            type_id: message.type_id,
            stream_id: message.stream_id,
        };
        match known {
            Some(index) => self.previous[index].1 = now,
            None => self.previous.push((message.csid, now)),
        }
        out.reserve(message.payload.len() + 18 + message.payload.len() / self.chunk_bytes * 5);
        let field = time_ms.min(EXTENDED);
        out.put_u8(fmt << 6 | message.csid);
        if fmt < 3 {
            out.put_uint(u64::from(field), 3);
        }
        if fmt < 2 {
            out.put_uint(u64::from(length), 3);
            out.put_u8(message.type_id);
        }
        if fmt == 0 {
            out.put_u32_le(message.stream_id);
        }
        if field == EXTENDED {
            out.put_u32(time_ms);
        }
        for (index, chunk) in message.payload.chunks(self.chunk_bytes).enumerate() {
            if index > 0 {
                out.put_u8(3 << 6 | message.csid);
                if field == EXTENDED {
                    out.put_u32(time_ms);
                }
            }
            out.put_slice(chunk);
        }
    }
}

/// Header type and its timestamp or delta (specification 5.3.1.2). A timestamp that goes back needs a type 0.
fn header_type(previous: Option<Previous>, message: &Outgoing<'_>, length: u32) -> (u8, u32) {
    let Some(previous) = previous else {
        return (0, message.timestamp_ms);
    };
    if previous.stream_id != message.stream_id || message.timestamp_ms < previous.timestamp_ms {
        return (0, message.timestamp_ms);
    }
    let delta_ms = message.timestamp_ms - previous.timestamp_ms;
    if (previous.length, previous.type_id) != (length, message.type_id) {
        (1, delta_ms)
    } else if previous.delta_ms != delta_ms {
        (2, delta_ms)
    } else {
        (3, delta_ms)
    }
}

/// What the 24-bit length can say.
pub(crate) const MESSAGE_BYTES_MAX: usize = 0xff_ffff;
