use crate::Limits;
use crate::chunk::{CHUNK_BYTES_DEFAULT, Decoder, Payload};
use crate::handshake::HANDSHAKE_BYTES_TOTAL;
use crate::message::{message_type, u32_of};

/// Overwrites with `*`, in place and byte for byte, what gives a right to publish: so that the file can be shown, and
/// chunks and messages keep their lengths.
///
/// In commands that is every value of a query but a few that explain a refusal (`SHOWN`), and a user and password in
/// front of a host; anywhere, the values of the names that are known for it (`SECRETS`).
pub fn redact(bytes: &mut [u8]) {
    let commands = commands(bytes);
    for command in &commands {
        let mut cleaned = command.payload.clone();
        hide_in_strings(&mut cleaned);
        if cleaned != command.payload {
            command.replace(&cleaned, bytes);
        }
    }
    // A header that follows a command may look like text.
    let mut begin = 0;
    for end in commands.iter().map(|command| command.end).chain([bytes.len()]) {
        hide_named(&mut bytes[begin..end]);
        begin = end;
    }
}

/// The same for a text that a peer has sent.
pub fn redacted(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    hide_queries(&mut bytes);
    hide_users(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A command message, and where it stands.
struct Command {
    payload: Vec<u8>,
    /// Position behind its last byte.
    end: usize,
    /// Its chunks have at most so many bytes.
    chunk_bytes: usize,
}

impl Command {
    /// Puts `new`, of the same length, in its place, chunk by chunk from the last.
    fn replace(&self, new: &[u8], bytes: &mut [u8]) {
        let old = self.payload.chunks(self.chunk_bytes);
        let mut end = self.end;
        for (old, new) in old.zip(new.chunks(self.chunk_bytes)).rev() {
            let Some(at) = last_chunk(&bytes[..end], old, end == self.end) else {
                return;
            };
            bytes[at..at + old.len()].copy_from_slice(new);
            end = at;
        }
    }
}

/// Where a chunk's payload stands: at the end of `bytes` when it `is_last`, else in front of the next chunk's header,
/// else as far back as other chunk streams' chunks have come between.
fn last_chunk(bytes: &[u8], payload: &[u8], is_last: bool) -> Option<usize> {
    let in_front = |header: usize| {
        let end = bytes.len().checked_sub(header)?;
        let basic_header = match bytes.get(end) {
            None => 0,
            Some(0xc0) => 2,
            Some(0xc1) => 3,
            Some(_) => 1,
        };
        let fits = header == basic_header || header == basic_header + EXTENDED_TIMESTAMP_BYTES;
        (fits && bytes[..end].ends_with(payload)).then(|| end - payload.len())
    };
    if is_last {
        return in_front(0);
    }
    (1..=3 + EXTENDED_TIMESTAMP_BYTES)
        .filter(|&header| bytes.len() >= header && bytes[bytes.len() - header] >= TYPE_3)
        .find_map(in_front)
        .or_else(|| bytes.windows(payload.len()).rposition(|window| window == payload))
}

/// The first byte of a chunk that goes on with a message (specification 5.3.1.2.4), its chunk stream's number aside.
const TYPE_3: u8 = 0xc0;
const EXTENDED_TIMESTAMP_BYTES: usize = 4;

/// Names of a query whose values are no secret.
const SHOWN: &[&str] = &[
    "expires",
    "playlistname",
    "vhost",
    "x-oss-date",
    "x-oss-expires",
    "x-oss-signature-version",
];

/// Names whose values are, wherever they stand.
const SECRETS: &[&str] = &[
    "signature=",
    "ossaccesskeyid=",
    "x-oss-credential=",
    "token=",
    "secret=",
    "password=",
];

/// Longer than any of [`SECRETS`].
const NAME_BYTES_MAX: usize = 24;

/// The command messages, as far as the protocol is kept.
fn commands(bytes: &[u8]) -> Vec<Command> {
    let begin = HANDSHAKE_BYTES_TOTAL.min(bytes.len() as u64);
    let mut decoder = Decoder::new(Limits::default(), begin);
    let mut chunk_bytes = CHUNK_BYTES_DEFAULT;
    let mut input = &bytes[begin as usize..];
    let mut found = Vec::new();
    while let Ok(Some(message)) = decoder.next_message(&mut input) {
        if message.payload == Payload::Skipped {
            continue;
        }
        let payload = decoder.payload(message.payload);
        match (message.type_id, u32_of(payload)) {
            (type_id, _) if message_type::is_command(type_id) => found.push(Command {
                payload: payload.to_vec(),
                end: bytes.len() - input.len(),
                chunk_bytes: chunk_bytes as usize,
            }),
            (message_type::SET_CHUNK_SIZE, Some(size)) if decoder.set_chunk_bytes(size).is_ok() => chunk_bytes = size,
            (message_type::ABORT, Some(csid)) => decoder.abort(csid),
            _ => {}
        }
    }
    found
}

/// Hides in the AMF0 strings of a message: marker 2, a length of two bytes, text.
fn hide_in_strings(message: &mut [u8]) {
    let mut at = 0;
    while let Some(&[marker, high, low]) = message.get(at..at + 3) {
        at += 1;
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == STRING
            && let Some(text) = message.get_mut(at + 2..end)
            && text.iter().all(|byte| is_text(*byte))
        {
            hide_queries(text);
            hide_users(text);
            at = end;
        }
    }
}

/// Hides the values behind `?name=` and `&name=`, up to the next `&` or the end of the string.
fn hide_queries(text: &mut [u8]) {
    let mut at = 0;
    while at < text.len() {
        let begins = matches!(text[at], b'?' | b'&');
        at += 1;
        if !begins {
            continue;
        }
        let end = at
            + text[at..]
                .iter()
                .take_while(|byte| !matches!(byte, b'?' | b'&'))
                .count();
        let (name, value) = match text[at..end].iter().position(|&byte| byte == b'=') {
            Some(length) => (&text[at..at + length], at + length + 1),
            None => (&[][..], at),
        };
        if !SHOWN.iter().any(|shown| name.eq_ignore_ascii_case(shown.as_bytes())) {
            text[value..end].fill(b'*');
        }
        at = end;
    }
}

/// Hides what stands between `://` and `@` in front of a host.
fn hide_users(text: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = text[at..].windows(3).position(|window| window == b"://") {
        at += found + 3;
        let authority = text[at..].iter().take_while(|byte| **byte != b'/').count();
        if let Some(user) = text[at..at + authority].iter().rposition(|&byte| byte == b'@') {
            text[at..at + user].fill(b'*');
        }
    }
}

/// Hides the values of [`SECRETS`] in bytes of which nothing is known. Chunk headers may stand in the middle of a name or
/// a value; they are no text, and stay.
fn hide_named(bytes: &mut [u8]) {
    let mut name = [0; NAME_BYTES_MAX];
    let mut is_value = false;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        at += match byte {
            // The basic headers of two and three bytes (specification 5.3.1.1).
            0xc0 => 2,
            0xc1 => 3,
            _ => 1,
        };
        if byte >= 0x80 {
            continue;
        }
        name.rotate_left(1);
        name[NAME_BYTES_MAX - 1] = byte.to_ascii_lowercase();
        if is_value && is_text(byte) && byte != b'&' {
            bytes[at - 1] = b'*';
        } else {
            is_value = byte == b'=' && SECRETS.iter().any(|secret| name.ends_with(secret.as_bytes()));
        }
    }
}

const STRING: u8 = 2;

/// No marker and no length of AMF0: these follow a string. Spaces are text; encoders put them in for `+`.
fn is_text(byte: u8) -> bool {
    byte >= 0x20
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amf0::Value;
    use crate::chunk::Outgoing;
    use crate::handshake::Handshake;
    use crate::outbox::Outbox;
    use crate::{Connection, Event, PublishRequest};

    const URL: &str = "rtmp://user:pass@b.example.com:1935/live?vhost=a&OSSAccessKeyId=AK1";
    const NAME: &str = "camera?Expires=1700000000&Signature=ab+c/d%3D ef&security-token=CAIS&odd&playlistName=p.m3u8";

    /// A connection that publishes [`NAME`], its chunks of this size, and its commands at this time.
    fn publish(chunk_bytes: u32, timestamp_ms: u32) -> Vec<u8> {
        let mut client = Outbox::new();
        Handshake::client([1; 32], client.raw());
        client.raw().extend_from_slice(&[b'='; 1536]);
        client.set_chunk_size(chunk_bytes);
        let text = |text: &str| Value::String(text.to_owned());
        let object = Value::Object(vec![("app".into(), text("live?vhost=a")), ("tcUrl".into(), text(URL))]);
        let connect = [text("connect"), Value::Number(1.0), object];
        // The next header, right behind the name, looks like text.
        let release = [text("releaseStream"), Value::Number(2.0), Value::Null, text(NAME)];
        let publish = [text("publish"), Value::Number(3.0), Value::Null, text(NAME)];
        for values in [&connect[..], &release, &publish] {
            let mut payload = Vec::new();
            for value in values {
                crate::amf0::encode(value, &mut payload);
            }
            let (csid, type_id, stream_id) = (3, message_type::COMMAND_AMF0, 0);
            client.message(Outgoing {
                csid,
                type_id,
                stream_id,
                timestamp_ms,
                payload: &payload,
            });
        }
        client.take().unwrap().to_vec()
    }

    fn request(bytes: &[u8]) -> PublishRequest {
        let mut connection = Connection::new(Limits::default(), [2; 32]);
        let mut input = bytes;
        match connection.receive(&mut input) {
            Ok(Some(Event::Publish(request))) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn secrets_are_overwritten_and_nothing_else_wherever_chunks_end() {
        for timestamp_ms in [0, 0x0100_4142] {
            for chunk_bytes in (1..70).chain([128, 4096]) {
                let bytes = publish(chunk_bytes, timestamp_ms);
                let mut redacted = bytes.clone();
                redact(&mut redacted);
                let request = request(&redacted);
                assert_eq!(request.app, "live?vhost=a");
                assert_eq!(
                    request.tc_url,
                    "rtmp://*********@b.example.com:1935/live?vhost=a&OSSAccessKeyId=***"
                );
                assert_eq!(
                    request.name,
                    "camera?Expires=1700000000&Signature=************&security-token=****&***&playlistName=p.m3u8",
                    "chunks of {chunk_bytes}"
                );
                let changed = bytes.iter().zip(&redacted).filter(|(a, b)| a != b);
                assert_eq!(changed.count(), 9 + 3 + 2 * (12 + 4 + 3));
            }
        }
    }

    #[test]
    fn secrets_are_overwritten_in_what_is_not_understood() {
        let whole = publish(64, 0);
        for lost in 1..200 {
            // Without these bytes of the handshake, nothing that follows is where it should be.
            let mut bytes = whole[lost..].to_vec();
            redact(&mut bytes);
            for secret in ["AK1", "ab+c", "CAIS"] {
                let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!is_there, "{secret} without {lost} bytes");
            }
        }
    }

    #[test]
    fn secrets_are_overwritten_in_a_command_that_is_cut() {
        let whole = publish(64, 0);
        for cut in 1..100 {
            let mut bytes = whole[..whole.len() - cut].to_vec();
            redact(&mut bytes);
            let is_there = bytes.windows(4).any(|window| window == b"ab+c");
            assert!(!is_there, "without the last {cut} bytes");
        }
    }

    #[test]
    fn media_is_left_alone() {
        let mut bytes = publish(4096, 0);
        let mut client = Outbox::new();
        client.set_chunk_size(4096);
        client.message(Outgoing {
            csid: 6,
            type_id: message_type::VIDEO,
            stream_id: 1,
            timestamp_ms: 0,
            payload: b"\x17\x01\x00\x00\x00?a=b&c=d://x@y&Expires=",
        });
        let media = client.take().unwrap();
        bytes.extend_from_slice(&media);
        redact(&mut bytes);
        assert!(bytes.ends_with(&media));
    }

    #[test]
    fn a_text_loses_its_secrets() {
        assert_eq!(
            redacted("camera?Expires=1&Signature=abc"),
            "camera?Expires=1&Signature=***"
        );
        assert_eq!(redacted("rtmp://a:b@host/live?é=ü"), "rtmp://***@host/live?é=**");
    }

    #[test]
    fn any_bytes_can_be_redacted() {
        for bytes in [
            &b""[..],
            b"\x03",
            b"Signature=",
            b"Signature=\xc1",
            b"\xc0",
            b"?",
            b"://",
            b"&a",
        ] {
            let mut redacted = bytes.to_vec();
            redact(&mut redacted);
            assert_eq!(redacted.len(), bytes.len());
        }
    }
}
