//! What everybody in a run shares.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::canary::Canary;
use crate::clock::{Clock, Time};
use crate::ledger::Ledger;
use crate::status::Status;
use crate::violation::Violation;

pub(crate) const BUCKET: &str = "crash";
pub(crate) const PLAYLIST: &str = "playlist.m3u8";

pub(crate) struct Run {
    pub(crate) clock: Clock,
    pub(crate) status: Arc<Status>,
    canary: Canary,
    /// For publishers and readers, in turn.
    pub(crate) addresses: [SocketAddr; 2],
    pub(crate) channels: Vec<Channel>,
    fault: watch::Sender<Option<Fault>>,
    accepted: watch::Sender<Accepted>,
}

pub(crate) struct Channel {
    pub(crate) name: String,
    /// Locked for a moment only.
    ledger: Mutex<Ledger>,
    /// The start of the server that has accepted a publisher last.
    accepted_by: AtomicU32,
    /// What a publisher heard when it was not accepted; locked for a moment only.
    refusal: Mutex<String>,
}

/// The first violation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("channel {channel}, seen at {at}: {violation}")]
pub(crate) struct Fault {
    pub(crate) channel: String,
    pub(crate) at: Time,
    pub(crate) violation: Violation,
}

/// Channels for which a start of the server, the newest that has accepted anybody, has accepted a publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accepted {
    start: u32,
    count: usize,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

impl Run {
    pub(crate) fn new(
        clock: Clock,
        status: Arc<Status>,
        canary: Canary,
        addresses: [SocketAddr; 2],
        channels: u32,
    ) -> Self {
        let now = clock.now();
        let accepted = Accepted {
            start: 0,
            count: 0,
            first: now,
            last: now,
        };
        let channel = |publisher| Channel {
            name: format!("c{publisher:04}"),
            ledger: Mutex::new(Ledger::new(publisher)),
            accepted_by: AtomicU32::new(0),
            refusal: Mutex::new(String::from("nothing")),
        };
        Self {
            clock,
            status,
            canary,
            addresses,
            channels: (0..channels).map(channel).collect(),
            fault: watch::Sender::new(None),
            accepted: watch::Sender::new(accepted),
        }
    }

    /// Tells of a violation; only the first is kept.
    pub(crate) fn report(&self, channel: &Channel, violation: Violation) {
        let fault = Fault {
            channel: channel.name.clone(),
            at: self.clock.now(),
            violation,
        };
        self.fault.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(fault);
            is_first
        });
    }

    /// Reports what a judgement finds.
    pub(crate) fn check(&self, channel: &Channel, judgement: Result<(), Violation>) {
        if let Err(violation) = judgement {
            self.report(channel, violation);
        }
    }

    /// Waits for the first violation, which may never come.
    pub(crate) async fn fault(&self) -> Fault {
        let mut fault = self.fault.subscribe();
        loop {
            if let Some(fault) = fault.borrow_and_update().clone() {
                return fault;
            }
            if fault.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    pub(crate) fn first_fault(&self) -> Option<Fault> {
        self.fault.borrow().clone()
    }

    /// The channel's publisher was accepted by this start of the server, perhaps not for the first time.
    pub(crate) fn note_accepted(&self, channel: &Channel, start: u32) {
        if channel.accepted_by.swap(start, Ordering::Relaxed) == start {
            return;
        }
        let now = self.clock.now();
        self.accepted.send_modify(|accepted| {
            if accepted.start != start {
                *accepted = Accepted {
                    start,
                    count: 0,
                    first: now,
                    last: now,
                };
            }
            accepted.count += 1;
            accepted.last = now;
        });
    }

    /// Waits until the running server has accepted every publisher. Past the deadline this is reported, and waits on.
    pub(crate) async fn all_accepted(&self, deadline: Duration) -> Accepted {
        let start = self.status.phase().start;
        let mut accepted = self.accepted.subscribe();
        let all = accepted.wait_for(|accepted| accepted.start == start && accepted.count >= self.channels.len());
        if let Ok(Ok(accepted)) = timeout(deadline, all).await {
            return *accepted;
        }
        let missing = |channel: &&Channel| channel.accepted_by.load(Ordering::Relaxed) != start;
        if let Some(channel) = self.channels.iter().find(missing) {
            self.report(channel, Violation::NotAccepted(channel.refusal().clone()));
        }
        std::future::pending().await
    }

    /// Tells all accounts that the newest start of the server has ended.
    pub(crate) fn server_ended(&self) {
        let start = self.status.phase().start;
        let Some(end) = self.status.end(start) else { return };
        let stalled = self.canary.longest_before(end.at());
        for channel in &self.channels {
            channel.ledger().server_ended(start, end, stalled);
        }
    }

    /// Publishers who were accepted so far are not counted any more.
    pub(crate) fn forget_accepted(&self) {
        for channel in &self.channels {
            channel.accepted_by.store(0, Ordering::Relaxed);
        }
        self.accepted.send_modify(|accepted| accepted.start = 0);
    }

    /// Waits until everything is listed that has to be, of these channels. Past the deadline what is not is reported.
    pub(crate) async fn all_listed(&self, deadline: Duration, which: impl Fn(usize) -> bool) {
        let channels = || (0..).zip(&self.channels).filter(|(index, _)| which(*index));
        let listed = async {
            while !channels().all(|(_, channel)| channel.ledger().is_complete()) {
                sleep(LOOK_INTERVAL).await;
            }
        };
        if timeout(deadline, listed).await.is_err() {
            channels().for_each(|(_, channel)| self.finish(channel));
        }
    }

    /// Judges what nothing more can come of.
    pub(crate) fn finish(&self, channel: &Channel) {
        let judgement = channel.ledger().finish();
        self.check(channel, judgement);
    }

    pub(crate) fn sum(&self, of: impl Fn(&Ledger) -> u64) -> u64 {
        self.channels.iter().map(|channel| of(&channel.ledger())).sum()
    }
}

impl Channel {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_refusal(&self, words: String) {
        *self.refusal() = words;
    }

    fn refusal(&self) -> MutexGuard<'_, String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path of something of this channel, as HTTP asks for it.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("/{BUCKET}/{}/{name}", self.name)
    }
}

/// Between looks at all accounts.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
