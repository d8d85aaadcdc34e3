use std::mem;

use super::assembly::{Assembly, Buffers};
use super::header::{BasicHeader, HEADER_BYTES_MAX, MessageHeader, repeats};
use crate::message::message_type;
use crate::{Error, Limits};

/// Puts messages together from chunks, wherever the bytes are cut.
///
/// Each byte costs one copy at most; a message that lies whole in the input costs none.
#[derive(Debug)]
pub(crate) struct Decoder {
    limits: Limits,
    admission: Admission,
    chunk_bytes: u32,
    /// Bytes understood so far, handshake included.
    at: u64,
    carry: Carry,
    position: Position,
    streams: Vec<ChunkStream>,
    dialect: Dialect,
    buffers: Buffers,
}

/// Which messages are wanted. The others are counted through, and reported without a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Control messages and commands, within [`Limits::before_publish_bytes_max`].
    Commands,
    /// Media and metadata as well, within [`Limits::assembly_bytes_max`].
    Media,
}

/// A whole message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'i> {
    pub(crate) type_id: u8,
    pub(crate) stream_id: u32,
    pub(crate) timestamp_ms: u32,
    pub(crate) payload: Payload<'i>,
}

/// Where a message's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload<'i> {
    /// In the caller's input.
    Input(&'i [u8]),
    /// In the decoder, until it is called again.
    Assembled,
    /// Gone: the message was not wanted.
    Skipped,
}

#[derive(Debug, Clone, Copy)]
enum Position {
    Header,
    /// Inside a chunk: index of its chunk stream, payload bytes still to come.
    Payload(usize, u32),
}

#[derive(Debug)]
struct ChunkStream {
    csid: u32,
    /// Of the latest message, wraps.
    timestamp_ms: u32,
    /// What a type 3 header that begins a message adds.
    delta_ms: u32,
    /// The latest header's extended timestamp.
    extended_ms: Option<u32>,
    length: u32,
    type_id: u8,
    stream_id: u32,
    assembly: Assembly,
}

/// Whether the peer repeats the extended timestamp in type 3 headers inside a message, as FFmpeg and librtmp do and
/// some others do not. The specification (5.3.1.3) can be read both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Unknown,
    Repeats,
    Omits,
}

/// Bytes of an unfinished header, kept from one input to the next.
#[derive(Debug, Default)]
struct Carry {
    bytes: [u8; HEADER_BYTES_MAX],
    length: usize,
}

impl Decoder {
    /// A decoder whose first byte is the `at`-th of the connection.
    pub(crate) fn new(limits: Limits, at: u64) -> Self {
        Decoder {
            limits,
            admission: Admission::Commands,
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            at,
            carry: Carry::default(),
            position: Position::Header,
            streams: Vec::new(),
            dialect: Dialect::Unknown,
            buffers: Buffers::default(),
        }
    }

