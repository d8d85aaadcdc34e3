//! Messages to chunks, and chunks to messages (RTMP 1.0, 5.3).

use std::collections::HashMap;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// One message, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) payload: Vec<u8>,
}

/// Where a message goes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// Chunk stream, 2 to 63.
    pub(crate) csid: u8,
    pub(crate) kind: u8,
    pub(crate) message_stream: u32,
    pub(crate) timestamp_ms: u32,
}

/// Appends a message in chunks of at most `chunk_size` bytes.
pub(crate) fn write(header: Header, payload: &[u8], chunk_size: usize, to: &mut Vec<u8>) {
    let extended = header.timestamp_ms >= EXTENDED;
    let timestamp = header.timestamp_ms.min(EXTENDED);
    to.push(header.csid);
    to.extend_from_slice(&timestamp.to_be_bytes()[1..]);
    to.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    to.push(header.kind);
    to.extend_from_slice(&header.message_stream.to_le_bytes());
    for (at, chunk) in payload.chunks(chunk_size).enumerate() {
        if at > 0 {
            to.push(TYPE_3 << 6 | header.csid);
        }
        if extended {
            to.extend_from_slice(&header.timestamp_ms.to_be_bytes());
        }
        to.extend_from_slice(chunk);
    }
}

/// Reads what a server sends.
pub(crate) struct Reader<R> {
    from: R,
    chunk_size: usize,
    lanes: HashMap<u32, Lane>,
}

/// A chunk stream.
#[derive(Default)]
struct Lane {
    kind: u8,
    length: usize,
    extended: bool,
    payload: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            chunk_size: CHUNK_SIZE_DEFAULT,
            lanes: HashMap::new(),
        }
    }

    /// The next message; an error at the end of the connection.
    pub(crate) async fn next(&mut self) -> io::Result<Message> {
        loop {
            let Some(message) = self.read_chunk().await? else {
                continue;
            };
            match (message.kind, message.payload.first_chunk()) {
                (SET_CHUNK_SIZE, Some(size)) => {
                    self.chunk_size = (u32::from_be_bytes(*size) as usize).clamp(1, MESSAGE_BYTES_MAX);
                }
                _ => return Ok(message),
            }
        }
    }

    async fn read_chunk(&mut self) -> io::Result<Option<Message>> {
        let first = self.from.read_u8().await?;
        let csid = match first & 0x3F {
            0 => 64 + u32::from(self.from.read_u8().await?),
            1 => 64 + u32::from(self.from.read_u16_le().await?),
            csid => csid.into(),
        };
        let lane = self.lanes.entry(csid).or_default();
        let mut header = [0; 11];
        let length = match first >> 6 {
            0 => 11,
            1 => 7,
            2 => 3,
            _ => 0,
        };
        self.from.read_exact(&mut header[..length]).await?;
        if length >= 3 {
            lane.extended = header[..3] == [0xFF; 3];
        }
        if length >= 7 {
            lane.length = u32::from_be_bytes([0, header[3], header[4], header[5]]) as usize;
            lane.kind = header[6];
        }
        if lane.extended {
            self.from.read_u32().await?;
        }
        if lane.length > MESSAGE_BYTES_MAX {
            return Err(io::Error::other("the server sends a message longer than any it should"));
        }
        let (have, take) = (
            lane.payload.len(),
            self.chunk_size.min(lane.length - lane.payload.len()),
        );
        lane.payload.resize(have + take, 0);
        self.from.read_exact(&mut lane.payload[have..]).await?;
        let whole = lane.payload.len() == lane.length;
        Ok(whole.then(|| Message {
            kind: lane.kind,
            payload: std::mem::take(&mut lane.payload),
        }))
    }
}

pub(crate) const SET_CHUNK_SIZE: u8 = 1;

const CHUNK_SIZE_DEFAULT: usize = 128;
const EXTENDED: u32 = 0xFF_FFFF;
const TYPE_3: u8 = 3;

/// Far above any answer.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(payload: &[u8], timestamp_ms: u32, chunk_size: usize) {
        let mut bytes = Vec::new();
        let header = Header {
            csid: 4,
            kind: 20,
            message_stream: 1,
            timestamp_ms,
        };
        let control = Header {
            csid: 2,
            kind: SET_CHUNK_SIZE,
            message_stream: 0,
            timestamp_ms: 0,
        };
        write(
            control,
            &(chunk_size as u32).to_be_bytes(),
            CHUNK_SIZE_DEFAULT,
            &mut bytes,
        );
        write(header, payload, chunk_size, &mut bytes);
        write(header, payload, chunk_size, &mut bytes);
        let mut reader = Reader::new(&bytes[..]);
        for _ in 0..2 {
            let message = reader.next().await.unwrap();
            assert_eq!((message.kind, &message.payload[..]), (20, payload));
        }
        assert!(reader.next().await.is_err());
    }

    #[tokio::test]
    async fn what_is_written_in_chunks_is_read() {
        for (length, timestamp_ms, chunk_size) in [(1, 0, 1), (128, 7, 128), (1_000, 7, 128), (300, 0x100_0000, 100)] {
            let payload: Vec<u8> = (0..length).map(|at: usize| at as u8).collect();
            check(&payload, timestamp_ms, chunk_size).await;
        }
    }
}
