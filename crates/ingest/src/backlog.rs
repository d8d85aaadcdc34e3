use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// The finished segments of one session that are not stored yet, and how long storing takes: written by recorder and
/// lister, read by whoever wants to know. Each number is right by itself; together they may be a moment apart.
#[derive(Debug, Clone)]
pub(crate) struct Backlog(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    since: Instant,
    bytes: AtomicU64,
    segments: AtomicU64,
    listed: AtomicU64,
    /// When the segment ended that is being stored: milliseconds after `since`, and one; 0 when there is none.
    in_hand: AtomicU64,
    /// Milliseconds from the end of the segment listed last to its listing.
    lag: AtomicU64,
    /// A segment waits no more.
    taken_away: Notify,
}

/// How the store keeps up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Keeping {
    pub(crate) segments_waiting: u64,
    pub(crate) segments_listed: u64,
    /// How long the oldest of those that wait has been complete.
    pub(crate) oldest: Duration,
    /// How long after its end the segment listed last was listed.
    pub(crate) lag: Duration,
}

impl Default for Backlog {
    fn default() -> Self {
        Self(Arc::new(Counts {
            since: Instant::now(),
            bytes: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            listed: AtomicU64::new(0),
            in_hand: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            taken_away: Notify::new(),
        }))
    }
}

impl Backlog {
    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Completes while less than both waits.
    pub(crate) async fn below(&self, bytes: u64, segments: u64) {
        loop {
            let taken_away = self.0.taken_away.notified();
            if self.bytes() < bytes && self.0.segments.load(Ordering::Relaxed) < segments {
                return;
            }
            taken_away.await;
        }
    }

    /// A segment is complete.
    pub(crate) fn add(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.segments.fetch_add(1, Ordering::Relaxed);
    }

    /// The oldest segment, complete since `ended`, is being stored.
    pub(crate) fn take_up(&self, ended: Instant) {
        self.0.in_hand.store(self.millis(ended) + 1, Ordering::Relaxed);
    }

    /// The oldest segment waits no more, whatever became of it.
    pub(crate) fn take_away(&self, bytes: u64) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.0.segments.fetch_sub(1, Ordering::Relaxed);
        self.0.in_hand.store(0, Ordering::Relaxed);
        self.0.taken_away.notify_waiters();
    }

    /// The segment that was complete at `ended` is listed.
    pub(crate) fn listed(&self, ended: Instant, at: Instant) {
        let lag = at.duration_since(ended).as_millis() as u64;
        self.0.lag.store(lag, Ordering::Relaxed);
        self.0.listed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn keeping(&self, now: Instant) -> Keeping {
        let oldest = match self.0.in_hand.load(Ordering::Relaxed) {
            0 => 0,
            ended => self.millis(now).saturating_sub(ended - 1),
        };
        Keeping {
            segments_waiting: self.0.segments.load(Ordering::Relaxed),
            segments_listed: self.0.listed.load(Ordering::Relaxed),
            oldest: Duration::from_millis(oldest),
            lag: Duration::from_millis(self.0.lag.load(Ordering::Relaxed)),
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        at.duration_since(self.0.since).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_how_long_the_oldest_waits_and_how_late_the_last_was() {
        let backlog = Backlog::default();
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(backlog.keeping(after(9)), Keeping::default());
        backlog.add(10);
        backlog.add(20);
        backlog.take_up(after(1));
        let keeping = backlog.keeping(after(4));
        assert_eq!((backlog.bytes(), keeping.segments_waiting), (30, 2));
        assert_eq!(keeping.oldest, Duration::from_secs(3));
        backlog.listed(after(1), after(5));
        backlog.take_away(10);
        let keeping = backlog.keeping(after(6));
        assert_eq!(
            (backlog.bytes(), keeping.segments_waiting, keeping.segments_listed),
            (20, 1, 1)
        );
        assert_eq!((keeping.oldest, keeping.lag), (Duration::ZERO, Duration::from_secs(4)));
    }
}
