//! The clocks of real and broken encoders, in fast-forward.

use alluvium_media::{AccessUnit, Content, Demuxer, Fault, Item, Kind, Limits};

use crate::support::*;

const HOUR_MS: u64 = 3_600_000;

/// A stream of both tracks: 25 pictures a second, and audio at `rate`. `stamp` maps true time to the encoder's clock.
struct Encoder {
    rate: u64,
    pictures: u64,
    frames: u64,
}

impl Encoder {
    fn new(rate: u64) -> Self {
        Self {
            rate,
            pictures: 0,
            frames: 0,
        }
    }

    /// The next message: its kind and true time, ms rounded down.
    fn step(&mut self) -> (Kind, u64) {
        let picture_ms = self.pictures * 40;
        let frame_ms = self.frames * 1_024_000 / self.rate;
        if picture_ms <= frame_ms {
            self.pictures += 1;
            (Kind::Video, picture_ms)
        } else {
            self.frames += 1;
            (Kind::Audio, frame_ms)
        }
    }
}

/// What a run of an encoder gave: true time in ms and DTS in ticks, of each track, and what was said on the way.
#[derive(Default)]
struct Run {
    pictures: Vec<(u64, i64)>,
    frames: Vec<(u64, i64)>,
    discontinuities: usize,
    faults: Vec<Fault>,
}

impl Run {
    /// Feeds an encoder from `from_ms` until `until_ms` of true time, stamped by `stamp`.
    fn of(rate: u64, from_ms: u64, until_ms: u64, stamp: impl Fn(Kind, u64) -> u64) -> Self {
        let mut demuxer = Demuxer::new(Limits::default());
        let mut run = Self::default();
        let header = if rate == 44_100 { LC_44100 } else { LC_48000 };
        for tag in [video_header(SPS, PPS), audio_header(header)] {
            demuxer.receive(tag.kind, 0, &tag.payload, &mut |_| ());
        }
        let (idr, audio) = (picture(0, 0, &IDR).payload, frame(0).payload);
        let mut encoder = Encoder::new(rate);
        // Units held for a while come out in order: the true time of each is found in its track's list.
        let (mut true_pictures, mut true_frames) = (Vec::new(), Vec::new());
        loop {
            let (kind, ms) = encoder.step();
            if ms >= until_ms {
                break;
            }
            if ms < from_ms {
                continue;
            }
            let payload = match kind {
                Kind::Video => {
                    true_pictures.push(ms);
                    &idr
                }
                Kind::Audio => {
                    true_frames.push(ms);
                    &audio
                }
            };
            demuxer.receive(kind, stamp(kind, ms) as u32, payload, &mut |item| run.take(item));
        }
        demuxer.finish(&mut |item| run.take(item));
        assert_eq!(run.pictures.len(), true_pictures.len(), "every picture is kept");
        assert_eq!(run.frames.len(), true_frames.len(), "every frame is kept");
        run.pictures
            .iter_mut()
            .zip(true_pictures)
            .for_each(|(picture, ms)| picture.0 = ms);
        run.frames
            .iter_mut()
            .zip(true_frames)
            .for_each(|(frame, ms)| frame.0 = ms);
        run
    }

    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::Unit(AccessUnit {
                dts,
                content: Content::Video(_),
                ..
            }) => self.pictures.push((0, dts.as_ticks())),
            Item::Unit(AccessUnit {
                dts,
                content: Content::Audio { .. },
                ..
            }) => self.frames.push((0, dts.as_ticks())),
            Item::Discontinuity => self.discontinuities += 1,
            Item::Fault(fault) => self.faults.push(fault),
            Item::Tracks(_) => {}
        }
    }

    /// DTS strictly rises on both tracks.
    #[track_caller]
    fn assert_rises(&self) {
        for track in [&self.pictures, &self.frames] {
            assert!(track.windows(2).all(|pair| pair[0].1 < pair[1].1));
        }
    }

    /// The furthest that any unit of true time `from_ms..` is from where the first picture's clock puts it, ms.
    fn worst_ms(&self, from_ms: u64) -> f64 {
        let &(ms, ticks) = self.pictures.iter().find(|(ms, _)| *ms >= from_ms).unwrap();
        let error = |&(unit_ms, unit_ticks): &(u64, i64)| {
            ((unit_ticks - ticks) as f64 / 90.0 - (unit_ms as f64 - ms as f64)).abs()
        };
        let units = self
            .pictures
            .iter()
            .chain(&self.frames)
            .filter(|(unit_ms, _)| *unit_ms >= from_ms);
        units.map(error).fold(0.0, f64::max)
    }

    /// The largest gap or overlap between two audio frames, ticks.
    fn worst_seam(&self, rate: u64) -> i64 {
        let frame = (1_024 * 90_000 / rate) as i64;
        self.frames
            .windows(2)
            .map(|pair| (pair[1].1 - pair[0].1 - frame).abs())
            .max()
            .unwrap_or(0)
    }

    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.faults.iter().map(Fault::name).collect();
        names.dedup();
        names
    }
}

