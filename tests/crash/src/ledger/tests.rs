//! Histories with one thing wrong, each of which has to be found; and histories with nothing wrong.

use std::ops::Range;
use std::time::Duration;

use super::*;
use crate::playlist::{Date, Entry};
use crate::violation::{Counts, Place as At};

const PUBLISHER: u32 = 5;
const PICTURE_MS: u64 = 40;

/// A channel with one publisher, whose picture `n` and audio frame `n` are accepted 40 ms times `n` after its connection.
struct Story {
    ledger: Ledger,
    /// The server's newest.
    start: u32,
    /// The newest connection.
    connection: u32,
    now_ms: u64,
}

/// Units of a segment: connection, numbers of pictures and of audio frames.
type Units = (u32, Range<u32>, Range<u32>);

impl Story {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(PUBLISHER),
            start: 1,
            connection: 0,
            now_ms: 0,
        }
    }

    fn time(&self) -> Time {
        Time(Duration::from_millis(self.now_ms))
    }

    /// A connection that sends as many pictures and audio frames.
    fn publish(mut self, units: u32) -> Self {
        self.connection = self.ledger.open(self.start).unwrap().unwrap();
        for _ in 0..units {
            self.ledger.accept(self.connection, Track::Video, self.time());
            self.ledger.accept(self.connection, Track::Audio, self.time());
            self.now_ms += PICTURE_MS;
        }
        self
    }

    /// The last unit was accepted 40 ms before.
    fn kill(mut self, kill: u32) -> Self {
        let at = self.time();
        self.ledger
            .server_ended(self.start, End::Killed { kill, at }, Duration::ZERO);
        self.start += 1;
        self
    }

    fn leave(mut self) -> Self {
        let at = self.time();
        self.ledger.end(self.connection, End::Left { at });
        self
    }

    #[track_caller]
    fn list(mut self, listing: &Listing) -> Self {
        assert_eq!(self.ledger.list(listing), Ok(()));
        self
    }

    #[track_caller]
    fn read(mut self, sequence: u64, units: Units) -> Self {
        assert_eq!(self.ledger.read(sequence, &found(units)), Ok(()));
        self
    }

    /// Two connections of 100 units, killed between; each has left two segments of 50, of which all are listed.
    fn of_two_connections() -> Self {
        let listing = listing(0, 0, &[plain(0), plain(1), gap(2), plain(3)]);
        Self::new().publish(100).kill(1).publish(100).leave().list(&listing)
    }
}

fn found((connection, pictures, frames): Units) -> Vec<Found> {
    let unit = |track, number| UnitId {
        publisher: PUBLISHER,
        connection,
        track,
        number,
    };
    let dts = |number| Some(900_000 + 3_600 * u64::from(number));
    let pictures = pictures.map(|number| Found {
        id: unit(Track::Video, number),
        dts: dts(number),
    });
    // Two frames in a packet.
    let frames = frames.map(|number| Found {
        id: unit(Track::Audio, number),
        dts: dts(number).filter(|_| number % 2 == 0),
    });
    pictures.chain(frames).collect()
}

fn unit(connection: u32, track: Track, number: u32) -> UnitId {
    UnitId {
        publisher: PUBLISHER,
        connection,
        track,
        number,
    }
}

fn at(sequence: u64) -> At {
    At {
        sequence,
        uri: format!("{sequence}.ts"),
    }
}

fn listing(media_sequence: u64, discontinuity_sequence: u64, entries: &[Entry]) -> Listing {
    Listing {
        media_sequence,
        discontinuity_sequence,
        entries: entries.to_vec(),
    }
}

fn plain(sequence: u64) -> Entry {
    lasting(sequence, 50)
}

fn lasting(sequence: u64, pictures: u64) -> Entry {
    Entry {
        uri: format!("{sequence}.ts"),
        duration_ms: pictures * PICTURE_MS,
        discontinuity: false,
        date: None,
    }
}