    /// Reads up to the end of the next message; `None` once `input` is used up.
    pub(crate) fn next_message<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Message<'i>>, Error> {
        self.buffers.recycle();
        if input.is_empty() && self.carry.length == 0 {
            return Ok(None);
        }
        loop {
            match self.position {
                Position::Header => match self.read_header(input)? {
                    Some(position) => self.position = position,
                    None => return Ok(None),
                },
                Position::Payload(index, left) => {
                    if let Some(message) = self.read_payload(index, left, input)? {
                        return Ok(Some(message));
                    }
                    if let Position::Payload(..) = self.position {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// What is wanted from here on. Of an unfinished message that is wanted no more, the rest is counted through.
    pub(crate) fn admit(&mut self, admission: Admission) {
        self.admission = admission;
        for stream in &mut self.streams {
            if !admission.wants(stream.type_id)
                && let Assembly::Collecting(buffer) = &mut stream.assembly
            {
                let buffer = mem::take(buffer);
                stream.assembly = Assembly::Skipping(buffer.len());
                self.buffers.abandon(buffer);
            }
        }
    }

    /// Set Chunk Size (specification 5.4.1), for the chunks that follow.
    pub(crate) fn set_chunk_bytes(&mut self, size: u32) -> Result<(), Error> {
        let limit = self.limits.chunk_bytes_max;
        let meant = match size {
            MESSAGE_BYTES_WIRE..=CHUNK_BYTES_WIRE => MESSAGE_BYTES_WIRE,
            size => size,
        };
        if meant == 0 || meant > limit {
            let at = self.at;
            return Err(Error::ChunkSize { size, limit, at });
        }
        self.chunk_bytes = meant;
        Ok(())
    }

    /// Abort Message (specification 5.4.2).
    pub(crate) fn abort(&mut self, csid: u32) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.csid == csid)
            && let Assembly::Collecting(buffer) = mem::replace(&mut stream.assembly, Assembly::Idle)
        {
            self.buffers.abandon(buffer);
        }
    }

    /// Gives back what is kept for the next message.
    pub(crate) fn rest(&mut self) {
        self.buffers.rest();
    }

    /// Bytes understood so far, handshake included: where the next message's header begins.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The bytes of the message that was returned last.
    pub(crate) fn payload<'a, 'i: 'a>(&'a self, payload: Payload<'i>) -> &'a [u8] {
        match payload {
            Payload::Input(bytes) => bytes,
            Payload::Assembled => self.buffers.delivered(),
            Payload::Skipped => &[],
        }
    }

    /// Reads one chunk's header from the carried bytes and the input.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Position>, Error> {
        if self.carry.length == 0 {
            let Some((position, used)) = self.parse_header(input)? else {
                self.carry.fill(input);
                return Ok(None);
            };
            self.at += used as u64;
            *input = &input[used..];
            return Ok(Some(position));
        }
        let carried = self.carry.length;
        let mut rest = *input;
        self.carry.fill(&mut rest);
        let carry = mem::take(&mut self.carry);
        let Some((position, used)) = self.parse_header(&carry.bytes[..carry.length])? else {
            self.carry = carry;
            *input = rest;
            return Ok(None);
        };
        self.at += used as u64;
        if let Some(more) = used.checked_sub(carried) {
            *input = &input[more..];
        } else {
            self.carry.fill(&mut &carry.bytes[used..carried]);
        }
        Ok(Some(position))
    }

    /// Parses a header and begins or continues its message; `None` while bytes are missing.
    fn parse_header(&mut self, bytes: &[u8]) -> Result<Option<(Position, usize)>, Error> {
        let Some(basic) = BasicHeader::parse(bytes) else {
            return Ok(None);
        };
        let known = self.streams.iter().position(|stream| stream.csid == basic.csid);
        let rest = &bytes[basic.length..];
        let (index, used) = if basic.fmt < 3 {
            let Some(header) = MessageHeader::parse(basic.fmt, rest) else {
                return Ok(None);
            };
            (self.apply(basic, header, known)?, header.length)
        } else {
            let Some(index) = known else {
                return Err(Error::HeaderWithoutPrevious {
                    csid: basic.csid,
                    fmt: basic.fmt,
                    at: self.at,
                });
            };
            let Some(used) = self.repeated_bytes(index, rest) else {
                return Ok(None);
            };
            let stream = &mut self.streams[index];
            if stream.assembly.received() == 0 {
                stream.timestamp_ms = stream.timestamp_ms.wrapping_add(stream.delta_ms);
            }
            (index, used)
        };
        let stream = &self.streams[index];
        let left = (stream.length - stream.assembly.received() as u32).min(self.chunk_bytes);
        Ok(Some((Position::Payload(index, left), basic.length + used)))
    }

    /// How many bytes behind a type 3 header repeat the extended timestamp; `None` while that cannot be told.
    fn repeated_bytes(&mut self, index: usize, bytes: &[u8]) -> Option<usize> {
        let stream = &self.streams[index];
        let Some(extended_ms) = stream.extended_ms else {
            return Some(0);
        };
        let begins = stream.assembly.received() == 0;
        let repeated = match self.dialect {
            // A header that begins a message is compared always: librtmp, which repeats inside a message, writes none
            // here when the message has its predecessor's timestamp.
            _ if begins => repeats(bytes, [extended_ms; 2])?,
            // Some repeat the message's timestamp where its first header had a delta.
            Dialect::Unknown => repeats(bytes, [extended_ms, stream.timestamp_ms])?,
            Dialect::Repeats if bytes.len() < 4 => return None,
            Dialect::Repeats => true,
            Dialect::Omits => false,
        };
        if !begins {
            self.dialect = if repeated { Dialect::Repeats } else { Dialect::Omits };
        }
        Some(if repeated { 4 } else { 0 })
    }

    /// Applies a type 0, 1 or 2 header to its chunk stream, which may be new.
    fn apply(&mut self, basic: BasicHeader, header: MessageHeader, known: Option<usize>) -> Result<usize, Error> {
        let BasicHeader { fmt, csid, .. } = basic;
        let at = self.at;
        if let Some((length, _)) = header.message
            && length > self.limits.message_bytes_max
        {
            return Err(Error::MessageTooLong {
                csid,
                length,
                limit: self.limits.message_bytes_max,
                at,
            });
        }
        let index = match (known, header.message) {
            (Some(index), _) => index,
            (None, None) => return Err(Error::HeaderWithoutPrevious { csid, fmt, at }),
            // librtmp begins chunk stream 2 with a type 1 header, which lacks no more than a stream id.
            (None, Some((length, type_id))) => self.open(csid, length, type_id)?,
        };
        let stream = &mut self.streams[index];
        if stream.assembly.received() > 0 {
            let expected = (stream.length, stream.type_id);
            let (length, type_id) = header.message.unwrap_or(expected);
            if (length, type_id) != expected {
                return Err(Error::HeaderInsideMessage {
                    csid,
                    length,
                    expected: stream.length,
                    at,
                });
            }
            return Ok(index);
        }
        stream.timestamp_ms = if fmt == 0 {
            header.time_ms
        } else {
            stream.timestamp_ms.wrapping_add(header.time_ms)
        };
        stream.delta_ms = header.time_ms;
        stream.extended_ms = header.extended.then_some(header.time_ms);
        if let Some((length, type_id)) = header.message {
            (stream.length, stream.type_id) = (length, type_id);
        }
        if let Some(stream_id) = header.stream_id {
            stream.stream_id = stream_id;
        }
        Ok(index)
    }

    fn open(&mut self, csid: u32, length: u32, type_id: u8) -> Result<usize, Error> {
        if self.streams.len() == self.limits.chunk_streams_max {
            return Err(Error::ChunkStreams {
                csid,
                limit: self.limits.chunk_streams_max,
                at: self.at,
            });
        }
        self.streams.push(ChunkStream {
            csid,
            timestamp_ms: 0,
            delta_ms: 0,
            extended_ms: None,
            length,
            type_id,
            stream_id: 0,
            assembly: Assembly::Idle,
        });
        Ok(self.streams.len() - 1)
    }

    /// Reads one chunk's payload as far as it has come; the message when this completes it.
    fn read_payload<'i>(
        &mut self,
        index: usize,
        left: u32,
        input: &mut &'i [u8],
    ) -> Result<Option<Message<'i>>, Error> {
        let wanted = self.admission.wants(self.streams[index].type_id);
        let stream = &mut self.streams[index];
        let length = stream.length as usize;
        let whole = self.carry.length == 0 && left == stream.length && input.len() >= length;
        if whole && wanted && stream.assembly.received() == 0 && stream.type_id != message_type::AGGREGATE {
            let (payload, rest) = input.split_at(length);
            *input = rest;
            self.at += u64::from(left);
            self.position = Position::Header;
            return Ok(Some(stream.message(Payload::Input(payload))));
        }
        let limit = self.admission.limit(&self.limits);
        if let Assembly::Idle = stream.assembly {
            stream.assembly = if wanted {
                Assembly::Collecting(self.buffers.take())
            } else {
                Assembly::Skipping(0)
            };
        }
        let carry = mem::take(&mut self.carry);
        let (carried, unread) = carry.bytes[..carry.length].split_at(carry.length.min(left as usize));
        self.carry.fill(&mut &*unread);
        let (fresh, rest) = input.split_at(input.len().min(left as usize - carried.len()));
        *input = rest;
        for part in [carried, fresh] {
            if !stream.assembly.append(part, length, limit, &mut self.buffers) {
                return Err(Error::Assembly { limit, at: self.at });
            }
            self.at += part.len() as u64;
        }
        let left = left - (carried.len() + fresh.len()) as u32;
        if left > 0 {
            self.position = Position::Payload(index, left);
            return Ok(None);
        }
        self.position = Position::Header;
        if stream.assembly.received() < length {
            return self.read_whole_chunks(index, input).map(|()| None);
        }
        let payload = match mem::replace(&mut stream.assembly, Assembly::Idle) {
            Assembly::Collecting(buffer) => {
                self.buffers.deliver(buffer);
                Payload::Assembled
            }
            Assembly::Skipping(_) | Assembly::Idle => Payload::Skipped,
        };
        Ok(Some(stream.message(payload)))
    }

    /// Reads on in a message, as long as its chunks follow one another whole, each behind a header of one byte, and none
    /// is the last: with chunks of 128 bytes that is most of what a connection brings.
    fn read_whole_chunks(&mut self, index: usize, input: &mut &[u8]) -> Result<(), Error> {
        let stream = &mut self.streams[index];
        let Assembly::Collecting(buffer) = &mut stream.assembly else {
            return Ok(());
        };
        if self.carry.length > 0 || stream.extended_ms.is_some() {
            return Ok(());
        }
        let (chunk_bytes, length) = (self.chunk_bytes as usize, stream.length as usize);
        let limit = self.admission.limit(&self.limits);
        while length - buffer.len() > chunk_bytes
            && let Some((header, rest)) = input.split_first()
            && BasicHeader::parse(&[*header]).is_some_and(|header| header.fmt == 3 && header.csid == stream.csid)
            && let Some((chunk, rest)) = rest.split_at_checked(chunk_bytes)
        {
            self.at += 1;
            if !self.buffers.push(buffer, chunk, length, limit) {
                return Err(Error::Assembly { limit, at: self.at });
            }
            self.at += chunk_bytes as u64;
            *input = rest;
        }
        Ok(())
    }

    /// Memory of unfinished and spare messages, bytes.
    #[cfg(test)]
    fn footprint(&self) -> usize {
        self.buffers.footprint() + self.streams.capacity() * size_of::<ChunkStream>()
    }
}

