use crate::segment::{Beginning, Closed, Segment, Tally};
use crate::ts::{TsMuxer, ticks};
use alluvium_media::{AccessUnit, Content, Timestamp, Tracks};
use bytes::Bytes;
use std::mem;
use std::time::Duration;

/// How a session is cut into segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmenterConfig {
    /// The duration aimed at: a segment ends at the first random access unit at or after it, or at one a little before
    /// which is nearer than the next can be expected to be.
    pub frag_duration: Duration,
    /// Records streams without video too, cut by time.
    pub audio_only: bool,
}

/// Cuts one session's access units into TS segments.
///
/// Every segment begins with PAT and PMT and, unless the cut was forced, with a random access unit of the leading
/// track: the video, or the audio where there is no video and [`SegmenterConfig::audio_only`] is set. Units before
/// the first such unit are dropped and counted, and again after a discontinuity of the timeline.
///
/// Bytes pile up until [`take_batch`](Self::take_batch): the caller decides how often.
#[derive(Debug)]
pub struct Segmenter {
    cut: CutRule,
    audio_only: bool,
    /// As announced last; the open segment may still have those before.
    tracks: Tracks,
    muxer: TsMuxer,
    tally: Tally,
    state: State,
    dropped: Dropped,
}

/// Units that are in no segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Pictures.
    pub video: u64,
    /// Audio frames.
    pub audio: u64,
}

#[derive(Debug)]
enum State {
    /// Nothing decodable has arrived yet.
    Waiting,
    /// A segment is being filled.
    Filling(Open),
    /// The open segment's timeline is over.
    Ended(Open),
    /// A new timeline has begun, with no random access unit yet; `since` the first unit that was dropped for that.
    Resuming { since: Option<Timestamp> },
}

#[derive(Debug)]
struct Open {
    beginning: Beginning,
    tracks: Tracks,
    /// The latest unit.
    last: Timestamp,
    /// The last unit at which a segment may begin; its own first, should that be none.
    last_random_access: Timestamp,
    last_picture: Option<Timestamp>,
    /// How long the last picture is shown, ticks, as far as it can be told.
    picture_duration: i64,
    audio_end: Option<Timestamp>,
}

impl Segmenter {
    /// A segmenter at the beginning of a session.
    pub fn new(config: SegmenterConfig) -> Self {
        Self {
            cut: CutRule::new(config.frag_duration),
            audio_only: config.audio_only,
            tracks: Tracks::default(),
            muxer: TsMuxer::new(),
            tally: Tally::new(),
            state: State::Waiting,
            dropped: Dropped::default(),
        }
    }

    /// The tracks of the units that follow.
    ///
    /// A change while a segment is open ends that segment at the next random access unit, and the next one begins
    /// with a discontinuity. Until then audio of the new configuration is dropped: the open segment's PMT and its
    /// decoders know nothing of it.
    pub fn set_tracks(&mut self, tracks: &Tracks) {
        self.tracks.clone_from(tracks);
    }

    /// The units that follow are on a new timeline: the open segment is over, and the next begins at a random access
    /// unit, with a discontinuity.
    pub fn discontinuity(&mut self) {
        self.state = match mem::replace(&mut self.state, State::Waiting) {
            State::Waiting => State::Waiting,
            State::Filling(open) | State::Ended(open) => State::Ended(open),
            State::Resuming { .. } => State::Resuming { since: None },
        };
    }

    /// Adds a unit. `Some`: it ended a segment, whose last bytes are in the answer, and what
    /// [`take_batch`](Self::take_batch) returns from now on belongs to the next.
    pub fn push(&mut self, unit: &AccessUnit<'_>) -> Option<Closed> {
        let (state, closed) = match mem::replace(&mut self.state, State::Waiting) {
            State::Waiting if self.begins(unit) => (State::Filling(self.open(unit, Timeline::First)), None),
            State::Waiting => {
                self.dropped.count(unit);
                (State::Waiting, None)
            }
            State::Filling(mut open) => match self.due(&open, unit) {
                None => {
                    self.add(&mut open, unit);
                    (State::Filling(open), None)
                }
                Some(reason) => {
                    let timeline = Timeline::Continued {
                        same_tracks: open.tracks == self.tracks,
                    };
                    let closed = self.close(&open, Some(unit.dts), reason);
                    (State::Filling(self.open(unit, timeline)), Some(closed))
                }
            },
            State::Ended(open) => {
                let closed = self.close(&open, None, Reason::Due);
                (self.resume(unit, None), Some(closed))
            }
            State::Resuming { since } => (self.resume(unit, since), None),
        };
        self.state = state;
        closed
    }

    /// Writes audio that is still being gathered for a common packet (up to 150 ms), so that
    /// [`take_batch`](Self::take_batch) returns everything pushed so far. It costs a few bytes more.
    pub fn flush(&mut self) {
        self.muxer.flush();
    }

