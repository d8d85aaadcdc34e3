use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_oss::{BucketName, ChannelName, ChannelStatus};
use tokio::sync::watch;

use crate::ChannelState;

/// A view of one channel's state that wakes its holder when the state changes.
///
/// Changes between two looks are seen as one; the last state is never missed.
#[derive(Debug)]
pub struct ChannelWatch {
    registry: Arc<Watches>,
    place: Place,
    /// `None` only while the watch is being dropped.
    receiver: Option<watch::Receiver<ChannelState>>,
}

impl ChannelWatch {
    /// Waits until the state differs from the one last returned here, and returns it. Cancelling loses nothing.
    pub async fn changed(&mut self) -> ChannelState {
        let receiver = self.receiver.as_mut().expect("present until drop");
        receiver
            .changed()
            .await
            .expect("the registry keeps the sender while a receiver lives");
        *receiver.borrow_and_update()
    }

    /// The state now.
    pub fn current(&self) -> ChannelState {
        *self.receiver.as_ref().expect("present until drop").borrow()
    }
}

impl Drop for ChannelWatch {
    fn drop(&mut self) {
        let mut senders = self.registry.lock();
        self.receiver = None;
        if let Entry::Occupied(sender) = senders.entry(self.place.clone())
            && sender.get().receiver_count() == 0
        {
            sender.remove();
        }
    }
}

/// The channels that somebody watches, and nothing else: as many entries as there are watched channels.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    /// Held only for a look-up and a send, neither of which waits.
    senders: Mutex<HashMap<Place, watch::Sender<ChannelState>>>,
}

/// A change that watchers of a channel must see.
#[derive(Debug)]
pub(crate) enum Change {
    Status(Option<ChannelStatus>),
    Epoch(u64),
}

pub(crate) type Place = (BucketName, ChannelName);

impl Watches {
    /// Begins a watch at `state`, which must be the newest that was published.
    pub(crate) fn watch(self: &Arc<Self>, place: Place, state: ChannelState) -> ChannelWatch {
        let receiver = {
            let mut senders = self.lock();
            senders
                .entry(place.clone())
                .or_insert_with(|| watch::Sender::new(state))
                .subscribe()
        };
        ChannelWatch {
            registry: Arc::clone(self),
            place,
            receiver: Some(receiver),
        }
    }

    pub(crate) fn publish(&self, place: &Place, change: &Change) {
        let senders = self.lock();
        let Some(sender) = senders.get(place) else { return };
        sender.send_if_modified(|state| {
            let next = match *change {
                Change::Status(status) => ChannelState { status, ..*state },
                Change::Epoch(epoch) => ChannelState { epoch, ..*state },
            };
            let differs = next != *state;
            *state = next;
            differs
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, watch::Sender<ChannelState>>> {
        self.senders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(channel: &str) -> Place {
        (
            BucketName::parse("bucket").unwrap(),
            ChannelName::parse(channel).unwrap(),
        )
    }

    const STATE: ChannelState = ChannelState {
        status: Some(ChannelStatus::Enabled),
        epoch: 1,
    };

    #[test]
    fn keeps_an_entry_only_while_somebody_watches() {
        let watches = Arc::new(Watches::default());
        let first = watches.watch(place("a"), STATE);
        let second = watches.watch(place("a"), STATE);
        let other = watches.watch(place("b"), STATE);
        assert_eq!(watches.lock().len(), 2);
        drop(first);
        assert_eq!(watches.lock().len(), 2);
        drop(second);
        drop(other);
        assert_eq!(watches.lock().len(), 0);
    }

    #[test]
    fn returns_to_nothing_after_many_watches_from_many_threads() {
        let watches = Arc::new(Watches::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        drop(watches.watch(place("a"), STATE));
                    }
                });
            }
        });
        assert_eq!(watches.lock().len(), 0);
    }

    #[tokio::test]
    async fn wakes_for_a_change_and_not_for_a_repetition() {
        let watches = Arc::new(Watches::default());
        let mut watch = watches.watch(place("a"), STATE);
        watches.publish(&place("a"), &Change::Epoch(1));
        watches.publish(&place("b"), &Change::Epoch(9));
        watches.publish(&place("a"), &Change::Status(None));
        watches.publish(&place("a"), &Change::Epoch(2));
        assert_eq!(watch.changed().await, ChannelState { status: None, epoch: 2 });
        assert_eq!(watch.current(), ChannelState { status: None, epoch: 2 });
        assert!(!watch.receiver.as_ref().unwrap().has_changed().unwrap());
    }
}
