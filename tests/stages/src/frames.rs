//! The stages that work for each frame. What came out is counted in messages, access units, or bytes.

use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

use alluvium_hls::{Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, Content, Demuxer, Item, Kind, Limits, NalUnits, Timestamp, Tracks};
use alluvium_rtmp::{Connection, Event, MediaKind};

use crate::media::{Encoder, Message, Rate};
use crate::wire::{self, Sender};
use crate::{Load, Stage};

/// Bytes of the wire to media messages.
pub(crate) struct Chunks {
    source: Source,
    connection: Connection,
}

impl Chunks {
    pub(crate) fn new(rate: Rate, chunk_bytes: usize) -> Self {
        let (source, connection) = Source::begin(rate, chunk_bytes);
        Self { source, connection }
    }
}

impl Stage for Chunks {
    fn prepare(&mut self) {
        self.source.prepare();
    }

    fn run(&mut self) -> usize {
        let mut messages = 0;
        for read in &self.source.reads {
            each_message(&mut self.connection, read, &mut |_, _, payload| {
                black_box(payload);
                messages += 1;
            });
        }
        messages
    }

    fn load(&self) -> Load {
        self.source.load()
    }
}

/// Media messages to access units.
pub(crate) struct Demuxing {
    encoder: Encoder,
    gop: Vec<Message>,
    demuxer: Demuxer,
}

impl Demuxing {
    pub(crate) fn new(rate: Rate) -> Self {
        let mut demuxer = Demuxer::new(Limits::default());
        for message in Encoder::headers() {
            demuxer.receive(kind(message.kind), 0, &message.payload, &mut |_| {});
        }
        Self {
            encoder: Encoder::new(rate),
            gop: Vec::new(),
            demuxer,
        }
    }
}

impl Stage for Demuxing {
    fn prepare(&mut self) {
        self.gop = self.encoder.gop();
    }

    fn run(&mut self) -> usize {
        let mut units = 0;
        for message in &self.gop {
            self.demuxer.receive(
                kind(message.kind),
                message.timestamp_ms,
                &message.payload,
                &mut |item| {
                    if let Item::Unit(unit) = black_box(item) {
                        black_box(unit);
                        units += 1;
                    }
                },
            );
        }
        units
    }

    fn load(&self) -> Load {
        load(&self.gop)
    }
}

/// Access units to batches of TS packets and ends of segments.
pub(crate) struct Muxing {
    demuxing: Demuxing,
    units: Vec<Unit>,
    muxer: Batches,
}

/// An access unit with bytes of its own.
struct Unit {
    pts: Timestamp,
    dts: Timestamp,
    random_access: bool,
    bytes: Vec<u8>,
    /// The NAL units in `bytes`, of a picture.
    nal_units: Vec<Range<usize>>,
    /// Of an audio frame.
    samples: Option<u32>,
}

impl Muxing {
    pub(crate) fn new(rate: Rate) -> Self {
        let demuxing = Demuxing::new(rate);
        Self {
            muxer: Batches::new(demuxing.demuxer.tracks()),
            demuxing,
            units: Vec::new(),
        }
    }
}

impl Stage for Muxing {
    fn prepare(&mut self) {
        self.demuxing.prepare();
        let Self { demuxing, units, muxer } = self;
        units.clear();
        for message in &demuxing.gop {
            let (kind, timestamp_ms) = (kind(message.kind), message.timestamp_ms);
            demuxing
                .demuxer
                .receive(kind, timestamp_ms, &message.payload, &mut |item| match item {
                    Item::Tracks(tracks) => muxer.segmenter.set_tracks(tracks),
                    Item::Unit(unit) => units.push(Unit::from(&unit)),
                    Item::Discontinuity | Item::Fault(_) => panic!("{item:?} in clean media"),
                });
        }
    }

    fn run(&mut self) -> usize {
        let mut length = 0;
        for unit in &self.units {
            length += self.muxer.push(&unit.borrowed());
            length += self.muxer.take_when_due(unit.dts);
        }
        length
    }

    fn load(&self) -> Load {
        self.demuxing.load()
    }
}

impl From<&AccessUnit<'_>> for Unit {
    fn from(unit: &AccessUnit<'_>) -> Self {
        let (mut bytes, mut nal_units, mut samples) = (Vec::new(), Vec::new(), None);
        match unit.content {
            Content::Video(units) => {
                for unit in units.iter() {
                    nal_units.push(bytes.len()..bytes.len() + unit.len());
                    bytes.extend_from_slice(unit);
                }
            }
            Content::Audio { frame, samples: count } => {
                bytes.extend_from_slice(frame);
                samples = Some(count);
            }
        }
        Self {
            pts: unit.pts,
            dts: unit.dts,
            random_access: unit.random_access,
            bytes,
            nal_units,
            samples,
        }
    }
}

impl Unit {
    fn borrowed(&self) -> AccessUnit<'_> {
        AccessUnit {
            pts: self.pts,
            dts: self.dts,
            random_access: self.random_access,
            content: match self.samples {
                Some(samples) => Content::Audio {
                    frame: &self.bytes,
                    samples,
                },
                None => Content::Video(NalUnits::new(&self.bytes, &self.nal_units)),
            },
        }
    }
}

/// Bytes of the wire to batches of TS packets and ends of segments: all that is done for a frame in plain calls.
pub(crate) struct Way {
    source: Source,
    connection: Connection,
    demuxer: Demuxer,
    muxer: Batches,
}

