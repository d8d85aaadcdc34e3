use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::Unended;
use alluvium_hls::LiveWindow;
use alluvium_oss::{BucketName, ObjectKey, UnixTime};
use alluvium_store::{self as store, Condition, Put, recorded_etag};
use bytes::Bytes;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::Ingest;
use crate::lister::{entry, playlist_attributes, target_duration_s};

/// At least between looks for channels whose publisher has not come back.
const PAUSE_MIN: Duration = Duration::from_secs(5);

/// Channels ended in one look; the rest have their turn at the next.
const ENDED_AT_ONCE_MAX: usize = 256;

impl Ingest {
    /// Writes ENDLIST into the live playlists of channels to which nobody has come back within the reconnect window,
    /// until `stop` is cancelled.
    ///
    /// What is to be ended is asked of the catalog, so a restart in between forgets nothing; and a server that was away
    /// for longer than the window gives every publisher the whole of it to come back.
    pub async fn end_playlists(self: Arc<Self>, stop: CancellationToken) {
        let Some(window) = self.config.reconnect_window else {
            return;
        };
        let mut next = window;
        loop {
            tokio::select! {
                () = sleep(next) => {}
                () = stop.cancelled() => return,
            }
            self.end_due_playlists().await;
            let now = self.clock.now();
            next = match self.catalog.unended(now, 1).await {
                Ok(waiting) => pause(waiting.first().map(|first| first.closed), now, window),
                Err(_) => PAUSE_MIN,
            };
        }
    }

    /// Writes those ENDLISTs that are due by the clock; what fails has its turn at the next look.
    pub async fn end_due_playlists(&self) {
        let Some(window) = self.config.reconnect_window else {
            return;
        };
        let closed_before = self.clock.now().minus(window);
        let mut standing = HashMap::new();
        for unended in self.unended(closed_before).await {
            if let Some(found) = self.standing(&unended).await {
                standing.insert(place(&unended), found);
            }
        }
        if standing.is_empty() {
            return;
        }
        // Whoever has come back before a playlist was looked at is told now, and whoever does so later puts another one.
        for unended in self.unended(closed_before).await {
            let Some(found) = standing.remove(&place(&unended)) else {
                continue;
            };
            if let Err(error) = self.end(&unended, found).await {
                warn!(bucket = %unended.bucket, channel = %unended.channel, %error, "a playlist could not be ended yet");
            }
        }
    }

    async fn unended(&self, closed_before: UnixTime) -> Vec<Unended> {
        match self.catalog.unended(closed_before, ENDED_AT_ONCE_MAX).await {
            Ok(due) => due,
            Err(error) => {
                warn!(%error, "cannot ask for playlists to end");
                Vec::new()
            }
        }
    }

    async fn standing(&self, unended: &Unended) -> Option<Standing> {
        let Unended { bucket, channel, .. } = unended;
        let key = channel.playlist_key(&unended.playlist_name);
        let found = async {
            let found = self.store.get(bucket, &key, None).await?;
            let etag = found.info.etag.clone();
            let text = String::from_utf8_lossy(&found.bytes().await?).into_owned();
            Ok(Standing::Playlist { text, etag })
        };
        match found.await {
            Ok(found) => Some(found),
            Err(store::Error::NotFound { .. }) => Some(Standing::Nothing),
            Err(error) => {
                warn!(%bucket, %channel, %error, "a playlist could not be ended yet");
                None
            }
        }
    }

    async fn end(&self, unended: &Unended, standing: Standing) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Unended { bucket, channel, .. } = unended;
        if let Standing::Playlist { text, etag } = standing {
            let key = channel.playlist_key(&unended.playlist_name);
            match self.put_ended(unended, &key, &text, etag).await {
                Ok(()) => info!(%bucket, %channel, "nobody came back: the playlist has its ENDLIST"),
                Err(store::Error::Precondition { .. }) => {
                    debug!(%bucket, %channel, "the playlist has changed since it was looked at");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.catalog.mark_ended(unended).await?;
        Ok(())
    }

    async fn put_ended(
        &self,
        unended: &Unended,
        key: &ObjectKey,
        standing: &str,
        standing_etag: String,
    ) -> Result<(), store::Error> {
        let target_duration_s = target_duration_s(standing);
        let records = &unended.window;
        let text = Bytes::from(match records.is_empty() {
            true => without_segments(standing),
            false => LiveWindow::new(records.len(), target_duration_s, records.iter().map(entry)).playlist(true),
        });
        let etag = recorded_etag(store::crc64(&text), text.len() as u64);
        // A publisher that has come back in this moment has put, or will put, its own.
        let put = Put::bytes(text, etag, playlist_attributes(target_duration_s), self.clock.now())
            .when(Condition::Etag(standing_etag));
        self.store.put(&unended.bucket, key, put).await.map(drop)
    }
}

/// What stands where a playlist is to be ended.
enum Standing {
    /// Nothing was recorded, or its owner has deleted it: there is nothing to end.
    Nothing,
    Playlist {
        text: String,
        etag: String,
    },
}

/// Until a playlist can be due: the one that has waited longest, or that of a publish which ends right now.
fn pause(longest_closed: Option<UnixTime>, now: UnixTime, window: Duration) -> Duration {
    let pause_min = PAUSE_MIN.min(window.max(Duration::from_millis(100)));
    // What was closed a window ago is not due yet, but a moment later.
    let due = |closed: UnixTime| closed.plus(window).since(now) + Duration::from_millis(1);
    longest_closed.map_or(window, due).min(window).max(pause_min)
}

/// Which playlist it is.
fn place(unended: &Unended) -> (BucketName, ObjectKey) {
    let key = unended.channel.playlist_key(&unended.playlist_name);
    (unended.bucket.clone(), key)
}

/// A playlist all of whose segments were withdrawn, ended, with the numbers that it had.
fn without_segments(text: &str) -> String {
    let of_segments = [
        "#EXT-X-DISCONTINUITY",
        "#EXT-X-PROGRAM-DATE-TIME",
        "#EXTINF",
        "#EXT-X-ENDLIST",
    ];
    let is_of_playlist = |line: &&str| !of_segments.contains(&line.split(':').next().unwrap_or_default());
    let header = text.lines().take_while(is_of_playlist);
    header.chain(["#EXT-X-ENDLIST"]).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_when_a_playlist_can_be_due_and_not_before() {
        let now = UnixTime::from_secs(1_000);
        let ms = Duration::from_millis;
        for (closed_s, window, expected) in [
            (None, ms(60_000), ms(60_000)),
            (Some(980), ms(60_000), ms(40_001)),
            (Some(943), ms(60_000), ms(5_000)),
            (Some(500), ms(60_000), ms(5_000)),
            // The clock was set back.
            (Some(2_000), ms(60_000), ms(60_000)),
            (Some(500), ms(1_000), ms(1_000)),
            (None, ms(0), ms(100)),
        ] {
            let closed = closed_s.map(UnixTime::from_secs);
            assert_eq!(pause(closed, now, window), expected, "{closed:?}, {window:?}");
        }
    }
}
