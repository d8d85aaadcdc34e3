use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::sessions::Channel;

/// Encoders that take a channel from each other, each whenever the other one stalls for a moment.
///
/// A network that fails once or twice is served at once. From the second change of hands within [`MEMORY`] on, the
/// silence after which the next one is allowed doubles, so that one of the two keeps the channel.
#[derive(Debug, Default)]
pub(crate) struct Duels {
    recent: HashMap<Channel, Duel>,
}

#[derive(Debug, Clone, Copy)]
struct Duel {
    changes: u32,
    last: Instant,
}

/// For how long after the last change of hands the ones before it count.
const MEMORY: Duration = Duration::from_secs(60);

/// Changes of hands within that time which are nobody's fault.
const CHANGES_FREE: u32 = 1;

/// The silence asked for at the most: about that after which a publish ends by itself.
const BUSY_WITHIN_MAX: Duration = Duration::from_secs(30);

/// Channels remembered; past that the oldest are forgotten.
const CHANNELS_MAX: usize = 1024;

impl Duels {
    /// After how much silence the channel may change hands now; `usual` where there is no duel.
    pub(crate) fn busy_within(&self, channel: &Channel, now: Instant, usual: Duration) -> Duration {
        match self.recent.get(channel) {
            Some(duel) if duel.is_remembered(now) => {
                let doublings = duel.changes.saturating_sub(CHANGES_FREE).min(16);
                let longer = usual.saturating_mul(1 << doublings);
                longer.min(BUSY_WITHIN_MAX.max(usual))
            }
            _ => usual,
        }
    }

    /// The channel changes hands.
    pub(crate) fn taken_over(&mut self, channel: &Channel, now: Instant) {
        if self.recent.len() >= CHANNELS_MAX {
            self.forget(now);
        }
        let duel = self
            .recent
            .entry(channel.clone())
            .or_insert(Duel { changes: 0, last: now });
        duel.changes = if duel.is_remembered(now) { duel.changes + 1 } else { 1 };
        duel.last = now;
        if duel.changes > CHANGES_FREE {
            let (bucket, name) = channel;
            warn!(event = "duel", %bucket, channel = %name, changes = duel.changes, "encoders take the channel from each other; they will have to wait longer");
        }
    }

    fn forget(&mut self, now: Instant) {
        self.recent.retain(|_, duel| duel.is_remembered(now));
        if self.recent.len() >= CHANNELS_MAX
            && let Some(oldest) = self.recent.iter().min_by_key(|(_, duel)| duel.last)
        {
            let oldest = oldest.0.clone();
            self.recent.remove(&oldest);
        }
    }
}

impl Duel {
    fn is_remembered(&self, now: Instant) -> bool {
        now.duration_since(self.last) < MEMORY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_oss::{BucketName, ChannelName};

    const USUAL: Duration = Duration::from_secs(3);

    fn channel(number: usize) -> Channel {
        let name = format!("channel{number}");
        (BucketName::parse("bucket").unwrap(), ChannelName::parse(&name).unwrap())
    }

    #[test]
    fn the_silence_asked_for_doubles_up_to_its_limit_and_is_forgotten_after_a_minute() {
        let (mut duels, channel) = (Duels::default(), channel(0));
        let now = Instant::now();
        for seconds in [3, 3, 6, 12, 24, 30, 30] {
            assert_eq!(duels.busy_within(&channel, now, USUAL), Duration::from_secs(seconds));
            duels.taken_over(&channel, now);
        }
        assert_eq!(duels.busy_within(&channel, now + MEMORY, USUAL), USUAL);
        duels.taken_over(&channel, now + MEMORY);
        assert_eq!(duels.busy_within(&channel, now + MEMORY, USUAL), USUAL);
    }

    #[test]
    fn a_longer_setting_stays() {
        let (mut duels, channel) = (Duels::default(), channel(0));
        let (now, long) = (Instant::now(), Duration::from_secs(100));
        duels.taken_over(&channel, now);
        duels.taken_over(&channel, now);
        assert_eq!(duels.busy_within(&channel, now, long), long);
    }

    #[test]
    fn the_oldest_are_forgotten_at_the_limit_of_channels() {
        let (mut duels, now) = (Duels::default(), Instant::now());
        for number in 0..=CHANNELS_MAX {
            duels.taken_over(&channel(number), now + Duration::from_millis(number as u64));
        }
        assert_eq!(duels.recent.len(), CHANNELS_MAX);
        assert!(!duels.recent.contains_key(&channel(0)));
        assert!(duels.recent.contains_key(&channel(CHANNELS_MAX)));
    }
}
