//! The commands of a publisher, and the answers that encoders expect (specification 7.2; the others by usage).

use std::mem;

use super::machine::Connection;
use super::state::{Peer, State};
use crate::acknowledgement::WINDOW_BYTES_DEFAULT;
use crate::amf0::Value;
use crate::command::Command;
use crate::message::message_type;
use crate::outbox::information;
use crate::{Event, FaultKind, PublishRequest, Refused, StatusCode};

impl Connection {
    pub(super) fn obey(&mut self, stream_id: u32, command: &Command) -> Option<Event<'static>> {
        match command.name.as_str() {
            "connect" => self.connect(command),
            "createStream" => {
                self.last_stream_id = self.last_stream_id.wrapping_add(1).max(1);
                self.out
                    .result(command.transaction, Value::Number(f64::from(self.last_stream_id)));
                None
            }
            "publish" => self.publish(stream_id, command),
            "FCPublish" => {
                self.out.result(command.transaction, Value::Undefined);
                self.notify("onFCPublish", StatusCode::PublishStart);
                None
            }
            "FCUnpublish" => {
                self.out.result(command.transaction, Value::Undefined);
                self.notify("onFCUnpublish", StatusCode::UnpublishSuccess);
                self.unpublish()
            }
            "deleteStream" => match command.number(1) {
                Some(number) if !self.is_publish_on(number as u32) => None,
                _ => self.unpublish(),
            },
            "closeStream" if self.is_publish_on(stream_id) => self.unpublish(),
            "getStreamLength" => {
                self.out.result(command.transaction, Value::Number(0.0));
                None
            }
            "play" | "play2" | "seek" | "pause" | "pauseRaw" => Some(self.refuse_playing(stream_id, command)),
            "closeStream" | "_result" | "_error" | "onStatus" => None,
            // releaseStream, _checkbw, and all that is unknown: encoders wait for an answer, whatever it says, and
            // some end at an error.
            _ => {
                self.out.result(command.transaction, Value::Undefined);
                None
            }
        }
    }

    fn connect(&mut self, command: &Command) -> Option<Event<'static>> {
        if !matches!(self.state, State::Unconnected) {
            return Some(self.misplaced(command, "the connection is connected already"));
        }
        let peer = Peer {
            app: command.property("app").to_owned(),
            tc_url: command.property("tcUrl").to_owned(),
            encoder: command.property("flashVer").to_owned(),
        };
        let limit = self.limits.name_bytes_max;
        let object = command.arguments.first().and_then(Value::pairs);
        let reason = if object.is_none() {
            Some("connect carries no command object that can be read".to_owned())
        } else if [&peer.app, &peer.tc_url, &peer.encoder]
            .into_iter()
            .any(|name| name.len() > limit)
        {
            Some(format!("app, tcUrl and flashVer may have {limit} bytes each"))
        } else {
            None
        };
        if let Some(description) = reason {
            let information = information(StatusCode::ConnectRejected, &description);
            self.out
                .command(3, 0, "_error", command.transaction, &[Value::Null, information]);
            self.end(StatusCode::ConnectRejected, &description);
            return Some(refused(command, description));
        }
        self.state = State::Connected(peer);
        self.out.control(
            message_type::WINDOW_ACKNOWLEDGEMENT_SIZE,
            &WINDOW_BYTES_DEFAULT.to_be_bytes(),
        );
        let mut bandwidth = [BANDWIDTH_DYNAMIC; 5];
        bandwidth[..4].copy_from_slice(&WINDOW_BYTES_DEFAULT.to_be_bytes());
        self.out.control(message_type::SET_PEER_BANDWIDTH, &bandwidth);
        self.out.set_chunk_size(CHUNK_BYTES);
        let properties = Value::Object(vec![
            ("fmsVer".to_owned(), Value::String("FMS/3,0,1,123".to_owned())),
            ("capabilities".to_owned(), Value::Number(31.0)),
        ]);
        let mut information = information(StatusCode::ConnectSuccess, "Connection succeeded.");
        if let Value::Object(pairs) = &mut information {
            pairs.push(("objectEncoding".to_owned(), Value::Number(0.0)));
        }
        self.out
            .command(3, 0, "_result", command.transaction, &[properties, information]);
        None
    }

    fn publish(&mut self, stream_id: u32, command: &Command) -> Option<Event<'static>> {
        let peer = match &self.state {
            State::Connected(peer) => peer,
            State::Waiting(..) | State::Publishing(..) => {
                let description = "this connection is publishing already".to_owned();
                return Some(self.refuse_publish(stream_id, command, description));
            }
            _ => {
                let description = "publish needs connect first".to_owned();
                return Some(self.refuse_publish(stream_id, command, description));
            }
        };
        let limit = self.limits.name_bytes_max;
        let name = match command.text(1) {
            Some(name) if !name.is_empty() && name.len() <= limit => name,
            Some(name) if !name.is_empty() => {
                let description = format!("the stream name may have {limit} bytes");
                return Some(self.refuse_publish(stream_id, command, description));
            }
            _ => {
                let description = "publish carries no stream name".to_owned();
                return Some(self.refuse_publish(stream_id, command, description));
            }
        };
        let request = PublishRequest {
            app: peer.app.clone(),
            tc_url: peer.tc_url.clone(),
            name: name.to_owned(),
            encoder: peer.encoder.clone(),
        };
        self.state = match mem::replace(&mut self.state, State::Ended) {
            State::Connected(peer) => State::Waiting(peer, stream_id),
            other => other,
        };
        Some(Event::Publish(request))
    }

    fn unpublish(&mut self) -> Option<Event<'static>> {
        let stream_id = self.state.publish_stream_id()?;
        self.out.status(stream_id, StatusCode::UnpublishSuccess, "Unpublished.");
        self.stop_publishing()
    }

    /// Whether closing that message stream closes the publish. Some encoders publish on stream 0, or close it.
    fn is_publish_on(&self, stream_id: u32) -> bool {
        self.state
            .publish_stream_id()
            .is_some_and(|publish| publish == stream_id || publish == 0 || stream_id == 0)
    }

    fn refuse_publish(&mut self, stream_id: u32, command: &Command, description: String) -> Event<'static> {
        self.out.status(stream_id, StatusCode::PublishBadName, &description);
        refused(command, description)
    }

    fn refuse_playing(&mut self, stream_id: u32, command: &Command) -> Event<'static> {
        let description = format!("{}: this server takes streams over RTMP, and gives none", command.name);
        if command.transaction != 0.0 {
            let information = information(StatusCode::CallFailed, &description);
            self.out
                .command(3, stream_id, "_error", command.transaction, &[Value::Null, information]);
        }
        self.out.status(stream_id, StatusCode::PlayFailed, &description);
        refused(command, description)
    }

    fn notify(&mut self, name: &str, code: StatusCode) {
        self.out.command(3, 0, name, 0.0, &[Value::Null, information(code, "")]);
    }

    fn misplaced(&self, command: &Command, reason: &'static str) -> Event<'static> {
        self.fault(FaultKind::Misplaced {
            command: command.name.clone(),
            reason,
        })
    }
}

fn refused(command: &Command, description: String) -> Event<'static> {
    Event::Refused(Refused {
        command: command.name.clone(),
        description,
    })
}

/// Answers go out in chunks of this size: each in one.
const CHUNK_BYTES: u32 = 4096;

/// Limit type 2 of Set Peer Bandwidth (specification 5.4.5).
const BANDWIDTH_DYNAMIC: u8 = 2;
