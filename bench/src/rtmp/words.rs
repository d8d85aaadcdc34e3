//! What a publisher says, as FFmpeg says it, and what a server answers.

use anyhow::Result;

use super::amf0::{decode, encode};
use super::{CHUNK_BYTES_AT_FIRST, COMMAND_MESSAGE, COMMANDS, CONTROL, Header, Message, SET_CHUNK_SIZE, Value, push};

/// Until the connection is accepted.
pub(crate) fn opening(app: &str, url: &str) -> Vec<u8> {
    let description = Value::object(&[
        ("app", Value::text(app)),
        ("type", Value::text("nonprivate")),
        ("flashVer", Value::text("FMLE/3.0 (compatible; Lavf59.27.100)")),
        ("tcUrl", Value::text(url)),
    ]);
    let mut out = Vec::new();
    push_command(
        &mut out,
        0,
        &[Value::text("connect"), Value::Number(1.0), description],
        CHUNK_BYTES_AT_FIRST,
    );
    out
}

/// Until there is a message stream: with the size of all later chunks.
pub(crate) fn publishing(key: &str, chunk_bytes: usize) -> Vec<u8> {
    let mut out = set_chunk_size(chunk_bytes);
    for (transaction, name) in [(2.0, "releaseStream"), (3.0, "FCPublish")] {
        let words = [
            Value::text(name),
            Value::Number(transaction),
            Value::Null,
            Value::text(key),
        ];
        push_command(&mut out, 0, &words, chunk_bytes);
    }
    let words = [Value::text("createStream"), Value::Number(CREATE_STREAM), Value::Null];
    push_command(&mut out, 0, &words, chunk_bytes);
    out
}

/// The last word before media.
pub(crate) fn command(stream: u32, key: &str, chunk_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let words = [
        Value::text("publish"),
        Value::Number(5.0),
        Value::Null,
        Value::text(key),
        Value::text("live"),
    ];
    push_command(&mut out, stream, &words, chunk_bytes);
    out
}

/// Ends a publish.
pub(crate) fn goodbye(stream: u32, key: &str, chunk_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let words = [
        Value::text("FCUnpublish"),
        Value::Number(6.0),
        Value::Null,
        Value::text(key),
    ];
    push_command(&mut out, 0, &words, chunk_bytes);
    let words = [
        Value::text("deleteStream"),
        Value::Number(7.0),
        Value::Null,
        Value::Number(f64::from(stream)),
    ];
    push_command(&mut out, 0, &words, chunk_bytes);
    out
}

pub(crate) fn set_chunk_size(chunk_bytes: usize) -> Vec<u8> {
    let header = Header {
        chunk_stream: CONTROL,
        timestamp_ms: 0,
        message_type: SET_CHUNK_SIZE,
        stream: 0,
    };
    let mut out = Vec::new();
    push(
        &mut out,
        header,
        &(chunk_bytes as u32).to_be_bytes(),
        CHUNK_BYTES_AT_FIRST,
    );
    out
}

/// What a server has said that a publisher waits for.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    Connected,
    Stream(u32),
    Status(String),
    Refused(String),
}

/// `None` for everything that a publisher need not hear.
pub(crate) fn reply(message: &Message) -> Result<Option<Reply>> {
    if message.message_type != COMMAND_MESSAGE {
        return Ok(None);
    }
    let words = decode(&message.payload)?;
    let transaction = words.get(1).and_then(Value::as_number);
    let code = || {
        let found = words.iter().find_map(|word| word.named("code"));
        found.unwrap_or("no code").to_owned()
    };
    Ok(match (words.first().and_then(Value::as_text), transaction) {
        (Some("_result"), Some(1.0)) => Some(Reply::Connected),
        (Some("_result"), Some(CREATE_STREAM)) => {
            let stream = words.iter().skip(2).find_map(Value::as_number);
            stream.map(|stream| Reply::Stream(stream as u32))
        }
        (Some("onStatus"), _) => Some(Reply::Status(code())),
        // FFmpeg does not care either whether a stream could be released that nobody has held.
        (Some("_error"), Some(1.0 | CREATE_STREAM)) => Some(Reply::Refused(code())),
        _ => None,
    })
}

pub(crate) fn is_success(status: &str) -> bool {
    status == "NetStream.Publish.Start"
}

/// The floor's answer to a command, and the key if it was the one that begins a publish.
pub(crate) fn accepted(message: &Message) -> Result<(Vec<u8>, Option<String>)> {
    let mut out = Vec::new();
    if message.message_type != COMMAND_MESSAGE {
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

fn push_command(out: &mut Vec<u8>, stream: u32, words: &[Value], chunk_bytes: usize) {
    let header = Header {
        chunk_stream: COMMANDS,
        timestamp_ms: 0,
        message_type: COMMAND_MESSAGE,
        stream,
    };
    push(out, header, &encode(words), chunk_bytes);
}

const CREATE_STREAM: f64 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::Reader;

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
        let answer = |wire: &[u8]| {
            let (answer, key) = accepted(&only(wire)).unwrap();
            (reply(&only(&answer)).unwrap().unwrap(), key)
        };
        assert_eq!(
            answer(&opening("bench/live", "rtmp://127.0.0.1/bench/live")),
            (Reply::Connected, None)
        );
        assert_eq!(answer(&publishing("s7", 4096)), (Reply::Stream(1), None));
        let (status, key) = answer(&command(1, "s7", 128));
        assert_eq!(status, Reply::Status("NetStream.Publish.Start".into()));
        assert_eq!(key.as_deref(), Some("s7"));
    }
}
