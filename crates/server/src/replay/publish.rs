use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::time::Duration;

use alluvium_hls::{Closed, Dropped, Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, AudioTrack, Content, Demuxer, Fault, Item, Kind, Limits, Timestamp, VideoTrack};
use alluvium_rtmp::{MediaKind, Metadata};

use super::story::Story;
use super::words;

/// The duration that segments are given here: a channel's, where nothing else is said.
const FRAG_DURATION: Duration = Duration::from_secs(5);

/// Faults of a kind that are told one by one; the rest are only counted.
const FAULTS_TOLD: u64 = 5;

/// One publish: its media, and what is made of it.
pub(super) struct Publish {
    demuxer: Demuxer,
    recording: Recording,
    /// What came since the last line about it.
    run: Run,
    /// Of the sequence headers that came last, video and audio.
    headers: [Option<u64>; 2],
}

/// What the demuxer's items become.
struct Recording {
    segmenter: Segmenter,
    /// To be told once the demuxer has done with a message.
    told: Vec<String>,
    faults: BTreeMap<&'static str, u64>,
    segments: u32,
    pictures: u64,
    frames: u64,
    video: Option<VideoTrack>,
    audio: Option<AudioTrack>,
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
    gops: Gops,
    discontinuities: u32,
}

/// Distances between random access units.
#[derive(Default)]
struct Gops {
    last: Option<Timestamp>,
    count: u64,
    /// 90 kHz.
    total: i64,
    shortest: i64,
    longest: i64,
}

/// Messages of which nothing is to be told.
#[derive(Default)]
struct Run {
    /// The first byte, and where in time.
    begin: Option<(u64, u32)>,
    end_ms: u32,
    video: u64,
    audio: u64,
    bytes: u64,
}

impl Publish {
    pub(super) fn new() -> Self {
        Self {
            demuxer: Demuxer::new(Limits::default()),
            recording: Recording {
                segmenter: Segmenter::new(SegmenterConfig {
                    frag_duration: FRAG_DURATION,
                    audio_only: true,
                }),
                told: Vec::new(),
                faults: BTreeMap::new(),
                segments: 0,
                pictures: 0,
                frames: 0,
                video: None,
                audio: None,
                begin: None,
                end: None,
                gops: Gops::default(),
                discontinuities: 0,
            },
            run: Run::default(),
            headers: [None; 2],
        }
    }

    pub(super) fn announce<W: Write>(&mut self, metadata: &Metadata, story: &mut Story<W>) -> io::Result<()> {
        self.demuxer.announce(alluvium_media::Announced {
            audio: metadata.audio,
            video: metadata.video,
        });
        self.tell_run(story)
    }

    /// Takes a media message that begins at this byte.
    pub(super) fn take<W: Write>(
        &mut self,
        at: u64,
        kind: MediaKind,
        timestamp_ms: u32,
        payload: &[u8],
        story: &mut Story<W>,
    ) -> io::Result<()> {
        let kind = match kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        };
        let recording = &mut self.recording;
        self.demuxer
            .receive(kind, timestamp_ms, payload, &mut |item| recording.take(item));
        // The bytes are of no use here.
        drop(recording.segmenter.take_batch());
        let header = self.sequence_header(kind, payload);
        let told = std::mem::take(&mut self.recording.told);
        if header.is_none() && told.is_empty() {
            self.run.add(at, kind, timestamp_ms, payload.len());
            return Ok(());
        }
        self.tell_run(story)?;
        let what = header.unwrap_or_else(|| format!("{kind} message of {} bytes", payload.len()));
        story.at(at, &format!("{what}, at {}", seconds_ms(timestamp_ms)))?;
        told.iter().try_for_each(|line| story.more(line))
    }

    /// Sums up the messages of which nothing else is told.
    pub(super) fn tell_run<W: Write>(&mut self, story: &mut Story<W>) -> io::Result<()> {
        let run = std::mem::take(&mut self.run);
        let Some((at, begin_ms)) = run.begin else {
            return Ok(());
        };
        let Run {
            end_ms,
            video,
            audio,
            bytes,
            ..
        } = run;
        let (begin, end) = (seconds_ms(begin_ms), seconds_ms(end_ms));
        story.at(
            at,
            &format!("{video} video and {audio} audio messages, {bytes} bytes, from {begin} to {end}"),
        )
    }

    /// The publish is over: the last segment is closed, and all is summed up.
    pub(super) fn finish<W: Write>(mut self, story: &mut Story<W>) -> io::Result<()> {
        self.tell_run(story)?;
        let Self {
            mut demuxer,
            mut recording,
            ..
        } = self;
        demuxer.finish(&mut |item| recording.take(item));
        if let Some(closed) = recording.segmenter.finish() {
            recording.segment(&closed);
        }
        for line in std::mem::take(&mut recording.told) {
            story.more(&line)?;
        }
        recording.summary().iter().try_for_each(|line| story.line(line))
    }

    /// What to say of a sequence header; `None` where the message is none.
    fn sequence_header(&mut self, kind: Kind, payload: &[u8]) -> Option<String> {
        let is_header = match (kind, payload) {
            (Kind::Video, [first, 0, ..]) => first & 0x8f == 7,
            (Kind::Video, [first, ..]) => first & 0x8f == 0x80,
            (Kind::Audio, [first, 0, ..]) => first >> 4 == 10,
            (Kind::Audio, _) | (Kind::Video, []) => false,
        };
        if !is_header {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        payload.hash(&mut hasher);
        let last = self.headers[kind as usize].replace(hasher.finish());
        let again = match last {
            Some(last) if Some(last) == self.headers[kind as usize] => ", the same again: nothing changes",
            Some(_) => ", another than before",
            None => "",
        };
        Some(format!("{kind} sequence header of {} bytes{again}", payload.len()))
    }
}

