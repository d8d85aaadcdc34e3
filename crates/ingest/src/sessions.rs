use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_oss::{BucketName, ChannelName, UnixTime};
use tokio_util::sync::CancellationToken;

/// The sessions that run in this process, by channel.
///
/// The catalog's lease decides who may write. This map only lets a publisher that takes a channel over wait until the
/// one before has listed what it accepted, instead of fencing it off in mid-segment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions {
    /// Held for a map look-up, never across an await. One entry for each publishing connection: bounded by the gate.
    running: Arc<Mutex<HashMap<Channel, Arc<Session>>>>,
}

type Channel = (BucketName, ChannelName);

#[derive(Debug)]
struct Session {
    /// Unix milliseconds.
    last_media: AtomicI64,
    /// Somebody else takes the channel over: finish.
    replaced: CancellationToken,
    /// The publisher is gone; what it sent is being listed.
    ending: CancellationToken,
    /// All is listed, or given up.
    ended: CancellationToken,
}

/// A session's entry; taken out when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    sessions: Sessions,
    channel: Channel,
    session: Arc<Session>,
}

/// The channel's publisher has sent media a short while ago.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) idle: Duration,
}

impl Sessions {
    /// Takes the channel's place, once the session that has it now has ended.
    ///
    /// One that is ending is waited for; one without media for `busy_within` is told to end, and then waited for.
    pub(crate) async fn enter(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        now: UnixTime,
        busy_within: Duration,
    ) -> Result<Running, Busy> {
        let channel = (bucket.clone(), channel.clone());
        loop {
            let before = match self.lock().entry(channel.clone()) {
                std::collections::hash_map::Entry::Vacant(vacant) => {
                    let session = Arc::new(Session::new(now));
                    vacant.insert(Arc::clone(&session));
                    return Ok(Running {
                        sessions: self.clone(),
                        channel,
                        session,
                    });
                }
                std::collections::hash_map::Entry::Occupied(occupied) => Arc::clone(occupied.get()),
            };
            if !before.ending.is_cancelled() {
                let idle = now.since(UnixTime::from_millis(before.last_media.load(Ordering::Relaxed)));
                if idle < busy_within {
                    return Err(Busy { idle });
                }
                before.replaced.cancel();
            }
            before.ended.cancelled().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Channel, Arc<Session>>> {
        // Every change of the map is one call, so a poisoned lock is still right.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn new(now: UnixTime) -> Self {
        Self {
            last_media: AtomicI64::new(now.as_millis()),
            replaced: CancellationToken::new(),
            ending: CancellationToken::new(),
            ended: CancellationToken::new(),
        }
    }
}

impl Running {
    /// Media came.
    pub(crate) fn heard(&self, at: UnixTime) {
        self.session.last_media.store(at.as_millis(), Ordering::Relaxed);
    }

    /// When media last came; at first, when the session began.
    pub(crate) fn last_heard(&self) -> UnixTime {
        UnixTime::from_millis(self.session.last_media.load(Ordering::Relaxed))
    }

    /// Completes when another publisher takes the channel over.
    pub(crate) fn replaced(&self) -> CancellationToken {
        self.session.replaced.clone()
    }

    /// The publisher is gone: who comes now waits instead of being refused.
    pub(crate) fn ending(&self) {
        self.session.ending.cancel();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.channel);
        self.session.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY_WITHIN: Duration = Duration::from_secs(3);

    fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn channel() -> (BucketName, ChannelName) {
        (
            BucketName::parse("bucket").unwrap(),
            ChannelName::parse("channel").unwrap(),
        )
    }

    #[tokio::test]
    async fn refuses_while_the_other_is_heard_of() {
        let sessions = Sessions::default();
        let (bucket, channel) = channel();
        let first = sessions.enter(&bucket, &channel, at(0), BUSY_WITHIN).await.unwrap();
        first.heard(at(10));
        let refused = sessions.enter(&bucket, &channel, at(12), BUSY_WITHIN).await;
        assert_eq!(
            refused.unwrap_err(),
            Busy {
                idle: Duration::from_secs(2)
            }
        );
    }

    #[tokio::test]
    async fn takes_a_silent_channel_over_after_it_has_ended() {
        let sessions = Sessions::default();
        let (bucket, channel) = channel();
        let first = sessions.enter(&bucket, &channel, at(0), BUSY_WITHIN).await.unwrap();
        let replaced = first.replaced();
        let ends = async {
            replaced.cancelled().await;
            drop(first);
        };
        let (second, ()) = tokio::join!(sessions.enter(&bucket, &channel, at(3), BUSY_WITHIN), ends);
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn waits_for_one_that_is_ending() {
        let sessions = Sessions::default();
        let (bucket, channel) = channel();
        let first = sessions.enter(&bucket, &channel, at(0), BUSY_WITHIN).await.unwrap();
        first.ending();
        let (second, ()) = tokio::join!(sessions.enter(&bucket, &channel, at(0), BUSY_WITHIN), async {
            drop(first)
        });
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn an_ended_session_leaves_nothing_behind() {
        let sessions = Sessions::default();
        let (bucket, channel) = channel();
        drop(sessions.enter(&bucket, &channel, at(0), BUSY_WITHIN).await.unwrap());
        assert!(sessions.lock().is_empty());
    }
}
