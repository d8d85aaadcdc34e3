use super::*;
use alluvium_media::{AudioSpecificConfig, AudioTrack, NalUnits, VideoTrack};
use crc_fast::CrcAlgorithm;
use proptest::prelude::*;

/// One call of the segmenter; times in milliseconds.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A random access picture.
    Key(i64),
    Picture(i64),
    Audio(i64),
    Tracks(Option<u32>, Option<u32>),
    Discontinuity,
    Finish,
}
use Step::{Audio, Discontinuity, Finish, Key, Picture};

/// A closed segment in milliseconds: start, duration, and its three properties by initial.
type Facts = (i64, u64, &'static str);

/// What goes through a segmenter that sees these steps.
#[derive(Debug)]
struct Session {
    segmenter: Segmenter,
    /// The bytes of the open segment, then of the closed ones.
    open: Vec<u8>,
    closed: Vec<(Segment, Vec<u8>)>,
}

impl Session {
    fn new(frag_s: u64) -> Self {
        Self::with(SegmenterConfig {
            frag_duration: Duration::from_secs(frag_s),
            audio_only: false,
        })
    }

    fn with(config: SegmenterConfig) -> Self {
        let mut segmenter = Segmenter::new(config);
        segmenter.set_tracks(&tracks(Some(0), Some(48_000)));
        Self {
            segmenter,
            open: Vec::new(),
            closed: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        let picture = NalUnits::new(&[9, 0xF0, 0x65, 1, 2, 3], &[0..2, 2..6]);
        let unit = |ms, random_access, content| {
            let time = Timestamp::from_ms(ms);
            AccessUnit {
                pts: time,
                dts: time,
                random_access,
                content,
            }
        };
        let closed = match step {
            Key(ms) => self.segmenter.push(&unit(ms, true, Content::Video(picture))),
            Picture(ms) => self.segmenter.push(&unit(ms, false, Content::Video(picture))),
            Audio(ms) => self.segmenter.push(&unit(
                ms,
                true,
                Content::Audio {
                    frame: &[1, 2, 3],
                    samples: 1024,
                },
            )),
            Step::Tracks(generation, rate) => {
                self.segmenter.set_tracks(&tracks(generation, rate));
                None
            }
            Discontinuity => {
                self.segmenter.discontinuity();
                None
            }
            Finish => self.segmenter.finish(),
        };
        if let Some(Closed { tail, segment }) = closed {
            let mut bytes = mem::take(&mut self.open);
            bytes.extend_from_slice(&tail);
            self.closed.push((segment, bytes));
        }
    }

    fn take(&mut self) {
        self.open.extend_from_slice(&self.segmenter.take_batch());
    }

    fn facts(&self) -> Vec<Facts> {
        let facts = |segment: &Segment| {
            let properties = match (segment.random_access, segment.discontinuity, segment.forced) {
                (true, false, false) => "R",
                (true, true, false) => "RD",
                (true, false, true) => "RF",
                (true, true, true) => "RDF",
                (false, false, false) => "",
                (false, true, false) => "D",
                (false, false, true) => "F",
                (false, true, true) => "DF",
            };
            (segment.start.as_ms(), segment.duration / 90, properties)
        };
        self.closed.iter().map(|(segment, _)| facts(segment)).collect()
    }

    fn dropped(&self) -> (u64, u64) {
        let Dropped { video, audio } = self.segmenter.dropped();
        (video, audio)
    }
}

fn tracks(generation: Option<u32>, rate: Option<u32>) -> Tracks {
    let config = |rate| AudioSpecificConfig::parse(if rate == 48_000 { &[0x11, 0x90] } else { &[0x12, 0x10] }).unwrap();
    Tracks {
        video: generation.map(|generation| VideoTrack {
            width: 640,
            height: 360,
            frame_rate: None,
            profile_idc: 66,
            level_idc: 30,
            generation,
        }),
        audio: rate.map(|rate| AudioTrack::from(config(rate))),
    }
}

/// Runs the steps, finishes, and compares what was closed and how many pictures and frames were dropped.
#[track_caller]
fn check(mut session: Session, steps: impl IntoIterator<Item = Step>, expected: &[Facts], dropped: (u64, u64)) {
    for step in steps.into_iter().chain([Finish]) {
        session.step(step);
    }
    assert_eq!(session.facts(), expected);
    assert_eq!(session.dropped(), dropped);
    assert!(!session.segmenter.is_open());
    for (segment, bytes) in &session.closed {
        check_bytes(segment, bytes);
    }
}

/// A segment is whole packets that begin with PAT and PMT, and is as long as it says.
#[track_caller]
fn check_bytes(segment: &Segment, bytes: &[u8]) {
    assert_eq!((segment.length, segment.length % 188), (bytes.len() as u64, 0));
    assert_eq!(segment.crc64, crc_fast::checksum(CrcAlgorithm::Crc64Xz, bytes));
    assert_eq!(
        (&bytes[..3], &bytes[188..191]),
        (&[0x47, 0x40, 0][..], &[0x47, 0x50, 0][..])
    );
}

/// Pictures every 100 ms from `range`, a random access unit wherever `key` says so.
fn pictures(range: std::ops::Range<i64>, key: impl Fn(i64) -> bool) -> impl Iterator<Item = Step> {
    range
        .step_by(100)
        .map(move |ms| if key(ms) { Key(ms) } else { Picture(ms) })
}

/// The PMT's version in a segment's second packet.
fn pmt_version(bytes: &[u8]) -> u8 {
    bytes[188 + 10] >> 1 & 0x1F
}

#[test]
fn cuts_at_random_access_after_target() {
    for (gop_ms, frag_s, first, second) in [
        (2_000, 2, 2_000, 2_000),
        (2_000, 5, 6_000, 6_000),
        (8_300, 5, 8_300, 3_700),
    ] {
        let steps = pictures(0..12_000, |ms| ms % gop_ms == 0);
        let mut session = Session::new(frag_s);
        steps.for_each(|step| session.step(step));
        session.step(Finish);
        assert_eq!(session.facts()[..2], [(0, first, "R"), (first as i64, second, "R")]);
    }
}

#[test]
fn a_keyframe_that_comes_a_little_early_is_the_one_that_was_awaited() {
    // Every two seconds, stamped when they arrived.
    let arrived = [0, 1_930, 4_020, 5_900, 8_010, 9_990];
    let expected = [
        (0, 1_930, "R"),
        (1_930, 2_090, "R"),
        (4_020, 1_880, "R"),
        (5_900, 2_110, "R"),
        (8_010, 1_980, "R"),
        (9_990, 33, "R"),
    ];
    check(Session::new(2), arrived.map(Key), &expected, (0, 0));
    // The next one is nearer.
    let often = [0, 1_600, 1_800, 2_000];
    check(
        Session::new(2),
        often.map(Key),
        &[(0, 2_000, "R"), (2_000, 33, "R")],
        (0, 0),
    );
    // The next one is further away, but this one is not a little early any more.
    check(
        Session::new(2),
        [0, 1_740, 3_480].map(Key),
        &[(0, 3_480, "R"), (3_480, 33, "R")],
        (0, 0),
    );
}

#[test]
fn a_regular_gop_makes_segments_of_a_regular_length() {
    let lasts = |frag_s, gop_ms| {
        let gop = Duration::from_millis(gop_ms);
        regular_duration(Duration::from_secs(frag_s), gop).as_millis()
    };
    assert_eq!(
        [lasts(2, 2_000), lasts(2, 1_999), lasts(2, 1_000), lasts(2, 500)],
        [2_000, 1_999, 2_000, 2_000]
    );
    assert_eq!(
        [lasts(2, 1_920), lasts(2, 1_740), lasts(2, 1_500), lasts(2, 8_333)],
        [1_920, 3_480, 3_000, 8_333]
    );
    assert_eq!([lasts(5, 40), lasts(1, 900), lasts(2, 0)], [5_000, 900, 2_000]);
}

#[test]
fn a_keyframe_that_seems_a_millisecond_early_is_in_time() {
    check(
        Session::new(2),
        [Key(17), Picture(1_000), Key(2_016)],
        &[(17, 1_999, "R"), (2_016, 33, "R")],
        (0, 0),
    );
}

#[test]
fn without_random_access_a_cut_is_forced() {
    for (frag_s, forced_ms) in [(1, 60_000), (30, 60_000), (31, 62_000), (100, 120_000)] {
        let end = forced_ms + 500;
        let steps = pictures(0..end, |ms| ms == 0);
        check(
            Session::new(frag_s),
            steps,
            &[(0, forced_ms as u64, "RF"), (forced_ms, 500, "")],
            (0, 0),
        );
    }
}

#[test]
fn no_segment_is_longer_than_its_bound_whatever_is_configured() {
    let steps = pictures(0..120_100, |ms| ms % 119_000 == 0);
    check(
        Session::new(1_000),
        steps,
        &[(0, 120_000, "RF"), (120_000, 33, "")],
        (0, 0),
    );
    let steps = (0..=121).map(|s| Audio(s * 1_000));
    let expected = [(0, 120_000, "RF"), (120_000, 1_021, "")];
    check(Session::new(2), [Key(0)].into_iter().chain(steps), &expected, (0, 0));
}

#[test]
fn a_segment_of_its_greatest_length_ends_before_the_next_unit() {
    let mut session = Session::new(100);
    let payload = vec![0x41; 8 << 20];
    let (mut ms, mut forced) = (0, None);
    while forced.is_none() && ms < 100 {
        let time = Timestamp::from_ms(ms);
        let content = Content::Video(NalUnits::new(&payload, &[0..2, 2..8 << 20]));
        assert!(session.segmenter.open_length() < OPEN_BYTES_MAX + (9 << 20));
        let before = session.segmenter.open_length();
        forced = session.segmenter.push(&AccessUnit {
            pts: time,
            dts: time,
            random_access: ms == 0,
            content,
        });
        assert_eq!(forced.is_some(), before >= OPEN_BYTES_MAX);
        session.segmenter.take_batch();
        ms += 1;
    }
    let segment = forced.unwrap().segment;
    assert!(segment.forced && segment.length >= OPEN_BYTES_MAX);
}

#[test]
fn waits_for_the_first_random_access_unit() {
    let steps = [Audio(0), Picture(10), Audio(21), Key(40), Audio(42), Picture(80)];
    check(Session::new(2), steps, &[(40, 80, "R")], (1, 2));
}

#[test]
fn nothing_decodable_is_no_segment() {
    check(Session::new(2), pictures(0..200_000, |_| false), &[], (2_000, 0));
    check(Session::new(2), [], &[], (0, 0));
}

#[test]
fn a_change_of_tracks_cuts_at_the_next_random_access_unit_with_a_discontinuity() {
    let steps = [
        Key(0),
        Picture(400),
        Step::Tracks(Some(1), Some(48_000)),
        Picture(800),
        Audio(810),
        Key(1_200),
        Picture(1_600),
        Key(2_000),
    ];
    check(Session::new(5), steps, &[(0, 1_200, "R"), (1_200, 1_200, "RD")], (0, 0));
}

#[test]
fn a_late_track_comes_in_with_the_next_segment_and_a_new_pmt() {
    let mut session = Session::new(1);
    let steps = [
        Step::Tracks(Some(0), None),
        Key(0),
        Step::Tracks(Some(0), Some(48_000)),
        Audio(100),
        Picture(500),
        Key(900),
        Audio(910),
        Key(2_000),
        Finish,
    ];
    steps.into_iter().for_each(|step| session.step(step));
    assert_eq!(session.facts(), [(0, 900, "R"), (900, 1_100, "RD"), (2_000, 33, "R")]);
    assert_eq!(session.dropped(), (0, 1));
    assert_eq!(
        session
            .closed
            .iter()
            .map(|(_, bytes)| pmt_version(bytes))
            .collect::<Vec<_>>(),
        [0, 1, 1]
    );
}

#[test]
fn audio_of_a_new_configuration_waits_for_the_cut() {
    let steps = [
        Key(0),
        Audio(0),
        Step::Tracks(Some(0), Some(44_100)),
        Audio(21),
        Picture(500),
        Key(1_000),
        Audio(1_000),
    ];
    check(Session::new(5), steps, &[(0, 1_000, "R"), (1_000, 33, "RD")], (0, 1));
}

#[test]
fn a_change_that_is_taken_back_changes_nothing() {
    let steps = [
        Key(0),
        Step::Tracks(Some(1), None),
        Step::Tracks(Some(0), Some(48_000)),
        Key(1_000),
        Key(2_000),
    ];
    check(Session::new(2), steps, &[(0, 2_000, "R"), (2_000, 33, "R")], (0, 0));
}

#[test]
fn a_change_of_tracks_comes_with_a_forced_cut_too() {
    let steps = pictures(100..60_100, |_| false);
    let steps = [Key(0), Step::Tracks(Some(1), None)].into_iter().chain(steps);
    check(Session::new(2), steps, &[(0, 60_000, "RF"), (60_000, 33, "D")], (0, 0));
}

#[test]
fn a_new_timeline_ends_the_segment_and_begins_at_random_access() {
    let steps = [
        Key(0),
        Picture(40),
        Audio(60),
        Discontinuity,
        Picture(900_000),
        Audio(900_020),
        Key(900_040),
        Picture(900_080),
    ];
    check(Session::new(2), steps, &[(0, 81, "R"), (900_040, 80, "RD")], (1, 1));
}

#[test]
fn a_segment_whose_timeline_is_over_is_closed_by_whatever_comes() {
    let mut session = Session::new(2);
    [Key(0), Discontinuity, Audio(-5_000)]
        .into_iter()
        .for_each(|step| session.step(step));
    assert_eq!(session.facts(), [(0, 33, "R")]);
    assert!(!session.segmenter.is_open());
}

#[test]
fn tells_how_long_after_its_beginning_the_last_unit_comes() {
    let mut session = Session::new(2);
    let ages = [
        Picture(0),
        Key(1_000),
        Picture(1_040),
        Audio(1_020),
        Audio(1_060),
        Key(3_040),
        Finish,
    ]
    .map(|step| {
        session.step(step);
        session.segmenter.open_age().map(|age| age.as_millis())
    });
    assert_eq!(ages, [None, Some(0), Some(40), Some(40), Some(60), Some(0), None]);
}

#[test]
fn a_new_timeline_without_random_access_is_resumed_after_the_forced_limit() {
    let steps = pictures(0..60_200, |_| false);
    let steps = [Key(0), Discontinuity].into_iter().chain(steps);
    check(Session::new(2), steps, &[(0, 33, "R"), (60_000, 200, "D")], (600, 0));
}

#[test]
fn a_discontinuity_before_the_first_segment_is_none() {
    check(
        Session::new(2),
        [Picture(0), Discontinuity, Key(5_000)],
        &[(5_000, 33, "R")],
        (1, 0),
    );
}

#[test]
fn audio_alone_is_cut_by_time_where_it_is_wanted() {
    let steps = || {
        [Step::Tracks(None, Some(48_000))]
            .into_iter()
            .chain((0..5).map(|n| Audio(n * 512)))
    };
    let config = SegmenterConfig {
        frag_duration: Duration::from_secs(1),
        audio_only: true,
    };
    check(
        Session::with(config),
        steps(),
        &[(0, 1_024, "R"), (1_024, 1_024, "R"), (2_048, 21, "R")],
        (0, 0),
    );
    check(
        Session::with(SegmenterConfig {
            audio_only: false,
            ..config
        }),
        steps(),
        &[],
        (0, 5),
    );
}

#[test]
fn video_that_joins_audio_takes_the_lead() {
    let config = SegmenterConfig {
        frag_duration: Duration::from_secs(1),
        audio_only: true,
    };
    let steps = [
        Step::Tracks(None, Some(48_000)),
        Audio(0),
        Step::Tracks(Some(0), Some(48_000)),
        Audio(1_100),
        Picture(1_150),
        Key(1_200),
        Audio(1_210),
    ];
    check(
        Session::with(config),
        steps,
        &[(0, 1_200, "R"), (1_200, 33, "RD")],
        (1, 0),
    );
}

#[test]
fn the_last_picture_lasts_as_long_as_the_one_before_it() {
    check(
        Session::new(2),
        [Key(0), Picture(40), Picture(80)],
        &[(0, 120, "R")],
        (0, 0),
    );
    // A pause says nothing of the picture after it.
    check(Session::new(2), [Key(0), Picture(30_000)], &[(0, 31_000, "R")], (0, 0));
}

#[test]
fn finishing_again_finds_nothing_and_a_later_unit_begins_a_discontinuity() {
    check(
        Session::new(2),
        [Key(0), Finish, Finish, Picture(40), Key(80)],
        &[(0, 33, "R"), (80, 33, "RD")],
        (1, 0),
    );
}

#[test]
fn gathered_audio_is_in_the_batch_after_a_flush() {
    let mut session = Session::new(2);
    [Key(0), Audio(0), Audio(21)]
        .into_iter()
        .for_each(|step| session.step(step));
    session.take();
    assert_eq!(session.segmenter.batch_length(), 0);
    session.segmenter.flush();
    assert_eq!(session.segmenter.batch_length(), 188);
    assert_eq!(session.segmenter.open_length(), session.open.len() as u64 + 188);
}

#[test]
fn memory_of_batches_is_used_again() {
    let mut session = Session::new(100);
    session.step(Key(0));
    let first = session.segmenter.take_batch().as_ptr();
    let reused = (1..2_000).any(|n| {
        session.step(Picture(n * 40));
        session.segmenter.take_batch().as_ptr() == first
    });
    assert!(reused);
}

fn any_step() -> impl Strategy<Value = (u8, i64, bool)> {
    (0..8_u8, 0..3_000_i64, any::<bool>())
}

proptest! {
    /// Whatever comes, however it is taken: durations without discontinuity join up, bytes add up, nothing panics.
    #[test]
    fn segments_join_and_add_up(steps in proptest::collection::vec(any_step(), 1..300), frag_s in 0..4_u64) {
        let (mut taken_often, mut taken_never) = (Session::new(frag_s), Session::new(frag_s));
        let mut ms = 0;
        for (kind, pause, take) in steps {
            ms += 1 + if pause > 2_900 { pause * 20 } else { pause / 30 };
            let step = match kind {
                0 => Key(ms),
                1..=3 => Picture(ms),
                4..=6 => Audio(ms),
                _ => match pause % 20 {
                    0 => Discontinuity,
                    1 => Step::Tracks(Some(0), None),
                    2 => Step::Tracks(Some(1), Some(44_100)),
                    3 => Step::Tracks(Some(0), Some(48_000)),
                    _ => continue,
                },
            };
            taken_often.step(step);
            taken_never.step(step);
            if take {
                taken_often.take();
            }
        }
        taken_often.step(Finish);
        taken_never.step(Finish);
        prop_assert_eq!(&taken_often.closed, &taken_never.closed);
        for (segment, bytes) in &taken_often.closed {
            check_bytes(segment, bytes);
        }
        for pair in taken_often.closed.windows(2) {
            let (before, after) = (&pair[0].0, &pair[1].0);
            let joins = before.start.plus(before.duration as i64) == after.start;
            prop_assert!(joins || after.discontinuity, "{:?} {:?}", before, after);
        }
    }
}
