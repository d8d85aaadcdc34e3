use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use alluvium_catalog::{AudioStatistics, Statistics, VideoStatistics};
use alluvium_media::{AccessUnit, Content, Timestamp, Tracks};
use tokio::time::Instant;

use crate::gops::{GopSummary, Gops};

/// Over how many samples, one a second, rates are averaged.
const SAMPLES: usize = 10;

/// What is measured over less media than this says little, 90 kHz: 5 s.
const SPAN_TICKS_MIN: i64 = 5 * Timestamp::TICKS_PER_SECOND;

/// A frame rate this little below a whole number is that number: millisecond timestamps are not exact.
const FRAME_RATE_TOLERANCE: f64 = 0.02;

/// Measures one session's tracks: a few integers for each unit, and all else once a second.
#[derive(Debug)]
pub(crate) struct Meter {
    tracks: Tracks,
    totals: Totals,
    /// The totals at the last samples, oldest first.
    samples: VecDeque<(Instant, Totals)>,
    gops: Gops,
    /// First video DTS since the tracks last changed, and how many units have come after it.
    video_since: Option<(Timestamp, u64)>,
    video_heard: Instant,
    audio_heard: Instant,
}

/// What came so far.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    /// Payload bytes.
    video_bytes: u64,
    audio_bytes: u64,
    pictures: u64,
    frames: u64,
    /// DTS of the newest.
    video: Option<Timestamp>,
    audio: Option<Timestamp>,
    /// Ticks by which the newest audio was ahead of each picture when that came, summed, and of how many pictures.
    audio_ahead: i64,
    compared: u64,
    /// It has come since the last picture: audio that has ceased is not late.
    is_audio_new: bool,
}

/// What a session's media is like at its latest sample; `None` where too little has come to tell.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Pictures per second of media.
    pub(crate) frame_rate: Option<f64>,
    /// Bits of video per second of media.
    pub(crate) video_bitrate: Option<f64>,
    /// Seconds of media per second.
    pub(crate) pace: Option<f64>,
    /// By how much audio comes before the picture of the same time, milliseconds; negative when it comes after.
    pub(crate) audio_ahead_ms: Option<i64>,
    pub(crate) gops: Option<GopSummary>,
    /// Ticks since the last random access unit.
    pub(crate) open_gop: Option<i64>,
    /// How long a track that had begun has brought nothing.
    pub(crate) video_idle: Option<Duration>,
    pub(crate) audio_idle: Option<Duration>,
}

impl Meter {
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            tracks: Tracks::default(),
            totals: Totals::default(),
            samples: VecDeque::from([(at, Totals::default())]),
            gops: Gops::default(),
            video_since: None,
            video_heard: at,
            audio_heard: at,
        }
    }

    pub(crate) fn set_tracks(&mut self, tracks: &Tracks) {
        self.tracks = tracks.clone();
        self.video_since = None;
    }

    pub(crate) fn tracks(&self) -> &Tracks {
        &self.tracks
    }

    pub(crate) fn count(&mut self, unit: &AccessUnit<'_>) {
        let totals = &mut self.totals;
        match &unit.content {
            Content::Video(nal_units) => {
                totals.video_bytes += nal_units.byte_length() as u64;
                totals.pictures += 1;
                totals.video = Some(unit.dts);
                if let Some(audio) = totals.audio
                    && mem::take(&mut totals.is_audio_new)
                {
                    totals.audio_ahead += audio.since(unit.dts);
                    totals.compared += 1;
                }
                if unit.random_access {
                    self.gops.begin(unit.dts);
                }
                match &mut self.video_since {
                    Some((_, count)) => *count += 1,
                    None => self.video_since = Some((unit.dts, 0)),
                }
            }
            Content::Audio { frame, .. } => {
                totals.audio_bytes += frame.len() as u64;
                totals.frames += 1;
                totals.audio = Some(unit.dts);
                totals.is_audio_new = true;
            }
        }
    }

    /// Takes a sample, once a second or so, and says what GetLiveChannelStat tells (contract, 1.4).
    pub(crate) fn sample(&mut self, at: Instant) -> Statistics {
        if let Some((_, last)) = self.samples.back() {
            if last.pictures < self.totals.pictures {
                self.video_heard = at;
            }
            if last.frames < self.totals.frames {
                self.audio_heard = at;
            }
        }
        self.samples.push_back((at, self.totals));
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
                bandwidth: per_second(self.totals.video_bytes - before.video_bytes, span),
            }),
            audio: self.tracks.audio.as_ref().map(|audio| AudioStatistics {
                sample_rate: audio.sample_rate,
                bandwidth: per_second(self.totals.audio_bytes - before.audio_bytes, span),
            }),
        }
    }

    /// What the latest samples say.
    pub(crate) fn measured(&self) -> Measured {
        let Some(&(at, now)) = self.samples.back() else {
            return Measured::default();
        };
        let video = self.since(|totals| totals.video);
        let (_, before) = self.samples[0];
        let compared = now.compared - before.compared;
        Measured {
            frame_rate: video.map(|(_, then, ticks)| (now.pictures - then.pictures) as f64 / seconds(ticks)),
            video_bitrate: video
                .map(|(_, then, ticks)| 8.0 * (now.video_bytes - then.video_bytes) as f64 / seconds(ticks)),
            pace: self.pace(at),
            audio_ahead_ms: (compared > 0).then(|| {
                let ticks = (now.audio_ahead - before.audio_ahead) / compared.cast_signed();
                ticks / Timestamp::TICKS_PER_MS
            }),
            gops: self.gops.summary(),
            open_gop: now.video.and_then(|dts| self.gops.open_for(dts)),
            video_idle: now.video.map(|_| at.duration_since(self.video_heard)),
            audio_idle: now.audio.map(|_| at.duration_since(self.audio_heard)),
        }
    }

    /// How fast the track in front comes. One that pauses while the other goes on makes nothing slow.
    fn pace(&self, at: Instant) -> Option<f64> {
        let newest = |totals: &Totals| totals.video.max(totals.audio);
        let &(since, then) = self.samples.iter().find(|(_, totals)| newest(totals).is_some())?;
        let span = at.duration_since(since).as_secs_f64();
        let ticks = newest(&self.samples.back()?.1)?.since(newest(&then)?);
        (span * Timestamp::TICKS_PER_SECOND as f64 >= SPAN_TICKS_MIN as f64).then(|| seconds(ticks) / span)
    }

    /// The oldest sample with a track in it, and how much of the track came since, where that is enough.
    fn since(&self, of_track: impl Fn(&Totals) -> Option<Timestamp>) -> Option<(Instant, Totals, i64)> {
        let &(at, then) = self.samples.iter().find(|(_, totals)| of_track(totals).is_some())?;
        let ticks = of_track(&self.samples.back()?.1)?.since(of_track(&then)?);
        (ticks >= SPAN_TICKS_MIN).then_some((at, then, ticks))
    }

    /// Pictures a second of the latest samples, where the track has gone on for as long; `whole` over all of the track.
    fn recent_rate(&self, track_began: Timestamp, whole: f64) -> f64 {
        let recent = self.since(|totals| totals.video);
        recent
            .filter(|(_, then, _)| then.video >= Some(track_began))
            .map_or(whole, |(_, then, ticks)| {
                (self.totals.pictures - then.pictures) as f64 / seconds(ticks)
            })
    }

    /// What is measured comes before what the parameter sets declare, which encoders often get wrong.
    fn frame_rate(&self, declared: Option<f64>) -> u32 {
        let measured = self
            .video_since
            .zip(self.totals.video)
            .and_then(|((first, count), last)| {
                let ticks = last.since(first);
                (ticks >= Timestamp::TICKS_PER_SECOND).then(|| self.recent_rate(first, count as f64 / seconds(ticks)))
            });
        let rate = match (measured, declared) {
            (Some(measured), Some(declared)) if (measured - declared).abs() < 0.5 => declared,
            (Some(measured), _) => measured,
            (None, declared) => declared.unwrap_or(0.0),
        };
        (rate + FRAME_RATE_TOLERANCE) as u32
    }
}

