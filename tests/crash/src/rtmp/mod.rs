//! A publisher's side of RTMP, written for the witness alone: it shares nothing with the server.
//!
//! ```text
//!     connect -> handshake -> connect, createStream, publish -> accepted | refused in words
//! ```

mod amf0;
mod chunks;

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use amf0::Value;
use chunks::{Header, Message};

/// Where a publisher goes.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) app: String,
    pub(crate) tc_url: String,
    pub(crate) name: String,
}

/// Kinds of messages that carry media.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Audio = 8,
    Video = 9,
    Data = 18,
}

/// Why there is no publish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("refused: {0}")]
    Refused(String),
    #[error("the server says what makes no sense: {0}")]
    Strange(&'static str),
}

/// An accepted publish: what it sends with.
pub(crate) struct Sender {
    to: OwnedWriteHalf,
    message_stream: u32,
    chunk_size: usize,
    /// Bytes since the connection began.
    sent: u64,
    /// Used again for each message.
    bytes: Vec<u8>,
}

/// An accepted publish: what the server says meanwhile. It has to be read, or the server's answers fill up.
pub(crate) struct Words {
    from: chunks::Reader<BufReader<OwnedReadHalf>>,
}

/// Begins to publish on a fresh connection; media goes in chunks of at most `chunk_size` bytes.
pub(crate) async fn publish(mut socket: TcpStream, place: &Place, chunk_size: usize) -> Result<(Sender, Words), Error> {
    socket.set_nodelay(true)?;
    shake_hands(&mut socket).await?;
    let (from, to) = socket.into_split();
    let mut words = Words {
        from: chunks::Reader::new(BufReader::with_capacity(READ_BYTES, from)),
    };
    let mut sender = Sender {
        to,
        message_stream: 0,
        chunk_size: CHUNK_SIZE_DEFAULT,
        sent: 1 + 2 * HANDSHAKE_BYTES as u64,
        bytes: Vec::new(),
    };
    sender.set_chunk_size(chunk_size).await?;
    let text = |text: &str| Value::Text(text.to_owned());
    let object = Value::Object(vec![
        ("app".to_owned(), text(&place.app)),
        ("type".to_owned(), text("nonprivate")),
        ("flashVer".to_owned(), text(ENCODER)),
        ("tcUrl".to_owned(), text(&place.tc_url)),
    ]);
    sender
        .command(CONNECT, &[text("connect"), Value::Number(1.0), object])
        .await?;
    words.result(1.0).await?;
    let name = text(&place.name);
    for (command, transaction) in [("releaseStream", 2.0), ("FCPublish", 3.0)] {
        let values = [text(command), Value::Number(transaction), Value::Nothing, name.clone()];
        sender.command(CONNECT, &values).await?;
    }
    sender
        .command(CONNECT, &[text("createStream"), Value::Number(4.0), Value::Nothing])
        .await?;
    let answer = words.result(4.0).await?;
    let id = answer.get(3).and_then(Value::number);
    sender.message_stream = id.ok_or(Error::Strange("createStream gives no stream"))? as u32;
    let values = [text("publish"), Value::Number(5.0), Value::Nothing, name, text("live")];
    sender.command(sender.message_stream, &values).await?;
    words.started().await?;
    Ok((sender, words))
}

impl Sender {
    /// Sends a message; returns when the kernel has its last byte.
    pub(crate) async fn send(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8]) -> io::Result<()> {
        let csid = match kind {
            Kind::Audio => 4,
            Kind::Video => 6,
            Kind::Data => 5,
        };
        let header = Header {
            csid,
            kind: kind as u8,
            message_stream: self.message_stream,
            timestamp_ms,
        };
        self.write(header, payload).await
    }

    /// Bytes that the kernel has taken since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Asks the server to tell after each read how many bytes it has received (RTMP 1.0, 5.4.4).
    pub(crate) async fn ask_for_acknowledgements(&mut self) -> io::Result<()> {
        self.control(WINDOW_ACKNOWLEDGEMENT_SIZE, 1).await
    }

    /// Says what the stream holds, as encoders do first.
    pub(crate) async fn send_metadata(&mut self, audio: bool) -> io::Result<()> {
        let mut pairs = vec![("videocodecid".to_owned(), Value::Number(7.0))];
        if audio {
            pairs.push(("audiocodecid".to_owned(), Value::Number(10.0)));
        }
        let mut payload = Vec::new();
        for name in ["@setDataFrame", "onMetaData"] {
            Value::Text(name.to_owned()).write(&mut payload);
        }
        Value::Object(pairs).write(&mut payload);
        self.send(Kind::Data, 0, &payload).await
    }

    /// Ends the publish in words, as encoders do last.
    pub(crate) async fn unpublish(&mut self, name: &str) -> io::Result<()> {
        let text = |text: &str| Value::Text(text.to_owned());
        let values = [text("FCUnpublish"), Value::Number(6.0), Value::Nothing, text(name)];
        self.command(CONNECT, &values).await?;
        let stream = Value::Number(self.message_stream.into());
        let values = [text("deleteStream"), Value::Number(7.0), Value::Nothing, stream];
        self.command(CONNECT, &values).await
    }

    /// Sends no more; what was sent still arrives.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.to.shutdown().await
    }

    /// Closes with a reset once both halves are gone.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        self.to.as_ref().set_zero_linger()
    }

    async fn set_chunk_size(&mut self, chunk_size: usize) -> io::Result<()> {
        self.control(chunks::SET_CHUNK_SIZE, chunk_size as u32).await?;
        self.chunk_size = chunk_size;
        Ok(())
    }

    async fn control(&mut self, kind: u8, value: u32) -> io::Result<()> {
        let header = Header {
            csid: 2,
            kind,
            message_stream: 0,
            timestamp_ms: 0,
        };
        self.write(header, &value.to_be_bytes()).await
    }

    async fn command(&mut self, message_stream: u32, values: &[Value]) -> io::Result<()> {
        let mut payload = Vec::new();
        values.iter().for_each(|value| value.write(&mut payload));
        let header = Header {
            csid: 3,
            kind: COMMAND,
            message_stream,
            timestamp_ms: 0,
        };
        self.write(header, &payload).await
    }

    async fn write(&mut self, header: Header, payload: &[u8]) -> io::Result<()> {
        self.bytes.clear();
        chunks::write(header, payload, self.chunk_size, &mut self.bytes);
        self.to.write_all(&self.bytes).await?;
        self.sent += self.bytes.len() as u64;
        Ok(())
    }
}

