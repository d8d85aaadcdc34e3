use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use alluvium_catalog::Lease;
use alluvium_hls::{Closed, Dropped, Segment, Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, Content, Demuxer, Fault, Item, Kind, Timestamp};
use alluvium_oss::{Clock, UnixTime};
use alluvium_rtmp::MediaKind;
use bytes::Bytes;
use tokio::time::Instant;

use crate::Config;
use crate::cuts::Cuts;
use crate::health::Health;

/// A batch of TS bytes goes to the spool when it is this long ...
const BATCH_BYTES: usize = 32 * 1024;

/// ... or when more media comes this long after its first ...
const BATCH_INTERVAL: Duration = Duration::from_millis(110);

/// ... or, when none does, after this: with what gathers in the socket before and in the writer after it, and with the
/// threads' turns, it stays below the 250 ms that a killed process may lose.
const BATCH_INTERVAL_MAX: Duration = Duration::from_millis(140);

/// Media that lasts so much longer than it took to arrive is not live: an encoder that comes back sends what it kept.
const AHEAD: Duration = Duration::from_secs(10);

/// An encoder's clock may run faster or slower than ours by one part in so many.
const SLEW_DIVISOR: u32 = 1000;

/// What the recorder has to do, in this order.
#[derive(Debug)]
pub(crate) enum Work {
    /// A segment begins: the name it would like to have, and where it stands.
    Begin {
        name: UnixTime,
        program_date_time: UnixTime,
        discontinuity: bool,
    },
    /// More of its TS bytes.
    Batch(Bytes),
    /// It is complete.
    End(Segment),
}

/// The present, by both clocks: the wall's names segments, and may be stepped; the other measures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall: UnixTime,
    pub(crate) instant: Instant,
}

impl Now {
    pub(crate) fn by(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.now(),
            instant: Instant::now(),
        }
    }
}

/// One session's media from RTMP payloads to work for its recorder, in plain calls.
pub(crate) struct Stream {
    demuxer: Demuxer,
    muxing: Muxing,
}

/// What the demuxer's items go into; apart from it so that both can be borrowed at once.
struct Muxing {
    segmenter: Segmenter,
    places: Places,
    cuts: Cuts,
    health: Health,
    /// The codec of video that is not H.264.
    foreign_video: Option<String>,
    work: VecDeque<Work>,
    /// When the oldest media came that is in no batch yet.
    oldest: Option<Instant>,
    began: Instant,
    /// How long the segments are that have ended, by a clock that runs as fast as an encoder's may.
    ended: Duration,
    received: Received,
}

/// Which tracks have brought an access unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) video: bool,
    pub(crate) audio: bool,
}

impl Stream {
    pub(crate) fn new(lease: &Lease, config: &Config, now: Now) -> Self {
        let frag_duration = Duration::from_secs(lease.config.frag_duration_s.into());
        Self {
            demuxer: Demuxer::new(alluvium_media::Limits::default()),
            muxing: Muxing {
                segmenter: Segmenter::new(SegmenterConfig {
                    frag_duration,
                    audio_only: config.audio_only,
                }),
                places: Places::after(lease, frag_duration),
                cuts: Cuts::new(frag_duration),
                health: Health::new(lease, now.instant),
                foreign_video: None,
                work: VecDeque::new(),
                oldest: None,
                began: now.instant,
                ended: Duration::ZERO,
                received: Received::default(),
            },
        }
    }

    pub(crate) fn announce(&mut self, metadata: &alluvium_rtmp::Metadata) {
        self.demuxer.announce(alluvium_media::Announced {
            audio: metadata.audio,
            video: metadata.video,
        });
    }

    /// Takes one RTMP audio or video payload that arrived `now`.
    pub(crate) fn receive(&mut self, kind: MediaKind, timestamp_ms: u32, payload: &[u8], now: Now) {
        let kind = match kind {
            MediaKind::Audio => Kind::Audio,
            MediaKind::Video => Kind::Video,
        };
        let muxing = &mut self.muxing;
        self.demuxer
            .receive(kind, timestamp_ms, payload, &mut |item| muxing.take(item, now));
        muxing.flush_when_due(now);
    }

    /// Ends the open segment: the publish is over.
    pub(crate) fn finish(&mut self, now: Now) {
        let muxing = &mut self.muxing;
        self.demuxer.finish(&mut |item| muxing.take(item, now));
        self.close();
    }