fn dated(sequence: u64, date: i64) -> Entry {
    Entry {
        date: Some(Date(date)),
        ..plain(sequence)
    }
}

/// With a discontinuity before it.
fn gap(sequence: u64) -> Entry {
    Entry {
        discontinuity: true,
        ..dated(sequence, 10_000 * sequence as i64)
    }
}

/// Segments one after the other: what the last one leads to.
#[track_caller]
fn check_units(mut story: Story, segments: &[(u64, Units)], expected: Violation) {
    let (last, before) = segments.split_last().unwrap();
    for (sequence, units) in before {
        story = story.read(*sequence, units.clone());
    }
    let found = found(last.1.clone());
    assert_eq!(story.ledger.read(last.0, &found), Err(expected));
}

/// A playlist behind `[0, 1, 2 (gap), 3]`.
#[track_caller]
fn check_listing(listing: &Listing, expected: Result<(), Violation>) {
    let mut story = Story::of_two_connections();
    assert_eq!(story.ledger.list(listing), expected);
}

#[test]
fn a_history_in_order_is_accepted() {
    let story = Story::of_two_connections()
        .read(0, (0, 0..50, 0..48))
        .read(1, (0, 50..97, 48..98))
        .read(2, (1, 0..50, 0..50))
        .list(&listing(1, 0, &[dated(1, 12_000), gap(2), plain(3)]))
        .list(&listing(2, 0, &[gap(2), plain(3)]))
        .list(&listing(3, 1, &[dated(3, 40_000)]));
    assert!(!story.ledger.is_complete());
    let mut story = story.read(3, (1, 50..100, 50..100));
    assert!(story.ledger.is_complete());
    assert_eq!(story.ledger.finish(), Ok(()));
    let expected = Loss {
        connection: 0,
        kill: 1,
        time: Duration::from_millis(3 * PICTURE_MS),
        stalled: Duration::ZERO,
        units: 5,
    };
    assert_eq!(story.ledger.losses(), [expected]);
    assert_eq!((story.ledger.units_sent(), story.ledger.units_listed()), (400, 395));
}

#[test]
fn a_kill_may_lose_what_came_last_and_no_more() {
    // 250 ms are 6.25 pictures.
    let story = |found: u32| {
        Story::of_two_connections()
            .read(0, (0, 0..50, 0..50))
            .read(1, (0, 50..found, 50..100))
    };
    assert_eq!(story(94).read(2, (1, 0..50, 0..50)).ledger.losses()[0].units, 6);
    let mut ledger = story(93).ledger;
    let expected = Violation::LostByKill {
        missing: unit(0, Track::Video, 93),
        kill: 1,
        accepted: Time(Duration::from_millis(93 * PICTURE_MS)),
        killed: Time(Duration::from_millis(100 * PICTURE_MS)),
        stalled: Duration::ZERO,
        found: Counts {
            pictures: [93, 100],
            frames: [100, 100],
        },
    };
    assert_eq!(ledger.read(2, &found((1, 0..1, 0..1))), Err(expected));
}

#[test]
fn a_connection_that_left_nothing_is_judged_like_any_other() {
    let listing = listing(0, 0, &[plain(0), gap(1)]);
    let story = |units| {
        let story = Story::new()
            .publish(50)
            .kill(1)
            .publish(units)
            .kill(2)
            .publish(50)
            .leave();
        story.list(&listing).read(0, (0, 0..50, 0..50))
    };
    let losses = story(6).read(1, (2, 0..50, 0..50)).ledger.losses().to_vec();
    assert_eq!(
        losses.iter().map(|loss| (loss.kill, loss.units)).collect::<Vec<_>>(),
        [(1, 0), (2, 12)]
    );
    let judged = story(7).ledger.read(1, &found((2, 0..50, 0..50)));
    assert!(
        matches!(judged, Err(Violation::LostByKill { kill: 2, .. })),
        "{judged:?}"
    );
}

