use std::mem;
use std::ops::Range;

use bytes::Bytes;

use super::last_messages::LastMessages;
use super::state::{Phase, State};
use crate::acknowledgement::Acknowledgement;
use crate::aggregate::Aggregate;
use crate::chunk::{Admission, Decoder, Message, Payload};
use crate::command::Command;
use crate::handshake::{HANDSHAKE_BYTES_TOTAL, Handshake};
use crate::message::{amf0_body, message_type, u32_of, user_control};
use crate::metadata::Metadata;
use crate::outbox::Outbox;
use crate::{Error, Event, Fault, FaultKind, Limits, MediaKind, Refusal, StatusCode};

/// The receiving side of one publisher's connection, as a pure machine.
///
/// Feed [`receive`](Connection::receive) until the input is used up; after each call send what
/// [`take_outgoing`](Connection::take_outgoing) gives. Any split of the bytes gives the same events. When
/// [`phase`](Connection::phase) is [`Phase::Ended`], or after an error, send once more and close.
#[derive(Debug)]
pub struct Connection {
    pub(super) limits: Limits,
    pub(super) state: State,
    pub(super) out: Outbox,
    /// The message stream that `createStream` gave last.
    pub(super) last_stream_id: u32,
    decoder: Decoder,
    aggregate: Option<Aggregate>,
    acknowledgement: Acknowledgement,
    received: u64,
    last_messages: LastMessages,
}

/// What one step through the input has found. Borrows nothing of the machine, so that a step can be followed by another.
enum Step<'i> {
    /// The input is used up.
    Idle,
    /// Nothing to tell.
    Silent,
    Event(Event<'static>),
    Media {
        kind: MediaKind,
        timestamp_ms: u32,
        payload: Payload<'i>,
        /// The part of the payload, where it is an aggregate's.
        range: Option<Range<usize>>,
    },
}

impl Connection {
    /// A connection of which nothing has come yet. `nonce` seeds the handshake's random bytes.
    pub fn new(limits: Limits, nonce: [u8; 32]) -> Self {
        Connection {
            limits,
            state: State::Handshaking(Handshake::server(nonce)),
            out: Outbox::new(),
            last_stream_id: 0,
            decoder: Decoder::new(limits, HANDSHAKE_BYTES_TOTAL),
            aggregate: None,
            acknowledgement: Acknowledgement::new(),
            received: 0,
            last_messages: LastMessages::default(),
        }
    }

