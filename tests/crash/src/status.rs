//! Which of its lives the server is in, as far as the witness has brought it about.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::{Clock, Time};
use crate::ledger::End;

/// The newest start of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phase {
    /// Counted from 1; 0 before the first.
    pub(crate) start: u32,
    pub(crate) state: State,
    pub(crate) begun: Time,
    pub(crate) ready: Option<Time>,
}

impl Phase {
    /// How long it took to be ready, where it is or was.
    pub(crate) fn start_time(&self) -> Option<Duration> {
        self.ready.map(|ready| self.begun.until(ready))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Starting,
    Ready,
    /// Killed or asked to stop.
    Gone,
}

/// Told by who starts and ends the server, before he does; asked by everybody else.
pub(crate) struct Status {
    clock: Clock,
    phase: watch::Sender<Phase>,
    /// How each start ended; locked for a moment only.
    ends: Mutex<Vec<Option<End>>>,
}

impl Status {
    pub(crate) fn new(clock: Clock) -> Self {
        let phase = Phase {
            start: 0,
            state: State::Gone,
            begun: clock.now(),
            ready: None,
        };
        Self {
            clock,
            phase: watch::Sender::new(phase),
            ends: Mutex::new(vec![None]),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// How a start ended; `None` while it goes on.
    pub(crate) fn end(&self, start: u32) -> Option<End> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        *ends.get(start as usize)?
    }

    /// The server is about to be started; gives the number of the start.
    pub(crate) fn started(&self) -> u32 {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let start = ends.len() as u32;
        ends.push(None);
        self.phase.send_replace(Phase {
            start,
            state: State::Starting,
            begun: self.clock.now(),
            ready: None,
        });
        start
    }

    pub(crate) fn ready(&self, start: u32) {
        let now = self.clock.now();
        self.phase.send_if_modified(|phase| {
            let is_news = phase.start == start && phase.state == State::Starting;
            if is_news {
                phase.state = State::Ready;
                phase.ready = Some(now);
            }
            is_news
        });
    }

    /// The server is about to be ended.
    pub(crate) fn gone(&self, end: impl FnOnce(Time) -> End) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = ends.last_mut() {
            *last = Some(end(self.clock.now()));
        }
        self.phase.send_modify(|phase| phase.state = State::Gone);
    }
}
