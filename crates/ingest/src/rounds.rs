use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

/// The least time from one round to the next: a part of the 8 ms in which a segment is listed.
const ROUND: Duration = Duration::from_millis(4);

thread_local! {
    /// When this thread's round began.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static IN_HASTE: Cell<bool> = const { Cell::new(false) };
}

/// Lets a thread that serves publishers rest before it waits for its sockets.
///
/// A publisher sends some seventy packets a second. A thread that is woken for each of them spends most of its time on
/// waking; so it goes its rounds, at most one in four milliseconds, and finds all that has come meanwhile. Whoever comes
/// to a thread that had nothing to do for as long is served at once; and there is no rest after a round in which
/// somebody sent a lot.
///
/// For the thread's `on_thread_park`. Nothing that awaits several answers, one after the other, should live on such a
/// thread: each of them waits for a round.
pub fn rest() {
    let mut now = Instant::now();
    let in_haste = IN_HASTE.take();
    if let Some(began) = BEGAN.get()
        && !in_haste
    {
        let rest = (began + ROUND).saturating_duration_since(now);
        thread::sleep(rest);
        now += rest;
    }
    BEGAN.set(Some(now));
}

/// No rest after this round.
pub(crate) fn hurry() {
    IN_HASTE.set(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long each of so many rounds takes that find nothing to do.
    fn rounds<const N: usize>() -> [Duration; N] {
        rest();
        std::array::from_fn(|_| {
            let began = Instant::now();
            rest();
            began.elapsed()
        })
    }

    #[test]
    fn rounds_keep_their_distance() {
        let all: Duration = rounds::<5>().iter().sum();
        assert!(all >= 5 * ROUND - ROUND / 10, "{all:?}");
    }
}
