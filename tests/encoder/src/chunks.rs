//! Messages cut into chunks, and put together again.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};

use crate::CHUNK_BYTES_AT_FIRST;
use crate::message_type::SET_CHUNK_SIZE;

/// What a message's first chunk tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Header {
    /// From 2 to 63.
    pub chunk_stream: u8,
    /// Below 2^24 - 1: what is published lasts for less than four hours.
    pub timestamp_ms: u32,
    /// One of `message_type`.
    pub message_type: u8,
    /// The message stream; 0 for the connection.
    pub stream: u32,
}

/// Appends a message with a full header (type 0).
pub fn push(out: &mut Vec<u8>, header: Header, payload: &[u8], chunk_bytes: usize) {
    out.push(header.chunk_stream);
    push_u24(out, header.timestamp_ms);
    push_u24(out, payload.len() as u32);
    out.push(header.message_type);
    out.extend_from_slice(&header.stream.to_le_bytes());
    push_payload(out, header.chunk_stream, payload, chunk_bytes);
}

/// Appends a message of the same message stream as the one before on its chunk stream, later by `delta_ms` (type 1): these
/// bytes are the same for every publisher and every turn.
pub fn push_delta(
    out: &mut Vec<u8>,
    chunk_stream: u8,
    delta_ms: u32,
    message_type: u8,
    payload: &[u8],
    chunk_bytes: usize,
) {
    out.push(0x40 | chunk_stream);
    push_u24(out, delta_ms);
    push_u24(out, payload.len() as u32);
    out.push(message_type);
    push_payload(out, chunk_stream, payload, chunk_bytes);
}

fn push_u24(out: &mut Vec<u8>, value: u32) {
    assert!(value < 0xff_ffff, "{value} needs an extended timestamp");
    out.extend_from_slice(&value.to_be_bytes()[1..]);
}

fn push_payload(out: &mut Vec<u8>, chunk_stream: u8, payload: &[u8], chunk_bytes: usize) {
    for (number, chunk) in payload.chunks(chunk_bytes).enumerate() {
        if number > 0 {
            out.push(0xc0 | chunk_stream);
        }
        out.extend_from_slice(chunk);
    }
}

/// A message, whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// One of `message_type`, or another.
    pub message_type: u8,
    /// Since the connection's beginning, if the peer says so.
    pub timestamp_ms: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

/// Puts messages together from bytes as they come.
pub struct Reader {
    bytes: Vec<u8>,
    chunk_bytes: usize,
    chunk_streams: HashMap<u8, Assembly>,
}

#[derive(Default, Clone)]
struct Assembly {
    timestamp_ms: u32,
    delta_ms: u32,
    length: usize,
    message_type: u8,
    payload: Vec<u8>,
}