impl Admission {
    fn wants(self, type_id: u8) -> bool {
        match self {
            Admission::Commands => message_type::is_control(type_id) || message_type::is_command(type_id),
            Admission::Media => message_type::is_known(type_id),
        }
    }

    fn limit(self, limits: &Limits) -> usize {
        match self {
            Admission::Commands => limits.before_publish_bytes_max,
            Admission::Media => limits.assembly_bytes_max,
        }
    }
}

impl ChunkStream {
    fn message<'i>(&self, payload: Payload<'i>) -> Message<'i> {
        Message {
            type_id: self.type_id,
            stream_id: self.stream_id,
            timestamp_ms: self.timestamp_ms,
            payload,
        }
    }
}

impl Carry {
    /// Takes as much from the front of `input` as there is room for.
    fn fill(&mut self, input: &mut &[u8]) {
        let (part, rest) = input.split_at(input.len().min(HEADER_BYTES_MAX - self.length));
        self.bytes[self.length..self.length + part.len()].copy_from_slice(part);
        self.length += part.len();
        *input = rest;
    }
}

/// Chunk size until a peer sets another (specification 5.4.1).
/// The longest message that 24 bits can announce: no chunk is longer, whatever is set (specification 5.4.1).
const MESSAGE_BYTES_WIRE: u32 = 0xff_ffff;

/// The largest size that may be set (specification 5.4.1).
const CHUNK_BYTES_WIRE: u32 = 0x7fff_ffff;

pub(crate) const CHUNK_BYTES_DEFAULT: u32 = 128;

#[cfg(test)]
mod tests;