fn seconds(ticks: i64) -> f64 {
    ticks as f64 / Timestamp::TICKS_PER_SECOND as f64
}

fn per_second(bytes: u64, span: Duration) -> u64 {
    match span.as_millis() as u64 {
        0 => 0,
        millis => bytes * 1000 / millis,
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use alluvium_media::{AudioSpecificConfig, NalUnits, VideoTrack};

    use super::*;

    /// A publish whose clock is the server's.
    struct Made {
        meter: Meter,
        began: Instant,
        next_ms: i64,
    }

    impl Made {
        fn new() -> Self {
            let began = Instant::now();
            Self {
                meter: Meter::new(began),
                began,
                next_ms: 0,
            }
        }

        fn set_tracks(&mut self, height: u32, audio: &[u8]) {
            let video = VideoTrack {
                width: height * 16 / 9,
                height,
                frame_rate: None,
                profile_idc: 77,
                level_idc: 31,
                generation: 0,
            };
            self.meter.set_tracks(&Tracks {
                video: Some(video),
                audio: Some(AudioSpecificConfig::parse(audio).unwrap().into()),
            });
        }

        /// Seconds of pictures, a picture in so many milliseconds; gives the last sample.
        fn seconds(&mut self, count: i64, picture_ms: i64) -> Statistics {
            let (payload, range) = ([0x41; 100], 0..100);
            let mut statistics = Statistics::default();
            for _ in 0..count {
                let until_ms = self.next_ms + 1_000;
                while self.next_ms < until_ms {
                    let at = Timestamp::from_ms(self.next_ms);
                    self.meter.count(&AccessUnit {
                        pts: at,
                        dts: at,
                        random_access: false,
                        content: Content::Video(NalUnits::new(&payload, slice::from_ref(&range))),
                    });
                    self.next_ms += picture_ms;
                }
                let now = self.began + Duration::from_millis(self.next_ms.unsigned_abs());
                statistics = self.meter.sample(now);
            }
            statistics
        }
    }

    const LC_48000: &[u8] = &[0x11, 0x90];

    #[test]
    fn statistics_follow_another_frame_rate_of_the_same_track() {
        let mut made = Made::new();
        made.set_tracks(720, LC_48000);
        for (picture_ms, frame_rate) in [(40, 25), (20, 50), (100, 10)] {
            let statistics = made.seconds(600, picture_ms);
            assert_eq!(statistics.video.unwrap().frame_rate, frame_rate);
        }
    }

    #[test]
    fn statistics_follow_another_track_at_once() {
        let mut made = Made::new();
        made.set_tracks(720, LC_48000);
        made.seconds(60, 40);
        made.set_tracks(360, LC_48000);
        let video = made.seconds(3, 20).video.unwrap();
        assert_eq!((video.width, video.height, video.frame_rate), (640, 360, 50));
    }

    #[test]
    fn statistics_tell_the_rate_that_comes_out_of_he_aac() {
        let mut made = Made::new();
        // A core of 24 kHz, SBR by object type 5; and LC after it.
        for (config, rate) in [(&[0x2B, 0x11, 0x88, 0][..], 48_000), (&[0x12, 0x10], 44_100)] {
            made.set_tracks(720, config);
            assert_eq!(made.seconds(1, 40).audio.unwrap().sample_rate, rate);
        }
    }
}
