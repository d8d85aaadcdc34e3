//! The publishing side of a connection, as a pure machine: for tests, demonstrations and load.
//!
//! ```text
//!   handshake -> connect -> releaseStream, FCPublish, createStream -> publish -> media ... -> FCUnpublish, deleteStream
//! ```

use std::mem;

use bytes::Bytes;

use crate::acknowledgement::Acknowledgement;
use crate::amf0::{self, Value};
use crate::chunk::{Decoder, MESSAGE_BYTES_MAX, Message, Outgoing};
use crate::command::Command;
use crate::handshake::{HANDSHAKE_BYTES_TOTAL, Handshake};
use crate::message::{amf0_body, message_type, u32_of, user_control};
use crate::outbox::Outbox;
use crate::{Error, Limits, MediaKind, PublishRequest};

/// One publisher. What it wants to publish is given at the start; the machine goes there by itself.
#[derive(Debug)]
pub struct Publisher {
    request: PublishRequest,
    limits: Limits,
    state: State,
    decoder: Decoder,
    out: Outbox,
    acknowledgement: Acknowledgement,
    received: u64,
    last_transaction: u32,
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The publish is accepted: media may be sent.
    Started,
    /// The server refuses, and says why. Nothing more can be done with this connection.
    Refused(Status),
    /// The server ended a running publish, and says why. Nothing more can be done with this connection.
    Ended(Status),
    /// The server says how the running publish could be better. Nothing has to be done.
    Advised(Status),
    /// The server confirms that the publish has ended; [`Publisher::publish`] may begin another.
    Unpublished,
}

/// An information object of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// For machines, as `NetStream.Publish.BadName`.
    pub code: String,
    /// For people.
    pub description: String,
}

/// Why something cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// No publish is accepted.
    #[error("no publish is accepted")]
    NotPublishing,
    /// Longer than a message can be.
    #[error("a message of {length} bytes, {limit} are possible")]
    TooLong {
        /// Its length, bytes.
        length: usize,
        /// The longest possible, bytes.
        limit: usize,
    },
}

#[derive(Debug)]
enum State {
    Handshaking(Handshake),
    /// The answer to `connect` is awaited, under this transaction.
    Connecting(u32),
    /// Connected, and nothing to publish.
    Idle,
    /// The answer to `createStream` is awaited, under this transaction.
    Creating(u32),
    /// The answer to `publish` is awaited.
    Requesting(u32),
    /// Media may be sent on this message stream.
    Publishing(u32),
    Ended,
}

impl Publisher {
    /// A publisher that is going to publish what `request` says. `nonce` seeds the handshake's random bytes.
    pub fn new(request: PublishRequest, nonce: [u8; 32]) -> Self {
        let mut out = Outbox::new();
        let limits = Limits::default();
        Publisher {
            request,
            limits,
            state: State::Handshaking(Handshake::client(nonce, out.raw())),
            decoder: Decoder::new(limits, HANDSHAKE_BYTES_TOTAL),
            out,
            acknowledgement: Acknowledgement::new(),
            received: 0,
            last_transaction: 0,
        }
    }

    /// Consumes from the front of `input` until something happened; `Ok(None)` once it is used up.
    ///
    /// # Errors
    /// The server has broken the protocol; close the connection.
    pub fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Event>, Error> {
        loop {
            let before = input.len();
            let message = match &mut self.state {
                State::Handshaking(handshake) => {
                    let over = handshake.receive(input, self.out.raw())?;
                    self.received += (before - input.len()) as u64;
                    if !over {
                        return Ok(None);
                    }
                    self.connect();
                    continue;
                }
                State::Ended => {
                    *input = &[];
                    None
                }
                _ => self.decoder.next_message(input)?,
            };
            self.received += (before - input.len()) as u64;
            let Some(message) = message else {
                if let Some(sequence) = self.acknowledgement.due(self.received) {
                    self.out.control(message_type::ACKNOWLEDGEMENT, &sequence.to_be_bytes());
                }
                return Ok(None);
            };
            if let Some(event) = self.dispatch(message)? {
                return Ok(Some(event));
            }
        }
    }

    /// What must be sent now, in order; `None` when there is nothing.
    pub fn take_outgoing(&mut self) -> Option<Bytes> {
        self.out.take()
    }

    /// Sends an audio or video message: an FLV tag's body.
    ///
    /// # Errors
    /// No publish is accepted, or the payload is too long for a message.
    pub fn send_media(&mut self, kind: MediaKind, timestamp_ms: u32, payload: &[u8]) -> Result<(), NotSent> {
        let (csid, type_id) = match kind {
            MediaKind::Audio => (4, message_type::AUDIO),
            MediaKind::Video => (6, message_type::VIDEO),
        };
        self.send(csid, type_id, timestamp_ms, payload)
    }

    /// Sends `onMetaData`.
    ///
    /// # Errors
    /// As [`send_media`](Publisher::send_media).
    pub fn send_metadata(&mut self, metadata: &[(&str, Value)]) -> Result<(), NotSent> {
        let pairs = metadata
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let mut payload = Vec::new();
        for value in [
            Value::String("@setDataFrame".to_owned()),
            Value::String("onMetaData".to_owned()),
            Value::EcmaArray(pairs),
        ] {
            amf0::encode(&value, &mut payload);
        }
        self.send(5, message_type::DATA_AMF0, 0, &payload)
    }

    /// Ends the publish; the connection stays.
    pub fn unpublish(&mut self) {
        if let State::Requesting(stream_id) | State::Publishing(stream_id) = self.state {
            let name = Value::String(self.request.name.clone());
            self.command("FCUnpublish", &[Value::Null, name]);
            self.command("deleteStream", &[Value::Null, Value::Number(f64::from(stream_id))]);
            self.state = State::Idle;
        }
    }

