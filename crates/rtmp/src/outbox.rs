use bytes::{BufMut, Bytes, BytesMut};

use crate::amf0::{self, Value};
use crate::chunk::{Encoder, Outgoing};
use crate::message::{message_type, user_control};
use crate::status::StatusCode;

/// What waits to be sent, in order.
#[derive(Debug)]
pub(crate) struct Outbox {
    encoder: Encoder,
    bytes: BytesMut,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Outbox {
            encoder: Encoder::new(),
            bytes: BytesMut::new(),
        }
    }

    /// Where the handshake writes.
    pub(crate) fn raw(&mut self) -> &mut BytesMut {
        &mut self.bytes
    }

    /// Everything written since the last call; leaves no memory behind.
    pub(crate) fn take(&mut self) -> Option<Bytes> {
        (!self.bytes.is_empty()).then(|| std::mem::take(&mut self.bytes).freeze())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Any message; its payload is no longer than the wire's length field can say.
    pub(crate) fn message(&mut self, message: Outgoing<'_>) {
        self.encoder.write(message, &mut self.bytes);
    }

    /// A protocol control message (specification 5.4): chunk stream 2, message stream 0.
    pub(crate) fn control(&mut self, type_id: u8, payload: &[u8]) {
        self.message(Outgoing {
            csid: 2,
            type_id,
            stream_id: 0,
            timestamp_ms: 0,
            payload,
        });
    }

    /// A user control message (specification 7.1.7).
    pub(crate) fn user_control(&mut self, event: u16, data: u32) {
        let mut payload = [0; 6];
        (&mut payload[..]).put_u16(event);
        (&mut payload[2..]).put_u32(data);
        self.control(message_type::USER_CONTROL, &payload);
    }

    /// Announces a chunk size and uses it.
    pub(crate) fn set_chunk_size(&mut self, size: u32) {
        self.control(message_type::SET_CHUNK_SIZE, &size.to_be_bytes());
        self.encoder.set_chunk_bytes(size as usize);
    }

    /// A command (specification 7.1.1).
    pub(crate) fn command(&mut self, csid: u8, stream_id: u32, name: &str, transaction: f64, arguments: &[Value]) {
        let mut payload = Vec::with_capacity(256);
        amf0::encode(&Value::String(name.to_owned()), &mut payload);
        amf0::encode(&Value::Number(transaction), &mut payload);
        for argument in arguments {
            amf0::encode(argument, &mut payload);
        }
        let payload = &payload;
        self.message(Outgoing {
            csid,
            type_id: message_type::COMMAND_AMF0,
            stream_id,
            timestamp_ms: 0,
            payload,
        });
    }

    /// The answer to a command that awaits one.
    pub(crate) fn result(&mut self, transaction: f64, value: Value) {
        if transaction != 0.0 {
            self.command(3, 0, "_result", transaction, &[Value::Null, value]);
        }
    }

    /// `onStatus` about a message stream (specification 7.2.2).
    pub(crate) fn status(&mut self, stream_id: u32, code: StatusCode, description: &str) {
        self.command(
            5,
            stream_id,
            "onStatus",
            0.0,
            &[Value::Null, information(code, description)],
        );
    }

    /// The answers to an accepted `publish`.
    pub(crate) fn publish_started(&mut self, stream_id: u32) {
        self.user_control(user_control::STREAM_BEGIN, stream_id);
        self.status(stream_id, StatusCode::PublishStart, "Publishing.");
    }
}

/// The information object of `_result`, `_error` and `onStatus`.
pub(crate) fn information(code: StatusCode, description: &str) -> Value {
    let pairs = [
        ("level", code.level()),
        ("code", code.as_str()),
        ("description", description),
    ];
    Value::Object(
        pairs
            .map(|(name, text)| (name.to_owned(), Value::String(text.to_owned())))
            .into(),
    )
}