    /// The same with what is in the segment already, and no more.
    pub(crate) fn close(&mut self) {
        if let Some(closed) = self.muxing.segmenter.finish() {
            self.muxing.end(closed);
        }
    }

    /// Gives up what the segmenter holds to the recorder, whatever its length, when it has waited for long enough.
    pub(crate) fn flush_if_due(&mut self, now: Instant) {
        if self.flush_due().is_some_and(|due| due <= now) {
            self.muxing.flush();
        }
    }

    /// Gives up what the segmenter holds to the recorder, whatever its length.
    pub(crate) fn flush(&mut self) {
        self.muxing.flush();
    }

    /// When [`flush_if_due`](Self::flush_if_due) has something to do, should no more media come.
    pub(crate) fn flush_due(&self) -> Option<Instant> {
        self.muxing.oldest.map(|oldest| oldest + BATCH_INTERVAL_MAX)
    }

    /// Whether the media was pushed faster than it plays: a file, not an encoder that runs live.
    pub(crate) fn is_ahead(&self, now: Instant) -> bool {
        let muxing = &self.muxing;
        let lasts = muxing.ended + muxing.segmenter.open_duration();
        lasts > now.duration_since(muxing.began) + AHEAD
    }

    /// When the packet can be expected that ends the open segment, if there is one; all that has come by `now` was taken.
    pub(crate) fn cut_due(&mut self, now: Instant) -> Option<Instant> {
        let age = self.muxing.segmenter.open_age()?;
        Some(self.muxing.cuts.seen(age, now))
    }

    pub(crate) fn take_work(&mut self) -> Option<Work> {
        self.muxing.work.pop_front()
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.muxing.work.is_empty()
    }

    pub(crate) fn health(&mut self) -> &mut Health {
        &mut self.muxing.health
    }

    pub(crate) fn received(&self) -> Received {
        self.muxing.received
    }

    /// How many odd things were skipped or put right.
    pub(crate) fn faults(&self) -> u64 {
        self.muxing.health.faults().total()
    }

    /// Units that are in no segment, for want of a keyframe before them that they could be decoded with.
    pub(crate) fn left_out(&self) -> Dropped {
        self.muxing.segmenter.dropped()
    }

    /// The codec of the video, where some has come that is not H.264.
    pub(crate) fn foreign_video(&self) -> Option<&str> {
        self.muxing.foreign_video.as_deref()
    }
}

impl Muxing {
    fn take(&mut self, item: Item<'_>, now: Now) {
        match item {
            Item::Tracks(tracks) => {
                self.health.set_tracks(tracks);
                self.segmenter.set_tracks(tracks);
            }
            Item::Unit(unit) => self.push(&unit, now),
            Item::Discontinuity => self.segmenter.discontinuity(),
            Item::Fault(fault) => {
                self.health.media_fault(&fault, now.wall);
                if let Fault::VideoCodec(codec) = fault {
                    self.foreign_video = Some(codec.to_string());
                }
            }
        }
    }

    fn push(&mut self, unit: &AccessUnit<'_>, now: Now) {
        self.health.count(unit);
        match unit.content {
            Content::Video(_) => self.received.video = true,
            Content::Audio { .. } => self.received.audio = true,
        }
        let was_open = self.segmenter.is_open();
        let closed = self.segmenter.push(unit);
        let begins = closed.is_some() || !was_open;
        if let Some(closed) = closed {
            self.end(closed);
        }
        if begins && let Some(beginning) = self.segmenter.beginning() {
            self.work.push_back(self.places.next(beginning.discontinuity, now.wall));
            self.oldest = None;
        }
        if self.segmenter.is_open() {
            self.oldest.get_or_insert(now.instant);
        }
    }

    fn end(&mut self, closed: Closed) {
        if !closed.tail.is_empty() {
            self.work.push_back(Work::Batch(closed.tail));
        }
        self.places.ended(closed.segment.duration);
        let lasts = duration(closed.segment.duration);
        self.cuts.ended(lasts);
        self.ended += lasts - lasts / SLEW_DIVISOR;
        self.work.push_back(Work::End(closed.segment));
    }