#[test]
fn a_first_connection_that_left_nothing_leaves_no_gap() {
    let story = Story::new().publish(6).kill(1).publish(50).leave();
    let story = story.list(&listing(0, 0, &[plain(0)])).read(0, (1, 0..50, 0..50));
    assert_eq!(story.ledger.losses()[0].units, 12);
}

#[test]
fn a_unit_accepted_after_the_kill_may_be_lost_or_kept() {
    for kept in [50, 51] {
        let mut story = Story::new().publish(50);
        let at = story.time();
        story
            .ledger
            .accept(0, Track::Video, Time(at.0 + Duration::from_millis(1)));
        story
            .ledger
            .server_ended(1, End::Killed { kill: 1, at }, Duration::ZERO);
        let mut story = story.list(&listing(0, 0, &[plain(0)])).read(0, (0, 0..kept, 0..50));
        assert_eq!(story.ledger.finish(), Ok(()));
        assert_eq!(
            (story.ledger.losses()[0].units, story.ledger.losses()[0].time),
            (0, Duration::ZERO)
        );
    }
}

#[test]
fn a_clean_end_loses_nothing() {
    let mut story = Story::new()
        .publish(100)
        .leave()
        .list(&listing(0, 0, &[lasting(0, 100)]))
        .read(0, (0, 0..100, 0..99));
    assert!(!story.ledger.is_complete());
    let expected = Violation::LostByEnd {
        missing: unit(0, Track::Audio, 99),
        accepted: Time(Duration::from_millis(99 * PICTURE_MS)),
        end: End::Left { at: story.time() },
        found: Counts {
            pictures: [100, 100],
            frames: [99, 100],
        },
    };
    assert_eq!(story.ledger.finish(), Err(expected));
}

#[test]
fn a_unit_lost_in_the_middle_is_found() {
    let expected = |missing, number| Violation::LostInside {
        at: at(0),
        unit: unit(0, Track::Video, number),
        missing: unit(0, Track::Video, missing),
    };
    check_units(Story::of_two_connections(), &[(0, (0, 1..50, 0..50))], expected(0, 1));
    let mut units = found((0, 0..50, 0..50));
    units.remove(20);
    let judged = Story::of_two_connections().ledger.read(0, &units);
    assert_eq!(judged, Err(expected(20, 21)));
    let between = Violation::LostInside {
        at: at(1),
        unit: unit(0, Track::Audio, 51),
        missing: unit(0, Track::Audio, 50),
    };
    let segments = [(0, (0, 0..50, 0..50)), (1, (0, 50..100, 51..100))];
    check_units(Story::of_two_connections(), &segments, between);
}

#[test]
fn a_duplicate_is_found() {
    let expected = |sequence, track, number| Violation::Twice {
        at: at(sequence),
        unit: unit(0, track, number),
    };
    let segments = [(0, (0, 0..50, 0..50)), (1, (0, 49..100, 50..100))];
    check_units(Story::of_two_connections(), &segments, expected(1, Track::Video, 49));
    // A whole segment that is listed again, at once or behind the next connection's.
    let segments = [(0, (0, 0..50, 0..50)), (1, (0, 0..50, 0..50))];
    check_units(Story::of_two_connections(), &segments, expected(1, Track::Video, 0));
    let segments = [
        (0, (0, 0..50, 0..50)),
        (1, (0, 50..100, 50..100)),
        (2, (1, 0..50, 0..50)),
        (3, (0, 50..100, 50..100)),
    ];
    check_units(Story::of_two_connections(), &segments, expected(3, Track::Video, 50));
}

#[test]
fn units_out_of_order_are_found() {
    let mut units = found((0, 0..50, 0..0));
    units.swap(10, 11);
    let judged = Story::of_two_connections().ledger.read(0, &units);
    assert!(matches!(judged, Err(Violation::LostInside { .. })), "{judged:?}");
    // What was recovered comes behind what was published after it.
    let story = Story::new().publish(50).kill(1).publish(50).leave();
    let story = story.list(&listing(0, 0, &[lasting(0, 30), lasting(1, 15), gap(2), gap(3)]));
    let segments = [
        (0, (0, 0..30, 0..30)),
        (1, (0, 30..45, 30..45)),
        (2, (1, 0..50, 0..50)),
        (3, (0, 45..50, 45..50)),
    ];
    let expected = Violation::OutOfOrder {
        at: at(3),
        unit: unit(0, Track::Video, 45),
    };
    check_units(story, &segments, expected);
}

