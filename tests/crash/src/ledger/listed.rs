//! Every segment that the playlist has ever listed, and whether the playlist stays true to itself.

use std::collections::HashMap;
use std::fmt::Display;

use crate::playlist::{Date, Entry, Listing};
use crate::segment::Found;
use crate::violation::{Body, Place, Violation};

/// What the reader has seen of the channel's playlist.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// One for each sequence number from `first` on.
    segments: Vec<Segment>,
    first: u64,
    media_sequence: u64,
    discontinuity_sequence: u64,
    names: HashMap<String, u64>,
    /// How many of the segments have been read: the first ones.
    read: usize,
}

#[derive(Debug)]
struct Segment {
    uri: String,
    discontinuity: bool,
    duration_ms: u64,
    /// Discontinuities up to this segment's beginning.
    timeline: u64,
    date: Option<Date>,
    /// As it was answered first.
    body: Option<Body>,
}

impl Listed {
    pub(super) fn take(&mut self, listing: &Listing) -> Result<(), Violation> {
        let (from, to) = (self.media_sequence, listing.media_sequence);
        if to < from {
            return Err(Violation::MediaSequenceBack { from, to });
        }
        let (from, to) = (self.discontinuity_sequence, listing.discontinuity_sequence);
        if to < from {
            return Err(Violation::DiscontinuitySequenceBack { from, to });
        }
        self.media_sequence = listing.media_sequence;
        self.discontinuity_sequence = listing.discontinuity_sequence;
        if self.segments.is_empty() {
            self.first = listing.media_sequence;
        }
        let (expected, found) = (self.end(), listing.media_sequence);
        if found > expected {
            return Err(Violation::Hole { expected, found });
        }
        let mut timeline = listing.discontinuity_sequence;
        for (sequence, entry) in (listing.media_sequence..).zip(&listing.entries) {
            timeline += u64::from(entry.discontinuity);
            match self.segments.get_mut((sequence - self.first) as usize) {
                Some(segment) => segment.compare(sequence, entry, timeline)?,
                None => self.add(sequence, entry, timeline)?,
            }
        }
        let end = listing.media_sequence + listing.entries.len() as u64;
        if end < self.end() {
            return Err(Violation::Vanished { at: self.place(end) });
        }
        self.compare_dates()
    }

    /// The oldest segment that has not been read.
    pub(crate) fn unread(&self) -> Option<Place> {
        (self.read < self.segments.len()).then(|| self.place(self.first + self.read as u64))
    }

    /// The oldest unread segment was answered so, and is read.
    pub(crate) fn note_read(&mut self, body: Body) {
        if let Some(segment) = self.segments.get_mut(self.read) {
            segment.body = Some(body);
            self.read += 1;
        }
    }

    /// How many segments have been read.
    pub(crate) fn count_read(&self) -> usize {
        self.read
    }

    /// One of the segments that have been read, and how it was answered.
    pub(crate) fn body(&self, at: usize) -> Option<(&str, Body)> {
        let segment = self.segments.get(at)?;
        Some((&segment.uri, segment.body?))
    }

