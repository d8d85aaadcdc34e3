use std::time::Duration;

use rand::RngExt;

/// How long to wait before trying a failed store or catalog call again: doubling from a first delay to a cap, with
/// jitter so that the streams of a recovering store do not all come at once.
///
/// This is the only place where recording retries; stores and catalogs let their errors pass.
#[derive(Debug, Clone)]
pub struct Retry {
    next: Duration,
    attempts: u32,
}

impl Retry {
    /// Before the second attempt.
    pub const FIRST: Duration = Duration::from_millis(50);
    /// Between attempts at the most.
    pub const CAP: Duration = Duration::from_secs(5);

    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self {
            next: Self::FIRST,
            attempts: 0,
        }
    }

    /// How often the call has failed.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Counts a failure and gives the wait before the next attempt, between half and the whole of the current delay.
    pub fn after_failure(&mut self) -> Duration {
        let delay = self.next;
        self.attempts += 1;
        self.next = (delay * 2).min(Self::CAP);
        delay.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let mut retry = Retry::new();
        let mut full = Retry::FIRST;
        for attempt in 1..20 {
            let delay = retry.after_failure();
            assert!(
                delay >= full / 2 && delay <= full,
                "attempt {attempt}: {delay:?} of {full:?}"
            );
            assert_eq!(retry.attempts(), attempt);
            full = (full * 2).min(Retry::CAP);
        }
    }
}
