//! What an encoder says over RTMP and hears, without I/O.
//!
//! ```text
//!     hello -> opening -> publishing -> command -> media: push, push_delta -> goodbye
//!     bytes -> Reader -> Message -> reply
//! ```
//!
//! It is for what judges the server from outside, the witness and the bench, and shares no code with the server, so that a
//! fault of one is no fault of both.

mod amf0;
mod chunks;
mod handshake;
mod words;

pub use amf0::{Value, decode, encode};
pub use chunks::{Header, Message, Reader, push, push_delta};
pub use handshake::{HANDSHAKE_BYTES, VERSION, hello};
pub use words::{Reply, command, control, goodbye, opening, publishing, push_command, reply};

/// The chunk streams of an encoder, as FFmpeg numbers them.
pub mod chunk_stream {
    /// Of the connection.
    pub const CONTROL: u8 = 2;
    /// Of commands.
    pub const COMMANDS: u8 = 3;
    /// Of sound.
    pub const AUDIO: u8 = 4;
    /// Of metadata.
    pub const METADATA: u8 = 5;
    /// Of pictures.
    pub const VIDEO: u8 = 6;
}

/// Types of messages.
pub mod message_type {
    /// How long chunks are from now on.
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// So many bytes have been received.
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// After so many bytes an acknowledgement is wanted.
    pub const WINDOW_ACKNOWLEDGEMENT_SIZE: u8 = 5;
    /// Sound.
    pub const AUDIO: u8 = 8;
    /// A picture.
    pub const VIDEO: u8 = 9;
    /// Metadata.
    pub const DATA: u8 = 18;
    /// A command, or its answer.
    pub const COMMAND: u8 = 20;
}

/// Chunks are so long until somebody says otherwise.
pub const CHUNK_BYTES_AT_FIRST: usize = 128;
