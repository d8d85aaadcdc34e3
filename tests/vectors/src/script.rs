use alluvium_rtmp::amf0::{self, Value};
use alluvium_rtmp::capture::{Capture, Expectation, Head};

use crate::media::Tag;

/// The bytes of one publisher's connection, written chunk by chunk. It speaks as FFmpeg does unless told otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    bytes: Vec<u8>,
    chunk_bytes: usize,
}

/// A chunk's message header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    /// Chunk stream, 2 to 63.
    pub(crate) csid: u8,
    /// Message type.
    pub(crate) kind: u8,
    /// Message stream.
    pub(crate) stream: u32,
    /// Absolute, ms.
    pub(crate) timestamp_ms: u32,
}

/// Where the vectors' publishers go, and who they say they are.
pub(crate) const APP: &str = "bucket/live";
/// The URL of [`APP`].
pub(crate) const TC_URL: &str = "rtmp://127.0.0.1:1935/bucket/live";
/// The channel that they publish to.
pub(crate) const NAME: &str = "camera";

const EXTENDED: u32 = 0xff_ffff;
const HANDSHAKE_BYTES: usize = 1536;

impl Script {
    /// Nothing is said yet.
    pub(crate) fn empty() -> Self {
        Self {
            bytes: Vec::new(),
            chunk_bytes: 128,
        }
    }

    /// C0, C1 and C2.
    pub(crate) fn greeted() -> Self {
        let mut script = Self::empty();
        let noise = |seed: usize| (0..HANDSHAKE_BYTES - 8).map(move |at| (at * 7 + seed) as u8);
        script.bytes.push(3);
        script.bytes.extend([0; 8]);
        script.bytes.extend(noise(1));
        script.bytes.extend([0; 8]);
        script.bytes.extend(noise(2));
        script
    }

    /// Handshake and `connect`.
    pub(crate) fn connected() -> Self {
        let mut script = Self::greeted();
        script.connect(APP, TC_URL);
        script
    }

    /// Everything up to `publish`; what follows is media.
    pub(crate) fn publishing() -> Self {
        let mut script = Self::connected();
        script.publish(NAME);
        script
    }

    /// `connect`, as the first transaction.
    pub(crate) fn connect(&mut self, app: &str, tc_url: &str) -> &mut Self {
        let pairs = [
            ("app", app),
            ("type", "nonprivate"),
            ("flashVer", "made by hand"),
            ("tcUrl", tc_url),
        ];
        let object = Value::Object(pairs.map(|(name, value)| (name.to_owned(), text(value))).into());
        self.command(0, "connect", 1.0, &[object])
    }

    /// The commands from `releaseStream` to `publish`, on message stream 1.
    pub(crate) fn publish(&mut self, name: &str) -> &mut Self {
        self.command(0, "releaseStream", 2.0, &[Value::Null, text(name)]);
        self.command(0, "FCPublish", 3.0, &[Value::Null, text(name)]);
        self.command(0, "createStream", 4.0, &[Value::Null]);
        self.command(1, "publish", 5.0, &[Value::Null, text(name), text("live")])
    }

    /// A command on chunk stream 3.
    pub(crate) fn command(&mut self, stream: u32, name: &str, transaction: f64, arguments: &[Value]) -> &mut Self {
        let values = [text(name), Value::Number(transaction)];
        let payload = encoded(values.iter().chain(arguments));
        self.message(at(3, 20, stream, 0), &payload)
    }

    /// A data message on chunk stream 4.
    pub(crate) fn data(&mut self, values: &[Value]) -> &mut Self {
        self.message(at(4, 18, 1, 0), &encoded(values))
    }

    /// Set Chunk Size; what follows is cut so.
    pub(crate) fn set_chunk_bytes(&mut self, size: u32) -> &mut Self {
        self.message(at(2, 1, 0, 0), &size.to_be_bytes());
        self.chunk_bytes = size.max(1) as usize;
        self
    }

    /// Media messages, video on chunk stream 6 and audio on 4.
    pub(crate) fn media<'t>(&mut self, tags: impl IntoIterator<Item = &'t Tag>) -> &mut Self {
        for tag in tags {
            let csid = if tag.kind == 9 { 6 } else { 4 };
            self.message(at(csid, tag.kind, 1, tag.timestamp_ms), &tag.payload);
        }
        self
    }

    /// A message with a type 0 header and, inside, type 3 headers that repeat an extended timestamp.
    pub(crate) fn message(&mut self, header: Header, payload: &[u8]) -> &mut Self {
        self.begin(header, payload.len());
        for (index, chunk) in payload.chunks(self.chunk_bytes).enumerate() {
            if index > 0 {
                self.go_on(header.csid);
                self.extended(header.timestamp_ms);
            }
            self.bytes.extend_from_slice(chunk);
        }
        self
    }

    /// A type 0 header, with its extended timestamp where that is due.
    pub(crate) fn begin(&mut self, header: Header, length: usize) -> &mut Self {
        self.bytes.push(header.csid);
        self.time_and_length(header.timestamp_ms, length);
        self.bytes.push(header.kind);
        self.bytes.extend_from_slice(&header.stream.to_le_bytes());
        self.extended(header.timestamp_ms)
    }

    /// A type 1 header: a delta, on the message stream that the chunk stream had.
    pub(crate) fn begin_after(&mut self, header: Header, delta_ms: u32, length: usize) -> &mut Self {
        self.bytes.push(1 << 6 | header.csid);
        self.time_and_length(delta_ms, length);
        self.bytes.push(header.kind);
        self.extended(delta_ms)
    }

    /// A type 3 header, without an extended timestamp.
    pub(crate) fn go_on(&mut self, csid: u8) -> &mut Self {
        self.bytes.push(3 << 6 | csid);
        self
    }

    /// The four bytes of a time that three cannot hold; nothing where they can.
    pub(crate) fn extended(&mut self, ms: u32) -> &mut Self {
        if ms >= EXTENDED {
            self.bytes.extend_from_slice(&ms.to_be_bytes());
        }
        self
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The vector, and in a sentence what is odd about it.
    pub(crate) fn shows(&self, shows: &str, expects: Expectation) -> Capture {
        Capture {
            head: Head {
                from: Some("made by hand".to_owned()),
                shows: Some(shows.to_owned()),
                expects: Some(expects),
                ..Head::default()
            },
            bytes: self.bytes.clone(),
        }
    }

    fn time_and_length(&mut self, ms: u32, length: usize) {
        self.bytes.extend_from_slice(&ms.min(EXTENDED).to_be_bytes()[1..]);
        self.bytes.extend_from_slice(&(length as u32).to_be_bytes()[1..]);
    }
}

/// A header on this chunk stream, of this message type, on this message stream, at this time.
pub(crate) fn at(csid: u8, kind: u8, stream: u32, timestamp_ms: u32) -> Header {
    Header {
        csid,
        kind,
        stream,
        timestamp_ms,
    }
}

/// A string.
pub(crate) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Values one after the other.
pub(crate) fn encoded<'v>(values: impl IntoIterator<Item = &'v Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        amf0::encode(value, &mut bytes);
    }
    bytes
}