    pub(crate) fn count(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn is_discontinuity(&self, sequence: u64) -> bool {
        self.segment(sequence).is_some_and(|segment| segment.discontinuity)
    }

    pub(super) fn place(&self, sequence: u64) -> Place {
        Place {
            sequence,
            uri: self
                .segment(sequence)
                .map_or(String::new(), |segment| segment.uri.clone()),
        }
    }

    /// What the playlist says that the segment lasts, against the times within it.
    pub(super) fn check_duration(&self, sequence: u64, found: &[Found]) -> Result<(), Violation> {
        let Some(segment) = self.segment(sequence) else {
            return Ok(());
        };
        let mut times: Vec<u64> = found.iter().filter_map(|found| found.dts).collect();
        times.sort_unstable();
        let ms = |ticks: u64| ticks * 1_000 / 90_000;
        let steps = times.windows(2).map(|pair| ms(pair[1] - pair[0]));
        let tolerance_ms = DURATION_TOLERANCE_MS + steps.max().unwrap_or(0);
        let spanned_ms = times
            .first()
            .zip(times.last())
            .map_or(0, |(first, last)| ms(last - first));
        let listed_ms = segment.duration_ms;
        if listed_ms.abs_diff(spanned_ms) > tolerance_ms {
            return Err(Violation::Duration {
                at: self.place(sequence),
                listed_ms,
                spanned_ms,
            });
        }
        Ok(())
    }

    /// All that was recorded is all that was ever listed live.
    pub(super) fn compare_recorded(&self, recorded: &Listing) -> Result<(), Violation> {
        let (live, recorded_count) = (self.segments.len(), recorded.entries.len());
        if live != recorded_count {
            return Err(Violation::RecordedCount {
                live,
                recorded: recorded_count,
            });
        }
        for ((sequence, segment), entry) in (self.first..).zip(&self.segments).zip(&recorded.entries) {
            same(sequence, "name", &segment.uri, &entry.uri)?;
            same(sequence, "duration in ms", &segment.duration_ms, &entry.duration_ms)?;
            same(sequence, "discontinuity", &segment.discontinuity, &entry.discontinuity)?;
        }
        Ok(())
    }

    fn segment(&self, sequence: u64) -> Option<&Segment> {
        self.segments.get(sequence.checked_sub(self.first)? as usize)
    }

    /// The sequence number that will be listed next.
    fn end(&self) -> u64 {
        self.first + self.segments.len() as u64
    }

    fn add(&mut self, sequence: u64, entry: &Entry, timeline: u64) -> Result<(), Violation> {
        self.segments.push(Segment {
            uri: entry.uri.clone(),
            discontinuity: entry.discontinuity,
            duration_ms: entry.duration_ms,
            timeline,
            date: entry.date,
            body: None,
        });
        match self.names.insert(entry.uri.clone(), sequence) {
            Some(before) => Err(Violation::Repeated {
                at: self.place(sequence),
                before,
            }),
            None => Ok(()),
        }
    }

    /// The dates of all segments that are listed now, and of the last one before them.
    fn compare_dates(&self) -> Result<(), Violation> {
        let listed = (self.media_sequence - self.first) as usize;
        let before = self.segments[..listed]
            .iter()
            .rposition(|segment| segment.date.is_some());
        let mut last: Option<(u64, Date)> = None;
        for (sequence, segment) in (self.first..).zip(&self.segments).skip(before.unwrap_or(listed)) {
            let Some(date) = segment.date else { continue };
            if let Some((before, before_date)) = last
                && before_date > date
            {
                return Err(Violation::DateBack {
                    sequence,
                    date,
                    before,
                    before_date,
                });
            }
            last = Some((sequence, date));
        }
        Ok(())
    }
}

impl Segment {
    fn compare(&mut self, sequence: u64, entry: &Entry, timeline: u64) -> Result<(), Violation> {
        same(sequence, "name", &self.uri, &entry.uri)?;
        same(sequence, "duration in ms", &self.duration_ms, &entry.duration_ms)?;
        same(sequence, "discontinuity", &self.discontinuity, &entry.discontinuity)?;
        same(sequence, "discontinuity sequence", &self.timeline, &timeline)?;
        match (self.date, entry.date) {
            (Some(was), Some(is)) => same(sequence, "date", &was, &is),
            (None, is) => {
                self.date = is;
                Ok(())
            }
            // Only the first segment of a window needs one.
            (Some(_), None) => Ok(()),
        }
    }
}

fn same<T: PartialEq + Display>(sequence: u64, what: &'static str, was: &T, is: &T) -> Result<(), Violation> {
    if was == is {
        return Ok(());
    }
    Err(Violation::EntryChanged {
        sequence,
        what,
        was: was.to_string(),
        is: is.to_string(),
    })
}

/// The last unit lasts longer than its time tells: the audio of a PES packet, or the way to the next segment's picture.
const DURATION_TOLERANCE_MS: u64 = 250;
