//! What became of a vector.

use std::collections::BTreeMap;
use std::ops::Range;

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

    /// Every unit is there, once, in order, but these audio frames; with so many discontinuities, and nothing was odd.
    #[track_caller]
    pub(crate) fn is_complete_but(&self, frames: Range<usize>, discontinuities: usize) {
        self.faults(&[]);
        self.pictures_but(&[]);
        self.frames_but(&frames.collect::<Vec<_>>());
        assert_eq!(self.discontinuities(), discontinuities);
    }

    /// Every unit is there, once, in order, and some were given another time, which was counted.
    #[track_caller]
    pub(crate) fn restamps(&self, fault: (&str, u32)) {
        self.faults(&[fault]);
        self.pictures_but(&[]);
        self.frames_but(&[]);
        self.rises();
        assert_eq!(self.discontinuities(), 0);
    }

    /// The clock has jumped at a keyframe, with which a new timeline begins. The four audio frames that came before that
    /// was certain have no picture to begin with.
    #[track_caller]
    pub(crate) fn jumps(&self) {
        self.faults(&[("jump", 2)]);
        self.pictures_but(&[]);
        self.frames_but(&[188, 189, 190, 191]);
        self.rises();
        assert_eq!(self.discontinuities(), 1);
    }

    /// DTS rises on both tracks.
    #[track_caller]
    pub(crate) fn rises(&self) {
        for track in [&self.stored.video, &self.stored.audio] {
            let rises = track.windows(2).all(|pair| pair[0].dts < pair[1].dts);
            assert!(rises, "a unit that is decoded before the one before it");
        }
    }

    /// PTS are as they were sent, one beside the other, within the millisecond that the first negative composition time
    /// may cost; and nothing is presented before it is decoded.
    #[track_caller]
    pub(crate) fn is_presented_as_sent(&self) {
        self.rises();
        let (sent, stored) = (&self.sent.video, &self.stored.video);
        for (index, (now, was)) in stored.iter().zip(sent).enumerate() {
            let off = (now.pts - stored[0].pts) - (was.pts - sent[0].pts);
            assert!(off.abs() <= 90, "picture {index} is presented {off} ticks off");
        }
        assert!(self.stored.video.iter().all(|picture| picture.dts <= picture.pts));
    }

    /// The segments last so long, ms.
    #[track_caller]
    pub(crate) fn lasts(&self, expected: &[u64]) {
        let durations: Vec<_> = self.stored.segments.iter().map(|record| record.duration / 90).collect();
        assert_eq!(durations, expected);
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