#[test]
fn a_day_of_44100_hz_stays_within_a_frame_without_gaps() {
    let run = Run::of(44_100, 0, 24 * HOUR_MS, |_, ms| ms);
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec![], 0));
    assert!(run.worst_ms(0) < 2.0, "{}", run.worst_ms(0));
    assert!(run.worst_seam(44_100) <= 3, "{} ticks", run.worst_seam(44_100));
}

#[test]
fn a_slow_drift_of_the_audio_clock_is_followed() {
    // The sound card counts 100 samples too many in a million: 360 ms in an hour.
    let run = Run::of(48_000, 0, HOUR_MS, |kind, ms| {
        if kind == Kind::Audio { ms + ms / 10_000 } else { ms }
    });
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec![], 0));
    let &(ms, ticks) = run.frames.last().unwrap();
    let error = ticks as f64 / 90.0 - 10_000.0 - (ms + ms / 10_000) as f64;
    assert!(error.abs() < 2.0, "{error}");
    assert!(run.worst_seam(48_000) <= 3);
}

#[test]
fn wraps_leave_no_seam() {
    // 26.5 h, where 33 bits of 90 kHz wrap; 49.7 days, where 32 bits of milliseconds do.
    for start in [95_443_717 - 60_000, (1u64 << 32) - 60_000] {
        let run = Run::of(44_100, 0, 120_000, |_, ms| start + ms);
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec![], 0));
        assert!(run.worst_ms(0) < 2.0);
        assert_eq!(run.pictures[0].1, (start as i64 + 10_000) * 90);
    }
}

#[test]
fn times_of_31_bits_leave_no_seam_where_they_wrap() {
    // FFmpeg and OBS clear the sign of FLV's timestamps: theirs wrap after 24.9 days, and where they pass zero.
    for before in [60_000, 1_880] {
        let run = Run::of(44_100, 0, 120_000, |_, ms| ((1 << 31) - before + ms) % (1 << 31));
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec![], 0));
        assert!(run.worst_ms(0) < 2.0);
    }
}

#[test]
fn a_stream_of_fifty_days_has_no_seam() {
    // A picture in 500 ms for 50 days.
    let mut demuxer = Demuxer::new(Limits::default());
    let header = video_header(SPS, PPS);
    demuxer.receive(Kind::Video, 0, &header.payload, &mut |_| ());
    let payload = picture(0, 0, &IDR).payload;
    let mut dts = Vec::new();
    for at in 0..50 * 24 * HOUR_MS / 500 {
        demuxer.receive(Kind::Video, (at * 500) as u32, &payload, &mut |item| match item {
            Item::Unit(unit) => dts.push(unit.dts.as_ticks()),
            Item::Tracks(_) => {}
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(dts.len() as u64, 50 * 24 * 7_200);
    assert!(dts.windows(2).all(|pair| pair[1] - pair[0] == 45_000));
}

#[test]
fn one_unit_stamped_hours_away_is_placed_between_its_neighbours() {
    for away in [
        5 * HOUR_MS,
        30_000,
        2_000,
        0u64.wrapping_sub(3 * HOUR_MS),
        0u64.wrapping_sub(15_000),
    ] {
        for kind in [Kind::Video, Kind::Audio] {
            // 20,000 ms is a picture; the audio frame nearest to it begins at 19,989 ms.
            let at = if kind == Kind::Video { 20_000 } else { 19_989 };
            let stamp = |unit: Kind, ms: u64| {
                let ms_stamped = 100_000 + ms;
                if unit == kind && ms == at {
                    ms_stamped.wrapping_add(away)
                } else {
                    ms_stamped
                }
            };
            let run = Run::of(48_000, 0, 40_000, stamp);
            run.assert_rises();
            assert_eq!(
                (run.names(), run.discontinuities),
                (vec!["outlier"], 0),
                "{kind} {away}"
            );
            assert_eq!(run.faults.len(), 1);
            assert!(run.worst_ms(0) < 25.0, "{}", run.worst_ms(0));
            assert!(run.worst_ms(20_100) < 2.0);
        }
    }
}

#[test]
fn small_steps_back_and_equal_stamps_are_restamped() {
    for back in [40, 60, 200] {
        let stamp = |kind, ms| {
            if kind == Kind::Video && ms % 10_000 == 8_000 {
                1_000 + ms - back
            } else {
                1_000 + ms
            }
        };
        let run = Run::of(48_000, 0, 60_000, stamp);
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec!["restamped"], 0));
        assert_eq!(run.faults.len(), 6);
        assert!(run.worst_ms(0) < 40.0);
    }
}

#[test]
fn a_lasting_step_back_of_200_ms_is_caught_up_with() {
    let run = Run::of(
        48_000,
        0,
        60_000,
        |_, ms| if ms < 30_000 { 1_000 + ms } else { 800 + ms },
    );
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec!["restamped"], 0));
    assert!(run.worst_ms(45_000) < 5.0, "{}", run.worst_ms(45_000));
}

