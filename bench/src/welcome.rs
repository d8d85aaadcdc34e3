//! What the floor answers to the words of a publisher.

use anyhow::Result;

use alluvium_encoder::message_type::COMMAND;
use alluvium_encoder::{CHUNK_BYTES_AT_FIRST, Message, Value, decode, push_command};

/// The answer to a message, and the key if it was the one that begins a publish.
pub(crate) fn answer(message: &Message) -> Result<(Vec<u8>, Option<String>)> {
    let mut out = Vec::new();
    if message.message_type != COMMAND {
        return Ok((out, None));
    }
    let words = decode(&message.payload)?;
    let transaction = words.get(1).and_then(Value::as_number).unwrap_or_default();
    let status = |code| Value::object(&[("level", Value::text("status")), ("code", Value::text(code))]);
    let result = |last| [Value::text("_result"), Value::Number(transaction), Value::Null, last];
    let mut key = None;
    match words.first().and_then(Value::as_text) {
        Some("connect") => {
            let answer = result(status("NetConnection.Connect.Success"));
            push_command(&mut out, 0, &answer, CHUNK_BYTES_AT_FIRST);
        }
        Some("createStream") => push_command(&mut out, 0, &result(Value::Number(1.0)), CHUNK_BYTES_AT_FIRST),
        Some("publish") => {
            let start = status("NetStream.Publish.Start");
            let answer = [Value::text("onStatus"), Value::Number(0.0), Value::Null, start];
            push_command(&mut out, 1, &answer, CHUNK_BYTES_AT_FIRST);
            key = words.get(3).and_then(Value::as_text).map(str::to_owned);
        }
        _ => {}
    }
    Ok((out, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_encoder::{Reader, Reply, command, opening, publishing, reply};

    fn only(wire: &[u8]) -> Message {
        let mut reader = Reader::new();
        reader.receive(wire);
        let mut found = None;
        while let Some(message) = reader.poll().unwrap() {
            found = Some(message);
        }
        found.unwrap()
    }

    #[test]
    fn the_floor_and_a_publisher_understand_each_other() {
        let talk = |wire: &[u8]| {
            let (answer, key) = answer(&only(wire)).unwrap();
            (reply(&only(&answer)).unwrap().unwrap(), key)
        };
        assert_eq!(
            talk(&opening("bench/live", "rtmp://127.0.0.1/bench/live")),
            (Reply::Connected, None)
        );
        assert_eq!(talk(&publishing("s7", 4096)), (Reply::Stream(1), None));
        assert_eq!(talk(&command(1, "s7", 128)), (Reply::Started, Some("s7".to_owned())));
    }
}
