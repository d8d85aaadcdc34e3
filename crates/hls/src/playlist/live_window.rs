use super::{Entry, MediaPlaylist};
use std::collections::VecDeque;

/// The segments that a channel's live playlist lists now: RFC 8216, 6.2.2.
///
/// Sequence numbers never go back, and the target duration never falls while this window lives, which is one session.
///
/// ```
/// use alluvium_hls::{Entry, LiveWindow};
///
/// let mut window = LiveWindow::new(3, 5, []);
/// window.push(Entry {
///     uri: "1472106315123.ts".into(),
///     duration: 450_000,
///     sequence: 12,
///     discontinuity_sequence: 1,
///     discontinuity: true,
///     program_date_time_ms: 1_472_106_315_123,
/// });
/// assert_eq!(
///     window.playlist(false),
///     "#EXTM3U\n\
///      #EXT-X-VERSION:3\n\
///      #EXT-X-MEDIA-SEQUENCE:12\n\
///      #EXT-X-TARGETDURATION:5\n\
///      #EXT-X-DISCONTINUITY\n\
///      #EXT-X-PROGRAM-DATE-TIME:2016-08-25T06:25:15.123Z\n\
///      #EXTINF:5.000,\n\
///      1472106315123.ts\n"
/// );
/// ```
#[derive(Debug, Clone)]
pub struct LiveWindow {
    entries: VecDeque<Entry>,
    entries_max: usize,
    target_duration_s: u64,
    /// Of the segment to come; what an empty window announces.
    next_sequence: u64,
    discontinuity_sequence: u64,
}

impl LiveWindow {
    /// The most segments of a window, whatever its channel asks for: the most that FragCount may be.
    pub const ENTRIES_MAX: usize = 100;

    /// A window of the last `frag_count` segments, at least 1 and at most [`ENTRIES_MAX`](Self::ENTRIES_MAX), that continues with `entries`.
    pub fn new(frag_count: usize, frag_duration_s: u32, entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut window = Self {
            entries: VecDeque::new(),
            entries_max: frag_count.clamp(1, Self::ENTRIES_MAX),
            target_duration_s: u64::from(frag_duration_s).max(1),
            next_sequence: 0,
            discontinuity_sequence: 0,
        };
        for entry in entries {
            window.push(entry);
        }
        window
    }

    /// Adds the newest segment; the oldest leaves a full window.
    ///
    /// One whose sequence is not beyond the last is ignored. After a gap in the sequence the window begins anew,
    /// as a playlist can only number its segments without gaps.
    pub fn push(&mut self, entry: Entry) {
        if entry.sequence < self.next_sequence {
            return;
        }
        if entry.sequence > self.next_sequence {
            self.entries.clear();
        }
        self.next_sequence = entry.sequence.saturating_add(1);
        self.discontinuity_sequence = entry.discontinuity_sequence;
        self.target_duration_s = self.target_duration_s.max(entry.target_duration_s());
        self.entries.push_back(entry);
        if self.entries.len() > self.entries_max {
            self.entries.pop_front();
        }
    }

    /// Lists no segment with a smaller sequence any more.
    pub fn retain_from(&mut self, sequence: u64) {
        while self.entries.front().is_some_and(|entry| entry.sequence < sequence) {
            self.entries.pop_front();
        }
    }

    /// The playlist's text; `ended` when no segment will follow.
    ///
    /// The discontinuity before the first segment is written as long as that segment is listed, so
    /// EXT-X-DISCONTINUITY-SEQUENCE counts only those that have left (6.2.2).
    pub fn playlist(&self, ended: bool) -> String {
        let mut playlist = MediaPlaylist::with_capacity(self.entries.len());
        for entry in &self.entries {
            playlist.add(entry, entry.discontinuity);
        }
        let (sequence, discontinuity_sequence) = match self.entries.front() {
            Some(first) => (
                first.sequence,
                first
                    .discontinuity_sequence
                    .saturating_sub(u64::from(first.discontinuity)),
            ),
            None => (self.next_sequence, self.discontinuity_sequence),
        };
        playlist.finish(sequence, discontinuity_sequence, self.target_duration_s, ended)
    }

    /// EXT-X-TARGETDURATION in seconds. A rise within a session means keyframes further apart than FragDuration.
    pub fn target_duration_s(&self) -> u64 {
        self.target_duration_s
    }

