//! The bytes of a publisher's connection, one write for each message as encoders send them.

use alluvium_rtmp::publisher::{self, Publisher};
use alluvium_rtmp::{Connection, Event, Limits, MediaKind, PublishRequest};

use crate::media::Message;

/// A connection whose publish is accepted.
pub(crate) fn connection() -> Connection {
    let request = PublishRequest {
        app: "live".into(),
        tc_url: "rtmp://bucket.example.com/live".into(),
        name: "channel".into(),
        encoder: "stages".into(),
    };
    let mut publisher = Publisher::new(request, [1; 32]);
    let mut connection = Connection::new(Limits::default(), [2; 32]);
    loop {
        let sent = publisher.take_outgoing().unwrap_or_default();
        let mut input = &sent[..];
        while let Some(event) = connection
            .receive(&mut input)
            .expect("the publisher keeps to the protocol")
        {
            if let Event::Publish(_) = event {
                connection.accept();
            }
        }
        let answered = connection.take_outgoing().unwrap_or_default();
        let mut input = &answered[..];
        if let Some(publisher::Event::Started) = publisher.receive(&mut input).expect("the server does too") {
            return connection;
        }
    }
}

/// Cuts messages into chunks: a full header first, then deltas, as ffmpeg and OBS do.
pub(crate) struct Sender {
    chunk_bytes: usize,
    /// The timestamps of the last audio and video message.
    last_ms: [Option<u32>; 2],
}

impl Sender {
    pub(crate) fn new(chunk_bytes: usize) -> Self {
        Self {
            chunk_bytes,
            last_ms: [None; 2],
        }
    }

    /// What announces the size of the chunks.
    pub(crate) fn announce(&self) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0];
        bytes.extend((self.chunk_bytes as u32).to_be_bytes());
        bytes
    }

    /// The bytes of one message.
    pub(crate) fn write(&mut self, message: &Message) -> Vec<u8> {
        let (track, csid, type_id) = match message.kind {
            MediaKind::Audio => (0, 4, 8),
            MediaKind::Video => (1, 6, 9),
        };
        let last_ms = self.last_ms[track].replace(message.timestamp_ms);
        let time_ms = message.timestamp_ms - last_ms.unwrap_or(0);
        let length = message.payload.len() as u32;
        let mut bytes = vec![if last_ms.is_some() { 0x40 | csid } else { csid }];
        bytes.extend_from_slice(&time_ms.to_be_bytes()[1..]);
        bytes.extend_from_slice(&length.to_be_bytes()[1..]);
        bytes.push(type_id);
        if last_ms.is_none() {
            bytes.extend_from_slice(&1_u32.to_le_bytes());
        }
        for (number, chunk) in message.payload.chunks(self.chunk_bytes).enumerate() {
            if number > 0 {
                bytes.push(0xC0 | csid);
            }
            bytes.extend_from_slice(chunk);
        }
        bytes
    }
}