impl Reader {
    /// For a connection whose handshake is done.
    #[expect(clippy::new_without_default, reason = "no connection is a usual one")]
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            chunk_bytes: CHUNK_BYTES_AT_FIRST,
            chunk_streams: HashMap::new(),
        }
    }

    /// Takes what has arrived.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message that is complete, if there is one.
    pub fn poll(&mut self) -> Result<Option<Message>> {
        loop {
            let Some((used, message)) = self.chunk()? else {
                return Ok(None);
            };
            self.bytes.drain(..used);
            match message {
                Some(message) if message.message_type == SET_CHUNK_SIZE => {
                    let size = message
                        .payload
                        .first_chunk()
                        .context("a chunk size of less than 4 bytes")?;
                    self.chunk_bytes = u32::from_be_bytes(*size) as usize;
                    ensure!(self.chunk_bytes > 0, "a chunk size of 0");
                }
                Some(message) => return Ok(Some(message)),
                None => {}
            }
        }
    }

    /// Takes one chunk: its length, and the message that it completes.
    fn chunk(&mut self) -> Result<Option<(usize, Option<Message>)>> {
        let Some((first, rest)) = self.bytes.split_first() else {
            return Ok(None);
        };
        let (format, id) = (first >> 6, first & 0x3f);
        ensure!(id >= 2, "a chunk stream of more than 63, which nobody needs here");
        let header_bytes = [11, 7, 3, 0][usize::from(format)];
        let Some((header, body)) = rest.split_at_checked(header_bytes) else {
            return Ok(None);
        };
        let known = self.chunk_streams.get(&id);
        ensure!(known.is_some() || format == 0, "chunk stream {id} starts in the middle");
        let u24 = |at: usize| u32::from_be_bytes([0, header[at], header[at + 1], header[at + 2]]);
        let (is_first, length) = match known {
            Some(known) if format >= 2 => (known.payload.is_empty(), known.length),
            Some(known) => (known.payload.is_empty(), u24(3) as usize),
            None => (true, u24(3) as usize),
        };
        ensure!(
            format == 3 || is_first,
            "a message is not finished on chunk stream {id}"
        );
        ensure!(
            header.len() < 3 || u24(0) < 0xff_ffff,
            "an extended timestamp, which nobody needs here"
        );
        ensure!(length <= MESSAGE_BYTES_MAX, "a message of {length} bytes");
        let have = known.map_or(0, |known| known.payload.len());
        let wanted = (length - have).min(self.chunk_bytes);
        let Some(body) = body.get(..wanted) else {
            return Ok(None);
        };
        let (time, message_type) = (if format < 3 { u24(0) } else { 0 }, header.get(6).copied());
        let assembly = self.chunk_streams.entry(id).or_default();
        match format {
            0 => (assembly.timestamp_ms, assembly.delta_ms) = (time, 0),
            1 | 2 => {
                assembly.delta_ms = time;
                assembly.timestamp_ms += time;
            }
            _ if is_first => assembly.timestamp_ms += assembly.delta_ms,
            _ => {}
        }
        assembly.length = length;
        assembly.message_type = message_type.unwrap_or(assembly.message_type);
        assembly.payload.extend_from_slice(body);
        let is_complete = assembly.payload.len() == length;
        let message = is_complete.then(|| Message {
            message_type: assembly.message_type,
            timestamp_ms: assembly.timestamp_ms,
            payload: std::mem::take(&mut assembly.payload),
        });
        Ok(Some((1 + header_bytes + wanted, message)))
    }
}

/// Answers and commands are far shorter, and so are the frames of what is published.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(wire: &[u8], step: usize) -> Vec<(u8, u32, usize)> {
        let mut reader = Reader::new();
        let mut found = Vec::new();
        for part in wire.chunks(step) {
            reader.receive(part);
            while let Some(message) = reader.poll().unwrap() {
                found.push((message.message_type, message.timestamp_ms, message.payload.len()));
            }
        }
        found
    }

    #[test]
    fn any_split_of_the_bytes_gives_the_same_messages() {
        let header = |chunk_stream, message_type, timestamp_ms| Header {
            chunk_stream,
            timestamp_ms,
            message_type,
            stream: 1,
        };
        let mut wire = Vec::new();
        push(&mut wire, header(6, 9, 40), &[1; 300], 128);
        push(&mut wire, header(2, SET_CHUNK_SIZE, 0), &4096u32.to_be_bytes(), 128);
        push_delta(&mut wire, 6, 33, 9, &[2; 5000], 4096);
        push_delta(&mut wire, 6, 34, 9, &[3; 10], 4096);
        let expected = [(9, 40, 300), (9, 73, 5000), (9, 107, 10)];
        for step in [1, 2, 7, 127, 128, 129, 4096, wire.len()] {
            assert_eq!(messages(&wire, step), expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn payloads_survive_being_cut_into_chunks() {
        let payload: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let header = Header {
            chunk_stream: 3,
            timestamp_ms: 0,
            message_type: 20,
            stream: 0,
        };
        let mut wire = Vec::new();
        push(&mut wire, header, &payload, CHUNK_BYTES_AT_FIRST);
        let mut reader = Reader::new();
        reader.receive(&wire);
        assert_eq!(reader.poll().unwrap().unwrap().payload, payload);
        assert_eq!(reader.poll().unwrap(), None);
    }
}