impl Way {
    pub(crate) fn new(rate: Rate, chunk_bytes: usize) -> Self {
        let (source, connection) = Source::begin(rate, chunk_bytes);
        let demuxer = Demuxing::new(rate).demuxer;
        Self {
            source,
            connection,
            muxer: Batches::new(demuxer.tracks()),
            demuxer,
        }
    }
}

impl Stage for Way {
    fn prepare(&mut self) {
        self.source.prepare();
    }

    fn run(&mut self) -> usize {
        let Self {
            source,
            connection,
            demuxer,
            muxer,
        } = self;
        let mut length = 0;
        for read in &source.reads {
            each_message(connection, read, &mut |kind, timestamp_ms, payload| {
                demuxer.receive(kind, timestamp_ms, payload, &mut |item| match item {
                    Item::Tracks(tracks) => muxer.segmenter.set_tracks(tracks),
                    Item::Unit(unit) => length += muxer.push(&unit),
                    Item::Discontinuity | Item::Fault(_) => panic!("{item:?} in clean media"),
                });
                length += muxer.take_when_due(Timestamp::from_ms(timestamp_ms.into()));
            });
        }
        length
    }

    fn load(&self) -> Load {
        self.source.load()
    }
}

/// A segmenter whose batches are taken as the spool takes them.
struct Batches {
    segmenter: Segmenter,
    taken: Timestamp,
}

impl Batches {
    fn new(tracks: &Tracks) -> Self {
        let mut segmenter = Segmenter::new(SegmenterConfig {
            frag_duration: Duration::from_secs(2),
            audio_only: false,
        });
        segmenter.set_tracks(tracks);
        Self {
            segmenter,
            taken: Timestamp::from_ms(0),
        }
    }

    /// Adds a unit; the bytes of the batch that ends with a segment.
    fn push(&mut self, unit: &AccessUnit<'_>) -> usize {
        let closed = self.segmenter.push(unit);
        black_box(&closed);
        closed.map_or(0, |closed| closed.tail.len())
    }

    /// Takes a batch of 32 KiB, or of 150 ms; its bytes.
    fn take_when_due(&mut self, now: Timestamp) -> usize {
        if self.segmenter.batch_length() < 32 * 1024 && now.since(self.taken) < 13_500 {
            return 0;
        }
        self.taken = now;
        self.segmenter.flush();
        black_box(self.segmenter.take_batch()).len()
    }
}

/// An encoder's GOPs as the reads in which they arrive.
struct Source {
    encoder: Encoder,
    sender: Sender,
    gop: Vec<Message>,
    reads: Vec<Vec<u8>>,
}

impl Source {
    fn begin(rate: Rate, chunk_bytes: usize) -> (Self, Connection) {
        let mut connection = wire::connection();
        let mut source = Self {
            encoder: Encoder::new(rate),
            sender: Sender::new(chunk_bytes),
            gop: Vec::new(),
            reads: Vec::new(),
        };
        each_message(&mut connection, &source.sender.announce(), &mut |_, _, _| {});
        for message in Encoder::headers() {
            let read = source.sender.write(&message);
            each_message(&mut connection, &read, &mut |_, _, _| {});
        }
        (source, connection)
    }

    fn prepare(&mut self) {
        self.gop = self.encoder.gop();
        // A read takes 64 KiB at most.
        self.reads.clear();
        for message in &self.gop {
            let written = self.sender.write(message);
            self.reads.extend(written.chunks(64 * 1024).map(<[u8]>::to_vec));
        }
    }

    fn load(&self) -> Load {
        load(&self.gop)
    }
}

fn each_message(connection: &mut Connection, mut read: &[u8], each: &mut dyn FnMut(Kind, u32, &[u8])) {
    while let Some(event) = connection.receive(&mut read).expect("the sender keeps to the protocol") {
        if let Event::Media {
            kind: media,
            timestamp_ms,
            payload,
        } = event
        {
            each(kind(media), timestamp_ms, payload);
        }
    }
}

fn kind(kind: MediaKind) -> Kind {
    match kind {
        MediaKind::Audio => Kind::Audio,
        MediaKind::Video => Kind::Video,
    }
}

fn load(gop: &[Message]) -> Load {
    Load::Gop {
        frames: gop.len(),
        bytes: gop.iter().map(|message| message.payload.len()).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the third GOP, and gives the frames and the bytes of its messages, and what came out.
    fn third(mut stage: impl Stage) -> (usize, usize, usize) {
        let mut came_out = 0;
        for _ in 0..3 {
            stage.prepare();
            came_out = stage.run();
        }
        let Load::Gop { frames, bytes } = stage.load() else {
            panic!("not a GOP");
        };
        (frames, bytes, came_out)
    }

    #[test]
    fn every_message_and_unit_comes_out() {
        for chunk_bytes in [128, 4_096, 60_000] {
            let (frames, _, messages) = third(Chunks::new(Rate::Low, chunk_bytes));
            assert_eq!(messages, frames, "chunks of {chunk_bytes}");
        }
        let (frames, _, units) = third(Demuxing::new(Rate::High));
        assert_eq!(units, frames);
    }

    #[test]
    fn all_bytes_become_ts_packets_whichever_way() {
        let (_, bytes, muxed) = third(Muxing::new(Rate::High));
        let (_, _, whole) = third(Way::new(Rate::High, 4_096));
        assert_eq!(muxed, whole);
        assert!(muxed > bytes && muxed < bytes + bytes / 10, "{muxed} of {bytes}");
        assert!(muxed.is_multiple_of(188));
    }
}
