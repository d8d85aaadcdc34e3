//! Audio frames on the timeline.

use crate::{AudioSpecificConfig, Timestamp};

/// Places audio frames one behind the other by counting their samples, and steers towards their timestamps.
///
/// Timestamps of whole milliseconds are wrong by up to one, and encoders add jitter; a frame placed by its timestamp
/// would leave gaps of a few samples before and after it, which players fill with clicks. So a frame begins where the
/// one before ended, corrected by a small part of its distance to the timestamp. Where timestamps stay ahead, samples are
/// missing: there a gap is left.
#[derive(Debug, Default)]
pub(super) struct AudioPlacer {
    /// `None` before the first frame of a configuration.
    clock: Option<Clock>,
    /// The end of what was placed of another configuration, parts of a tick.
    floor: i64,
    late: Late,
}

/// Where the next frame begins.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Samples per second.
    rate: i64,
    /// Parts of a tick ([`PARTS`]); moves on by whole seconds and by corrections.
    anchor: i64,
    /// Samples since the anchor, fewer than `rate`.
    samples: i64,
}

/// Frames in a row whose timestamps were ahead of the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Late {
    frames: u32,
    /// The smallest distance among them, parts of a tick.
    least: i64,
}

impl AudioPlacer {
    /// Where a frame goes that is stamped `ms`, or that follows another of the same tag.
    pub(super) fn place(&mut self, ms: Option<i64>, rate: u32) -> Timestamp {
        let want = ms.map(|ms| ms * Timestamp::TICKS_PER_MS * PARTS);
        let mut clock = match self.clock {
            Some(clock) => clock.with_rate(rate.into()),
            None => Clock {
                rate: rate.into(),
                anchor: want.unwrap_or(self.floor).max(self.floor),
                samples: 0,
            },
        };
        if let Some(want) = want {
            clock.anchor += self.correction(want - clock.next(), clock.frame());
        }
        let place = clock.next();
        clock.count_frame();
        self.clock = Some(clock);
        Timestamp::from_ticks(place.div_euclid(PARTS))
    }

    /// The timestamps to come have been confirmed by others: a gap before them is real.
    pub(super) fn expect_gap(&mut self) {
        self.late = Late {
            frames: LATE_FRAMES - 1,
            least: i64::MAX,
        };
    }

    /// Frames of another configuration follow: no player joins them to those before, so they begin at their own time.
    pub(super) fn begin_anew(&mut self) {
        self.floor = self.end();
        self.clock = None;
        self.late = Late::default();
    }

    /// The end of what has been placed, ms, rounded up.
    pub(super) fn next_ms(&self) -> i64 {
        let ms = PARTS * Timestamp::TICKS_PER_MS;
        (self.end() + ms - 1).div_euclid(ms)
    }

    /// The end of what has been placed, parts of a tick.
    fn end(&self) -> i64 {
        self.clock.map_or(self.floor, |clock| clock.next())
    }

    /// How far to move the clock for a frame which is stamped `error` ahead of it. Never back by half a frame.
    fn correction(&mut self, error: i64, frame: i64) -> i64 {
        if error <= LATE {
            self.late = Late::default();
            return (error / STEERING).max(-frame / 2);
        }
        let least = if self.late.frames == 0 {
            error
        } else {
            self.late.least.min(error)
        };
        self.late = Late {
            frames: self.late.frames + 1,
            least,
        };
        if self.late.frames < LATE_FRAMES {
            return 0;
        }
        self.late = Late::default();
        least
    }
}

impl Clock {
    fn next(&self) -> i64 {
        self.anchor + self.samples * Timestamp::TICKS_PER_SECOND * PARTS / self.rate
    }

    /// A frame's duration.
    fn frame(&self) -> i64 {
        i64::from(AudioSpecificConfig::FRAME_SAMPLES) * Timestamp::TICKS_PER_SECOND * PARTS / self.rate
    }

    fn count_frame(&mut self) {
        self.samples += i64::from(AudioSpecificConfig::FRAME_SAMPLES);
        while self.samples >= self.rate {
            self.samples -= self.rate;
            self.anchor += Timestamp::TICKS_PER_SECOND * PARTS;
        }
    }

    fn with_rate(self, rate: i64) -> Self {
        if rate == self.rate {
            self
        } else {
            Self {
                rate,
                anchor: self.next(),
                samples: 0,
            }
        }
    }
}

/// Parts of a tick in which corrections are counted, so that a drift of a millionth is followed.
const PARTS: i64 = 1 << 16;
/// The part of the distance that is corrected with each frame: half of it is gone after 2 s, and jitter of 20 ms moves
/// a frame by 0.2 ms.
const STEERING: i64 = 128;
/// Timestamps further ahead than this tell of missing samples, if they stay there: nearly two frames of 44.1 kHz.
const LATE: i64 = 40 * Timestamp::TICKS_PER_MS * PARTS;
/// How long they have to stay. Encoders that stamp bursts of frames alike are ahead for fewer.
const LATE_FRAMES: u32 = 8;
