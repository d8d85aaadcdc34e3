//! Points in time on a session's timeline.

use std::time::Duration;

/// A point on a session's timeline, in ticks of 90 kHz (ISO/IEC 13818-1, 2.4.3.7).
///
/// Unwrapped: it grows for as long as the session lives; the 33-bit field of a PES header is cut out by the muxer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Ticks in a second.
    pub const TICKS_PER_SECOND: i64 = 90_000;

    /// Ticks in a millisecond.
    pub const TICKS_PER_MS: i64 = 90;

    /// The point `ticks` of 90 kHz after the timeline's zero.
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// The point `ms` milliseconds after the timeline's zero.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms * Self::TICKS_PER_MS)
    }

    /// Ticks of 90 kHz since the timeline's zero.
    pub const fn as_ticks(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the timeline's zero, rounded down.
    pub const fn as_ms(self) -> i64 {
        self.0.div_euclid(Self::TICKS_PER_MS)
    }

    /// The point `ticks` later; earlier when negative.
    pub const fn plus(self, ticks: i64) -> Self {
        Self(self.0 + ticks)
    }

    /// Ticks from `earlier` to here; negative when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Time from `earlier` to here, zero when `earlier` is not earlier.
    pub fn duration_since(self, earlier: Self) -> Duration {
        let ticks = self.since(earlier).max(0).unsigned_abs();
        Duration::from_nanos(ticks * 100_000 / 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_ninety_ticks_a_millisecond() {
        assert_eq!(Timestamp::from_ms(40).as_ticks(), 3_600);
        assert_eq!(Timestamp::from_ticks(-1).as_ms(), -1);
        assert_eq!(Timestamp::from_ms(1_000).plus(-90).as_ms(), 999);
        assert_eq!(Timestamp::from_ms(40).since(Timestamp::from_ms(60)), -1_800);
    }

    #[test]
    fn duration_never_goes_below_zero() {
        let (early, late) = (Timestamp::from_ms(10), Timestamp::from_ms(2_510));
        assert_eq!(late.duration_since(early), Duration::from_millis(2_500));
        assert_eq!(early.duration_since(late), Duration::ZERO);
    }
}
