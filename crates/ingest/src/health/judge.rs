use std::time::Duration;

use alluvium_hls::regular_duration;
use alluvium_media::Timestamp;
use alluvium_media::tag::AudioCodec;

use super::condition::Condition;
use super::session::profile;
use super::standing::Finding;
use crate::backlog::Keeping;
use crate::gops::GopSummary;
use crate::statistics::Measured;

/// Segments this many times FragDuration make players wait noticeably longer, and playlists hold noticeably more, than
/// the channel's owner has asked for.
const STRETCH_MAX: f64 = 1.5;

/// Of so many intervals this many must be unlike the others: a single scene cut or pause is none of it.
const INTERVALS_MIN: usize = 6;
const DEVIATING_MIN: usize = 3;

/// Intervals that differ by less than this move no segment's end noticeably, 90 kHz: half a second.
const SPREAD_MIN: i64 = Timestamp::TICKS_PER_SECOND / 2;

/// Without a keyframe for this long, and twice as long as usual, the encoder sends none: the longest interval that
/// encoders choose by themselves is 250 pictures, ten seconds at 25 a second.
const KEYFRAME_AWAITED: i64 = 10 * Timestamp::TICKS_PER_SECOND;

/// Jumps of the clock in a minute: each one is seen by viewers.
const JUMPS_MIN: u32 = 1;

/// Misplaced timestamps in a minute: fewer are put right without anybody noticing.
const UNEVEN_MIN: u32 = 10;

/// Broken units in a minute: fewer are a hiccup of the encoder's start or stop.
const BROKEN_MIN: u32 = 5;

/// Audio this far from its picture, milliseconds: players that buffer a second still play without a stall, and encoders
/// interleave within a tenth of it.
const OFFSET_MAX_MS: i64 = 1_000;

/// A track that brings nothing for this long has ceased: the slowest encoders seen send audio every second.
const TRACK_IDLE_MAX: Duration = Duration::from_secs(5);

/// Of the frame rate that the stream had: below it viewers see that pictures are missing.
const FRAME_RATE_KEPT: f64 = 0.75;

/// Of the bitrate that the stream had: variable bitrates move by less unless the picture stands still.
const BITRATE_KEPT: f64 = 0.25;

/// A bitrate below which there is nothing to fall from, bits per second.
const BITRATE_MIN: f64 = 100_000.0;

/// Seconds of media per second: encoders' clocks are right to within a thousandth; so much less empties a player's buffer
/// within a minute.
const PACE_MIN: f64 = 0.9;

/// Without anything for this long the stream has stopped, which is not slow.
const STALL_MIN: Duration = Duration::from_secs(2);

/// A segment that waits so long for the store, or two FragDurations: viewers' players have run out of segments by then.
const STORE_LAG_MAX: Duration = Duration::from_secs(10);

/// What a session is judged by, once a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    pub(super) measured: Measured,
    pub(super) store: Keeping,
    /// Media is dropped for want of room.
    pub(super) gap: bool,
    /// In the last minute.
    pub(super) jumps: u32,
    pub(super) uneven: u32,
    pub(super) broken: u32,
    /// Audio that was discarded since the last look.
    pub(super) discarded: Option<AudioCodec>,
    /// `profile_idc` of the video.
    pub(super) profile_idc: Option<u8>,
}

/// Finds what is wrong with a stream, from one second to the next.
#[derive(Debug)]
pub(super) struct Judge {
    /// FragDuration.
    frag_s: f64,
    frame_rate: Usual,
    bitrate: Usual,
}

/// What a rate usually is: it follows a rise at once, and forgets within minutes what it was before a fall.
#[derive(Debug, Default)]
struct Usual(Option<f64>);

impl Usual {
    /// Of the difference, each second: after five minutes two thirds of a fall are forgotten.
    const FORGOTTEN: f64 = 1.0 / 300.0;

    /// Takes what the rate is; gives what it was.
    fn follow(&mut self, rate: f64) -> f64 {
        let usual = self.0.map_or(rate, |usual| match rate >= usual {
            true => rate,
            false => usual - (usual - rate) * Self::FORGOTTEN,
        });
        self.0 = Some(usual);
        usual
    }
}