    /// The open segment's bytes that were not taken yet: whole TS packets and whole access units.
    pub fn take_batch(&mut self) -> Bytes {
        let batch = self.muxer.take();
        self.tally.add(&batch);
        batch
    }

    /// Ends the open segment with what there is.
    pub fn finish(&mut self) -> Option<Closed> {
        match mem::replace(&mut self.state, State::Resuming { since: None }) {
            State::Filling(open) | State::Ended(open) => Some(self.close(&open, None, Reason::Due)),
            state @ (State::Waiting | State::Resuming { .. }) => {
                self.state = state;
                None
            }
        }
    }

    /// Bytes that [`take_batch`](Self::take_batch) would return.
    pub fn batch_length(&self) -> usize {
        self.muxer.length()
    }

    /// Bytes of the open segment so far, those taken and those not.
    pub fn open_length(&self) -> u64 {
        self.tally.length() + self.muxer.length() as u64
    }

    /// How long the open segment is so far; zero when none is open.
    pub fn open_duration(&self) -> Duration {
        match &self.state {
            State::Filling(open) | State::Ended(open) => open.end().duration_since(open.beginning.start),
            State::Waiting | State::Resuming { .. } => Duration::ZERO,
        }
    }

    /// How long after its beginning the open segment's last unit comes; `None` when no segment is open.
    pub fn open_age(&self) -> Option<Duration> {
        match &self.state {
            State::Filling(open) | State::Ended(open) => Some(open.last.duration_since(open.beginning.start)),
            State::Waiting | State::Resuming { .. } => None,
        }
    }

    /// How the open segment began.
    pub fn beginning(&self) -> Option<Beginning> {
        match &self.state {
            State::Filling(open) | State::Ended(open) => Some(open.beginning),
            State::Waiting | State::Resuming { .. } => None,
        }
    }

    /// Whether a segment is open.
    pub fn is_open(&self) -> bool {
        self.beginning().is_some()
    }

    /// Units that were pushed and are in no segment.
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Whether the unit is of the track that decides where segments begin.
    fn leads(&self, unit: &AccessUnit<'_>) -> bool {
        match unit.content {
            Content::Video(_) => self.tracks.video.is_some(),
            Content::Audio { .. } => self.tracks.video.is_none() && self.tracks.audio.is_some() && self.audio_only,
        }
    }

    fn begins(&self, unit: &AccessUnit<'_>) -> bool {
        unit.random_access && self.leads(unit)
    }

    /// Why the open segment ends before this unit, if it does.
    fn due(&self, open: &Open, unit: &AccessUnit<'_>) -> Option<Reason> {
        let age = unit.dts.since(open.beginning.start);
        let gop = unit.dts.since(open.last_random_access);
        if self.begins(unit) && (self.cut.is_due(age, gop) || open.tracks != self.tracks) {
            return Some(Reason::Due);
        }
        let age_max = if self.leads(unit) {
            self.cut.forced
        } else {
            OPEN_TICKS_MAX
        };
        (age >= age_max || self.open_length() >= OPEN_BYTES_MAX).then_some(Reason::Forced)
    }

    fn resume(&mut self, unit: &AccessUnit<'_>, since: Option<Timestamp>) -> State {
        let since = since.unwrap_or(unit.dts);
        if self.begins(unit) || self.leads(unit) && unit.dts.since(since) >= self.cut.forced {
            return State::Filling(self.open(unit, Timeline::New));
        }
        self.dropped.count(unit);
        State::Resuming { since: Some(since) }
    }

    fn open(&mut self, unit: &AccessUnit<'_>, timeline: Timeline) -> Open {
        self.muxer.set_tracks(&self.tracks);
        self.muxer.begin_segment(timeline == Timeline::New);
        let frame_rate = self.tracks.video.as_ref().and_then(|video| video.frame_rate);
        let mut open = Open {
            beginning: Beginning {
                start: unit.dts,
                discontinuity: matches!(timeline, Timeline::New | Timeline::Continued { same_tracks: false }),
                random_access: self.begins(unit),
            },
            tracks: self.tracks.clone(),
            last: unit.dts,
            last_random_access: unit.dts,
            last_picture: None,
            picture_duration: picture_duration(frame_rate),
            audio_end: None,
        };
        self.add(&mut open, unit);
        open
    }

    fn add(&mut self, open: &mut Open, unit: &AccessUnit<'_>) {
        let is_audio = matches!(unit.content, Content::Audio { .. });
        let misses = is_audio && open.tracks.audio != self.tracks.audio;
        if misses || !self.muxer.write(unit) {
            self.dropped.count(unit);
            return;
        }
        if self.begins(unit) {
            open.last_random_access = unit.dts;
        }
        open.note(unit);
    }