    /// Consumes from the front of `input` until something happened; `Ok(None)` once the input is used up.
    ///
    /// A media payload is borrowed from the input where the whole message lies in it, else from a buffer of the
    /// connection's that the next message uses again.
    ///
    /// # Errors
    /// The peer has broken the protocol or a bound. The status that says so is outgoing where the peer has come far
    /// enough to understand it; the connection is [`Phase::Ended`].
    pub fn receive<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Event<'a>>, Error> {
        loop {
            let before = input.len();
            let step = self.step(input);
            self.received += (before - input.len()) as u64;
            // A step is large and there is one for each frame: it is looked at where it is, and moved nowhere.
            let step = match step {
                Ok(step) if self.out.len() <= self.limits.outgoing_bytes_max => step,
                Ok(_) => {
                    return Err(self.fail(Error::Outgoing {
                        limit: self.limits.outgoing_bytes_max,
                        at: self.decoder.at(),
                    }));
                }
                Err(error) => return Err(self.fail(error)),
            };
            match step {
                Step::Silent => {}
                Step::Idle => {
                    self.acknowledge();
                    return Ok(None);
                }
                Step::Event(event) => return Ok(Some(event)),
                Step::Media {
                    kind,
                    timestamp_ms,
                    payload,
                    range,
                } => {
                    let payload = self.decoder.payload(payload);
                    let payload = range.map_or(payload, |range| &payload[range]);
                    return Ok(Some(Event::Media {
                        kind,
                        timestamp_ms,
                        payload,
                    }));
                }
            }
        }
    }

    /// What must be sent now, in order; `None` when there is nothing.
    pub fn take_outgoing(&mut self) -> Option<Bytes> {
        self.out.take()
    }

    /// Whether [`take_outgoing`](Self::take_outgoing) has something to give.
    pub fn has_outgoing(&self) -> bool {
        self.out.len() > 0
    }

    /// Gives back the buffer that is kept for the next message; for before a wait that is longer than the way from one
    /// message to the next.
    pub fn rest(&mut self) {
        self.decoder.rest();
    }

    /// Accepts the publish that waits; does nothing when it has been withdrawn meanwhile.
    pub fn accept(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Waiting(peer, stream_id) => {
                self.decoder.admit(Admission::Media);
                self.out.publish_started(stream_id);
                State::Publishing(peer, stream_id)
            }
            other => other,
        };
    }

    /// Tells the peer of a running publish something that needs no answer; does nothing at any other time.
    pub fn advise(&mut self, description: &str) {
        if let State::Publishing(_, stream_id) = self.state {
            self.out.status(stream_id, StatusCode::HealthNotice, description);
        }
    }

    /// Refuses the publish that waits, in words that encoders show, and ends the connection.
    pub fn refuse(&mut self, refusal: Refusal<'_>) {
        if let State::Waiting(..) = self.state {
            self.end(refusal.code, refusal.description);
        }
    }

    /// Tells the peer why the connection ends, where it has come far enough to understand, and ends it.
    pub fn end(&mut self, code: StatusCode, description: &str) {
        match mem::replace(&mut self.state, State::Ended) {
            State::Waiting(_, stream_id) | State::Publishing(_, stream_id) => {
                self.out.status(stream_id, code, description);
            }
            State::Connected(_) => self.out.status(0, code, description),
            State::Handshaking(_) | State::Unconnected | State::Ended => {}
        }
        self.decoder = Decoder::new(self.limits, self.received);
        self.aggregate = None;
    }

    /// Where the connection stands.
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// All bytes consumed so far, handshake included.
    pub fn bytes_received(&self) -> u64 {
        self.received
    }

    /// The headers of the last few messages: what had come when something went wrong.
    pub fn last_messages(&self) -> &LastMessages {
        &self.last_messages
    }

    /// The publish is over; another may follow.
    pub(super) fn stop_publishing(&mut self) -> Option<Event<'static>> {
        let (state, event) = match mem::replace(&mut self.state, State::Ended) {
            State::Waiting(peer, _) | State::Publishing(peer, _) => (State::Connected(peer), Some(Event::Unpublish)),
            other => (other, None),
        };
        self.state = state;
        self.decoder.admit(Admission::Commands);
        self.aggregate = None;
        event
    }

    pub(super) fn fault(&self, kind: FaultKind) -> Event<'static> {
        Event::Fault(Fault {
            at: self.decoder.at(),
            kind,
        })
    }

    fn step<'i>(&mut self, input: &mut &'i [u8]) -> Result<Step<'i>, Error> {
        match &mut self.state {
            State::Ended => {
                *input = &[];
                Ok(Step::Idle)
            }
            State::Handshaking(handshake) => {
                let over = handshake.receive(input, self.out.raw())?;
                if !over {
                    return Ok(Step::Idle);
                }
                self.state = State::Unconnected;
                Ok(Step::Silent)
            }
            _ => {
                if let Some(step) = self.next_part() {
                    return Ok(step);
                }
                match self.decoder.next_message(input)? {
                    Some(message) => self.dispatch(message),
                    None => Ok(Step::Idle),
                }
            }
        }
    }

    fn dispatch<'i>(&mut self, message: Message<'i>) -> Result<Step<'i>, Error> {
        let Message {
            type_id,
            stream_id,
            timestamp_ms,
            payload,
        } = message;
        let length = self.decoder.payload(payload).len();
        self.last_messages.note(type_id, timestamp_ms, length);
        let is_publishing = matches!(self.state, State::Publishing(..));
        let event = match type_id {
            message_type::AUDIO | message_type::VIDEO | message_type::AGGREGATE
                if !is_publishing || payload == Payload::Skipped =>
            {
                None
            }
            message_type::AUDIO => {
                return Ok(Step::Media {
                    kind: MediaKind::Audio,
                    timestamp_ms,
                    payload,
                    range: None,
                });
            }
            message_type::VIDEO => {
                return Ok(Step::Media {
                    kind: MediaKind::Video,
                    timestamp_ms,
                    payload,
                    range: None,
                });
            }
            message_type::AGGREGATE => {
                self.aggregate = Some(Aggregate::new(&message));
                None
            }
            message_type::DATA_AMF0 | message_type::DATA_AMF3 => {
                if is_publishing {
                    self.data(type_id, self.decoder.payload(payload))
                } else {
                    None
                }
            }
            message_type::COMMAND_AMF0 | message_type::COMMAND_AMF3 => {
                let body = amf0_body(type_id, self.decoder.payload(payload));
                match Command::parse(body, self.limits.amf) {
                    Ok(Some(command)) => self.obey(stream_id, &command),
                    Ok(None) => Some(self.fault(FaultKind::Unnamed)),
                    Err(error) => Some(self.fault(FaultKind::Command(error))),
                }
            }
            _ if message_type::is_control(type_id) => self.control(type_id, payload)?,
            _ => Some(self.fault(FaultKind::MessageType { type_id })),
        };
        Ok(event.map_or(Step::Silent, Step::Event))
    }

    /// The next part of an aggregate message that is being taken apart; `None` when there is none.
    fn next_part<'i>(&mut self) -> Option<Step<'i>> {
        let aggregate = self.aggregate.as_mut()?;
        let payload = self.decoder.payload(Payload::Assembled);
        let part = match aggregate.next_part(payload) {
            Ok(Some(part)) => part,
            Ok(None) => {
                self.aggregate = None;
                return None;
            }
            Err(_) => {
                self.aggregate = None;
                return Some(Step::Event(self.fault(FaultKind::Aggregate)));
            }
        };
        let media = |kind, range| Step::Media {
            kind,
            timestamp_ms: part.timestamp_ms,
            payload: Payload::Assembled,
            range: Some(range),
        };
        let event = match part.type_id {
            message_type::AUDIO => return Some(media(MediaKind::Audio, part.range)),
            message_type::VIDEO => return Some(media(MediaKind::Video, part.range)),
            message_type::DATA_AMF0 | message_type::DATA_AMF3 => self.data(part.type_id, &payload[part.range]),
            type_id => Some(self.fault(FaultKind::MessageType { type_id })),
        };
        Some(event.map_or(Step::Silent, Step::Event))
    }

    fn data(&self, type_id: u8, payload: &[u8]) -> Option<Event<'static>> {
        match Metadata::parse(amf0_body(type_id, payload), self.limits.amf) {
            Ok(metadata) => metadata.map(Event::Metadata),
            Err(error) => Some(self.fault(FaultKind::Data(error))),
        }
    }

    /// Protocol control and user control messages (specification 5.4, 7.1.7).
    fn control(&mut self, type_id: u8, payload: Payload<'_>) -> Result<Option<Event<'static>>, Error> {
        let payload = self.decoder.payload(payload);
        let Some(value) = u32_of(payload) else {
            // A user control event of which nothing is known may be shorter.
            let length = payload.len();
            let is_fault = type_id != message_type::USER_CONTROL || length < 2;
            return Ok(is_fault.then(|| self.fault(FaultKind::Control { type_id, length })));
        };
        match type_id {
            message_type::SET_CHUNK_SIZE => self.decoder.set_chunk_bytes(value)?,
            message_type::ABORT => self.decoder.abort(value),
            message_type::WINDOW_ACKNOWLEDGEMENT_SIZE => self.acknowledgement.set_window(value),
            message_type::USER_CONTROL if value >> 16 == u32::from(user_control::PING_REQUEST) => {
                let Some(time_ms) = u32_of(&payload[2..]) else {
                    let length = payload.len();
                    return Ok(Some(self.fault(FaultKind::Control { type_id, length })));
                };
                self.out.user_control(user_control::PING_RESPONSE, time_ms);
            }
            message_type::SET_PEER_BANDWIDTH => {
                // The peer asks to be told a window (specification 5.4.5); the answers here never fill one.
                self.out
                    .control(message_type::WINDOW_ACKNOWLEDGEMENT_SIZE, &value.to_be_bytes());
            }
            _ => {}
        }
        Ok(None)
    }

    fn acknowledge(&mut self) {
        let is_speaking = !matches!(self.state, State::Handshaking(_) | State::Ended);
        if is_speaking && let Some(sequence) = self.acknowledgement.due(self.received) {
            self.out.control(message_type::ACKNOWLEDGEMENT, &sequence.to_be_bytes());
        }
    }

    /// Ends the connection for an error, which the peer is told.
    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.end(StatusCode::Failed, &error.to_string());
        error
    }
}
