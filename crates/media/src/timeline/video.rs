//! Pictures on the timeline.

use super::Placed;
use crate::Timestamp;

/// Gives each picture its times: DTS strictly rises, PTS is never before it.
#[derive(Debug, Default)]
pub(super) struct VideoPlacer {
    last: Option<Last>,
    /// Ticks by which DTS is earlier than the encoder's timestamps: the furthest any composition time has gone below
    /// zero. PTS does not move.
    lead: i64,
}

/// The picture placed last.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// Its place on the encoder's line, ticks.
    line: i64,
    dts: i64,
}

impl VideoPlacer {
    pub(super) fn place(&mut self, ms: i64, composition_ms: i32) -> Placed {
        let composition = i64::from(composition_ms) * Timestamp::TICKS_PER_MS;
        self.lead = self.lead.max(-composition);
        let line = ms * Timestamp::TICKS_PER_MS;
        let (line, dts) = match self.last {
            Some(last) => {
                let line = line.max(last.line + Timestamp::TICKS_PER_MS);
                (line, (line - self.lead).max(last.dts + Timestamp::TICKS_PER_MS))
            }
            None => (line, line - self.lead),
        };
        self.last = Some(Last { line, dts });
        let pts = (line + composition).max(dts);
        Placed {
            dts: Timestamp::from_ticks(dts),
            pts: Timestamp::from_ticks(pts),
        }
    }

    /// The end of what has been placed, ms, a millisecond after the last picture.
    pub(super) fn next_ms(&self) -> i64 {
        self.last.map_or(0, |last| last.line / Timestamp::TICKS_PER_MS + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `(ms, composition_ms)`, expects `(dts, pts)` in ms.
    #[track_caller]
    fn check(pictures: &[(i64, i32)], expected: &[(i64, i64)]) {
        let mut placer = VideoPlacer::default();
        let placed = pictures
            .iter()
            .map(|&(ms, composition_ms)| placer.place(ms, composition_ms));
        let placed: Vec<_> = placed.map(|placed| (placed.dts.as_ms(), placed.pts.as_ms())).collect();
        assert_eq!(placed, expected);
    }

    #[test]
    fn composition_time_is_kept_exactly() {
        check(
            &[(0, 80), (40, 200), (80, 80), (120, 0)],
            &[(0, 80), (40, 240), (80, 160), (120, 120)],
        );
    }

    #[test]
    fn equal_and_backward_times_are_placed_behind() {
        check(
            &[(100, 0), (100, 40), (60, 0), (140, 0)],
            &[(100, 100), (101, 141), (102, 102), (140, 140)],
        );
    }

    #[test]
    fn negative_composition_times_move_dts_and_leave_pts() {
        let pictures = [(0, 0), (40, 80), (80, -40), (120, -40), (160, 0), (200, 80)];
        check(
            &pictures,
            &[(0, 0), (40, 120), (41, 41), (80, 80), (120, 160), (160, 280)],
        );
    }

    #[test]
    fn a_first_negative_composition_time_costs_nothing() {
        check(&[(100, -40), (140, -40)], &[(60, 60), (100, 100)]);
    }
}