    fn close(&mut self, open: &Open, next: Option<Timestamp>, reason: Reason) -> Closed {
        self.muxer.end_segment(next);
        let tail = self.take_batch();
        let (length, crc64) = self.tally.finish();
        let Beginning {
            start,
            discontinuity,
            random_access,
        } = open.beginning;
        let duration = next.unwrap_or_else(|| open.end()).since(start).max(0).unsigned_abs();
        let forced = reason == Reason::Forced;
        Closed {
            tail,
            segment: Segment {
                start,
                duration,
                length,
                crc64,
                discontinuity,
                random_access,
                forced,
            },
        }
    }
}

impl Open {
    fn note(&mut self, unit: &AccessUnit<'_>) {
        self.last = self.last.max(unit.dts);
        match (unit.content, &self.tracks.audio) {
            (Content::Video(_), _) => {
                if let Some(last) = self.last_picture {
                    self.picture_duration = unit.dts.since(last).clamp(0, PICTURE_DURATION_MAX);
                }
                self.last_picture = Some(unit.dts);
            }
            (Content::Audio { samples, .. }, Some(track)) => {
                self.audio_end = Some(unit.pts.plus(ticks(samples, track)))
            }
            (Content::Audio { .. }, None) => {}
        }
    }

    /// Where the last unit ends.
    fn end(&self) -> Timestamp {
        let video_end = self.last_picture.map(|last| last.plus(self.picture_duration));
        video_end.max(self.audio_end).unwrap_or(self.beginning.start)
    }
}

impl Dropped {
    fn count(&mut self, unit: &AccessUnit<'_>) {
        match unit.content {
            Content::Video(_) => self.video += 1,
            Content::Audio { .. } => self.audio += 1,
        }
    }
}

/// How a segment's time stamps and tracks go together with those of the segment before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timeline {
    First,
    Continued { same_tracks: bool },
    New,
}

/// Why a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Due,
    Forced,
}

/// From which age, ticks, a segment ends.
#[derive(Debug)]
struct CutRule {
    /// At a random access unit.
    target: i64,
    /// How much earlier at one that is nearer than the next.
    early: i64,
    /// At any unit of the leading track.
    forced: i64,
}

impl CutRule {
    fn new(frag_duration: Duration) -> Self {
        let frag = ticks_of(frag_duration);
        Self {
            target: frag,
            early: (frag / EARLY_PART).min(EARLY_TICKS_MAX),
            forced: frag.saturating_mul(2).clamp(FORCED_TICKS_MIN, OPEN_TICKS_MAX),
        }
    }

    /// Whether a segment of this age ends at a random access unit which came `gop` after the one before it.
    fn is_due(&self, age: i64, gop: i64) -> bool {
        let early = self.target - age;
        // The next one would be late by `gop - early`.
        early <= 0 || early <= self.early && early < gop - early
    }
}

/// How long the segments of a stream become that has a random access unit each `gop`.
pub fn regular_duration(frag_duration: Duration, gop: Duration) -> Duration {
    let rule = CutRule::new(frag_duration);
    let ticks = ticks_of(gop);
    if ticks == 0 {
        return frag_duration;
    }
    // The last one before the target, and the first one behind it.
    let before = rule.target / ticks;
    let count = match before > 0 && rule.is_due(before * ticks, ticks) {
        true => before,
        false => before + 1,
    };
    gop.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX))
}

fn ticks_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros() * 9 / 100).unwrap_or(i64::MAX)
}

fn picture_duration(frame_rate: Option<f64>) -> i64 {
    frame_rate
        .filter(|rate| *rate > 0.0)
        .map_or(PICTURE_DURATION_DEFAULT, |rate| (90_000.0 / rate).round() as i64)
        .min(PICTURE_DURATION_MAX)
}

/// RTMP rounds to milliseconds, and encoders that stamp by a clock are off by some tens of them, under load by more: a
/// keyframe that came early is in time by up to this part of FragDuration, and up to 250 ms.
const EARLY_PART: i64 = 8;
const EARLY_TICKS_MAX: i64 = 250 * 90;

/// Without a random access unit a segment is not ended before this, 90 kHz: 60 s.
const FORCED_TICKS_MIN: i64 = 60 * 90_000;

/// The longest an open segment becomes, 90 kHz: 120 s, whatever FragDuration is.
pub(crate) const OPEN_TICKS_MAX: i64 = 120 * 90_000;

/// A segment that has reached this, bytes, ends before the next unit.
const OPEN_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What a lone picture is taken to last when nothing tells, ticks: 30 pictures a second.
pub(crate) const PICTURE_DURATION_DEFAULT: i64 = 3_000;

/// A picture after a pause says nothing of how long it lasts itself, 90 kHz: 1 s.
pub(crate) const PICTURE_DURATION_MAX: i64 = 90_000;

#[cfg(test)]
mod tests;