#[test]
fn a_lasting_jump_starts_one_new_timeline_in_sync() {
    let jumps = [
        2 * HOUR_MS,
        15_000,
        0u64.wrapping_sub(15_000),
        0u64.wrapping_sub(2 * HOUR_MS),
        0u64.wrapping_sub(2_000),
    ];
    for jump in jumps {
        let start = 4 * HOUR_MS;
        let stamp = |_, ms: u64| {
            if ms < 30_000 {
                start + ms
            } else {
                (start + ms).wrapping_add(jump)
            }
        };
        let run = Run::of(44_100, 0, 60_000, stamp);
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec!["jump"], 1), "{jump}");
        assert!(run.worst_ms(30_040) < 20.0, "{jump}: {}", run.worst_ms(30_040));
        let last = run.pictures.last().unwrap().1 - run.pictures[0].1;
        assert!((last / 90 - 59_960).abs() < 100, "no hole is left: {last}");
    }
}

#[test]
fn an_encoder_that_begins_again_at_zero_starts_one_new_timeline() {
    let run = Run::of(
        44_100,
        0,
        60_000,
        |_, ms| if ms < 30_000 { 100_000 + ms } else { ms - 30_000 },
    );
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec!["jump"], 1));
    assert!(run.worst_ms(30_040) < 20.0);
}

#[test]
fn a_jump_of_one_track_ahead_of_the_other_is_one_jump() {
    // Audio runs 400 ms ahead of video in its queue when the clock begins again.
    let stamp = |kind, ms| {
        let until = if kind == Kind::Audio { 30_000 } else { 30_400 };
        if ms < until { 100_000 + ms } else { ms }
    };
    let run = Run::of(48_000, 0, 60_000, stamp);
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec!["jump"], 1));
    assert!(run.worst_ms(40_000) < 20.0, "{}", run.worst_ms(40_000));
}

#[test]
fn a_pause_is_no_outlier() {
    for pause_ms in [300, 900, 2_000, 9_000] {
        let run = Run::of(44_100, 0, 60_000, |_, ms| {
            if ms < 30_000 { 1_000 + ms } else { 1_000 + ms + pause_ms }
        });
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec![], 0), "{pause_ms}");
        assert!(run.worst_ms(31_000) < 20.0, "{pause_ms}: {}", run.worst_ms(31_000));
        let last = run.pictures.last().unwrap().1 - run.pictures[0].1;
        assert_eq!(last / 90, 59_960 + pause_ms as i64);
    }
}

#[test]
fn video_that_pauses_while_audio_goes_on_is_no_jump() {
    let mut tags = vec![video_header(SPS, PPS), audio_header(LC_48000)];
    for at in 0..4_000u64 {
        let ms = at * 1_024 / 48;
        tags.push(frame(ms as u32));
        if at % 2 == 0 && !(10_000..50_000).contains(&ms) {
            tags.push(picture(ms as u32, 0, &IDR));
        }
    }
    let seen = demux(&tags);
    assert_eq!((faults(&seen), discontinuities(&seen)), (vec![], 0));
    let expected: Vec<i64> = tags[2..]
        .iter()
        .filter(|tag| tag.kind == Kind::Video)
        .map(|tag| (i64::from(tag.timestamp_ms) + 10_000) * 90)
        .collect();
    assert_eq!(picture_dts(&seen), expected);
}