#[test]
fn two_connections_in_one_segment_are_found() {
    let mut story = Story::of_two_connections();
    let units = [found((0, 0..100, 0..100)), found((1, 0..1, 0..0))].concat();
    let expected = Violation::Mixed {
        at: at(0),
        unit: unit(1, Track::Video, 0),
    };
    assert_eq!(story.ledger.read(0, &units), Err(expected));
}

#[test]
fn a_unit_that_nobody_sent_here_is_found() {
    let mut story = Story::of_two_connections();
    let stranger = UnitId {
        publisher: 6,
        ..unit(0, Track::Video, 0)
    };
    for unit in [stranger, unit(2, Track::Video, 0)] {
        let judged = story.ledger.read(0, &[Found { id: unit, dts: None }]);
        assert_eq!(judged, Err(Violation::NeverSent { at: at(0), unit }));
    }
}

#[test]
fn a_unit_whose_last_byte_the_kernel_never_took_is_found() {
    let story = Story::new().publish(50).kill(1).list(&listing(0, 0, &[plain(0)]));
    let mut story = story.read(0, (0, 0..51, 0..50));
    let unit = unit(0, Track::Video, 50);
    assert_eq!(story.ledger.finish(), Err(Violation::NeverAccepted { unit }));
}

#[test]
fn a_segment_without_units_is_found() {
    assert_eq!(
        Story::of_two_connections().ledger.read(0, &[]),
        Err(Violation::Empty { at: at(0) })
    );
}

#[test]
fn a_dts_that_does_not_rise_within_a_timeline_is_found() {
    for dts in [900_000, 1, 903_600] {
        let mut units = found((0, 0..3, 0..0));
        units[2].dts = Some(dts);
        let expected = Violation::DtsBack {
            at: at(0),
            unit: unit(0, Track::Video, 2),
            dts,
            last: 903_600,
        };
        assert_eq!(Story::of_two_connections().ledger.read(0, &units), Err(expected));
    }
}

#[test]
fn a_missing_discontinuity_is_found() {
    let story = Story::new().publish(50).kill(1).publish(50).leave();
    let story = story.list(&listing(0, 0, &[plain(0), plain(1)]));
    let expected = Violation::DiscontinuityMissing {
        at: at(1),
        connection: 1,
        behind: 0,
    };
    check_units(story, &[(0, (0, 0..50, 0..50)), (1, (1, 0..50, 0..50))], expected);
}

#[test]
fn a_second_discontinuity_is_found() {
    let story = Story::new().publish(100).kill(1).publish(100).leave();
    let story = story.list(&listing(0, 0, &[lasting(0, 100), gap(1), gap(2)]));
    let expected = |sequence, connection| Violation::DiscontinuityExtra {
        at: at(sequence),
        connection,
    };
    let segments = [
        (0, (0, 0..100, 0..100)),
        (1, (1, 0..50, 0..50)),
        (2, (1, 50..100, 50..100)),
    ];
    check_units(story, &segments, expected(2, 1));
    let story = Story::new().publish(100).leave().list(&listing(0, 0, &[gap(0)]));
    check_units(story, &[(0, (0, 0..50, 0..50))], expected(0, 0));
}

#[test]
fn a_sequence_that_goes_back_is_found() {
    let mut story = Story::of_two_connections().list(&listing(2, 0, &[gap(2), plain(3)]));
    let judged = story.ledger.list(&listing(1, 0, &[plain(1), gap(2), plain(3)]));
    assert_eq!(judged, Err(Violation::MediaSequenceBack { from: 2, to: 1 }));
    let mut story = Story::of_two_connections().list(&listing(3, 1, &[plain(3)]));
    let judged = story.ledger.list(&listing(3, 0, &[plain(3)]));
    assert_eq!(judged, Err(Violation::DiscontinuitySequenceBack { from: 1, to: 0 }));
}