impl Recording {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Tracks(tracks) => {
                if tracks.video != self.video
                    && let Some(video) = &tracks.video
                {
                    self.told.push(words::of_video(video));
                }
                if tracks.audio != self.audio
                    && let Some(audio) = &tracks.audio
                {
                    self.told.push(words::of_audio(audio));
                }
                (self.video, self.audio) = (tracks.video.clone(), tracks.audio.clone());
                self.segmenter.set_tracks(tracks);
            }
            Item::Unit(unit) => self.unit(&unit),
            Item::Discontinuity => {
                self.discontinuities += 1;
                self.gops.last = None;
                self.told
                    .push("a new timeline begins: players see a discontinuity here".to_owned());
                self.segmenter.discontinuity();
            }
            Item::Fault(fault) => self.fault(&fault),
        }
    }

    fn unit(&mut self, unit: &AccessUnit<'_>) {
        match unit.content {
            Content::Video(_) => {
                self.pictures += 1;
                if unit.random_access {
                    self.gops.random_access(unit.dts);
                }
            }
            Content::Audio { .. } => self.frames += 1,
        }
        self.begin.get_or_insert(unit.dts);
        self.end = Some(unit.dts);
        if let Some(closed) = self.segmenter.push(unit) {
            self.segment(&closed);
        }
    }

    fn fault(&mut self, fault: &Fault) {
        let count = self.faults.entry(fault.name()).or_default();
        *count += 1;
        if *count <= FAULTS_TOLD {
            self.told.push(format!("odd: {fault}"));
            self.told.push(format!("     {}", words::of_fault(fault)));
        }
        if *count == FAULTS_TOLD {
            self.told.push("     more of the kind are only counted".to_owned());
        }
    }

    fn segment(&mut self, closed: &Closed) {
        self.segments += 1;
        let segment = &closed.segment;
        let why = match (segment.forced, segment.discontinuity) {
            (true, _) => "; cut without a keyframe, because none came in time",
            (false, true) => "; it begins with a discontinuity",
            (false, false) => "",
        };
        self.told.push(format!(
            "segment {} is complete: {} s, {} bytes{why}",
            self.segments,
            seconds(segment.duration as i64),
            segment.length
        ));
    }

    fn summary(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        let mut line = |name: &str, words: String| lines.push(format!("{name:<12} {words}"));
        let length = self.begin.zip(self.end).map_or(0, |(begin, end)| end.since(begin));
        line("length", format!("{} s", seconds(length)));
        match &self.video {
            Some(video) => line(
                "video",
                format!("{}, {} pictures", words::of_video(video), self.pictures),
            ),
            None => line(
                "video",
                "none that can be recorded; a server ends such a publish unless it records audio alone".to_owned(),
            ),
        }
        match &self.audio {
            Some(audio) => line("audio", format!("{}, {} frames", words::of_audio(audio), self.frames)),
            None => line("audio", "none".to_owned()),
        }
        line("keyframes", self.gops.words());
        line(
            "segments",
            format!("{} with a FragDuration of {} s", self.segments, FRAG_DURATION.as_secs()),
        );
        let dropped = self.segmenter.dropped();
        if dropped.video + dropped.audio > 0 {
            let Dropped { video, audio } = dropped;
            line(
                "left out",
                format!("{video} pictures and {audio} audio frames, for want of a keyframe before them"),
            );
        }
        if self.discontinuities > 0 {
            line("breaks", format!("{} in the timeline", self.discontinuities));
        }
        if self.faults.is_empty() {
            line("odd", "nothing".to_owned());
        }
        for (name, count) in &self.faults {
            line("odd", format!("{count} x {name}"));
        }
        lines
    }
}

impl Gops {
    fn random_access(&mut self, dts: Timestamp) {
        if let Some(last) = self.last.replace(dts) {
            let distance = dts.since(last);
            self.shortest = if self.count == 0 {
                distance
            } else {
                self.shortest.min(distance)
            };
            self.longest = self.longest.max(distance);
            self.total += distance;
            self.count += 1;
        }
    }

    fn words(&self) -> String {
        match (self.last, self.count) {
            (None, _) => "none".to_owned(),
            (Some(_), 0) => "one alone".to_owned(),
            (Some(_), count) => format!(
                "every {} s in the mean, {} to {} s apart",
                seconds(self.total / count as i64),
                seconds(self.shortest),
                seconds(self.longest)
            ),
        }
    }
}

impl Run {
    fn add(&mut self, at: u64, kind: Kind, timestamp_ms: u32, length: usize) {
        self.begin.get_or_insert((at, timestamp_ms));
        self.end_ms = timestamp_ms;
        self.bytes += length as u64;
        match kind {
            Kind::Video => self.video += 1,
            Kind::Audio => self.audio += 1,
        }
    }
}

/// 90 kHz as seconds.
fn seconds(ticks: i64) -> String {
    format!("{:.3}", ticks as f64 / Timestamp::TICKS_PER_SECOND as f64)
}

fn seconds_ms(ms: u32) -> String {
    format!("{}.{:03} s", ms / 1000, ms % 1000)
}
