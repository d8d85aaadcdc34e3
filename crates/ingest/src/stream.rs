use std::mem;
use std::time::Duration;

use alluvium_catalog::Lease;
use alluvium_hls::{Closed, Segment, Segmenter, SegmenterConfig};
use alluvium_media::{AccessUnit, Content, Demuxer, Fault, Item, Kind, Timestamp};
use alluvium_oss::{Clock, UnixTime};
use alluvium_rtmp::MediaKind;
use bytes::Bytes;
use tokio::time::Instant;
use tracing::warn;

use crate::faults::Faults;
use crate::spool::Place;
use crate::statistics::Meter;

/// A batch of TS bytes goes to the spool when it is this long ...
const BATCH_BYTES: usize = 32 * 1024;

/// ... or when media has come for this long: what a killed process may lose is less than 250 ms.
const BATCH_INTERVAL: Duration = Duration::from_millis(200);

/// What the recorder has to do, in this order.
#[derive(Debug)]
pub(crate) enum Work {
    /// A segment begins.
    Begin(Place),
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
    /// Bucket and channel, for the log.
    label: String,
    segmenter: Segmenter,
    places: Places,
    meter: Meter,
    faults: Faults,
    /// The codec of video that is not H.264.
    foreign_video: Option<String>,
    work: Vec<Work>,
    last_batch: Instant,
    received: Received,
}

/// Which tracks have brought an access unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) video: bool,
    pub(crate) audio: bool,
}

impl Stream {
    pub(crate) fn new(lease: &Lease, audio_only: bool, now: Now) -> Self {
        let frag_duration = Duration::from_secs(lease.config.frag_duration_s.into());
        Self {
            demuxer: Demuxer::new(alluvium_media::Limits::default()),
            muxing: Muxing {
                label: format!("{}/{}", lease.bucket, lease.channel),
                segmenter: Segmenter::new(SegmenterConfig {
                    frag_duration,
                    audio_only,
                }),
                places: Places::after(lease, frag_duration),
                meter: Meter::new(now.instant),
                faults: Faults::default(),
                foreign_video: None,
                work: Vec::new(),
                last_batch: now.instant,
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
        if let Some(closed) = muxing.segmenter.finish() {
            muxing.end(closed);
        }
    }

    /// Gives up what the segmenter holds to the recorder, whatever its length.
    pub(crate) fn flush(&mut self, now: Now) {
        self.muxing.flush(now);
    }

    pub(crate) fn take_work(&mut self) -> Vec<Work> {
        mem::take(&mut self.muxing.work)
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.muxing.work.is_empty()
    }

    pub(crate) fn meter(&mut self) -> &mut Meter {
        &mut self.muxing.meter
    }

    pub(crate) fn received(&self) -> Received {
        self.muxing.received
    }

    /// The codec of the video, where some has come that is not H.264.
    pub(crate) fn foreign_video(&self) -> Option<&str> {
        self.muxing.foreign_video.as_deref()
    }

    /// How many odd things were skipped.
    pub(crate) fn faults(&self) -> u64 {
        self.muxing.faults.total()
    }
}

impl Muxing {
    fn take(&mut self, item: Item<'_>, now: Now) {
        match item {
            Item::Tracks(tracks) => {
                self.meter.set_tracks(tracks);
                self.segmenter.set_tracks(tracks);
            }
            Item::Unit(unit) => self.push(&unit, now),
            Item::Discontinuity => self.segmenter.discontinuity(),
            Item::Fault(fault) => {
                if self.faults.count(fault.name()) {
                    warn!(stream = %self.label, %fault, "odd media skipped; more of the kind are only counted");
                }
                if let Fault::VideoCodec(codec) = fault {
                    self.foreign_video = Some(codec.to_string());
                }
            }
        }
    }

    fn push(&mut self, unit: &AccessUnit<'_>, now: Now) {
        self.meter.count(unit);
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
            let place = self.places.next(beginning.discontinuity, now.wall);
            self.last_batch = now.instant;
            self.work.push(Work::Begin(place));
        }
    }

    fn end(&mut self, closed: Closed) {
        if !closed.tail.is_empty() {
            self.work.push(Work::Batch(closed.tail));
        }
        self.places.ended(closed.segment.duration);
        self.work.push(Work::End(closed.segment));
    }

    fn flush_when_due(&mut self, now: Now) {
        if self.segmenter.batch_length() >= BATCH_BYTES || now.instant.duration_since(self.last_batch) >= BATCH_INTERVAL
        {
            self.flush(now);
        }
    }

    fn flush(&mut self, now: Now) {
        self.last_batch = now.instant;
        // Audio that waits for company in its packet would be lost with the process as well.
        self.segmenter.flush();
        if self.segmenter.batch_length() > 0 {
            self.work.push(Work::Batch(self.segmenter.take_batch()));
        }
    }
}

/// Gives each segment its place in the channel: sequence, name and PROGRAM-DATE-TIME, none of which ever goes back.
#[derive(Debug)]
struct Places {
    sequence: u64,
    /// Whether the channel has segments that the first one here does not continue.
    resumes: bool,
    last_name: Option<UnixTime>,
    program_date_time: ProgramDateTime,
}

impl Places {
    fn after(lease: &Lease, frag_duration: Duration) -> Self {
        Self {
            sequence: lease.next_sequence,
            resumes: lease.next_sequence > 0,
            last_name: lease.last_name,
            program_date_time: ProgramDateTime {
                expected: None,
                floor: lease.last_program_date_time.unwrap_or_default(),
                ahead_max: frag_duration,
            },
        }
    }

    fn next(&mut self, new_timeline: bool, now: UnixTime) -> Place {
        let name = match self.last_name {
            Some(last) if now <= last => last.plus(Duration::from_millis(1)),
            _ => now,
        };
        let discontinuity = new_timeline || mem::take(&mut self.resumes);
        let place = Place {
            sequence: self.sequence,
            name,
            program_date_time: self.program_date_time.of_segment(discontinuity, now),
            discontinuity,
        };
        self.sequence += 1;
        self.last_name = Some(name);
        place
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
    /// Of the drift that is corrected: one part in a thousand of the time that has passed.
    const SLEW_DIVISOR: u32 = 1000;

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

    fn advance(&mut self, duration: u64) {
        if let Some((time, _)) = self.expected {
            let duration = Duration::from_millis(duration * 1000 / Timestamp::TICKS_PER_SECOND as u64);
            self.expected = Some((time.plus(duration), duration / Self::SLEW_DIVISOR));
        }
    }
}
