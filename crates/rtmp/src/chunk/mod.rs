//! The chunk stream (specification 5.3): messages cut into chunks, and put together again.

mod assembly;
mod decoder;
mod encoder;
mod header;

pub(crate) use decoder::{Admission, CHUNK_BYTES_DEFAULT, Decoder, Message, Payload};
pub(crate) use encoder::{Encoder, MESSAGE_BYTES_MAX, Outgoing};
