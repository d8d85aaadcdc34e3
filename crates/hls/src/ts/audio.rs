//! AAC frames gathered into one PES packet, each behind its ADTS header.

use alluvium_media::Timestamp;

/// The most audio of one PES packet, 90 kHz: 150 ms.
///
/// A packet of its own for each frame of 21 ms would cost a third of the audio's rate in headers and stuffing.
pub(crate) const GATHERED_MAX: i64 = 13_500;

/// The same where the PCR travels with the audio, 90 kHz: 100 ms, so that it needs no packets of its own.
pub(crate) const GATHERED_WITH_PCR_MAX: i64 = 9_000;

/// The most bytes of one PES packet; 150 ms at 850 kbit/s.
pub(crate) const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// Audio is written although the packet could take more when pictures have gone on for this long, 90 kHz: 200 ms.
///
/// Otherwise the last frames before a silence would come after their time. Counted from picture to picture, as the
/// tracks may arrive any time apart.
const HELD_MAX: i64 = 18_000;

/// A frame that does not begin within this of the last one's end, 90 kHz, needs a time stamp of its own: 10 ms.
const SEAM_MAX: u64 = 900;

/// The audio of the next PES packet. The buffer is used again and again.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    span: Option<Span>,
    /// DTS of the last picture.
    picture: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: Timestamp,
    /// Where the next frame is expected, ticks.
    end: i64,
    /// DTS of the last picture before the packet was begun.
    picture: Option<Timestamp>,
}

impl Gathered {
    /// Adds a frame that `takes` agreed to.
    pub(crate) fn add(&mut self, pts: Timestamp, header: &[u8], frame: &[u8], duration: i64) {
        let Span { start, picture, .. } = self.span.unwrap_or(Span {
            start: pts,
            end: 0,
            picture: self.picture,
        });
        self.span = Some(Span {
            start,
            end: pts.as_ticks() + duration,
            picture,
        });
        self.bytes.extend_from_slice(header);
        self.bytes.extend_from_slice(frame);
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.span = None;
    }

    /// Notes the next picture, at `dts`. Whether pictures have gone on for too long since the packet was begun.
    pub(crate) fn is_overdue(&mut self, dts: Timestamp) -> bool {
        self.picture = Some(dts);
        self.span
            .and_then(|span| span.picture)
            .is_some_and(|picture| dts.since(picture) > HELD_MAX)
    }

    /// Whether a frame of `length` bytes, header included, continues this packet within its bounds.
    pub(crate) fn takes(&self, pts: Timestamp, length: usize, duration: i64, duration_max: i64) -> bool {
        let Some(Span { start, end, .. }) = self.span else {
            return true;
        };
        pts.as_ticks().abs_diff(end) <= SEAM_MAX
            && pts.as_ticks() + duration - start.as_ticks() <= duration_max
            && self.bytes.len() + length <= GATHERED_BYTES_MAX
    }

    /// Whether one more frame of this duration would be too long.
    pub(crate) fn is_full(&self, duration: i64, duration_max: i64) -> bool {
        self.span
            .is_some_and(|Span { start, end, .. }| end + duration - start.as_ticks() > duration_max)
    }

    /// The first frame's time and all frames, where there is one.
    pub(crate) fn packet(&self) -> Option<(Timestamp, &[u8])> {
        self.span.map(|span| (span.start, self.bytes.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 1_920;

    fn gathered(frames: i64, length: usize) -> Gathered {
        let mut gathered = Gathered::default();
        for frame in 0..frames {
            gathered.add(Timestamp::from_ticks(frame * FRAME), &[], &vec![0; length], FRAME);
        }
        gathered
    }

    #[test]
    fn seven_frames_of_48_khz_are_full() {
        assert!(!gathered(6, 300).is_full(FRAME, GATHERED_MAX));
        assert!(gathered(7, 300).is_full(FRAME, GATHERED_MAX));
        assert!(gathered(4, 300).is_full(FRAME, GATHERED_WITH_PCR_MAX));
    }

    #[test]
    fn takes_bytes_up_to_the_limit_and_not_past_it() {
        let gathered = gathered(2, 6_000);
        let takes = |length| gathered.takes(Timestamp::from_ticks(2 * FRAME), length, FRAME, GATHERED_MAX);
        assert!(takes(GATHERED_BYTES_MAX - 12_000));
        assert!(!takes(GATHERED_BYTES_MAX - 12_000 + 1));
    }

    #[test]
    fn a_frame_after_a_gap_has_its_own_time_stamp() {
        let gathered = gathered(2, 300);
        for (late, taken) in [(0, true), (900, true), (-900, true), (901, false), (-901, false)] {
            assert_eq!(
                gathered.takes(Timestamp::from_ticks(2 * FRAME + late), 300, FRAME, GATHERED_MAX),
                taken,
                "{late}"
            );
        }
    }

    #[test]
    fn pictures_pass_for_a_while_and_no_longer() {
        let mut gathered = Gathered::default();
        let mut overdue = |ms: i64| gathered.is_overdue(Timestamp::from_ms(ms));
        assert!(!overdue(5_000));
        assert!(!overdue(5_300));
        gathered.add(Timestamp::from_ticks(0), &[], &[0; 300], FRAME);
        let overdue = [5_340, 5_500, 5_501].map(|ms| gathered.is_overdue(Timestamp::from_ms(ms)));
        assert_eq!(overdue, [false, false, true]);
        gathered.clear();
        assert!(!gathered.is_overdue(Timestamp::from_ms(9_000)));
    }

    #[test]
    fn anything_is_taken_first() {
        assert!(Gathered::default().takes(Timestamp::from_ticks(-5), usize::MAX, i64::MAX, 0));
    }
}
