use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};

/// Lets a line of the log be written a few times in an interval, however often its cause comes: what a peer does must
/// not fill a disk.
#[derive(Debug)]
pub struct Seldom {
    /// Locked for a moment only.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    began: Option<Instant>,
    said: u32,
    unsaid: u64,
}

/// Lines of one kind in [`INTERVAL`].
const LINES_MAX: u32 = 10;

/// After this the next lines are written.
const INTERVAL: Duration = Duration::from_secs(10);

impl Seldom {
    /// Nothing has been said yet.
    pub const fn new() -> Self {
        let state = State {
            began: None,
            said: 0,
            unsaid: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Whether it may be said again: if so, how many times it was not since the last time.
    pub fn may_say(&self) -> Option<u64> {
        // Each change is whole before anything can panic.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.began.is_none_or(|began| now.duration_since(began) >= INTERVAL) {
            (state.began, state.said) = (Some(now), 0);
        }
        if state.said == LINES_MAX {
            state.unsaid += 1;
            return None;
        }
        state.said += 1;
        Some(std::mem::take(&mut state.unsaid))
    }
}

impl Default for Seldom {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_lines_in_ten_seconds_and_the_next_tells_of_the_rest() {
        let seldom = Seldom::new();
        let said: Vec<_> = (0..1000).filter_map(|_| seldom.may_say()).collect();
        assert_eq!(said, [0; 10]);
        tokio::time::advance(INTERVAL).await;
        assert_eq!([seldom.may_say(), seldom.may_say()], [Some(990), Some(0)]);
    }
}
