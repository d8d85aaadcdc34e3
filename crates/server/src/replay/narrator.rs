use std::io::{self, Write};

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::capture::{Head, Message, Messages, Said, redacted};
use alluvium_rtmp::{Connection, Error, Event, FaultKind, Limits, Metadata, Phase, PublishRequest};

use super::answers::Answers;
use super::publish::Publish;
use super::story::Story;
use super::words;

/// Messages that mean nothing and are told one by one; the rest are only counted.
const ODD_MESSAGES_TOLD: u32 = 5;

/// Takes the bytes of a connection through the same machines that the server has, and tells what these make of them.
pub(super) struct Narrator<W> {
    story: Story<W>,
    head: Head,
    connection: Connection,
    /// `None` once nothing can be told apart any more.
    messages: Option<Messages>,
    answers: Answers,
    publish: Option<Publish>,
    publishes: u32,
    odd_messages: u32,
    error: Option<Error>,
    /// Bytes taken, also those after the end of the connection.
    taken: u64,
}

impl<W: Write> Narrator<W> {
    pub(super) fn new(out: W, head: Head) -> io::Result<Self> {
        let mut story = Story::new(out);
        let lines = [
            ("from", &head.from),
            ("shows", &head.shows),
            ("received", &head.received),
            ("server said", &head.refused),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                story.line(&format!("{name:<12} {value}"))?;
            }
        }
        story.line("\n     byte  what came")?;
        let limits = Limits::default();
        Ok(Self {
            story,
            head,
            connection: Connection::new(limits, [0; 32]),
            messages: Some(Messages::new(limits)),
            answers: Answers::new(),
            publish: None,
            publishes: 0,
            odd_messages: 0,
            error: None,
            taken: 0,
        })
    }

    /// Takes more of what was sent.
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.taken += bytes.len() as u64;
        let (mut walked, mut fed) = (bytes, 0);
        while let Some(messages) = &mut self.messages {
            match messages.next_message(&mut walked) {
                Ok(Some(message)) => {
                    self.announce(&message)?;
                    let end = bytes.len() - walked.len();
                    self.feed(message.at, &bytes[fed..end])?;
                    fed = end;
                }
                Ok(None) => break,
                Err(_) => self.messages = None,
            }
        }
        let at = self.connection.bytes_received();
        self.feed(at, &bytes[fed..])
    }

    /// The file is over.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let end = match (&self.error, self.connection.phase(), self.head.cut) {
            (Some(_), ..) => "the protocol was broken, see above; a server ends the connection there".to_owned(),
            (None, _, Some(cut)) => format!("the capture was full: {cut} more bytes came that are not in it"),
            (None, Phase::Publishing, None) => "the connection ended while the publish was running".to_owned(),
            (None, Phase::Handshaking, None) => "the connection ended within the handshake".to_owned(),
            (None, Phase::Ended, None) => "the server ended the connection".to_owned(),
            (None, Phase::Connecting, None) if self.publishes > 0 => "the encoder ended its publish".to_owned(),
            (None, Phase::Connecting | Phase::Waiting, None) => "the connection ended before it published".to_owned(),
        };
        if self.error.is_none() {
            self.run_ends()?;
            self.story.at(self.taken, &format!("the end: {end}"))?;
        }
        if let Some(publish) = self.publish.take() {
            publish.finish(&mut self.story)?;
        }
        self.story.line("")?;
        self.story.line(&format!("{:<12} {end}", "the end"))?;
        self.story.line(&format!("{:<12} {}", "publishes", self.publishes))?;
        if self.odd_messages > 0 {
            self.story
                .line(&format!("{:<12} {}", "odd messages", self.odd_messages))?;
        }
        self.story.flush()
    }

    /// Tells of a message what it is, before the machine says what it makes of it.
    fn announce(&mut self, message: &Message) -> io::Result<()> {
        let words = match &message.said {
            Said::Handshake => "handshake".to_owned(),
            Said::ChunkSize(size) => format!("chunks of {size} bytes from here on"),
            Said::Command { name, arguments } => command(name, arguments),
            Said::Other { .. } => return Ok(()),
        };
        self.run_ends()?;
        self.story.at(message.at, &words)
    }

    fn feed(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let mut input = bytes;
        while self.error.is_none() {
            let story = &mut self.story;
            match self.connection.receive(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Media {
                    kind,
                    timestamp_ms,
                    payload,
                })) => {
                    if let Some(publish) = &mut self.publish {
                        publish.take(at, kind, timestamp_ms, payload, story)?;
                    }
                }
                Ok(Some(Event::Metadata(metadata))) => {
                    if let Some(publish) = &mut self.publish {
                        publish.announce(&metadata, story)?;
                    }
                    self.story.at(at, &describe(&metadata))?;
                }
                Ok(Some(Event::Publish(request))) => self.publish(&request)?,
                Ok(Some(Event::Unpublish)) => {
                    if let Some(publish) = self.publish.take() {
                        publish.finish(&mut self.story)?;
                    }
                }
                // What is told to the peer is told below.
                Ok(Some(Event::Refused(_))) => {}
                Ok(Some(Event::Fault(fault))) => self.odd_message(fault.at, &fault.kind)?,
                Err(error) => {
                    self.run_ends()?;
                    self.story
                        .at(self.connection.bytes_received(), &format!("broken: {error}"))?;
                    self.story.more(words::of_error(&error))?;
                    self.error = Some(error);
                }
            }
        }
        while let Some(bytes) = self.connection.take_outgoing() {
            for answer in self.answers.read(&bytes) {
                self.story.more(&format!("answered: {answer}"))?;
            }
        }
        Ok(())
    }

    fn publish(&mut self, request: &PublishRequest) -> io::Result<()> {
        let (app, name) = (redacted(&request.app), redacted(&request.name));
        self.story.more(&format!("it asks for {name:?} in {app:?}"))?;
        if let (0, Some(words)) = (self.publishes, &self.head.refused) {
            self.story.more(&format!("the server said, here or later: {words}"))?;
        }
        self.story
            .more("channel and signature are not looked up here: it goes on as if they were right")?;
        self.connection.accept();
        self.publishes += 1;
        self.publish = Some(Publish::new());
        Ok(())
    }

    fn odd_message(&mut self, at: u64, kind: &FaultKind) -> io::Result<()> {
        self.odd_messages += 1;
        self.run_ends()?;
        match self.odd_messages {
            ..=ODD_MESSAGES_TOLD => self.story.at(at, &format!("skipped: {kind}; the stream goes on")),
            _ => Ok(()),
        }
    }

    /// Ordinary frames up to here are summed up before something else is told.
    fn run_ends(&mut self) -> io::Result<()> {
        match &mut self.publish {
            Some(publish) => publish.tell_run(&mut self.story),
            None => Ok(()),
        }
    }
}