#[test]
fn a_discontinuity_that_left_the_window_uncounted_is_found() {
    let expected = Violation::EntryChanged {
        sequence: 3,
        what: "discontinuity sequence",
        was: "1".to_owned(),
        is: "0".to_owned(),
    };
    check_listing(&listing(3, 0, &[plain(3)]), Err(expected));
}

#[test]
fn a_hole_in_the_sequence_is_found() {
    let expected = Err(Violation::Hole { expected: 4, found: 5 });
    check_listing(&listing(5, 1, &[plain(5)]), expected.clone());
    check_listing(&listing(5, 1, &[]), expected);
    check_listing(&listing(4, 1, &[plain(4)]), Ok(()));
}

#[test]
fn a_name_that_comes_again_is_found() {
    let again = Entry {
        uri: "1.ts".to_owned(),
        ..plain(4)
    };
    let expected = Violation::Repeated {
        at: At {
            sequence: 4,
            uri: "1.ts".to_owned(),
        },
        before: 1,
    };
    check_listing(&listing(3, 1, &[plain(3), again]), Err(expected));
}

#[test]
fn a_segment_that_is_gone_from_the_end_is_found() {
    let vanished = |sequence| Err(Violation::Vanished { at: at(sequence) });
    check_listing(&listing(0, 0, &[plain(0), plain(1), gap(2)]), vanished(3));
    check_listing(&listing(1, 0, &[]), vanished(1));
}

#[test]
fn an_entry_that_changes_is_found() {
    let changed = |what, was: &str, is: &str| {
        Err(Violation::EntryChanged {
            sequence: 2,
            what,
            was: was.to_owned(),
            is: is.to_owned(),
        })
    };
    let table = [
        (
            Entry {
                uri: "x.ts".to_owned(),
                ..gap(2)
            },
            changed("name", "2.ts", "x.ts"),
        ),
        (
            Entry {
                duration_ms: 1_999,
                ..gap(2)
            },
            changed("duration in ms", "2000", "1999"),
        ),
        (
            Entry {
                discontinuity: false,
                ..gap(2)
            },
            changed("discontinuity", "true", "false"),
        ),
        (
            Entry {
                date: Some(Date(20_001)),
                ..gap(2)
            },
            changed("date", "20.000", "20.001"),
        ),
        (gap(2), Ok(())),
        (Entry { date: None, ..gap(2) }, Ok(())),
    ];
    for (entry, expected) in table {
        check_listing(&listing(2, 0, &[entry, plain(3)]), expected);
    }
}

#[test]
fn a_date_that_goes_back_is_found() {
    let back = |sequence, date, before, before_date| {
        Err(Violation::DateBack {
            sequence,
            date: Date(date),
            before,
            before_date: Date(before_date),
        })
    };
    let after = |date| listing(3, 1, &[plain(3), dated(4, date)]);
    check_listing(&after(20_000), Ok(()));
    check_listing(&after(19_999), back(4, 19_999, 2, 20_000));
    // Also of a segment that was listed without one before.
    check_listing(
        &listing(1, 0, &[dated(1, 20_001), gap(2), plain(3)]),
        back(2, 20_000, 1, 20_001),
    );
}

#[test]
fn a_duration_that_the_units_do_not_have_is_found() {
    let segments = [(0, (0, 0..50, 0..50)), (1, (0, 50..60, 50..60))];
    let expected = Violation::Duration {
        at: at(1),
        listed_ms: 2_000,
        spanned_ms: 360,
    };
    check_units(Story::of_two_connections(), &segments, expected);
}