    /// Publishes again, after [`unpublish`](Publisher::unpublish), under another name or the same.
    ///
    /// # Errors
    /// The connection is not one that has published and ended it.
    pub fn publish(&mut self, name: String) -> Result<(), NotSent> {
        let State::Idle = self.state else {
            return Err(NotSent::NotPublishing);
        };
        self.request.name = name;
        self.create();
        Ok(())
    }

    fn send(&mut self, csid: u8, type_id: u8, timestamp_ms: u32, payload: &[u8]) -> Result<(), NotSent> {
        let State::Publishing(stream_id) = self.state else {
            return Err(NotSent::NotPublishing);
        };
        if payload.len() > MESSAGE_BYTES_MAX {
            return Err(NotSent::TooLong {
                length: payload.len(),
                limit: MESSAGE_BYTES_MAX,
            });
        }
        self.out.message(Outgoing {
            csid,
            type_id,
            stream_id,
            timestamp_ms,
            payload,
        });
        Ok(())
    }

    fn connect(&mut self) {
        self.out.set_chunk_size(CHUNK_BYTES);
        let pairs = [
            ("app", self.request.app.clone()),
            ("type", "nonprivate".to_owned()),
            ("flashVer", self.request.encoder.clone()),
            ("tcUrl", self.request.tc_url.clone()),
        ];
        let object = Value::Object(pairs.map(|(name, text)| (name.to_owned(), Value::String(text))).into());
        self.state = State::Connecting(self.command("connect", &[object]));
    }

    fn create(&mut self) {
        let name = Value::String(self.request.name.clone());
        self.command("releaseStream", &[Value::Null, name.clone()]);
        self.command("FCPublish", &[Value::Null, name]);
        self.state = State::Creating(self.command("createStream", &[Value::Null]));
    }

    /// Sends a command, and tells its transaction.
    fn command(&mut self, name: &str, arguments: &[Value]) -> u32 {
        self.last_transaction += 1;
        self.out
            .command(3, 0, name, f64::from(self.last_transaction), arguments);
        self.last_transaction
    }

    fn dispatch(&mut self, message: Message<'_>) -> Result<Option<Event>, Error> {
        let Message { type_id, payload, .. } = message;
        let payload = self.decoder.payload(payload);
        if message_type::is_command(type_id) {
            let command = Command::parse(amf0_body(type_id, payload), self.limits.amf);
            return Ok(command.ok().flatten().and_then(|command| self.obey(&command)));
        }
        match (type_id, u32_of(payload)) {
            (message_type::SET_CHUNK_SIZE, Some(size)) => self.decoder.set_chunk_bytes(size)?,
            (message_type::ABORT, Some(csid)) => self.decoder.abort(csid),
            (message_type::WINDOW_ACKNOWLEDGEMENT_SIZE, Some(bytes)) => self.acknowledgement.set_window(bytes),
            (message_type::USER_CONTROL, Some(value)) if value >> 16 == u32::from(user_control::PING_REQUEST) => {
                if let Some(time_ms) = u32_of(&payload[2..]) {
                    self.out.user_control(user_control::PING_RESPONSE, time_ms);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    fn obey(&mut self, command: &Command) -> Option<Event> {
        let answers = |transaction: u32| command.transaction == f64::from(transaction);
        match (command.name.as_str(), &self.state) {
            ("_result", State::Connecting(transaction)) if answers(*transaction) => self.create(),
            ("_result", State::Creating(transaction)) if answers(*transaction) => {
                let stream_id = command.number(1).unwrap_or_default() as u32;
                self.last_transaction += 1;
                let arguments = [self.request.name.clone(), "live".to_owned()].map(Value::String);
                let arguments = [&[Value::Null][..], &arguments].concat();
                self.out
                    .command(4, stream_id, "publish", f64::from(self.last_transaction), &arguments);
                self.state = State::Requesting(stream_id);
            }
            ("_error", State::Connecting(transaction) | State::Creating(transaction)) if answers(*transaction) => {
                return self.fail(status(command));
            }
            ("onStatus", _) => return self.obey_status(status(command), command),
            _ => {}
        }
        None
    }

    fn obey_status(&mut self, status: Status, command: &Command) -> Option<Event> {
        let level = command
            .arguments
            .get(1)
            .and_then(|object| object.property("level"))
            .and_then(Value::as_str);
        if level == Some("error") {
            return self.fail(status);
        }
        match (status.code.as_str(), &self.state) {
            ("NetStream.Publish.Start", State::Requesting(stream_id)) => {
                self.state = State::Publishing(*stream_id);
                Some(Event::Started)
            }
            ("NetStream.Unpublish.Success", State::Publishing(_)) => {
                self.state = State::Ended;
                Some(Event::Ended(status))
            }
            ("NetStream.Unpublish.Success", State::Idle) => Some(Event::Unpublished),
            ("NetStream.Health.Notice", State::Publishing(_)) => Some(Event::Advised(status)),
            _ => None,
        }
    }

    fn fail(&mut self, status: Status) -> Option<Event> {
        match mem::replace(&mut self.state, State::Ended) {
            State::Publishing(_) => Some(Event::Ended(status)),
            State::Ended => None,
            _ => Some(Event::Refused(status)),
        }
    }
}

/// The information object behind the command object.
fn status(command: &Command) -> Status {
    let text = |name| {
        let property = command.arguments.get(1).and_then(|object| object.property(name));
        property.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Status {
        code: text("code"),
        description: text("description"),
    }
}

/// Large enough that a receiver finds nearly every message in one chunk.
const CHUNK_BYTES: u32 = 60_000;
