use std::collections::VecDeque;
use std::time::Duration;

use alluvium_catalog::{AudioStatistics, Statistics, VideoStatistics};
use alluvium_media::{AccessUnit, Content, Timestamp, Tracks};
use tokio::time::Instant;

/// Over how many samples, one a second, bandwidth is averaged.
const SAMPLES: usize = 10;

/// A frame rate this little below a whole number is that number: millisecond timestamps are not exact.
const FRAME_RATE_TOLERANCE: f64 = 0.02;

/// Measures one session's tracks for GetLiveChannelStat (contract, 1.4).
#[derive(Debug)]
pub(crate) struct Meter {
    tracks: Tracks,
    received: Received,
    /// The totals at the last samples, oldest first.
    samples: VecDeque<(Instant, Received)>,
    /// First video DTS since the tracks last changed, and how many units have come after it.
    video_since: Option<(Timestamp, u64)>,
    last_video: Timestamp,
}

/// Payload bytes taken so far.
#[derive(Debug, Clone, Copy, Default)]
struct Received {
    video: u64,
    audio: u64,
}

impl Meter {
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            tracks: Tracks::default(),
            received: Received::default(),
            samples: VecDeque::from([(at, Received::default())]),
            video_since: None,
            last_video: Timestamp::default(),
        }
    }

    pub(crate) fn set_tracks(&mut self, tracks: &Tracks) {
        self.tracks = tracks.clone();
        self.video_since = None;
    }

    pub(crate) fn count(&mut self, unit: &AccessUnit<'_>) {
        match &unit.content {
            Content::Video(nal_units) => {
                self.received.video += nal_units.byte_length() as u64;
                self.last_video = unit.dts;
                match &mut self.video_since {
                    Some((_, count)) => *count += 1,
                    None => self.video_since = Some((unit.dts, 0)),
                }
            }
            Content::Audio { frame, .. } => self.received.audio += frame.len() as u64,
        }
    }

    /// Takes a sample, once a second or so, and says what the stream is like now.
    pub(crate) fn sample(&mut self, at: Instant) -> Statistics {
        self.samples.push_back((at, self.received));
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        let (since, before) = self.samples[0];
        let span = at.duration_since(since);
        Statistics {
            video: self.tracks.video.as_ref().map(|video| VideoStatistics {
                width: video.width,
                height: video.height,
                frame_rate: self.frame_rate(video.frame_rate),
                bandwidth: per_second(self.received.video - before.video, span),
            }),
            audio: self.tracks.audio.as_ref().map(|audio| AudioStatistics {
                sample_rate: audio.sample_rate,
                bandwidth: per_second(self.received.audio - before.audio, span),
            }),
        }
    }

    /// What is measured comes before what the parameter sets declare, which encoders often get wrong.
    fn frame_rate(&self, declared: Option<f64>) -> u32 {
        let measured = self.video_since.and_then(|(first, count)| {
            let ticks = self.last_video.since(first);
            (ticks >= Timestamp::TICKS_PER_SECOND)
                .then(|| count as f64 * Timestamp::TICKS_PER_SECOND as f64 / ticks as f64)
        });
        let rate = match (measured, declared) {
            (Some(measured), Some(declared)) if (measured - declared).abs() < 0.5 => declared,
            (Some(measured), _) => measured,
            (None, declared) => declared.unwrap_or(0.0),
        };
        (rate + FRAME_RATE_TOLERANCE) as u32
    }
}

fn per_second(bytes: u64, span: Duration) -> u64 {
    match span.as_millis() as u64 {
        0 => 0,
        millis => bytes * 1000 / millis,
    }
}