    fn flush_when_due(&mut self, now: Now) {
        let waits = self
            .oldest
            .map_or(Duration::ZERO, |oldest| now.instant.duration_since(oldest));
        if self.segmenter.batch_length() >= BATCH_BYTES || waits >= BATCH_INTERVAL {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.oldest = None;
        // Audio that waits for company in its packet would be lost with the process as well.
        self.segmenter.flush();
        if self.segmenter.batch_length() > 0 {
            self.work.push_back(Work::Batch(self.segmenter.take_batch()));
        }
    }
}

/// Gives each segment the name it would like to have and its PROGRAM-DATE-TIME, neither of which ever goes back.
#[derive(Debug)]
struct Places {
    /// Whether the channel has segments that the first one here does not continue.
    resumes: bool,
    last_name: Option<UnixTime>,
    program_date_time: ProgramDateTime,
}

impl Places {
    fn after(lease: &Lease, frag_duration: Duration) -> Self {
        Self {
            resumes: lease.next_sequence > 0,
            last_name: lease.last_name,
            program_date_time: ProgramDateTime {
                expected: None,
                floor: lease.last_program_date_time.unwrap_or_default(),
                ahead_max: frag_duration,
            },
        }
    }

    fn next(&mut self, new_timeline: bool, now: UnixTime) -> Work {
        let name = match self.last_name {
            Some(last) if now <= last => last.plus(Duration::from_millis(1)),
            _ => now,
        };
        self.last_name = Some(name);
        let discontinuity = new_timeline || mem::take(&mut self.resumes);
        Work::Begin {
            name,
            program_date_time: self.program_date_time.of_segment(discontinuity, now),
            discontinuity,
        }
    }

    fn ended(&mut self, duration: u64) {
        self.program_date_time.advance(duration);
    }
}

/// The wall clock of the media: anchored where a timeline begins, carried on by the segments' durations, and drawn
/// gently towards the arrival times, since an encoder's clock runs a little faster or slower than ours.
#[derive(Debug)]
struct ProgramDateTime {
    /// Where the last segment of this timeline ended, with what the drift correction may take; `None` before the first.
    expected: Option<(UnixTime, Duration)>,
    /// The next one is not before this.
    floor: UnixTime,
    /// How far media that is pushed faster than real time may be ahead of the clock.
    ahead_max: Duration,
}

impl ProgramDateTime {
    fn of_segment(&mut self, new_timeline: bool, now: UnixTime) -> UnixTime {
        let time = match self.expected {
            Some((expected, slew)) if !new_timeline => {
                let slewed = now.max(expected.minus(slew)).min(expected.plus(slew));
                slewed.min(now.plus(self.ahead_max))
            }
            _ => now,
        };
        let time = time.max(self.floor);
        self.expected = Some((time, Duration::ZERO));
        self.floor = time;
        time
    }

    fn advance(&mut self, ticks: u64) {
        if let Some((time, _)) = self.expected {
            let lasts = duration(ticks);
            self.expected = Some((time.plus(lasts), lasts / SLEW_DIVISOR));
        }
    }
}

fn duration(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1000 / Timestamp::TICKS_PER_SECOND as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: Duration = Duration::from_secs(2);

    /// Segments of two seconds that begin at these times of the server's clock, seconds; expects their dates, ms.
    #[track_caller]
    fn check(begins_s: &[i64], expected_ms: &[i64]) {
        let mut dates = ProgramDateTime {
            expected: None,
            floor: UnixTime::from_secs(0),
            ahead_max: SEGMENT,
        };
        let date = |&now: &i64| {
            let date = dates.of_segment(false, UnixTime::from_secs(now));
            dates.advance(180_000);
            date.as_millis()
        };
        assert_eq!(begins_s.iter().map(date).collect::<Vec<_>>(), expected_ms);
    }

    #[test]
    fn dates_follow_a_clock_that_is_right() {
        check(&[100, 102, 104], &[100_000, 102_000, 104_000]);
    }

    #[test]
    fn dates_are_never_ahead_of_the_clock_by_more_than_a_segment() {
        // A file that is pushed at once.
        check(
            &[100, 100, 100, 101, 101],
            &[100_000, 101_998, 102_000, 103_000, 103_000],
        );
    }

    #[test]
    fn dates_go_on_when_the_clock_is_stepped_forward() {
        check(&[100, 102, 3_704, 3_706], &[100_000, 102_000, 104_002, 106_004]);
    }

    #[test]
    fn dates_wait_when_the_clock_is_stepped_back() {
        check(&[3_700, 3_702, 100, 102], &[3_700_000, 3_702_000, 3_702_000, 3_702_000]);
    }
}
