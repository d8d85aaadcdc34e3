use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use alluvium_catalog::{Activity, Lease};
use alluvium_rtmp::{self as rtmp, Event};
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{debug, info};

use crate::admission::Refusal;
use crate::end::End;
use crate::health::Status;
use crate::recorder::{Outcome, Recorder};
use crate::sessions::Running;
use crate::stream::{Now, Stream};
use crate::wire::Step;
use crate::{Config, Ingest};

/// One publish while it runs.
pub(crate) struct Session {
    pub(crate) lease: Lease,
    pub(crate) media: Media,
    pub(crate) recorder: Recorder,
    began: Instant,
}

/// What the bytes of the wire go into.
pub(crate) struct Media {
    pub(crate) running: Running,
    pub(crate) stream: Stream,
    /// When media last came; at first, when the session began.
    heard: Instant,
}

/// What media led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Work for the recorder.
    Work,
    Unpublished,
}

impl Media {
    /// Takes what came, up to the end of the publish.
    pub(crate) fn take(
        &mut self,
        connection: &mut rtmp::Connection,
        mut input: &[u8],
        now: Now,
    ) -> Result<Step<Taken>, rtmp::Error> {
        while let Some(event) = connection.receive(&mut input)? {
            match event {
                Event::Media {
                    kind,
                    timestamp_ms,
                    payload,
                } => {
                    self.running.heard(now);
                    self.heard = now.instant;
                    self.stream.receive(kind, timestamp_ms, payload, now);
                }
                Event::Metadata(metadata) => self.stream.announce(&metadata),
                Event::Unpublish => return Ok(Step::Came(Taken::Unpublished, input.len())),
                Event::Fault(fault) => self.stream.health().message_fault(&fault, now.wall),
                event => note(&event),
            }
        }
        match self.stream.has_work() {
            true => Ok(Step::Came(Taken::Work, 0)),
            false => Ok(Step::More),
        }
    }
}

impl Session {
    /// A session that begins `now`, of this `peer` and the encoder that names itself so.
    pub(crate) fn new(
        lease: Lease,
        running: Running,
        recorder: Recorder,
        config: &Config,
        (peer, encoder): (SocketAddr, &str),
        now: Now,
    ) -> Self {
        running.show(Status::beginning(&lease, peer, encoder, now.wall));
        Self {
            media: Media {
                running,
                stream: Stream::new(&lease, config, now),
                heard: now.instant,
            },
            recorder,
            lease,
            began: now.instant,
        }
    }

    /// Looks at the clock, once a second or so: is there media? Gives what the catalog is to be told.
    pub(crate) fn tick(&mut self, ingest: &Ingest) -> Result<Activity, End> {
        let config = &ingest.config;
        let now = Now::by(&*ingest.clock);
        if self.media.stream.has_work() {
            // It is we who do not read.
            self.media.heard = now.instant;
        }
        if let Some(refusal) = self.missing_media(now.instant, config.first_media_timeout, config.audio_only) {
            return Err(End::NoMedia(refusal));
        }
        if now.instant.duration_since(self.media.heard) >= config.silence_timeout {
            return Err(End::Silent(config.silence_timeout));
        }
        let Media { running, stream, .. } = &mut self.media;
        let (store, gap) = (self.recorder.keeping(now.instant), self.recorder.is_in_gap());
        let statistics = stream.health().look(store, gap, now);
        running.update(|status| stream.health().fill(status, store, now.wall));
        Ok(Activity {
            at: now.wall,
            last_media: running.last_heard(),
            statistics,
        })
    }

    /// The publish brings nothing that can be recorded (contract 2.6: video is required, H.264).
    fn missing_media(&self, now: Instant, limit: Duration, audio_only: bool) -> Option<Refusal> {
        let received = self.media.stream.received();
        if received.video || (audio_only && received.audio) {
            return None;
        }
        if let Some(refusal) = self.foreign_video() {
            return Some(refusal);
        }
        let audio_alone = if received.audio {
            "; a stream of audio alone is not recorded"
        } else {
            ""
        };
        (now.duration_since(self.began) >= limit).then(|| {
            Refusal::denied(format!(
                "No H.264 video came within {} s{audio_alone}.",
                limit.as_secs()
            ))
        })
    }

    /// There is video, and none of it is H.264.
    pub(crate) fn foreign_video(&self) -> Option<Refusal> {
        let stream = &self.media.stream;
        let codec = stream.foreign_video().filter(|_| !stream.received().video)?;
        Some(Refusal::denied(format!(
            "The video is {codec}; only H.264 can be recorded."
        )))
    }

    /// Gives the recorder the work that it has room for; says whether the rest can wait for the store.
    pub(crate) fn hand_over_what_has_room(&mut self) -> bool {
        let stream = &mut self.media.stream;
        let can_wait = stream.has_work() && stream.is_ahead(Instant::now());
        while stream.has_work()
            && let Some(room) = self.recorder.room(can_wait).now_or_never()
            && let Some(work) = stream.take_work()
        {
            self.recorder.take(work, room);
        }
        can_wait
    }

    /// Gives the recorder all its work.
    pub(crate) async fn hand_over(&mut self) {
        while let Some(work) = self.media.stream.take_work() {
            let room = self.recorder.room(false).await;
            self.recorder.take(work, room);
        }
    }

    /// Ends the open segment and waits until all is listed and the session is closed.
    pub(crate) async fn finish(mut self, ingest: &Ingest, end: &End) -> Outcome {
        self.media.running.ending();
        let (stream, now) = (&mut self.media.stream, Now::by(&*ingest.clock));
        if panic::catch_unwind(AssertUnwindSafe(|| stream.finish(now))).is_err() {
            // What is held back is lost then; the segment that is open need not be.
            let _ = panic::catch_unwind(AssertUnwindSafe(|| stream.close()));
        }
        self.hand_over().await;
        let (faults, left_out) = (self.media.stream.faults(), self.media.stream.left_out());
        let outcome = self.recorder.finish().await;
        let (listed, recording) = match &outcome {
            Outcome::Complete(listed) => (listed, "complete"),
            Outcome::Fenced(listed) => (listed, "taken over"),
            Outcome::Left(listed) => (listed, "left to the next start"),
            Outcome::Failed(listed, _) => (listed, "failed"),
        };
        info!(
            bucket = %self.lease.bucket, channel = %self.lease.channel, reason = %end, recording,
            seconds = self.began.elapsed().as_secs(), segments = listed.segments, bytes = listed.bytes, faults,
            pictures_left_out = left_out.video, audio_left_out = left_out.audio,
            "publish ended"
        );
        outcome
    }
}

/// What needs no action but may interest whoever looks for a fault.
pub(crate) fn note(event: &Event<'_>) {
    match event {
        Event::Fault(fault) => debug!(%fault, "odd RTMP message skipped"),
        event => debug!(?event, "RTMP event"),
    }
}
