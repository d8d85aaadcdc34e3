//! The only lines of the integration tests that drive a [`Connection`].

#![allow(dead_code)]

use alluvium_rtmp::{Connection, Error, Event, Limits, MediaKind, Metadata, PublishRequest, Refusal, StatusCode};

/// An event that owns its payload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen {
    Publish(PublishRequest),
    Media(MediaKind, u32, Vec<u8>),
    Metadata(Metadata),
    Unpublish,
    Refused(String),
    Fault(String),
}

impl Seen {
    pub(crate) fn of(event: Event<'_>) -> Self {
        match event {
            Event::Publish(request) => Seen::Publish(request),
            Event::Media {
                kind,
                timestamp_ms,
                payload,
            } => Seen::Media(kind, timestamp_ms, payload.to_vec()),
            Event::Metadata(metadata) => Seen::Metadata(metadata),
            Event::Unpublish => Seen::Unpublish,
            Event::Refused(refused) => Seen::Refused(refused.command),
            Event::Fault(fault) => Seen::Fault(fault.to_string()),
        }
    }
}

/// What a server does with a publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept,
    Refuse(StatusCode, &'static str),
}

/// What came of one connection.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Seen>,
    pub(crate) sent: Vec<u8>,
    pub(crate) error: Option<Error>,
}

/// Feeds input that arrives at once and answers at once; appends to `outcome`.
pub(crate) fn feed(connection: &mut Connection, mut input: &[u8], answer: Answer, outcome: &mut Outcome) {
    while outcome.error.is_none() {
        let seen = match connection.receive(&mut input) {
            Ok(Some(event)) => Seen::of(event),
            Ok(None) => break,
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        };
        if let Seen::Publish(_) = seen {
            match answer {
                Answer::Accept => connection.accept(),
                Answer::Refuse(code, description) => connection.refuse(Refusal { code, description }),
            }
        }
        outcome.events.push(seen);
    }
    while let Some(bytes) = connection.take_outgoing() {
        outcome.sent.extend_from_slice(&bytes);
    }
}

/// A whole connection of which `step` bytes arrive at a time.
pub(crate) fn serve(bytes: &[u8], step: usize, answer: Answer) -> Outcome {
    let mut connection = Connection::new(Limits::default(), [1; 32]);
    let mut outcome = Outcome {
        events: Vec::new(),
        sent: Vec::new(),
        error: None,
    };
    for part in bytes.chunks(step.max(1)) {
        feed(&mut connection, part, answer, &mut outcome);
    }
    outcome
}