impl Judge {
    pub(super) fn new(frag_duration: Duration) -> Self {
        Self {
            frag_s: frag_duration.as_secs_f64(),
            frame_rate: Usual::default(),
            bitrate: Usual::default(),
        }
    }

    /// Another video begins: what was usual is no measure for it.
    pub(super) fn forget_rates(&mut self) {
        self.frame_rate = Usual::default();
        self.bitrate = Usual::default();
    }

    pub(super) fn look(&mut self, look: &Look) -> Vec<Finding> {
        let Look { measured, store, .. } = look;
        let mut found = Vec::new();
        found.extend(measured.gops.and_then(|gops| self.interval(&gops)));
        found.extend(measured.gops.and_then(|gops| self.irregular(&gops)));
        found.extend(self.no_keyframe(measured));
        let often = |condition, count: u32, min, what: &str| {
            let value = || match count {
                1 => format!("one {what}"),
                _ => format!("{count} {what}s"),
            };
            (count >= min).then(|| finding(condition, f64::from(count), &value(), ""))
        };
        found.extend(often(Condition::ClockJumps, look.jumps, JUMPS_MIN, "time"));
        found.extend(often(Condition::TimestampsUneven, look.uneven, UNEVEN_MIN, "frame"));
        found.extend(often(Condition::BrokenMedia, look.broken, BROKEN_MIN, "frame"));
        found.extend(idle(measured));
        found.extend(
            look.discarded
                .map(|codec| finding(Condition::AudioDiscarded, 1.0, &codec.to_string(), "AAC")),
        );
        found.extend(look.profile_idc.and_then(rare_profile));
        found.extend(self.rates(measured));
        found.extend(self.store(store));
        if look.gap {
            found.push(finding(Condition::RecordingGap, 1.0, "", ""));
        }
        found
    }

    /// Segments end at keyframes: how long does that make them?
    fn interval(&self, gops: &GopSummary) -> Option<Finding> {
        let interval = seconds(gops.median);
        let gop = Duration::from_secs_f64(interval.max(0.0));
        let segment = regular_duration(Duration::from_secs_f64(self.frag_s), gop).as_secs_f64();
        (segment >= self.frag_s * STRETCH_MAX).then(|| {
            finding(
                Condition::KeyframeInterval,
                interval,
                &in_seconds(interval),
                &in_seconds(self.frag_s),
            )
        })
    }

    fn irregular(&self, gops: &GopSummary) -> Option<Finding> {
        let spread = gops.max - gops.min;
        let is_seen = seconds(gops.max) > self.frag_s / 2.0 && spread >= SPREAD_MIN;
        (gops.count >= INTERVALS_MIN && gops.deviating >= DEVIATING_MIN && is_seen).then(|| {
            let value = format!("{:.1} to {:.1} s", seconds(gops.min), seconds(gops.max));
            finding(
                Condition::KeyframesIrregular,
                seconds(spread),
                &value,
                &in_seconds(self.frag_s),
            )
        })
    }

    fn no_keyframe(&self, measured: &Measured) -> Option<Finding> {
        let open = seconds(measured.open_gop?);
        let usual = measured.gops.map_or(0.0, |gops| seconds(gops.median));
        let awaited = seconds(KEYFRAME_AWAITED).max(2.0 * self.frag_s).max(2.0 * usual);
        (open > awaited).then(|| {
            finding(
                Condition::KeyframesMissing,
                open,
                &in_seconds(open.floor()),
                &in_seconds(self.frag_s),
            )
        })
    }

