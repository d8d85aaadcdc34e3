//! What a run has seen, for a person.

use std::fmt;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::run::Run;
use crate::violation::Ms;

/// Rows of a table: a name and what was found.
#[derive(Default)]
pub(crate) struct Table(Vec<(&'static str, String)>);

impl Table {
    pub(crate) fn row(&mut self, name: &'static str, found: impl fmt::Display) {
        self.0.push((name, found.to_string()));
    }

    /// What every run has: streams, segments, units.
    pub(crate) fn media(&mut self, run: &Run) {
        self.row("streams", run.sum(|ledger| ledger.connections() as u64));
        self.row("segments", run.sum(|ledger| ledger.listed().count() as u64));
        self.row("units sent", run.sum(Ledger::units_sent));
        self.row("units listed", run.sum(Ledger::units_listed));
        let lost = |ledger: &Ledger| ledger.losses().iter().map(|loss| loss.units).sum();
        self.row("units lost", run.sum(lost));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, found) in &self.0 {
            writeln!(f, "  {name:width$}  {found}")?;
        }
        Ok(())
    }
}

/// Median, 99th percentile and greatest of some durations.
pub(crate) struct Distribution(Vec<Duration>);

impl FromIterator<Duration> for Distribution {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut sorted: Vec<Duration> = durations.into_iter().collect();
        sorted.sort_unstable();
        Self(sorted)
    }
}

impl Distribution {
    /// The smallest that at least `percent` of all do not exceed.
    fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied()
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(median), Some(p99), Some(most)) = (self.percentile(50), self.percentile(99), self.percentile(100))
        else {
            return f.write_str("none");
        };
        let count = self.0.len();
        write!(
            f,
            "median {}, p99 {}, max {} (of {count})",
            Ms(median),
            Ms(p99),
            Ms(most)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let distribution = |count: u64| (1..=count).rev().map(Duration::from_millis).collect::<Distribution>();
        let of = |count, percent| distribution(count).percentile(percent).map(|found| found.as_millis());
        assert_eq!(
            [50, 99, 100].map(|percent| of(200, percent)),
            [Some(100), Some(198), Some(200)]
        );
        assert_eq!([50, 99, 100].map(|percent| of(1, percent)), [Some(1); 3]);
        assert_eq!(of(0, 50), None);
        assert_eq!(
            distribution(3).to_string(),
            "median 2.0 ms, p99 3.0 ms, max 3.0 ms (of 3)"
        );
    }
}
