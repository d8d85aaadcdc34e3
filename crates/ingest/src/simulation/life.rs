use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::log;

/// One process, from its start to its death. Each operation on a disk, a store or a catalog is a step.
#[derive(Debug)]
pub(super) struct Life {
    steps: AtomicUsize,
    /// The steps that it has.
    length: usize,
    dead: AtomicBool,
    died: Notify,
    /// It is not given any time until then.
    paused: Mutex<Option<Instant>>,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is done.
    Done,
    /// The process dies within it.
    Last,
    /// Nobody is there to ask for it.
    Never,
}

impl Life {
    /// A process that dies after so many steps, if it comes so far.
    pub(super) fn of(length: Option<usize>) -> Self {
        Self {
            steps: AtomicUsize::new(0),
            length: length.unwrap_or(usize::MAX),
            dead: AtomicBool::new(false),
            died: Notify::new(),
            paused: Mutex::default(),
        }
    }

    pub(super) fn step(&self) -> Step {
        if self.is_over() {
            return Step::Never;
        }
        if self.steps.fetch_add(1, Ordering::Relaxed) < self.length {
            return Step::Done;
        }
        self.end();
        Step::Last
    }

    /// A step between two moments of a call: who dies in it does not go on.
    pub(super) async fn pass(&self) {
        while let Some(until) = self.paused_until() {
            sleep_until(until).await;
        }
        if self.step() != Step::Done {
            std::future::pending::<()>().await;
        }
    }

    /// Stands still at its next step until then.
    pub(super) fn pause_until(&self, until: Instant) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn paused_until(&self) -> Option<Instant> {
        let paused = *self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        paused.filter(|until| *until > Instant::now())
    }

    pub(super) fn end(&self) {
        self.dead.store(true, Ordering::Relaxed);
        log::hears(false);
        self.died.notify_one();
    }

    pub(super) fn is_over(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Completes with the life.
    pub(super) async fn over(&self) {
        if !self.is_over() {
            self.died.notified().await;
        }
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> usize {
        self.steps.load(Ordering::Relaxed)
    }
}
