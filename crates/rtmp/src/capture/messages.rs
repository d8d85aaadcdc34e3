use std::mem;

use crate::amf0::{self, Value};
use crate::chunk::{Decoder, Payload};
use crate::command::Command;
use crate::handshake::HANDSHAKE_BYTES_TOTAL;
use crate::message::{amf0_body, message_type, u32_of};
use crate::{Error, Limits};

/// Walks over the messages of one direction of a connection, to tell where each stands and what it is.
///
/// Payloads of media are counted through, not kept: [`Connection`](crate::Connection) gives them. Any split of the bytes
/// gives the same messages.
#[derive(Debug)]
pub struct Messages {
    limits: Limits,
    /// Bytes of the handshake that are still to come.
    handshake: u64,
    decoder: Decoder,
    /// Where the next message begins.
    at: u64,
}

/// A message, or the handshake.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its first byte, counted over all that was sent; where messages are interleaved, the first after the last one's end.
    pub at: u64,
    /// The first byte after it.
    pub end: u64,
    /// What it is.
    pub said: Said,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Version, random bytes and their echo.
    Handshake,
    /// A command.
    Command {
        /// Its name.
        name: String,
        /// The command object, or null, and what follows it.
        arguments: Vec<Value>,
    },
    /// Set Chunk Size, bytes.
    ChunkSize(u32),
    /// Any other message.
    Other {
        /// Message type.
        type_id: u8,
    },
}

impl Messages {
    /// Of a connection of which nothing has come yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            handshake: HANDSHAKE_BYTES_TOTAL,
            decoder: Decoder::new(limits, HANDSHAKE_BYTES_TOTAL),
            at: 0,
        }
    }

    /// Consumes from the front of `input` up to the end of the next message; `Ok(None)` once the input is used up.
    ///
    /// # Errors
    /// The protocol is broken: nothing that follows can be told apart.
    pub fn next_message(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        if self.handshake > 0 {
            let length = self.handshake.min(input.len() as u64);
            self.handshake -= length;
            *input = &input[length as usize..];
            return Ok((self.handshake == 0).then(|| self.ended(HANDSHAKE_BYTES_TOTAL, Said::Handshake)));
        }
        let Some(message) = self.decoder.next_message(input)? else {
            return Ok(None);
        };
        let type_id = message.type_id;
        let mut said = Said::Other { type_id };
        if message.payload != Payload::Skipped {
            let payload = self.decoder.payload(message.payload);
            match (type_id, u32_of(payload)) {
                (type_id, _) if message_type::is_command(type_id) => {
                    said = command(amf0_body(type_id, payload), self.limits.amf).unwrap_or(said);
                }
                (message_type::SET_CHUNK_SIZE, Some(size)) => {
                    self.decoder.set_chunk_bytes(size)?;
                    said = Said::ChunkSize(size);
                }
                (message_type::ABORT, Some(csid)) => self.decoder.abort(csid),
                _ => {}
            }
        }
        Ok(Some(self.ended(self.decoder.at(), said)))
    }

    fn ended(&mut self, end: u64, said: Said) -> Message {
        let at = mem::replace(&mut self.at, end);
        Message { at, end, said }
    }
}

fn command(body: &[u8], limits: amf0::Limits) -> Option<Said> {
    let Command { name, arguments, .. } = Command::parse(body, limits).ok()??;
    Some(Said::Command { name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PublishRequest;
    use crate::publisher::Publisher;

    fn publisher() -> Publisher {
        let request = PublishRequest {
            app: "live".into(),
            tc_url: "rtmp://b.example.com/live".into(),
            name: "camera".into(),
            encoder: "test".into(),
        };
        Publisher::new(request, [1; 32])
    }

    #[test]
    fn messages_are_told_with_their_places_at_any_split() {
        let mut client = publisher();
        let mut bytes = client.take_outgoing().unwrap().to_vec();
        // The server's half of the handshake lets it go on to `connect`.
        let answer = [&[3][..], &[0; 2 * 1536]].concat();
        assert_eq!(client.receive(&mut &answer[..]), Ok(None));
        bytes.extend_from_slice(&client.take_outgoing().unwrap());
        for step in [1, 100, bytes.len()] {
            let mut messages = Messages::new(Limits::default());
            let mut seen = Vec::new();
            for mut part in bytes.chunks(step) {
                while let Some(message) = messages.next_message(&mut part).unwrap() {
                    seen.push(message);
                }
            }
            let ends: Vec<_> = seen.iter().map(|message| (message.at, message.end)).collect();
            assert_eq!(ends, [(0, 3073), (3073, 3089), (3089, bytes.len() as u64)]);
            assert_eq!(
                (&seen[0].said, &seen[1].said),
                (&Said::Handshake, &Said::ChunkSize(60_000))
            );
            let Said::Command { name, arguments } = &seen[2].said else {
                panic!("{seen:?}")
            };
            assert_eq!(name, "connect");
            assert_eq!(arguments[0].property("app").and_then(Value::as_str), Some("live"));
        }
    }

    #[test]
    fn a_broken_chunk_ends_the_walk() {
        let mut messages = Messages::new(Limits::default());
        let bytes = [&[3][..], &[0; 3072], &[0xc3]].concat();
        let mut input = &bytes[..];
        assert!(messages.next_message(&mut input).unwrap().is_some());
        assert!(messages.next_message(&mut input).is_err());
    }
}
