use super::Entry;
use super::entry::Place;
use std::borrow::Borrow;
use std::fmt::Write;

/// The writer of media playlists: RFC 8216, 4.3, version 3.
///
/// EXT-X-PROGRAM-DATE-TIME stands at the first segment, after each discontinuity, and wherever the date is not the one
/// that the durations since the last of them lead to: it is the same for a reader whichever segment his copy begins with.
#[derive(Debug)]
pub struct MediaPlaylist {
    body: String,
    /// When the segment to come begins, as a reader reckons it; `None` before the first.
    reckoned_date_ms: Option<i64>,
    target_duration_s: u64,
    /// Where the next segment of a finished playlist has to stand to continue the last one; `None` before the first.
    next_place: Option<Place>,
    entries: usize,
}

impl MediaPlaylist {
    /// The most segments of one playlist: a day of segments of one second, and its interruptions. About 4 MB of text.
    pub const ENTRIES_MAX: usize = 100_000;

    /// A finished playlist of what was recorded, with media sequence 0.
    ///
    /// A discontinuity stands wherever a segment does not continue the one before it in the list: between
    /// sessions, on a change of tracks or timeline, and where segments in between are gone. What comes after
    /// [`ENTRIES_MAX`](Self::ENTRIES_MAX) segments is left out: ask the catalog for no more.
    ///
    /// ```
    /// use alluvium_hls::{Entry, MediaPlaylist};
    ///
    /// let entry = Entry {
    ///     uri: "1543895706266.ts".into(),
    ///     duration: 640_800,
    ///     sequence: 41,
    ///     discontinuity_sequence: 3,
    ///     discontinuity: false,
    ///     program_date_time_ms: 1_543_895_706_266,
    /// };
    /// assert_eq!(
    ///     MediaPlaylist::vod([entry]),
    ///     "#EXTM3U\n\
    ///      #EXT-X-VERSION:3\n\
    ///      #EXT-X-MEDIA-SEQUENCE:0\n\
    ///      #EXT-X-TARGETDURATION:7\n\
    ///      #EXT-X-PROGRAM-DATE-TIME:2018-12-04T03:55:06.266Z\n\
    ///      #EXTINF:7.120,\n\
    ///      1543895706266.ts\n\
    ///      #EXT-X-ENDLIST\n"
    /// );
    /// ```
    pub fn vod<E: Borrow<Entry>>(entries: impl IntoIterator<Item = E>) -> String {
        let entries = entries.into_iter();
        let mut playlist = Self::with_capacity(entries.size_hint().0);
        for entry in entries.take(Self::ENTRIES_MAX) {
            playlist.push(entry.borrow());
        }
        playlist.finish_vod()
    }

    /// A playlist that is expected to have so many entries.
    pub fn with_capacity(entries: usize) -> Self {
        let bytes = entries.min(Self::ENTRIES_MAX) * BYTES_PER_ENTRY + BYTES_OF_HEADER;
        Self {
            body: String::with_capacity(bytes),
            reckoned_date_ms: None,
            target_duration_s: 1,
            next_place: None,
            entries: 0,
        }
    }

    /// Adds the next segment of a finished playlist, as [`vod`](Self::vod) does.
    pub fn push(&mut self, entry: &Entry) {
        if self.entries == Self::ENTRIES_MAX {
            return;
        }
        self.entries += 1;
        let discontinuity = self.next_place.is_some_and(|place| !entry.continues_at(place));
        self.next_place = Some(entry.next_place());
        self.add(entry, discontinuity);
    }

    /// The text of what was [pushed](Self::push).
    pub fn finish_vod(self) -> String {
        let target_duration_s = self.target_duration_s;
        self.finish(0, 0, target_duration_s, true)
    }

    pub(crate) fn add(&mut self, entry: &Entry, discontinuity: bool) {
        let reckoned_ms = self
            .reckoned_date_ms
            .filter(|reckoned| !discontinuity && reckoned.abs_diff(entry.program_date_time_ms) <= DATE_ERROR_MS_MAX);
        entry.write(discontinuity, reckoned_ms.is_none(), &mut self.body);
        let date_ms = reckoned_ms.unwrap_or(entry.program_date_time_ms);
        self.reckoned_date_ms = Some(date_ms.saturating_add_unsigned(entry.duration_ms()));
        self.target_duration_s = self.target_duration_s.max(entry.target_duration_s());
    }

