use alluvium_media::Timestamp;

/// How many intervals between random access units are remembered: at two seconds each, half a minute.
const REMEMBERED: usize = 16;

/// An interval this much off the median is a different one: encoders that count pictures are right to within one.
const DEVIATION: f64 = 0.25;

/// The latest intervals between a stream's random access units.
#[derive(Debug, Default)]
pub(crate) struct Gops {
    /// Where the open one began.
    began: Option<Timestamp>,
    /// Ticks; a ring.
    intervals: [i64; REMEMBERED],
    /// How many there were in all.
    count: usize,
}

/// What the remembered intervals are like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GopSummary {
    /// How many are remembered.
    pub(crate) count: usize,
    /// Ticks.
    pub(crate) median: i64,
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// How many are unlike the median.
    pub(crate) deviating: usize,
}

impl Gops {
    /// A random access unit came.
    pub(crate) fn begin(&mut self, dts: Timestamp) {
        if let Some(began) = self.began.replace(dts) {
            self.intervals[self.count % REMEMBERED] = dts.since(began);
            self.count += 1;
        }
    }

    /// Ticks since the last random access unit.
    pub(crate) fn open_for(&self, now: Timestamp) -> Option<i64> {
        self.began.map(|began| now.since(began))
    }

    /// `None` before there were two random access units.
    pub(crate) fn summary(&self) -> Option<GopSummary> {
        let count = self.count.min(REMEMBERED);
        let mut intervals = self.intervals;
        let sorted = &mut intervals[..count];
        sorted.sort_unstable();
        let median = *sorted.get(count / 2)?;
        let deviates = |interval: &&i64| (**interval - median).abs() as f64 > median as f64 * DEVIATION;
        Some(GopSummary {
            count,
            median,
            min: sorted[0],
            max: sorted[count - 1],
            deviating: sorted.iter().filter(deviates).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gops(seconds: &[i64]) -> Gops {
        let mut gops = Gops::default();
        let mut at = Timestamp::default();
        gops.begin(at);
        for seconds in seconds {
            at = at.plus(seconds * Timestamp::TICKS_PER_SECOND);
            gops.begin(at);
        }
        gops
    }

    #[test]
    fn one_random_access_unit_makes_no_interval() {
        assert_eq!(gops(&[]).summary(), None);
        assert_eq!(gops(&[]).open_for(Timestamp::from_ms(5)), Some(450));
    }

    #[test]
    fn a_few_odd_intervals_do_not_move_the_median() {
        let summary = gops(&[2, 2, 7, 2, 1, 2]).summary().unwrap();
        let seconds = |ticks: i64| ticks / Timestamp::TICKS_PER_SECOND;
        assert_eq!(
            (seconds(summary.median), seconds(summary.min), seconds(summary.max)),
            (2, 1, 7)
        );
        assert_eq!((summary.count, summary.deviating), (6, 2));
    }

    #[test]
    fn only_the_latest_are_remembered() {
        let mut seconds = vec![9; 5];
        seconds.extend([2; REMEMBERED]);
        let summary = gops(&seconds).summary().unwrap();
        assert_eq!(summary.max, 2 * Timestamp::TICKS_PER_SECOND);
        assert_eq!(summary.count, REMEMBERED);
    }
}