impl Words {
    /// Reads until the connection ends; gives the last status that the server told. How many bytes it says it has
    /// received is passed on.
    pub(crate) async fn until_end(mut self, received: watch::Sender<u64>) -> String {
        let mut last = String::new();
        loop {
            match self.from.next().await {
                Ok(Message {
                    kind: ACKNOWLEDGEMENT,
                    payload,
                }) => {
                    if let Some(bytes) = payload.first_chunk() {
                        received.send_replace(u32::from_be_bytes(*bytes).into());
                    }
                }
                Ok(message) => last = status(&message).map_or(last, |(_, words)| words),
                Err(error) if last.is_empty() => return error.to_string(),
                Err(_) => return last,
            }
        }
    }

    /// The values of a command's result.
    async fn result(&mut self, transaction: f64) -> Result<Vec<Value>, Error> {
        loop {
            let message = self.from.next().await?;
            if let Some((_, words)) = status(&message) {
                return Err(Error::Refused(words));
            }
            let values = command(&message).unwrap_or_default();
            let name = values.first().and_then(Value::text);
            if name == Some("_result") && values.get(1).and_then(Value::number) == Some(transaction) {
                return Ok(values);
            }
        }
    }

    async fn started(&mut self) -> Result<(), Error> {
        loop {
            match status(&self.from.next().await?) {
                Some((code, _)) if code == "NetStream.Publish.Start" => return Ok(()),
                Some((_, words)) => return Err(Error::Refused(words)),
                None => {}
            }
        }
    }
}

async fn shake_hands(socket: &mut TcpStream) -> io::Result<()> {
    let mut hello = vec![0; 1 + HANDSHAKE_BYTES];
    hello[0] = VERSION;
    for (at, byte) in hello.iter_mut().enumerate().skip(9) {
        *byte = at as u8;
    }
    socket.write_all(&hello).await?;
    let mut answer = vec![0; 1 + 2 * HANDSHAKE_BYTES];
    socket.read_exact(&mut answer).await?;
    socket.write_all(&answer[1..=HANDSHAKE_BYTES]).await
}

fn command(message: &Message) -> Option<Vec<Value>> {
    (message.kind == COMMAND).then(|| amf0::read(&message.payload))?
}

/// Code and words of a status or an error. (Answers to FCPublish carry the words of a publish, too, and mean nothing.)
fn status(message: &Message) -> Option<(String, String)> {
    let values = command(message)?;
    if !matches!(values.first()?.text()?, "onStatus" | "_error") {
        return None;
    }
    let object = values.iter().find(|value| value.named("code").is_some())?;
    let code = object.named("code")?;
    let words = format!("{code}: {}", object.named("description").unwrap_or_default());
    Some((code.to_owned(), words))
}

const VERSION: u8 = 3;
const HANDSHAKE_BYTES: usize = 1536;
const ACKNOWLEDGEMENT: u8 = 3;
const WINDOW_ACKNOWLEDGEMENT_SIZE: u8 = 5;
const COMMAND: u8 = 20;
const CHUNK_SIZE_DEFAULT: usize = 128;

/// The message stream of commands about the connection.
const CONNECT: u32 = 0;

const ENCODER: &str = "FMLE/3.0 (compatible; alluvium-crash)";

/// The server says little.
const READ_BYTES: usize = 1024;
