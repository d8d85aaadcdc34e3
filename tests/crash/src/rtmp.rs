//! A publisher's side of a connection.
//!
//! ```text
//!     connect -> handshake -> connect, createStream, publish -> accepted | refused in words
//! ```

use std::io;

use alluvium_encoder::message_type::{ACKNOWLEDGEMENT, WINDOW_ACKNOWLEDGEMENT_SIZE};
use alluvium_encoder::{
    HANDSHAKE_BYTES, Header, Message, Reader, Reply, VERSION, Value, chunk_stream, command, control, encode, goodbye,
    hello, message_type, opening, publishing, push, reply,
};
use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

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
    Audio,
    Video,
    Data,
}

/// An accepted publish: what it sends with.
pub(crate) struct Sender {
    to: OwnedWriteHalf,
    message_stream: u32,
    chunk_bytes: usize,
    /// Bytes since the connection began.
    sent: u64,
    /// Used again for each message.
    bytes: Vec<u8>,
}

/// An accepted publish: what the server says meanwhile. It has to be read, or the server's answers fill up.
pub(crate) struct Words {
    from: OwnedReadHalf,
    reader: Reader,
}

/// Begins to publish on a fresh connection; media goes in chunks of at most `chunk_bytes` bytes.
pub(crate) async fn publish(mut socket: TcpStream, place: &Place, chunk_bytes: usize) -> Result<(Sender, Words)> {
    socket.set_nodelay(true)?;
    shake_hands(&mut socket).await?;
    let (from, to) = socket.into_split();
    let mut words = Words {
        from,
        reader: Reader::new(),
    };
    let mut sender = Sender {
        to,
        message_stream: 0,
        chunk_bytes,
        sent: 1 + 2 * HANDSHAKE_BYTES as u64,
        bytes: Vec::new(),
    };
    sender.write(&opening(&place.app, &place.tc_url)).await?;
    let Reply::Connected = words.answer().await? else {
        bail!("the server does not answer connect first");
    };
    sender.write(&publishing(&place.name, chunk_bytes)).await?;
    let Reply::Stream(stream) = words.answer().await? else {
        bail!("the server does not answer createStream first");
    };
    sender.message_stream = stream;
    sender.write(&command(stream, &place.name, chunk_bytes)).await?;
    let Reply::Started = words.answer().await? else {
        bail!("the server does not answer publish");
    };
    Ok((sender, words))
}

impl Sender {
    /// Sends a message; returns when the kernel has its last byte.
    pub(crate) async fn send(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8]) -> io::Result<()> {
        let (chunk_stream, message_type) = match kind {
            Kind::Audio => (chunk_stream::AUDIO, message_type::AUDIO),
            Kind::Video => (chunk_stream::VIDEO, message_type::VIDEO),
            Kind::Data => (chunk_stream::METADATA, message_type::DATA),
        };
        let header = Header {
            chunk_stream,
            timestamp_ms,
            message_type,
            stream: self.message_stream,
        };
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        push(&mut bytes, header, payload, self.chunk_bytes);
        let written = self.write(&bytes).await;
        self.bytes = bytes;
        written
    }

    /// Bytes that the kernel has taken since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Asks the server to tell after each read how many bytes it has received (RTMP 1.0, 5.4.4).
    pub(crate) async fn ask_for_acknowledgements(&mut self) -> io::Result<()> {
        self.write(&control(WINDOW_ACKNOWLEDGEMENT_SIZE, 1)).await
    }

    /// Says what the stream holds, as encoders do first.
    pub(crate) async fn send_metadata(&mut self, audio: bool) -> io::Result<()> {
        let mut pairs = vec![("videocodecid", Value::Number(7.0))];
        if audio {
            pairs.push(("audiocodecid", Value::Number(10.0)));
        }
        let names = ["@setDataFrame", "onMetaData"].map(Value::text);
        let payload = encode(&[&names[..], &[Value::object(&pairs)]].concat());
        self.send(Kind::Data, 0, &payload).await
    }

    /// Ends the publish in words, as encoders do last.
    pub(crate) async fn unpublish(&mut self, name: &str) -> io::Result<()> {
        self.write(&goodbye(self.message_stream, name, self.chunk_bytes)).await
    }

    /// Sends no more; what was sent still arrives.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.to.shutdown().await
    }

    /// Closes with a reset once both halves are gone.
    pub(crate) fn reset_on_close(&self) -> io::Result<()> {
        self.to.as_ref().set_zero_linger()
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes).await?;
        self.sent += bytes.len() as u64;
        Ok(())
    }
}

impl Words {
    /// Reads until the connection ends; gives the last status that the server told. How many bytes it says it has
    /// received is passed on.
    pub(crate) async fn until_end(mut self, received: watch::Sender<u64>) -> String {
        let mut last = None;
        loop {
            let heard = match self.next().await {
                Ok(message) if message.message_type == ACKNOWLEDGEMENT => {
                    if let Some(bytes) = message.payload.first_chunk() {
                        received.send_replace(u32::from_be_bytes(*bytes).into());
                    }
                    continue;
                }
                Ok(message) => reply(&message),
                Err(error) => Err(error),
            };
            match heard {
                Ok(Some(Reply::Refused(words))) => last = Some(words),
                Ok(_) => {}
                Err(error) => return last.unwrap_or_else(|| format!("{error:#}")),
            }
        }
    }

    /// What the server says next of what a publisher waits for.
    async fn answer(&mut self) -> Result<Reply> {
        loop {
            match reply(&self.next().await?)? {
                Some(Reply::Refused(words)) => bail!("refused: {words}"),
                Some(reply) => return Ok(reply),
                None => {}
            }
        }
    }

    async fn next(&mut self) -> Result<Message> {
        loop {
            if let Some(message) = self.reader.poll()? {
                return Ok(message);
            }
            let mut bytes = [0; READ_BYTES];
            let length = self.from.read(&mut bytes).await?;
            ensure!(length > 0, "the server hung up");
            self.reader.receive(&bytes[..length]);
        }
    }
}

async fn shake_hands(socket: &mut TcpStream) -> io::Result<()> {
    socket.write_all(&[&[VERSION], &hello()[..]].concat()).await?;
    let mut theirs = vec![0; 1 + 2 * HANDSHAKE_BYTES];
    socket.read_exact(&mut theirs).await?;
    socket.write_all(&theirs[1..=HANDSHAKE_BYTES]).await
}

/// The server says little.
const READ_BYTES: usize = 1024;