fn command(name: &str, arguments: &[Value]) -> String {
    let object = |property| {
        let value = arguments.first().and_then(|object| object.property(property));
        redacted(value.and_then(Value::as_str).unwrap_or_default())
    };
    match name {
        "connect" => format!(
            "connect to {:?}, app {:?}, by {:?}",
            object("tcUrl"),
            object("app"),
            object("flashVer")
        ),
        _ => match arguments.get(1).and_then(Value::as_str) {
            Some(text) => format!("{name:?} {:?}", redacted(text)),
            None => format!("{name:?}"),
        },
    }
}

fn describe(metadata: &Metadata) -> String {
    let mut facts = Vec::new();
    if let (Some(width), Some(height)) = (metadata.width, metadata.height) {
        facts.push(format!("{width}x{height}"));
    }
    if let Some(rate) = metadata.frame_rate {
        facts.push(format!("{rate} pictures a second"));
    }
    let tracks = [("video", metadata.video), ("audio", metadata.audio)];
    facts.extend(tracks.iter().filter_map(|(track, announced)| match announced {
        Some(true) => Some((*track).to_owned()),
        Some(false) => Some(format!("no {track}")),
        None => None,
    }));
    if let Some(encoder) = &metadata.encoder {
        facts.push(format!("made by {encoder:?}"));
    }
    match facts.is_empty() {
        true => "metadata, which says nothing of use".to_owned(),
        false => format!("metadata: {}", facts.join(", ")),
    }
}
