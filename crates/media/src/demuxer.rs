//! One publisher's media, from tags to access units.

use std::ops::RangeInclusive;
use std::{fmt, iter, mem};

use crate::aac::{self, AdtsFrames};
use crate::avc::{Picture, PictureReader};
use crate::hold::HeldTags;
use crate::tag::{AudioPacket, AudioTag, VideoPacket, VideoTag};
use crate::timeline::{Arrival, Placed, Settled, Then, Timeline, Verdict};
use crate::{AAC_FRAME_BYTES_MAX, AccessUnit, AudioSpecificConfig, Content, Fault, Limits, Tracks};

/// Which of a publisher's tracks a payload belongs to: the RTMP message type, 8 or 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Message type 8.
    Audio,
    /// Message type 9.
    Video,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Video => "video",
        })
    }
}

/// What comes out of a [`Demuxer`].
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// The tracks there are. Before the first unit, and again when one appears or its configuration changes; the units
    /// that follow belong to these.
    Tracks(&'a Tracks),
    /// One picture or one audio frame.
    Unit(AccessUnit<'a>),
    /// The publisher's clock has jumped for good: what follows does not continue what went before.
    Discontinuity,
    /// Something odd, to be counted. The session goes on.
    Fault(Fault),
}

/// What a publisher's metadata says it will send. A hint: it decides how long the first units wait for a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Whether there will be audio; `None` when nothing is said.
    pub audio: Option<bool>,
    /// Whether there will be video; `None` when nothing is said.
    pub video: Option<bool>,
}

/// Takes the media messages of one publish and hands out its tracks and access units.
///
/// Units come out in the order in which their messages arrive, except those whose timestamps are doubtful: they wait for
/// the next two of their track.
pub struct Demuxer {
    limits: Limits,
    announced: Announced,
    tracks: Tracks,
    pictures: PictureReader,
    timeline: Timeline,
    stage: Stage,
    /// Messages whose timestamps are doubtful.
    doubtful_audio: HeldTags,
    doubtful_video: HeldTags,
}

/// Whether the first units still wait.
enum Stage {
    /// For the configuration of a second track, so that the first tracks told are all tracks.
    Holding(HeldTags),
    /// No longer.
    Running,
}

/// Coded data of a track that is known.
enum Coded<'a> {
    /// What the picture reader has read last.
    Picture {
        picture: Picture,
        composition_ms: i32,
        data: &'a [u8],
    },
    /// A raw AAC frame, or some in ADTS.
    Frames(&'a [u8]),
}