#[test]
fn a_variable_frame_rate_is_kept_exactly() {
    let mut ms = 0;
    let mut tags = vec![video_header(SPS, PPS)];
    for step in [
        16, 500, 33, 990, 8, 2_000, 2_500, 7_000, 40, 5_000, 5_000, 1, 1, 3_000, 9_000, 33, 33, 33,
    ] {
        tags.push(picture(ms, 0, &IDR));
        ms += step;
    }
    let seen = demux(&tags);
    assert_eq!((faults(&seen), discontinuities(&seen)), (vec![], 0));
    let expected: Vec<i64> = tags[1..]
        .iter()
        .map(|tag| (i64::from(tag.timestamp_ms) + 10_000) * 90)
        .collect();
    assert_eq!(picture_dts(&seen), expected);
}

#[test]
fn tracks_that_begin_hours_apart_share_one_timeline() {
    for (audio_start, video_start) in [(0, 5 * HOUR_MS), (5 * HOUR_MS, 0), ((1 << 32) - 20, 3 * HOUR_MS)] {
        let stamp = |kind, ms| ms + if kind == Kind::Audio { audio_start } else { video_start };
        let run = Run::of(44_100, 0, 60_000, stamp);
        run.assert_rises();
        assert_eq!((run.names(), run.discontinuities), (vec!["starts_apart"], 0));
        assert!(run.worst_ms(0) < 45.0, "{}", run.worst_ms(0));
    }
}

#[test]
fn tracks_that_begin_a_little_apart_keep_their_distance() {
    for (audio_start, video_start) in [
        (0, 0),
        (0, 1_500),
        (80, 0),
        ((1 << 32) - 6, 1 << 32),
        (900_000, 900_120),
    ] {
        let stamp = |kind, ms| ms + if kind == Kind::Audio { audio_start } else { video_start };
        let run = Run::of(44_100, 0, 30_000, stamp);
        assert_eq!((run.names(), run.discontinuities), (vec![], 0));
        let distance = (run.frames[0].1 - run.pictures[0].1) / 90;
        assert_eq!(distance, audio_start as i64 - video_start as i64);
    }
}

#[test]
fn a_first_audio_frame_at_zero_joins_the_video_when_its_clock_is_right() {
    let run = Run::of(44_100, 0, 30_000, |kind, ms| {
        if kind == Kind::Audio && ms == 0 {
            0
        } else {
            5 * HOUR_MS + ms
        }
    });
    run.assert_rises();
    assert_eq!((run.names(), run.discontinuities), (vec!["starts_apart", "jump"], 0));
    assert!(run.worst_ms(1_000) < 20.0);
}

#[test]
fn missing_audio_frames_leave_a_gap_and_sync_returns() {
    let mut tags = vec![video_header(SPS, PPS), audio_header(LC_48000)];
    tags.extend(
        (0..1_000u64)
            .filter(|at| !(500..507).contains(at))
            .map(|at| frame((at * 1_024 / 48) as u32)),
    );
    let seen = demux(&tags);
    assert_eq!(faults(&seen), []);
    let dts = frame_dts(&seen);
    for (tag, dts) in tags[2..].iter().zip(&dts).skip(510) {
        assert!((dts / 90 - 10_000 - i64::from(tag.timestamp_ms)).abs() <= 2);
    }
}

#[test]
fn jitter_of_the_audio_stamps_is_smoothed() {
    // Stamps in bursts: four frames carry the time of the first.
    let run = Run::of(48_000, 0, 600_000, |kind, ms| match kind {
        Kind::Audio => ms * 48 / 4_096 * 4_096 / 48,
        Kind::Video => ms,
    });
    run.assert_rises();
    assert_eq!(run.discontinuities, 0);
    assert!(run.worst_seam(48_000) <= 90, "{} ticks", run.worst_seam(48_000));
}

#[test]
fn audio_that_counts_more_samples_than_time_follows_its_stamps() {
    // 48 kHz declared, 44.1 kHz meant: every frame is stamped later than the clock expects, or the reverse.
    for (numerator, denominator) in [(480, 441), (441, 480)] {
        let stamp = |kind, ms| {
            if kind == Kind::Audio {
                ms * numerator / denominator
            } else {
                ms
            }
        };
        let run = Run::of(48_000, 0, 120_000, stamp);
        run.assert_rises();
        assert_eq!(run.discontinuities, 0);
        let &(ms, ticks) = run.frames.last().unwrap();
        let error = ticks as f64 / 90.0 - 10_000.0 - (ms * numerator / denominator) as f64;
        assert!(error.abs() < 300.0, "{error}");
    }
}