    pub(crate) fn finish(
        self,
        media_sequence: u64,
        discontinuity_sequence: u64,
        target_duration_s: u64,
        ended: bool,
    ) -> String {
        let mut head = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:{media_sequence}\n#EXT-X-TARGETDURATION:{target_duration_s}\n"
        );
        if discontinuity_sequence > 0 {
            writeln!(head, "#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuity_sequence}").expect("a String takes any text");
        }
        // What stands in it is known when all else is written.
        let mut text = self.body;
        text.insert_str(0, &head);
        if ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }
}

/// Capacity for the lines of one segment and of the header.
const BYTES_PER_ENTRY: usize = 40;
const BYTES_OF_HEADER: usize = 192;

/// A date is written when it is further than this from what a reader reckons: one picture at 25 a second.
const DATE_ERROR_MS_MAX: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, discontinuity_sequence: u64, discontinuity: bool) -> Entry {
        Entry {
            uri: format!("{sequence}.ts"),
            duration: 450_000,
            sequence,
            discontinuity_sequence,
            discontinuity,
            program_date_time_ms: sequence as i64 * 5_000,
        }
    }

    /// Sequences which stand behind a discontinuity, and those that carry a date.
    #[track_caller]
    fn check(entries: &[Entry], discontinuities: &[&str], dated: &[&str]) {
        let text = MediaPlaylist::vod(entries);
        let (mut before, mut found) = (Vec::new(), (Vec::new(), Vec::new()));
        for line in text.lines() {
            if line.starts_with('#') {
                before.push(line);
                continue;
            }
            if before.contains(&"#EXT-X-DISCONTINUITY") {
                found.0.push(line);
            }
            if before.iter().any(|tag| tag.starts_with("#EXT-X-PROGRAM-DATE-TIME:")) {
                found.1.push(line);
            }
            before.clear();
        }
        assert_eq!((found.0.as_slice(), found.1.as_slice()), (discontinuities, dated));
    }

    #[test]
    fn sessions_are_parted_by_a_discontinuity_and_dated() {
        check(
            &[entry(7, 2, true), entry(8, 2, false), entry(9, 3, true)],
            &["9.ts"],
            &["7.ts", "9.ts"],
        );
    }

    #[test]
    fn segments_around_a_missing_one_are_parted() {
        check(&[entry(7, 2, false), entry(9, 2, false)], &["9.ts"], &["7.ts", "9.ts"]);
        check(&[entry(7, 2, false), entry(8, 3, false)], &["8.ts"], &["7.ts", "8.ts"]);
    }

    #[test]
    fn dates_that_do_not_follow_from_the_durations_are_written() {
        let at = |sequence: u64, program_date_time_ms| Entry {
            program_date_time_ms,
            ..entry(sequence, 0, false)
        };
        // The clock stands still; it jumps; it drifts by less than a picture each time.
        check(&[at(1, 0), at(2, 0), at(3, 0)], &[], &["1.ts", "2.ts", "3.ts"]);
        check(&[at(1, 0), at(2, 5_041), at(3, 10_041)], &[], &["1.ts", "2.ts"]);
        let drifting = [at(1, 0), at(2, 5_020), at(3, 10_040), at(4, 15_060), at(5, 20_060)];
        check(&drifting, &[], &["1.ts", "4.ts"]);
    }

    #[test]
    fn target_duration_is_the_rounded_longest() {
        let mut long = entry(2, 0, false);
        long.duration = 1_198_800;
        let text = MediaPlaylist::vod([entry(1, 0, false), long, entry(3, 0, false)]);
        assert!(text.contains("#EXT-X-TARGETDURATION:13\n"), "{text}");
    }

    #[test]
    fn nothing_recorded_is_an_ended_playlist_without_segments() {
        assert_eq!(
            MediaPlaylist::vod::<Entry>([]),
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-TARGETDURATION:1\n#EXT-X-ENDLIST\n"
        );
    }

    #[test]
    fn lists_up_to_its_limit_and_no_more() {
        let segments = |count: usize| MediaPlaylist::vod((0..count as u64).map(|n| entry(n, 0, false)));
        let listed = |text: &str| text.lines().filter(|line| line.starts_with("#EXTINF")).count();
        assert_eq!(
            listed(&segments(MediaPlaylist::ENTRIES_MAX)),
            MediaPlaylist::ENTRIES_MAX
        );
        let over = segments(MediaPlaylist::ENTRIES_MAX + 1);
        assert_eq!(listed(&over), MediaPlaylist::ENTRIES_MAX);
        assert!(over.ends_with("#EXT-X-ENDLIST\n"));
    }
}