    /// The segments listed now, the oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, seconds: u64) -> Entry {
        Entry {
            uri: format!("{sequence}.ts"),
            duration: seconds * 90_000,
            sequence,
            discontinuity_sequence: 0,
            discontinuity: false,
            program_date_time_ms: 0,
        }
    }

    fn discontinuity(sequence: u64, discontinuity_sequence: u64) -> Entry {
        Entry {
            discontinuity: true,
            discontinuity_sequence,
            ..entry(sequence, 5)
        }
    }

    #[track_caller]
    fn check(window: &LiveWindow, expected: &[&str]) {
        let text = window.playlist(false);
        let found: Vec<_> = text
            .lines()
            .filter(|line| !line.starts_with("#EXTINF") && !line.starts_with("#EXT-X-PROGRAM"))
            .skip(2)
            .map(|line| line.trim_start_matches("#EXT-X-"))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lists_the_last_segments_only() {
        let mut window = LiveWindow::new(2, 5, [entry(3, 5)]);
        check(&window, &["MEDIA-SEQUENCE:3", "TARGETDURATION:5", "3.ts"]);
        window.push(entry(4, 5));
        window.push(entry(5, 5));
        check(&window, &["MEDIA-SEQUENCE:4", "TARGETDURATION:5", "4.ts", "5.ts"]);
    }

    #[test]
    fn target_duration_rises_with_the_longest_and_never_falls() {
        let mut window = LiveWindow::new(1, 5, []);
        window.push(entry(0, 4));
        assert_eq!(window.target_duration_s(), 5);
        window.push(entry(1, 9));
        window.push(entry(2, 4));
        check(&window, &["MEDIA-SEQUENCE:2", "TARGETDURATION:9", "2.ts"]);
    }

    #[test]
    fn a_discontinuity_is_written_until_its_segment_leaves_and_counted_from_then_on() {
        let mut window = LiveWindow::new(2, 5, [entry(0, 5), discontinuity(1, 1)]);
        check(
            &window,
            &["MEDIA-SEQUENCE:0", "TARGETDURATION:5", "0.ts", "DISCONTINUITY", "1.ts"],
        );
        window.push(Entry {
            discontinuity_sequence: 1,
            ..entry(2, 5)
        });
        check(
            &window,
            &["MEDIA-SEQUENCE:1", "TARGETDURATION:5", "DISCONTINUITY", "1.ts", "2.ts"],
        );
        window.push(Entry {
            discontinuity_sequence: 1,
            ..entry(3, 5)
        });
        check(
            &window,
            &[
                "MEDIA-SEQUENCE:2",
                "TARGETDURATION:5",
                "DISCONTINUITY-SEQUENCE:1",
                "2.ts",
                "3.ts",
            ],
        );
    }

    #[test]
    fn numbers_do_not_go_back_when_everything_is_withdrawn() {
        let mut window = LiveWindow::new(3, 5, [entry(0, 5), discontinuity(1, 1)]);
        window.retain_from(1);
        check(
            &window,
            &["MEDIA-SEQUENCE:1", "TARGETDURATION:5", "DISCONTINUITY", "1.ts"],
        );
        window.retain_from(2);
        check(
            &window,
            &["MEDIA-SEQUENCE:2", "TARGETDURATION:5", "DISCONTINUITY-SEQUENCE:1"],
        );
    }

    #[test]
    fn a_repeated_segment_is_ignored_and_a_gap_begins_the_window_anew() {
        let mut window = LiveWindow::new(3, 5, [entry(0, 5), entry(1, 5)]);
        window.push(entry(1, 60));
        window.push(entry(0, 60));
        check(&window, &["MEDIA-SEQUENCE:0", "TARGETDURATION:5", "0.ts", "1.ts"]);
        window.push(entry(7, 5));
        check(&window, &["MEDIA-SEQUENCE:7", "TARGETDURATION:5", "7.ts"]);
    }

    #[test]
    fn holds_one_segment_at_least_and_its_limit_at_most() {
        for (frag_count, listed) in [(0, 1), (1, 1), (100, 100), (101, 100), (usize::MAX, 100)] {
            let window = LiveWindow::new(frag_count, 5, (0..300).map(|sequence| entry(sequence, 5)));
            assert_eq!(window.entries().len(), listed);
        }
    }

    #[test]
    fn endlist_comes_last() {
        assert!(
            LiveWindow::new(3, 5, [entry(0, 5)])
                .playlist(true)
                .ends_with("0.ts\n#EXT-X-ENDLIST\n")
        );
    }
}
