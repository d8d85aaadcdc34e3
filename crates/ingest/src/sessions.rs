use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_oss::{BucketName, ChannelName, UnixTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::duels::Duels;
use crate::health::Status;
use crate::stream::Now;

/// The sessions that run in this process, by channel.
///
/// The catalog's lease decides who may write. This map only lets a publisher that takes a channel over wait until the
/// one before has listed what it accepted, instead of fencing it off in mid-segment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions {
    /// Held for a map look-up, never across an await.
    channels: Arc<Mutex<Channels>>,
}

#[derive(Debug, Default)]
struct Channels {
    /// One entry for each publishing connection: bounded by the gate.
    running: HashMap<Channel, Arc<Session>>,
    duels: Duels,
}

pub(crate) type Channel = (BucketName, ChannelName);

#[derive(Debug)]
struct Session {
    began: Instant,
    /// How long after `began` media came last, in milliseconds: the wall clock may be stepped meanwhile.
    last_media_after_ms: AtomicU64,
    /// The same by the wall clock, Unix milliseconds.
    last_media: AtomicI64,
    /// Somebody else takes the channel over: finish.
    replaced: CancellationToken,
    /// The publisher is gone; what it sent is being listed.
    ending: CancellationToken,
    /// All is listed, or given up.
    ended: CancellationToken,
    /// `None` before the publish has begun. Held to copy it, or to change it once a second; never across an await.
    status: Mutex<Option<Status>>,
}

/// A session's entry; taken out when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    sessions: Sessions,
    channel: Channel,
    session: Arc<Session>,
}

/// What somebody finds who may have the channel.
enum Entry {
    Free(Running),
    /// It is free once this one has ended.
    After(Arc<Session>),
}

/// The channel's publisher has sent media a short while ago.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) idle: Duration,
}

impl Sessions {
    /// Takes the channel's place, once the session that has it now has ended.
    ///
    /// One that is ending is waited for; one without media for `busy_within` is told to end, and then waited for. Where
    /// the channel changes hands again and again, `busy_within` grows: see [`Duels`].
    pub(crate) async fn enter(
        &self,
        bucket: &BucketName,
        channel: &ChannelName,
        now: Now,
        busy_within: Duration,
    ) -> Result<Running, Busy> {
        let channel = (bucket.clone(), channel.clone());
        loop {
            match self.try_enter(&channel, now, busy_within)? {
                Entry::Free(running) => return Ok(running),
                Entry::After(before) => before.ended.cancelled().await,
            }
        }
    }

    fn try_enter(&self, channel: &Channel, now: Now, busy_within: Duration) -> Result<Entry, Busy> {
        let Channels { running, duels } = &mut *self.lock();
        let Some(before) = running.get(channel) else {
            let session = Arc::new(Session::new(now));
            running.insert(channel.clone(), Arc::clone(&session));
            return Ok(Entry::Free(Running {
                sessions: self.clone(),
                channel: channel.clone(),
                session,
            }));
        };
        if !before.ending.is_cancelled() {
            let idle = before.idle(now.instant);
            if idle < duels.busy_within(channel, now.instant, busy_within) {
                return Err(Busy { idle });
            }
            if !before.replaced.is_cancelled() {
                duels.taken_over(channel, now.instant);
                before.replaced.cancel();
            }
        }
        Ok(Entry::After(Arc::clone(before)))
    }

    /// What is shown of the channel's session, if it has one.
    pub(crate) fn status(&self, bucket: &BucketName, channel: &ChannelName) -> Option<Status> {
        let session = self.lock().running.get(&(bucket.clone(), channel.clone())).cloned();
        session?.status().clone()
    }

    /// What is shown of the sessions in the buckets that `wanted` wants, ascending by bucket and channel: of those after
    /// `after` the first `limit`.
    pub(crate) fn statuses(
        &self,
        wanted: impl Fn(&BucketName) -> bool,
        after: Option<&Channel>,
        limit: usize,
    ) -> Vec<Status> {
        let is_wanted =
            |(channel, _): &(&Channel, &Arc<Session>)| wanted(&channel.0) && after.is_none_or(|after| *channel > after);
        let mut found: Vec<_> = {
            let channels = self.lock();
            let running = channels.running.iter().filter(is_wanted);
            running
                .map(|(channel, session)| (channel.clone(), Arc::clone(session)))
                .collect()
        };
        found.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        let statuses = found.into_iter().filter_map(|(_, session)| session.status().clone());
        statuses.take(limit).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        // Every change of the map is one call, so a poisoned lock is still right.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn new(now: Now) -> Self {
        Self {
            began: now.instant,
            last_media_after_ms: AtomicU64::new(0),
            last_media: AtomicI64::new(now.wall.as_millis()),
            replaced: CancellationToken::new(),
            ending: CancellationToken::new(),
            ended: CancellationToken::new(),
            status: Mutex::default(),
        }
    }

    fn idle(&self, now: Instant) -> Duration {
        let last_media = Duration::from_millis(self.last_media_after_ms.load(Ordering::Relaxed));
        now.duration_since(self.began).saturating_sub(last_media)
    }

    fn status(&self) -> MutexGuard<'_, Option<Status>> {
        // A status half changed is still one that was nearly right.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Media came.
    pub(crate) fn heard(&self, at: Now) {
        let after = at.instant.duration_since(self.session.began);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.session.last_media_after_ms.store(after_ms, Ordering::Relaxed);
        self.session.last_media.store(at.wall.as_millis(), Ordering::Relaxed);
    }

    /// When media last came; at first, when the session began.
    pub(crate) fn last_heard(&self) -> UnixTime {
        UnixTime::from_millis(self.session.last_media.load(Ordering::Relaxed))
    }

    /// Shows what the session is like from now on.
    pub(crate) fn show(&self, status: Status) {
        *self.session.status() = Some(status);
    }

    /// Changes what is shown of the session, where something is.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.session.status().as_mut() {
            change(status);
        }
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
        self.sessions.lock().running.remove(&self.channel);
        self.session.ended.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    const BUSY_WITHIN: Duration = Duration::from_secs(3);

    /// The wall clock goes back all the time; that must not matter.
    fn at(seconds: u64) -> Now {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        Now {
            wall: UnixTime::from_secs(1_000_000).minus(Duration::from_secs(100 * seconds)),
            instant: *BEGAN + Duration::from_secs(seconds),
        }
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
    async fn two_that_take_a_channel_from_each_other_have_to_wait_longer() {
        let sessions = Sessions::default();
        let (bucket, channel) = channel();
        let enter = |seconds| sessions.enter(&bucket, &channel, at(seconds), BUSY_WITHIN);
        let mut holder = enter(0).await.unwrap();
        for round in 1..=2 {
            holder.heard(at(3 * round - 3));
            let replaced = holder.replaced();
            let ends = async {
                replaced.cancelled().await;
                drop(holder);
            };
            holder = tokio::join!(enter(3 * round), ends).0.unwrap();
        }
        holder.heard(at(6));
        assert!(enter(9).await.is_err());
        assert!(enter(11).await.is_err());
        let replaced = holder.replaced();
        let ends = async {
            replaced.cancelled().await;
            drop(holder);
        };
        assert!(tokio::join!(enter(12), ends).0.is_ok());
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
        assert!(sessions.lock().running.is_empty());
    }
}