#[test]
fn a_second_publisher_is_found() {
    let mut story = Story::new().publish(10);
    let expected = Violation::SecondPublisher {
        connection: 1,
        beside: 0,
    };
    assert_eq!(story.ledger.open(1), Err(expected));
    // Behind the server's end another one may come, also before the first has noticed.
    let at = story.time();
    story
        .ledger
        .server_ended(1, End::Killed { kill: 1, at }, Duration::ZERO);
    assert_eq!(story.ledger.open(1), Ok(None));
    assert_eq!(story.ledger.open(2), Ok(Some(1)));
    let judged = story
        .list(&listing(0, 0, &[plain(0)]))
        .ledger
        .read(0, &found((1, 0..50, 0..50)));
    assert!(
        matches!(judged, Err(Violation::LostByKill { kill: 1, .. })),
        "{judged:?}"
    );
}

#[test]
fn a_publisher_who_left_just_before_a_kill_may_lose_as_much() {
    // 100 units in 4 s, then the kill: 6 pictures are within 250 ms of it.
    let story = |killed_after_ms: u64| {
        let mut story = Story::new().publish(100).leave();
        let at = Time(story.time().0 + Duration::from_millis(killed_after_ms));
        story
            .ledger
            .server_ended(1, End::Killed { kill: 1, at }, Duration::ZERO);
        story.start = 2;
        story
            .publish(50)
            .leave()
            .list(&listing(0, 0, &[lasting(0, 94), gap(1)]))
    };
    let story_read = |killed_after_ms| story(killed_after_ms).read(0, (0, 0..94, 0..94));
    let read_next = |mut story: Story| {
        story
            .ledger
            .read(1, &found((1, 0..50, 0..50)))
            .map(|()| story.ledger.losses().len())
    };
    assert_eq!(read_next(story_read(5)), Ok(1));
    let judged = read_next(story_read(100));
    assert!(
        matches!(judged, Err(Violation::LostByKill { kill: 1, .. })),
        "{judged:?}"
    );
    // Who has left nothing unlisted has nothing to do with the kill.
    assert_eq!(read_next(story(10_000).read(0, (0, 0..100, 0..100))), Ok(0));
}

#[test]
fn a_recording_that_is_not_what_was_listed_live_is_found() {
    let judge = |recorded: &[Entry]| {
        let story = Story::of_two_connections();
        story.ledger.compare_recorded(&listing(0, 0, recorded))
    };
    assert_eq!(judge(&[dated(0, 1), plain(1), gap(2), plain(3)]), Ok(()));
    let expected = Violation::RecordedCount { live: 4, recorded: 3 };
    assert_eq!(judge(&[plain(0), plain(1), gap(2)]), Err(expected));
    for others in [plain(2), gap(4), lasting(2, 51)] {
        let judged = judge(&[plain(0), plain(1), others, plain(3)]);
        assert!(
            matches!(judged, Err(Violation::EntryChanged { sequence: 2, .. })),
            "{judged:?}"
        );
    }
}

#[test]
fn a_stop_loses_nothing_that_the_server_has_acknowledged() {
    let judge = |pictures, frames| {
        let mut story = Story::new().publish(100);
        story.ledger.acknowledge(0, [98, 97]);
        let at = story.time();
        story.ledger.server_ended(1, End::Stopped { at }, Duration::ZERO);
        let story = story.list(&listing(0, 0, &[lasting(0, 98)]));
        let mut story = story.read(0, (0, 0..pictures, 0..frames));
        (story.ledger.is_complete(), story.ledger.finish())
    };
    for (pictures, frames) in [(98, 97), (100, 100)] {
        assert_eq!(judge(pictures, frames), (true, Ok(())));
    }
    for (pictures, frames, track, number) in [(97, 100, Track::Video, 97), (100, 96, Track::Audio, 96)] {
        let (is_complete, judged) = judge(pictures, frames);
        let expected = unit(0, track, number);
        assert!(!is_complete);
        assert!(
            matches!(judged, Err(Violation::LostByEnd { missing, .. }) if missing == expected),
            "{judged:?}"
        );
    }
}
