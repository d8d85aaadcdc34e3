use alluvium_rtmp::Limits;
use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::capture::{Messages, Said};

/// Reads what the server would have answered.
#[derive(Debug)]
pub(super) struct Answers {
    messages: Messages,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            messages: Messages::new(Limits::default()),
        }
    }

    /// What these bytes say, as far as an encoder's user may care.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut input = bytes;
        let mut told = Vec::new();
        while let Ok(Some(message)) = self.messages.next_message(&mut input) {
            match &message.said {
                Said::Command { name, arguments } => told.push(words(name, arguments)),
                Said::Handshake => told.push("its half of the handshake".to_owned()),
                Said::ChunkSize(_) | Said::Other { .. } => {}
            }
        }
        told
    }
}

fn words(name: &str, arguments: &[Value]) -> String {
    let information = arguments.get(1);
    let text = |property| {
        information
            .and_then(|object| object.property(property))
            .and_then(Value::as_str)
    };
    match (text("code"), text("description").filter(|text| !text.is_empty())) {
        (Some(code), Some(description)) => format!("{code}: {description:?}"),
        (Some(code), None) => format!("{name} {code}"),
        (None, _) => match information.and_then(Value::as_number) {
            Some(number) => format!("{name} {number}"),
            None => name.to_owned(),
        },
    }
}
