//! The program clock: ISO/IEC 13818-1, 2.4.2.2, 2.4.3.5 and 2.7.2.

/// Where the session's time 0 stands in the transport stream: 10 s, 90 kHz.
///
/// So neither the PCR, which goes ahead of the media, nor a stamp a little below 0 begins by wrapping.
pub(crate) const BASE: i64 = 10 * 90_000;

/// How far the PCR stays behind the DTS of the unit it comes with, 90 kHz: 700 ms.
///
/// A unit is delivered before its time as long as the tracks arrive less than this apart, the 150 ms
/// which audio is gathered for taken off; and stays below the second that 2.4.2.6 lets a unit wait.
const DELAY: i64 = 63_000;

/// The longest way from one PCR to the next, 90 kHz: 100 ms (2.7.2).
const SPACING: i64 = 9_000;

/// A PCR this old, 90 kHz, is renewed by the next unit of its PID, at no cost of a packet: 50 ms.
const RENEWAL: i64 = 4_500;

/// The most packets written to bridge one pause of the media: 10 s of it.
///
/// A longer one is left open. Otherwise a few bytes with a far time stamp would become megabytes.
const BRIDGE_PACKETS_MAX: i64 = 100;

/// Ticks of the session's timeline as the 33 bits of a PTS, a DTS or a PCR base.
pub(crate) fn wrap(ticks: i64) -> u64 {
    ticks.wrapping_add(BASE).rem_euclid(1 << 33) as u64
}

/// A PCR to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pcr {
    /// 33 bits at 90 kHz.
    pub(crate) base: u64,
    /// It is the first of a new time base.
    pub(crate) discontinuity: bool,
}

/// Decides where a PCR stands. It never goes back on one timeline.
#[derive(Debug)]
pub(crate) enum Clock {
    /// A timeline begins: nothing says yet what time it is.
    Unset { discontinuity: bool },
    /// A segment begins, which must have a PCR of its own at once.
    Due { last: i64 },
    /// The last PCR written, ticks.
    Running { last: i64 },
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self::Unset { discontinuity: false }
    }

    /// A segment begins; with a `new_timeline` time has nothing to do with what it was.
    pub(crate) fn begin_segment(&mut self, new_timeline: bool) {
        *self = match *self {
            Self::Unset { discontinuity } => Self::Unset { discontinuity },
            Self::Due { .. } | Self::Running { .. } if new_timeline => Self::Unset { discontinuity: true },
            Self::Due { last } | Self::Running { last } => Self::Due { last },
        };
    }

    /// The next PCR that needs a packet of its own before a unit with this DTS; call until `None`.
    pub(crate) fn bridge(&mut self, dts: i64) -> Option<Pcr> {
        let Self::Running { last } = *self else { return None };
        let gap = dts - DELAY - last;
        if gap <= SPACING || gap > SPACING * (BRIDGE_PACKETS_MAX + 1) {
            return None;
        }
        Some(self.set(last + SPACING, false))
    }

    /// The PCR that goes along with a unit of the PCR's own PID.
    pub(crate) fn accompany(&mut self, dts: i64, random_access: bool) -> Option<Pcr> {
        let now = dts - DELAY;
        match *self {
            Self::Unset { discontinuity } => Some(self.set(now, discontinuity)),
            Self::Due { last } => Some(self.set(now.max(last + 1), false)),
            Self::Running { last } if now - last >= RENEWAL || random_access && now > last => {
                Some(self.set(now, false))
            }
            Self::Running { .. } => None,
        }
    }

    /// The PCR that must come before a unit of another PID, in a packet of its own.
    pub(crate) fn precede(&mut self, dts: i64) -> Option<Pcr> {
        match self {
            Self::Unset { .. } | Self::Due { .. } => self.accompany(dts, false),
            Self::Running { .. } => None,
        }
    }

    fn set(&mut self, ticks: i64, discontinuity: bool) -> Pcr {
        *self = Self::Running { last: ticks };
        Pcr {
            base: wrap(ticks),
            discontinuity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PCRs, in milliseconds of the timeline, that a unit at `dts_ms` causes.
    fn pcrs(clock: &mut Clock, dts_ms: i64) -> Vec<i64> {
        let mut all: Vec<Pcr> = std::iter::from_fn(|| clock.bridge(dts_ms * 90)).collect();
        all.extend(clock.accompany(dts_ms * 90, false));
        all.iter().map(|pcr| (pcr.base as i64 - BASE + DELAY) / 90).collect()
    }

    #[test]
    fn a_unit_renews_a_pcr_of_fifty_milliseconds() {
        let mut clock = Clock::new();
        assert_eq!(pcrs(&mut clock, 1_000), [1_000]);
        assert_eq!(pcrs(&mut clock, 1_049), [0; 0]);
        assert_eq!(pcrs(&mut clock, 1_050), [1_050]);
    }

    #[test]
    fn slow_pictures_are_bridged_every_hundred_milliseconds() {
        let mut clock = Clock::new();
        pcrs(&mut clock, 0);
        assert_eq!(pcrs(&mut clock, 100), [100]);
        assert_eq!(pcrs(&mut clock, 201), [200]);
        assert_eq!(pcrs(&mut clock, 500), [300, 400, 500]);
    }

    #[test]
    fn bridges_a_pause_up_to_its_limit_and_not_past_it() {
        let mut clock = Clock::new();
        pcrs(&mut clock, 0);
        assert_eq!(pcrs(&mut clock, 10_100).len(), 101);
        assert_eq!(pcrs(&mut clock, 20_201), [20_201]);
    }

    #[test]
    fn never_goes_back_and_is_renewed_at_each_segment() {
        let mut clock = Clock::new();
        pcrs(&mut clock, 1_000);
        assert_eq!(pcrs(&mut clock, 900), [0; 0]);
        clock.begin_segment(false);
        let Some(pcr) = clock.accompany(900 * 90, true) else {
            panic!("a segment without PCR")
        };
        assert_eq!(
            pcr,
            Pcr {
                base: wrap(1_000 * 90 - DELAY + 1),
                discontinuity: false
            }
        );
    }

    #[test]
    fn a_new_timeline_is_marked_once_and_the_first_is_not() {
        let mut clock = Clock::new();
        clock.begin_segment(true);
        assert_eq!(clock.accompany(0, true).map(|pcr| pcr.discontinuity), Some(false));
        clock.begin_segment(true);
        assert_eq!(clock.precede(-900_000_000).map(|pcr| pcr.discontinuity), Some(true));
        assert_eq!(clock.precede(-900_000_000), None);
    }

    #[test]
    fn wraps_without_a_seam() {
        let mut clock = Clock::new();
        let seam = (1_i64 << 33) - BASE + DELAY;
        let base = |pcr: Option<Pcr>| pcr.map(|pcr| pcr.base);
        assert_eq!(base(clock.accompany(seam - 4_500, false)), Some((1 << 33) - 4_500));
        assert_eq!(base(clock.accompany(seam, false)), Some(0));
        assert_eq!(base(clock.accompany(seam + 4_500, false)), Some(4_500));
    }
}
