//! As much of RTMP as publishers and the floor need, without I/O.

mod amf0;
mod chunks;
mod handshake;
mod words;

pub(crate) use amf0::Value;
pub(crate) use chunks::{Header, Message, Reader, push, push_delta};
pub(crate) use handshake::{HANDSHAKE_BYTES, VERSION, hello};
#[cfg(test)]
pub(crate) use words::set_chunk_size;
pub(crate) use words::{Reply, accepted, command, goodbye, is_success, opening, publishing, reply};

/// Chunk streams, as FFmpeg numbers them.
pub(crate) const CONTROL: u8 = 2;
pub(crate) const COMMANDS: u8 = 3;
pub(crate) const AUDIO: u8 = 4;
pub(crate) const VIDEO: u8 = 6;
pub(crate) const METADATA: u8 = 5;

/// Message types.
pub(crate) const SET_CHUNK_SIZE: u8 = 1;
pub(crate) const AUDIO_MESSAGE: u8 = 8;
pub(crate) const VIDEO_MESSAGE: u8 = 9;
pub(crate) const DATA_MESSAGE: u8 = 18;
pub(crate) const COMMAND_MESSAGE: u8 = 20;

/// Chunks are so long until somebody says otherwise.
pub(crate) const CHUNK_BYTES_AT_FIRST: usize = 128;