    /// Frame rate, bitrate, and how fast it all comes.
    fn rates(&mut self, measured: &Measured) -> impl Iterator<Item = Finding> + use<> {
        let frame_rate = measured.frame_rate.and_then(|rate| {
            let usual = self.frame_rate.follow(rate);
            (rate < usual * FRAME_RATE_KEPT).then(|| {
                let (value, target) = (format!("{rate:.0}"), format!("{usual:.0}"));
                finding(Condition::FrameRateLow, usual / rate.max(1.0), &value, &target)
            })
        });
        let bitrate = measured.video_bitrate.and_then(|rate| {
            let usual = self.bitrate.follow(rate);
            (usual >= BITRATE_MIN && rate < usual * BITRATE_KEPT).then(|| {
                let in_kbit = |rate: f64| format!("{:.0} kbit/s", rate / 1000.0);
                finding(
                    Condition::BitrateLow,
                    usual / rate.max(1.0),
                    &in_kbit(rate),
                    &in_kbit(usual),
                )
            })
        });
        let idle = [measured.video_idle, measured.audio_idle].into_iter().flatten().min();
        let flows = idle.is_none_or(|idle| idle < STALL_MIN);
        let pace = measured.pace.filter(|pace| flows && *pace < PACE_MIN).map(|pace| {
            let missing = 1.0 - pace;
            finding(
                Condition::ArrivesSlowly,
                missing,
                &format!("{:.1} s", pace.max(0.0)),
                "",
            )
        });
        [frame_rate, bitrate, pace].into_iter().flatten()
    }

    fn store(&self, store: &Keeping) -> Option<Finding> {
        let late = STORE_LAG_MAX.max(Duration::from_secs_f64(2.0 * self.frag_s));
        (store.oldest > late).then(|| {
            let segments = match store.segments_waiting {
                0 | 1 => "one segment waits".to_owned(),
                waiting => format!("{waiting} segments wait"),
            };
            let value = format!("{segments}, the first for {} s,", store.oldest.as_secs());
            finding(Condition::StoreLags, store.oldest.as_secs_f64(), &value, "")
        })
    }
}

/// Baseline, Main and High are what browsers and phones decode; anything else is recorded as it is.
fn rare_profile(profile_idc: u8) -> Option<Finding> {
    let is_common = matches!(profile_idc, 66 | 77 | 100);
    (!is_common).then(|| finding(Condition::ProfileRare, 1.0, &profile(profile_idc), "High"))
}

/// A track that has ceased, or one that comes at another time than the other.
fn idle(measured: &Measured) -> Option<Finding> {
    let ceased = |idle: Option<Duration>| idle.filter(|idle| *idle >= TRACK_IDLE_MAX);
    let say = |condition, idle: Duration| finding(condition, idle.as_secs_f64(), &format!("{} s", idle.as_secs()), "");
    match (ceased(measured.video_idle), ceased(measured.audio_idle)) {
        // Nothing comes at all: that is no matter of a track.
        (Some(_), Some(_)) => None,
        (Some(idle), None) if measured.audio_idle.is_some() => Some(say(Condition::VideoMissing, idle)),
        (Some(_), None) => None,
        (None, Some(idle)) => Some(say(Condition::AudioMissing, idle)),
        (None, None) => offset(measured.audio_ahead_ms?),
    }
}

fn offset(ahead_ms: i64) -> Option<Finding> {
    let ms = ahead_ms.abs();
    (ms > OFFSET_MAX_MS).then(|| {
        let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
        let seconds = ms as f64 / 1000.0;
        finding(Condition::AudioOffset, seconds, &format!("{seconds:.1} s {side}"), "")
    })
}

fn finding(condition: Condition, size: f64, value: &str, target: &str) -> Finding {
    Finding {
        condition,
        words: condition.say(value, target),
        size,
    }
}

fn seconds(ticks: i64) -> f64 {
    ticks as f64 / Timestamp::TICKS_PER_SECOND as f64
}

