//! What became of a vector.

use std::collections::BTreeMap;

use crate::sent::{Sent, Unit};
use crate::stored::Stored;

/// Audio is placed by counting samples, and stamped in milliseconds.
const AUDIO_TOLERANCE: i64 = 90 * 24;

/// What was sent, what was stored, and what the encoder was told.
pub(crate) struct Outcome {
    pub(crate) sent: Sent,
    pub(crate) stored: Stored,
    pub(crate) answers: Vec<u8>,
}

impl Outcome {
    /// Every unit is there, once, in order, at its time, and nothing was odd.
    pub(crate) fn is_faithful(&self) {
        self.faults(&[]);
        self.pictures_but(&[]);
        self.frames_but(&[]);
        self.times_are_kept();
        assert_eq!(self.discontinuities(), 0);
    }

    /// These faults were counted, by name, and no others.
    #[track_caller]
    pub(crate) fn faults(&self, expected: &[(&str, u32)]) {
        let expected: BTreeMap<_, _> = expected.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        assert_eq!(self.sent.faults, expected);
    }

    /// Every picture is there but these, counted from 0 in the order sent.
    #[track_caller]
    pub(crate) fn pictures_but(&self, dropped: &[usize]) {
        check_content("picture", &self.sent.video, &self.stored.video, dropped);
    }

    /// Every audio frame is there but these, counted from 0 in the order sent.
    #[track_caller]
    pub(crate) fn frames_but(&self, dropped: &[usize]) {
        check_content("audio frame", &self.sent.audio, &self.stored.audio, dropped);
    }

    /// Where nothing was dropped: pictures stand at their times to the tick, audio frames within one, and both tracks
    /// beside each other as they were sent.
    #[track_caller]
    pub(crate) fn times_are_kept(&self) {
        let (sent, stored) = (&self.sent, &self.stored);
        let first = |sent: &[Unit], stored: &[Unit]| Some(stored.first()?.dts - sent.first()?.dts);
        let Some(shift) = first(&sent.video, &stored.video).or_else(|| first(&sent.audio, &stored.audio)) else {
            return;
        };
        for (index, (sent, stored)) in sent.video.iter().zip(&stored.video).enumerate() {
            let times = (stored.dts - shift, stored.pts - shift);
            assert_eq!(times, (sent.dts, sent.pts), "DTS and PTS of picture {index}");
        }
        for (index, (sent, stored)) in sent.audio.iter().zip(&stored.audio).enumerate() {
            let off = stored.dts - shift - sent.dts;
            assert!(
                off.abs() < AUDIO_TOLERANCE,
                "audio frame {index} stands {off} ticks off"
            );
        }
    }

    /// Discontinuities in what was recorded.
    pub(crate) fn discontinuities(&self) -> usize {
        self.stored
            .segments
            .iter()
            .filter(|record| record.discontinuity)
            .count()
    }

    /// The server's words hold these.
    #[track_caller]
    pub(crate) fn told(&self, words: &str) {
        let is_told = self
            .answers
            .windows(words.len())
            .any(|window| window == words.as_bytes());
        assert!(
            is_told,
            "{words:?} is not in {}",
            String::from_utf8_lossy(&self.answers)
        );
    }

    /// The connection ended by an error with these words in it, which the encoder was told, and which name a position
    /// within the bytes. What came before is recorded.
    #[track_caller]
    pub(crate) fn ends_with(&self, words: &str) {
        let error = self.sent.error.expect("no error").to_string();
        assert!(error.contains(words) && error.contains(", at byte "), "{error}");
        self.told(&error);
        self.pictures_but(&[]);
        self.frames_but(&[]);
        self.times_are_kept();
    }
}

#[track_caller]
fn check_content(what: &str, sent: &[Unit], stored: &[Unit], dropped: &[usize]) {
    let kept = sent.iter().enumerate().filter(|(index, _)| !dropped.contains(index));
    let mut stored = stored.iter();
    for (index, unit) in kept {
        let found = stored
            .next()
            .unwrap_or_else(|| panic!("{what} {index} and what follows are missing"));
        assert!(
            found.content == unit.content,
            "{what} {index} is missing, or not in its place: {:?} bytes instead of {:?}",
            lengths(found),
            lengths(unit)
        );
    }
    assert_eq!(stored.count(), 0, "more of {what} is stored than was sent");
}

fn lengths(unit: &Unit) -> Vec<usize> {
    unit.content.iter().map(Vec::len).collect()
}
