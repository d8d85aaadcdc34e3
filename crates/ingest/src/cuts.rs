use std::time::Duration;

use tokio::time::Instant;

/// A segment that was cut short says nothing of the next: this part of FragDuration less is the least that is expected.
const EARLY_PART: u32 = 8;

/// When the packet can be expected that ends the open segment: most encoders send keyframes regularly, so it becomes as
/// long as the last one.
#[derive(Debug)]
pub(crate) struct Cuts {
    /// How long a segment is at least expected to be.
    least: Duration,
    expected: Duration,
    /// Of the open segment, as far as has been seen of it.
    due: Option<Instant>,
}

impl Cuts {
    /// Of a stream that is to be cut into segments of this duration.
    pub(crate) fn new(frag_duration: Duration) -> Self {
        Self {
            least: frag_duration - frag_duration / EARLY_PART,
            expected: frag_duration,
            due: None,
        }
    }

    /// A segment has ended that lasts so long.
    pub(crate) fn ended(&mut self, lasts: Duration) {
        self.expected = lasts.max(self.least);
        self.due = None;
    }

    /// The open segment's last unit that had come by `now` comes so long after its first.
    ///
    /// A unit is never taken before it came; so of the times that are found in this way the earliest is the nearest, and is
    /// given.
    pub(crate) fn seen(&mut self, age: Duration, now: Instant) -> Instant {
        let found = now + self.expected.saturating_sub(age);
        let due = self.due.map_or(found, |earlier| earlier.min(found));
        self.due = Some(due);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_earliest_of_what_was_found_counts() {
        let mut cuts = Cuts::new(ms(2_000));
        let began = Instant::now();
        let mut seen = |age, late| cuts.seen(ms(age), began + ms(age + late));
        assert_eq!(seen(100, 30), began + ms(2_030));
        assert_eq!(seen(200, 4), began + ms(2_004));
        assert_eq!(seen(300, 90), began + ms(2_004));
        // It is longer than was expected, by now.
        assert_eq!(seen(2_100, 0), began + ms(2_004));
    }

    #[test]
    fn a_segment_becomes_as_long_as_the_last_one() {
        let mut cuts = Cuts::new(ms(2_000));
        let now = Instant::now();
        assert_eq!(cuts.seen(ms(0), now), now + ms(2_000));
        for (lasts, expected) in [(4_000, 4_000), (1_900, 1_900), (30, 1_750)] {
            cuts.ended(ms(lasts));
            assert_eq!(cuts.seen(ms(0), now), now + ms(expected), "after {lasts} ms");
        }
    }
}