type Each<'e> = &'e mut dyn FnMut(Item<'_>);

impl Demuxer {
    /// A demuxer for one publish.
    pub fn new(limits: Limits) -> Self {
        Self {
            announced: Announced::default(),
            tracks: Tracks::default(),
            pictures: PictureReader::new(&limits),
            timeline: Timeline::default(),
            stage: Stage::Holding(HeldTags::default()),
            doubtful_audio: HeldTags::default(),
            doubtful_video: HeldTags::default(),
            limits,
        }
    }

    /// Takes a hint from metadata. What it does not say stays as it was.
    pub fn announce(&mut self, announced: Announced) {
        self.announced.audio = announced.audio.or(self.announced.audio);
        self.announced.video = announced.video.or(self.announced.video);
    }

    /// Takes the payload of a media message, an FLV tag's body, and hands out what it completes.
    ///
    /// `timestamp_ms` is RTMP's clock, which wraps.
    pub fn receive(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8], each: &mut dyn FnMut(Item<'_>)) {
        if self.waits_unread(kind, payload) {
            self.keep(kind, timestamp_ms, payload, each);
        } else if let Some(coded) = self.read(kind, payload, each) {
            self.sort(kind, timestamp_ms, payload, coded, each);
        }
    }

    /// Ends the publish: what is still held comes out.
    pub fn finish(&mut self, each: &mut dyn FnMut(Item<'_>)) {
        self.release(each);
        self.settle(Kind::Audio, each);
        self.settle(Kind::Video, each);
    }

    /// The tracks known so far.
    pub fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    /// Reads a message as far as it tells of its track, and returns its coded data.
    fn read<'a>(&mut self, kind: Kind, payload: &'a [u8], each: Each<'_>) -> Option<Coded<'a>> {
        match kind {
            Kind::Audio => self.read_audio(payload, each),
            Kind::Video => self.read_video(payload, each),
        }
    }

    fn read_video<'a>(&mut self, payload: &'a [u8], each: Each<'_>) -> Option<Coded<'a>> {
        let kind = Kind::Video;
        let Some(tag) = VideoTag::parse(payload) else {
            each(Item::Fault(Fault::TagTruncated {
                kind,
                length: payload.len(),
            }));
            return None;
        };
        match tag.packet {
            VideoPacket::Frame {
                keyframe,
                composition_ms,
                data,
            } => {
                let picture = self.read_picture(data, keyframe, each)?;
                return Some(Coded::Picture {
                    picture,
                    composition_ms,
                    data,
                });
            }
            VideoPacket::SequenceHeader(record) => self.configure_video(record, each),
            VideoPacket::Nothing => {}
            VideoPacket::Unknown { packet_type } => each(Item::Fault(Fault::PacketType { kind, packet_type })),
            VideoPacket::Foreign => {
                each(Item::Fault(Fault::VideoCodec(tag.codec)));
                self.announced.video = Some(false);
                self.release_when_due(each);
            }
        }
        None
    }

    fn read_audio<'a>(&mut self, payload: &'a [u8], each: Each<'_>) -> Option<Coded<'a>> {
        let kind = Kind::Audio;
        let Some(tag) = AudioTag::parse(payload) else {
            each(Item::Fault(Fault::TagTruncated {
                kind,
                length: payload.len(),
            }));
            return None;
        };
        match tag.packet {
            AudioPacket::Frame([]) => each(Item::Fault(Fault::AudioFrameLength { length: 0 })),
            AudioPacket::Frame(data) => {
                self.configure_from_adts(data, each);
                if self.tracks.audio.is_some() {
                    return Some(Coded::Frames(data));
                }
                each(Item::Fault(Fault::BeforeSequenceHeader { kind }));
            }
            AudioPacket::SequenceHeader([]) | AudioPacket::Nothing => {}
            AudioPacket::SequenceHeader(config) => self.configure_audio(AudioSpecificConfig::parse(config), each),
            AudioPacket::Unknown { packet_type } => each(Item::Fault(Fault::PacketType { kind, packet_type })),
            AudioPacket::Foreign => {
                each(Item::Fault(Fault::AudioCodec(tag.codec)));
                self.announced.audio = Some(false);
                self.release_when_due(each);
            }
        }
        None
    }

    fn configure_video(&mut self, record: &[u8], each: Each<'_>) {
        if self.pictures.knows(record) {
            return;
        }
        if self.tracks.video.is_some() {
            self.flush(Kind::Video, each);
        }
        match self.pictures.configure(record) {
            Ok(true) => {
                self.tracks_changed(each);
                self.release_when_due(each);
            }
            Ok(false) => {}
            Err(error) => each(Item::Fault(error.into())),
        }
    }

    fn configure_audio(&mut self, config: Result<AudioSpecificConfig, aac::Error>, each: Each<'_>) {
        let config = match config {
            Ok(config) => config,
            Err(error) => return each(Item::Fault(error.into())),
        };
        match &self.tracks.audio {
            Some(track) if track.config == config => return,
            Some(_) => {
                self.flush(Kind::Audio, each);
                self.timeline.begin_audio_anew();
            }
            None => {}
        }
        self.tracks.audio = Some(config.into());
        self.tracks_changed(each);
        self.release_when_due(each);
    }

    /// Takes the configuration of ADTS inside FLV, where no other has come or it names another core.
    fn configure_from_adts(&mut self, data: &[u8], each: Each<'_>) {
        let Some(frame) = AdtsFrames::recognise(data).and_then(|mut frames| frames.next()) else {
            return;
        };
        let is_known = match (&self.tracks.audio, &frame.config) {
            (Some(track), Ok(config)) => track.config.has_core_of(config),
            (Some(_), Err(_)) => true,
            (None, _) => false,
        };
        if !is_known {
            self.configure_audio(frame.config, each);
        }
    }

    /// Reads a picture; its parameter sets may change the track. Nothing is released here: that would read others.
    fn read_picture(&mut self, data: &[u8], keyframe: bool, each: Each<'_>) -> Option<Picture> {
        let read = self
            .pictures
            .read(data, keyframe, &mut |fault| each(Item::Fault(fault)));
        match read {
            Ok((picture, changed)) => {
                if changed {
                    self.tracks_changed(each);
                }
                picture
            }
            Err(fault) => {
                each(Item::Fault(fault));
                None
            }
        }
    }

    fn tracks_changed(&mut self, each: Each<'_>) {
        self.tracks.video = self.pictures.track().cloned();
        if let Stage::Running = self.stage {
            each(Item::Tracks(&self.tracks));
        }
    }

    /// Whether a picture waits for tracks other than its own: its parameter sets are not for those that wait before it.
    fn waits_unread(&self, kind: Kind, payload: &[u8]) -> bool {
        let is_frame = || VideoTag::parse(payload).is_some_and(|tag| matches!(tag.packet, VideoPacket::Frame { .. }));
        matches!(self.stage, Stage::Holding(_)) && kind == Kind::Video && self.tracks.video.is_some() && is_frame()
    }

    /// Lets a message wait for the tracks; false when nothing waits any longer.
    fn keep(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8], each: Each<'_>) -> bool {
        let Stage::Holding(held) = &mut self.stage else {
            return false;
        };
        held.push(kind, timestamp_ms, payload);
        self.put_back(kind);
        self.release_when_due(each);
        true
    }

    /// Keeps a message or hands out what it holds. `coded` has just been read from `payload`.
    fn sort(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8], coded: Coded<'_>, each: Each<'_>) {
        if self.keep(kind, timestamp_ms, payload, each) {
            return;
        }
        match self.timeline.arrive(kind, timestamp_ms) {
            Arrival::Place { ms, behind } => {
                if let Some(by_ms) = behind {
                    each(Item::Fault(Fault::Restamped { kind, by_ms }));
                }
                self.emit(ms, coded, each);
            }
            Arrival::Apart { ms, by_ms } => {
                each(Item::Fault(Fault::StartsApart { kind, by_ms }));
                self.emit(ms, coded, each);
            }
            Arrival::Hold => self.doubt(kind, timestamp_ms, payload, each),
            Arrival::Settled(settled) => {
                self.put_back(kind);
                self.emit_settled(kind, &settled, each);
                match settled.then {
                    Then::Place(ms) => self.emit_held(kind, ms, payload, each),
                    Then::Hold => self.doubt(kind, timestamp_ms, payload, each),
                    Then::Nothing => {}
                }
            }
        }
    }

    /// A message which has been read will be read again.
    fn put_back(&mut self, kind: Kind) {
        if kind == Kind::Video {
            self.pictures.put_back();
        }
    }

    fn doubt(&mut self, kind: Kind, timestamp_ms: u32, payload: &[u8], each: Each<'_>) {
        self.put_back(kind);
        let held = self.doubtful(kind);
        held.push(kind, timestamp_ms, payload);
        if held.byte_length() > self.limits.held_bytes {
            self.settle(kind, each);
        }
    }

    fn doubtful(&mut self, kind: Kind) -> &mut HeldTags {
        match kind {
            Kind::Audio => &mut self.doubtful_audio,
            Kind::Video => &mut self.doubtful_video,
        }
    }

    /// Lets out what is held of a track before its configuration changes.
    fn flush(&mut self, kind: Kind, each: Each<'_>) {
        self.release(each);
        self.settle(kind, each);
    }

    fn settle(&mut self, kind: Kind, each: Each<'_>) {
        if let Some(settled) = self.timeline.settle(kind) {
            self.emit_settled(kind, &settled, each);
        }
    }

    fn emit_settled(&mut self, kind: Kind, settled: &Settled, each: Each<'_>) {
        match &settled.verdict {
            Verdict::Outliers { by_ms } => {
                for &by_ms in by_ms {
                    each(Item::Fault(Fault::Outlier { kind, by_ms }));
                }
            }
            Verdict::Gap => {}
            &Verdict::Jump { by_ms, new_timeline } => {
                each(Item::Fault(Fault::Jump { kind, by_ms }));
                if new_timeline {
                    each(Item::Discontinuity);
                }
            }
        }
        let held = mem::take(self.doubtful(kind));
        for ((_, _, payload), &ms) in held.iter().zip(&settled.held) {
            self.emit_held(kind, ms, payload, each);
        }
    }

    fn release_when_due(&mut self, each: Each<'_>) {
        let Stage::Holding(held) = &self.stage else { return };
        let awaited = match (&self.tracks.video, &self.tracks.audio) {
            (None, None) => return,
            (Some(_), Some(_)) => Some(false),
            (Some(_), None) => self.announced.audio,
            (None, Some(_)) => self.announced.video,
        };
        let hold_ms = match awaited {
            Some(false) => 0,
            Some(true) => self.limits.hold_announced_ms,
            None => self.limits.hold_unknown_ms,
        };
        if held.span_ms() >= hold_ms || held.byte_length() > self.limits.held_bytes {
            self.release(each);
        }
    }

    /// Ends the wait: the tracks there are, then the units that have waited.
    fn release(&mut self, each: Each<'_>) {
        let Stage::Holding(held) = mem::replace(&mut self.stage, Stage::Running) else {
            return;
        };
        if self.tracks != Tracks::default() {
            each(Item::Tracks(&self.tracks));
        }
        for (kind, timestamp_ms, payload) in held.iter() {
            self.receive(kind, timestamp_ms, payload, each);
        }
    }

    fn emit_held(&mut self, kind: Kind, ms: i64, payload: &[u8], each: Each<'_>) {
        if let Some(coded) = self.read(kind, payload, each) {
            self.emit(ms, coded, each);
        }
    }

    /// Hands out the units of a message which begins at `ms`.
    fn emit(&mut self, ms: i64, coded: Coded<'_>, each: Each<'_>) {
        match coded {
            Coded::Picture {
                picture,
                composition_ms,
                data,
            } => {
                self.emit_picture(ms, picture, composition_ms, data, each);
            }
            Coded::Frames(data) => match AdtsFrames::recognise(data) {
                Some(frames) => {
                    let times = iter::once(Some(ms)).chain(iter::repeat(None));
                    frames
                        .zip(times)
                        .for_each(|(frame, ms)| self.emit_frame(ms, frame.frame, each));
                }
                None => self.emit_frame(Some(ms), data, each),
            },
        }
    }

    fn emit_picture(&mut self, ms: i64, picture: Picture, mut composition_ms: i32, data: &[u8], each: Each<'_>) {
        if !COMPOSITION_MS.contains(&composition_ms) {
            each(Item::Fault(Fault::CompositionTime { ms: composition_ms }));
            composition_ms = 0;
        }
        let Placed { dts, pts } = self.timeline.place_picture(ms, composition_ms);
        let content = Content::Video(self.pictures.units(data, picture));
        each(Item::Unit(AccessUnit {
            pts,
            dts,
            random_access: picture.random_access,
            content,
        }));
    }

    fn emit_frame(&mut self, ms: Option<i64>, frame: &[u8], each: Each<'_>) {
        let Some(track) = &self.tracks.audio else { return };
        if frame.len() > AAC_FRAME_BYTES_MAX {
            return each(Item::Fault(Fault::AudioFrameLength { length: frame.len() }));
        }
        let dts = self.timeline.place_frame(ms, track.config.sample_rate());
        let content = Content::Audio {
            frame,
            samples: track.config.output_samples(),
        };
        each(Item::Unit(AccessUnit {
            pts: dts,
            dts,
            random_access: true,
            content,
        }));
    }
}

/// Composition times that can be meant, ms. Sixteen pictures of a slow slide show may wait for each other; before its
/// decoding a picture is presented only by encoders that count DTS from the wrong picture.
const COMPOSITION_MS: RangeInclusive<i32> = -2_000..=20_000;
