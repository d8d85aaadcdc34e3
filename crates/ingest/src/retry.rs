use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};

/// How long to wait before trying a failed store or catalog call again: doubling from a first delay to a cap, with
/// jitter so that the streams of a recovering store do not all come at once.
///
/// Together with the budget of all streams this is the only place where recording retries; stores and catalogs let their errors
/// pass.
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

    /// Counts a failure and gives the wait before the next attempt, at random between half and the whole of the current
    /// delay.
    pub fn after_failure(&mut self, random: &mut impl Rng) -> Duration {
        let delay = self.next;
        self.attempts += 1;
        self.next = (delay * 2).min(Self::CAP);
        delay.mul_f64(random.random_range(0.5..=1.0))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

/// What all streams together may retry: a store that has been away for long is not run down by everybody at once when it
/// comes back.
#[derive(Debug)]
pub(crate) struct Budget {
    /// When the next retry may be made. Held for one addition, never across an await.
    next: Mutex<Instant>,
    /// Held for one number, never across an await.
    random: Mutex<StdRng>,
}

impl Budget {
    /// Retries a second, of all streams.
    pub(crate) const PER_SECOND: u32 = 200;

    pub(crate) fn new() -> Self {
        Self::seeded(rand::random())
    }

    /// All waits follow from `seed`.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self {
            next: Mutex::new(Instant::now()),
            random: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    /// Counts a failure and gives the wait before the next attempt.
    pub(crate) fn after_failure(&self, retry: &mut Retry) -> Duration {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        retry.after_failure(&mut *random)
    }

    /// Waits for the caller's turn to retry.
    pub(crate) async fn turn(&self) {
        sleep_until(self.take()).await;
    }

    fn take(&self) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + Duration::from_secs(1) / Self::PER_SECOND;
        turn
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
            let delay = retry.after_failure(&mut rand::rng());
            assert!(
                delay >= full / 2 && delay <= full,
                "attempt {attempt}: {delay:?} of {full:?}"
            );
            assert_eq!(retry.attempts(), attempt);
            full = (full * 2).min(Retry::CAP);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_streams_together_retry_at_the_rate_of_the_budget() {
        let budget = Budget::new();
        let began = Instant::now();
        for _ in 0..=10 * Budget::PER_SECOND {
            budget.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_nobody_took_are_not_saved_up() {
        let budget = Budget::new();
        tokio::time::advance(Duration::from_secs(60)).await;
        let began = Instant::now();
        for _ in 0..=Budget::PER_SECOND {
            budget.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }
}
