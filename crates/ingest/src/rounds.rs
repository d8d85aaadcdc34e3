use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The least time from one round to the next while somebody waits for its peer: a part of the 8 ms in which a segment is
/// listed.
const ROUND_MIN: Duration = Duration::from_millis(4);

/// The same while all that is awaited can wait: a part of the 250 ms that a killed process may lose.
pub(crate) const ROUND_MAX: Duration = Duration::from_millis(16);

/// Timers are due at whole milliseconds of the runtime's clock: so long after the time asked for, they are.
const TIMER: Duration = Duration::from_millis(1);

thread_local! {
    static ROUNDS: Rounds = Rounds::default();
}

/// One thread's rounds.
#[derive(Default)]
struct Rounds {
    /// When the round began that is being made.
    began: Cell<Option<Instant>>,
    in_haste: Cell<bool>,
    /// How many connections of this thread wait for their peers.
    awake: Arc<AtomicUsize>,
    /// When a round is wanted, the soonest first; at most one for each connection and its turn.
    wanted: RefCell<BinaryHeap<Reverse<Instant>>>,
}

/// Says that a connection waits for its peer, and not for its next turn.
#[derive(Debug)]
pub(crate) struct Awake {
    others: Arc<AtomicUsize>,
    counted: bool,
}

/// Lets a thread that serves publishers rest before it waits for its sockets.
///
/// A publisher sends some seventy packets a second. A thread that is woken for each of them spends most of its time on
/// waking; so it goes its rounds, and finds all that has come meanwhile: at most one in four milliseconds, and one in
/// sixteen while each of its publishers is between two turns. Whoever comes to a thread that had nothing to do for as
/// long is served at once; and there is no rest after a round in which somebody sent a lot.
///
/// For the thread's `on_thread_park`. Nothing that awaits several answers, one after the other, should live on such a
/// thread: each of them waits for a round.
pub fn rest() {
    ROUNDS.with(|rounds| {
        let now = Instant::now();
        let rest = rounds.rest(now);
        if !rest.is_zero() {
            thread::sleep(rest);
        }
        rounds.began.set(Some(now + rest));
    });
}

/// No rest after this round.
pub(crate) fn hurry() {
    ROUNDS.with(|rounds| rounds.in_haste.set(true));
}

/// A timer of this thread is set to `at`: there should be a round then.
pub(crate) fn want(at: Instant) {
    ROUNDS.with(|rounds| rounds.wanted.borrow_mut().push(Reverse(at + TIMER)));
}

/// How many rounds are wanted of this thread.
#[cfg(test)]
pub(crate) fn wanted_here() -> usize {
    ROUNDS.with(|rounds| rounds.wanted.borrow().len())
}

/// How many connections of this thread wait for their peers.
#[cfg(test)]
pub(crate) fn awake_here() -> usize {
    ROUNDS.with(|rounds| rounds.awake.load(Ordering::Relaxed))
}

impl Rounds {
    /// How long the thread rests from `now` on.
    fn rest(&self, now: Instant) -> Duration {
        let mut wanted = self.wanted.borrow_mut();
        while wanted.peek().is_some_and(|Reverse(at)| *at <= now) {
            wanted.pop();
        }
        let Some(began) = self.began.get().filter(|_| !self.in_haste.take()) else {
            return Duration::ZERO;
        };
        let soonest = began + ROUND_MIN;
        let until = match wanted.peek() {
            _ if self.awake.load(Ordering::Relaxed) > 0 => soonest,
            Some(Reverse(at)) => (*at).clamp(soonest, began + ROUND_MAX),
            None => began + ROUND_MAX,
        };
        until.saturating_duration_since(now)
    }
}

impl Awake {
    /// Of a connection that this thread serves from now on, and that waits for its peer.
    pub(crate) fn here() -> Self {
        let mut awake = Self {
            others: ROUNDS.with(|rounds| Arc::clone(&rounds.awake)),
            counted: false,
        };
        awake.set(true);
        awake
    }

    pub(crate) fn set(&mut self, awake: bool) {
        if self.counted != awake {
            self.counted = awake;
            match awake {
                true => self.others.fetch_add(1, Ordering::Relaxed),
                false => self.others.fetch_sub(1, Ordering::Relaxed),
            };
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A thread whose round has just begun, and when.
    fn rounds() -> (Rounds, Instant) {
        let (rounds, now) = (Rounds::default(), Instant::now());
        assert_eq!(rounds.rest(now), Duration::ZERO);
        rounds.began.set(Some(now));
        (rounds, now)
    }

    fn awake(rounds: &Rounds) -> Awake {
        let mut awake = Awake {
            others: Arc::clone(&rounds.awake),
            counted: false,
        };
        awake.set(true);
        awake
    }

    #[test]
    fn rounds_keep_their_distance() {
        let (rounds, began) = rounds();
        assert_eq!(rounds.rest(began + ms(1)), ROUND_MAX - ms(1));
        assert_eq!(rounds.rest(began + ROUND_MAX), ms(0));
        let mut first = awake(&rounds);
        let second = awake(&rounds);
        first.set(false);
        assert_eq!(rounds.rest(began + ms(1)), ROUND_MIN - ms(1));
        drop(second);
        assert_eq!(rounds.rest(began + ms(1)), ROUND_MAX - ms(1));
    }

    #[test]
    fn a_round_begins_when_it_is_wanted() {
        let (rounds, began) = rounds();
        let want = |after| rounds.wanted.borrow_mut().push(Reverse(began + after));
        for after in [ms(50), ms(1), ms(10)] {
            want(after);
        }
        // The first is over; the second no sooner than the distance allows.
        assert_eq!(rounds.rest(began + ms(2)), ms(8));
        want(ms(3));
        assert_eq!(rounds.rest(began + ms(2)), ROUND_MIN - ms(2));
        assert_eq!(rounds.rest(began + ms(10)), ROUND_MAX - ms(10));
        assert_eq!(rounds.wanted.borrow().len(), 1);
    }

    #[test]
    fn there_is_no_rest_after_a_round_in_haste() {
        let (rounds, began) = rounds();
        rounds.in_haste.set(true);
        assert_eq!(rounds.rest(began), ms(0));
        assert_eq!(rounds.rest(began), ROUND_MAX);
    }

    #[test]
    fn a_thread_rests() {
        let began = Instant::now();
        rest();
        want(began + ROUND_MIN);
        rest();
        assert!(began.elapsed() >= ROUND_MIN, "{:?}", began.elapsed());
    }
}
