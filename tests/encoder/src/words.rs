//! What a publisher says, as FFmpeg says it, and what a server answers.

use anyhow::Result;

use crate::amf0::{Value, decode, encode};
use crate::chunks::{Header, Message, push};
use crate::message_type::{COMMAND, SET_CHUNK_SIZE};
use crate::{CHUNK_BYTES_AT_FIRST, chunk_stream};

/// Until the connection is accepted.
pub fn opening(app: &str, url: &str) -> Vec<u8> {
    let description = Value::object(&[
        ("app", Value::text(app)),
        ("type", Value::text("nonprivate")),
        ("flashVer", Value::text("FMLE/3.0 (compatible; Lavf59.27.100)")),
        ("tcUrl", Value::text(url)),
    ]);
    let mut out = Vec::new();
    let words = [Value::text("connect"), Value::Number(CONNECT), description];
    push_command(&mut out, 0, &words, CHUNK_BYTES_AT_FIRST);
    out
}

/// Until there is a message stream: with the size of all later chunks.
pub fn publishing(key: &str, chunk_bytes: usize) -> Vec<u8> {
    let mut out = control(SET_CHUNK_SIZE, chunk_bytes as u32);
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
pub fn command(stream: u32, key: &str, chunk_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let words = [
        Value::text("publish"),
        Value::Number(PUBLISH),
        Value::Null,
        Value::text(key),
        Value::text("live"),
    ];
    push_command(&mut out, stream, &words, chunk_bytes);
    out
}

/// Ends a publish.
pub fn goodbye(stream: u32, key: &str, chunk_bytes: usize) -> Vec<u8> {
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

/// A message of the connection that carries a number.
pub fn control(message_type: u8, number: u32) -> Vec<u8> {
    let header = Header {
        chunk_stream: chunk_stream::CONTROL,
        timestamp_ms: 0,
        message_type,
        stream: 0,
    };
    let mut out = Vec::new();
    push(&mut out, header, &number.to_be_bytes(), CHUNK_BYTES_AT_FIRST);
    out
}

/// Appends a command, or the answer to one.
pub fn push_command(out: &mut Vec<u8>, stream: u32, words: &[Value], chunk_bytes: usize) {
    let header = Header {
        chunk_stream: chunk_stream::COMMANDS,
        timestamp_ms: 0,
        message_type: COMMAND,
        stream,
    };
    push(out, header, &encode(words), chunk_bytes);
}

/// What a server has said that a publisher waits for.
#[derive(Debug, PartialEq)]
pub enum Reply {
    /// `connect` has succeeded.
    Connected,
    /// `createStream` has given this message stream.
    Stream(u32),
    /// Media may come.
    Started,
    /// It will not be, or is over: the code, and what the server says of it.
    Refused(String),
}

/// `None` for everything that a publisher need not hear.
pub fn reply(message: &Message) -> Result<Option<Reply>> {
    if message.message_type != COMMAND {
        return Ok(None);
    }
    let words = decode(&message.payload)?;
    let transaction = words.get(1).and_then(Value::as_number);
    let told = |name| words.iter().find_map(|word| word.named(name));
    let code = told("code").unwrap_or("no code");
    let refused = || Reply::Refused(format!("{code}: {}", told("description").unwrap_or_default()));
    Ok(match (words.first().and_then(Value::as_text), transaction) {
        (Some("_result"), Some(CONNECT)) => Some(Reply::Connected),
        (Some("_result"), Some(CREATE_STREAM)) => {
            let stream = words.iter().skip(2).find_map(Value::as_number);
            stream.map(|stream| Reply::Stream(stream as u32))
        }
        (Some("onStatus"), _) if code == "NetStream.Publish.Start" => Some(Reply::Started),
        (Some("onStatus"), _) => Some(refused()),
        // FFmpeg does not care either whether a stream could be released that nobody has held.
        (Some("_error"), Some(CONNECT | CREATE_STREAM | PUBLISH)) => Some(refused()),
        _ => None,
    })
}

const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;
const PUBLISH: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunks::Reader;

    fn heard(words: &[Value]) -> Option<Reply> {
        let mut wire = Vec::new();
        push_command(&mut wire, 0, words, CHUNK_BYTES_AT_FIRST);
        let mut reader = Reader::new();
        reader.receive(&wire);
        reply(&reader.poll().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_refusal_is_heard_with_its_words_and_what_means_nothing_is_not() {
        let information = Value::object(&[("code", Value::text("a.Code")), ("description", Value::text("why"))]);
        let answer = |name, transaction| {
            let words = [Value::text(name), Value::Number(transaction), Value::Null];
            heard(&[&words[..], std::slice::from_ref(&information)].concat())
        };
        let refused = Some(Reply::Refused("a.Code: why".to_owned()));
        assert_eq!(answer("onStatus", 0.0), refused);
        assert_eq!(answer("_error", PUBLISH), refused);
        assert_eq!(answer("_error", 2.0), None);
        assert_eq!(answer("onFCPublish", 0.0), None);
    }
}
