use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use alluvium_catalog::LiveSession;
use alluvium_oss::UnixTime;
use tokio::time::Instant;

use crate::sessions::Channel;

/// Sessions that stood in the way of a publisher, and since when nothing has come of them.
///
/// The catalog compares the times that nodes tell it. Where the clock of a node that died was ahead, its last sign of
/// life lies in the future, and its channel would stay busy until then. So what counts besides is whether the signs of
/// life go on, by this node's own clock, which is never stepped.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Held for a look-up, never across an await.
    seen: Mutex<HashMap<Channel, Sighting>>,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    epoch: u64,
    last_media: UnixTime,
    since: Instant,
}

/// Channels remembered; past that the oldest are forgotten.
const CHANNELS_MAX: usize = 1024;

impl Sightings {
    /// Sees the session that has the channel now; gives for how long it has been seen exactly so.
    pub(crate) fn see(&self, channel: &Channel, live: &LiveSession, now: Instant) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sighting) = seen.get(channel)
            && (sighting.epoch, sighting.last_media) == (live.epoch, live.last_media)
        {
            return now.duration_since(sighting.since);
        }
        if seen.len() >= CHANNELS_MAX
            && let Some(oldest) = seen.iter().min_by_key(|(_, sighting)| sighting.since)
        {
            let oldest = oldest.0.clone();
            seen.remove(&oldest);
        }
        let sighting = Sighting {
            epoch: live.epoch,
            last_media: live.last_media,
            since: now,
        };
        seen.insert(channel.clone(), sighting);
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alluvium_catalog::{SessionId, Statistics};
    use alluvium_oss::{BucketName, ChannelName, PlaylistName};

    fn live(epoch: u64, last_media_s: i64) -> LiveSession {
        LiveSession {
            session: SessionId::from_bits(epoch),
            epoch,
            remote_addr: "192.0.2.1:5000".parse().unwrap(),
            connected: UnixTime::default(),
            last_media: UnixTime::from_secs(last_media_s),
            statistics: Statistics::default(),
            playlist_name: PlaylistName::parse("playlist.m3u8").unwrap(),
            frag_count: 3,
        }
    }

    fn channel(number: usize) -> Channel {
        let name = ChannelName::parse(&format!("channel{number}")).unwrap();
        (BucketName::parse("bucket").unwrap(), name)
    }

    #[test]
    fn a_session_is_as_old_as_its_last_sign_of_life() {
        let (sightings, channel) = (Sightings::default(), channel(0));
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let see = |live, seconds| sightings.see(&channel, &live, at(seconds)).as_secs();
        assert_eq!(see(live(1, 10), 0), 0);
        assert_eq!(see(live(1, 10), 5), 5);
        assert_eq!(see(live(1, 11), 6), 0);
        assert_eq!(see(live(2, 11), 8), 0);
        assert_eq!(see(live(2, 11), 9), 1);
    }

    #[test]
    fn the_oldest_is_forgotten_at_the_limit_of_channels() {
        let sightings = Sightings::default();
        let began = Instant::now();
        for number in 0..=CHANNELS_MAX {
            sightings.see(
                &channel(number),
                &live(1, 1),
                began + Duration::from_millis(number as u64),
            );
        }
        assert_eq!(sightings.seen.lock().unwrap().len(), CHANNELS_MAX);
        let later = began + Duration::from_secs(60);
        assert_eq!(sightings.see(&channel(CHANNELS_MAX), &live(1, 1), later).as_secs(), 58);
        assert_eq!(sightings.see(&channel(0), &live(1, 1), later), Duration::ZERO);
    }
}