/// Whole where it nearly is.
fn in_seconds(seconds: f64) -> String {
    match (seconds - seconds.round()).abs() < 0.05 {
        true => format!("{seconds:.0} s"),
        false => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAG_S: u64 = 2;

    fn judge() -> Judge {
        Judge::new(Duration::from_secs(FRAG_S))
    }

    /// The words of what a look finds.
    fn words(look: Look) -> Vec<String> {
        judge().look(&look).into_iter().map(|finding| finding.words).collect()
    }

    fn of(measured: Measured) -> Look {
        Look {
            measured,
            ..Look::default()
        }
    }

    /// Intervals of so many milliseconds.
    fn gops(median_ms: i64, min_ms: i64, max_ms: i64, count: usize, deviating: usize) -> Look {
        let ticks = |ms| ms * Timestamp::TICKS_PER_MS;
        of(Measured {
            gops: Some(GopSummary {
                count,
                median: ticks(median_ms),
                min: ticks(min_ms),
                max: ticks(max_ms),
                deviating,
            }),
            ..Measured::default()
        })
    }

    #[test]
    fn profiles_that_browsers_do_not_play_are_told() {
        let told = |profile_idc| {
            words(Look {
                profile_idc: Some(profile_idc),
                ..Look::default()
            })
        };
        for common in [66, 77, 100] {
            assert_eq!(told(common), [""; 0]);
        }
        assert_eq!(
            told(122),
            ["the video's profile is High 4:2:2, which browsers and phones do not play; set it to High"]
        );
    }

    #[test]
    fn the_keyframe_interval_is_judged_by_the_segments_it_makes() {
        let even = |ms| gops(ms, ms, ms, 3, 0);
        for fitting in [250, 500, 1_000, 1_999, 2_000, 2_001, 2_900, 667] {
            assert_eq!(words(even(fitting)), [""; 0], "{fitting} ms");
        }
        let told = |ms| words(even(ms)).join("");
        assert_eq!(
            told(8_333),
            "keyframe interval is 8.3 s; set it to 2 s, the channel's FragDuration"
        );
        assert_eq!(
            told(10_000),
            "keyframe interval is 10 s; set it to 2 s, the channel's FragDuration"
        );
        // Times by a clock: a keyframe that came early is in time.
        assert_eq!(told(1_930), "");
        // The second keyframe ends the segment, after three seconds.
        assert_eq!(
            told(1_500),
            "keyframe interval is 1.5 s; set it to 2 s, the channel's FragDuration"
        );
    }

    #[test]
    fn a_few_scene_cuts_are_not_irregular_and_many_are() {
        assert_eq!(words(gops(2_000, 400, 2_000, 16, 2)), [""; 0]);
        assert_eq!(
            words(gops(2_000, 400, 2_000, 16, 3)),
            [
                "keyframes come 0.4 to 2.0 s apart; set a fixed keyframe interval of 2 s, and switch scene-cut detection off"
            ]
        );
        // They make no segment longer or shorter by much.
        assert_eq!(words(gops(500, 200, 600, 16, 9)), [""; 0]);
    }

    #[test]
    fn a_keyframe_that_is_not_usual_is_not_missed() {
        let open = |seconds: i64, look: Look| {
            let open_gop = Some(seconds * Timestamp::TICKS_PER_SECOND);
            words(of(Measured {
                open_gop,
                ..look.measured
            }))
        };
        assert_eq!(open(10, Look::default()), [""; 0]);
        let told = open(25, Look::default());
        assert_eq!(told.len(), 1);
        assert!(
            told[0].starts_with("no keyframe for 25 s; set the keyframe interval to 2 s"),
            "{told:?}"
        );
        // Every 25 seconds there is one: that is a matter of the interval.
        let told = open(40, gops(25_000, 25_000, 25_000, 2, 0));
        assert!(
            told.len() == 1 && told[0].starts_with("keyframe interval is 25 s"),
            "{told:?}"
        );
    }

    #[test]
    fn faults_are_told_from_as_many_in_a_minute_as_matter() {
        let look = |jumps, uneven, broken| {
            words(Look {
                jumps,
                uneven,
                broken,
                ..Look::default()
            })
        };
        assert_eq!(look(0, UNEVEN_MIN - 1, BROKEN_MIN - 1), [""; 0]);
        let told = look(1, UNEVEN_MIN, BROKEN_MIN);
        assert!(
            told[0].starts_with("the encoder's clock jumped one time in the last minute"),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("10 frames in the last minute had timestamps out of order"),
            "{told:?}"
        );
        assert!(
            told[2].starts_with("5 frames in the last minute were broken"),
            "{told:?}"
        );
    }

    #[test]
    fn a_track_that_ceases_is_told_unless_nothing_comes_at_all() {
        let look = |video: Option<u64>, audio: Option<u64>| {
            let told = words(of(Measured {
                video_idle: video.map(Duration::from_secs),
                audio_idle: audio.map(Duration::from_secs),
                ..Measured::default()
            }));
            told.join("").split(';').next().unwrap_or_default().to_owned()
        };
        assert_eq!(look(Some(0), Some(4)), "");
        assert_eq!(look(Some(0), Some(12)), "no audio for 12 s");
        assert_eq!(look(Some(7), Some(0)), "no picture for 7 s, while audio goes on");
        assert_eq!(look(Some(7), Some(7)), "");
        assert_eq!(look(Some(7), None), "");
        assert_eq!(look(Some(0), None), "");
    }

    #[test]
    fn audio_far_from_its_picture_is_told_with_its_side() {
        let look = |audio_ahead_ms| {
            words(of(Measured {
                audio_ahead_ms: Some(audio_ahead_ms),
                ..Measured::default()
            }))
            .join("")
        };
        assert_eq!(look(OFFSET_MAX_MS), "");
        assert_eq!(look(-OFFSET_MAX_MS), "");
        assert!(look(-2_140).starts_with("audio comes 2.1 s behind the picture; "));
        assert!(look(1_500).starts_with("audio comes 1.5 s ahead of the picture; "));
    }

    #[test]
    fn discarded_audio_says_which_codec_to_set() {
        let look = Look {
            discarded: Some(AudioCodec::Format(2)),
            ..Look::default()
        };
        assert_eq!(
            words(look),
            ["audio is MP3, which is not recorded; set the audio codec to AAC"]
        );
    }

    #[test]
    fn a_fall_of_frame_rate_or_bitrate_is_told_and_forgotten_in_time() {
        let mut judge = judge();
        let mut look = |frame_rate, kbit: f64| {
            let found = judge.look(&of(Measured {
                frame_rate: Some(frame_rate),
                video_bitrate: Some(kbit * 1000.0),
                ..Measured::default()
            }));
            found.into_iter().map(|finding| finding.words).collect::<Vec<_>>()
        };
        assert_eq!(look(30.0, 2_500.0), [""; 0]);
        assert_eq!(look(23.0, 700.0), [""; 0]);
        let told = look(18.0, 400.0);
        assert!(
            told[0].starts_with("frame rate fell to 18 from 30 pictures a second; "),
            "{told:?}"
        );
        assert!(
            told[1].starts_with("video bitrate fell to 400 kbit/s from 24"),
            "{told:?}"
        );
        let told_for = (0..3600).take_while(|_| !look(18.0, 400.0).is_empty()).count();
        assert!((60..1800).contains(&told_for), "{told_for} s");
    }

    #[test]
    fn a_stream_slower_than_time_is_told() {
        let look = |pace| {
            words(of(Measured {
                pace: Some(pace),
                ..Measured::default()
            }))
            .join("")
        };
        assert_eq!(look(0.95), "");
        assert_eq!(look(30.0), "");
        assert!(look(0.62).starts_with("only 0.6 s of stream arrives in a second; "));
    }

    #[test]
    fn a_stream_that_has_stopped_is_not_slow() {
        let look = |idle| {
            words(of(Measured {
                pace: Some(0.5),
                video_idle: Some(idle),
                ..Measured::default()
            }))
        };
        assert_eq!(look(STALL_MIN), [""; 0]);
        assert_eq!(look(Duration::from_secs(1)).len(), 1);
    }

    #[test]
    fn a_store_that_lags_and_a_gap_are_told() {
        let look = |seconds, segments_waiting, gap| {
            let store = Keeping {
                segments_waiting,
                oldest: Duration::from_secs(seconds),
                ..Keeping::default()
            };
            words(Look {
                store,
                gap,
                ..Look::default()
            })
        };
        assert_eq!(look(10, 5, false), [""; 0]);
        assert!(look(23, 5, false)[0].starts_with("5 segments wait, the first for 23 s, for the store; "));
        assert!(look(0, 0, true)[0].starts_with("media is lost"));
    }
}
