use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, Activity, ChannelState, ChannelWatch, Lease};
use alluvium_oss::{ChannelStatus, UnixTime};
use alluvium_rtmp::{self as rtmp, Event, Phase, PublishRequest, StatusCode};
use rand::RngExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::admission::{Admitted, Refusal};
use crate::recorder::{Outcome, Recorder};
use crate::sessions::Running;
use crate::stream::Stream;
use crate::{Ingest, scratch};

/// Between looks at the clock while publishing: silence, renewal of the lease, a batch that waits.
const TICK: Duration = Duration::from_secs(1);

/// A peer that does not take what we send for this long is cut off.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// After a refusal: how long, and how much, the peer's bytes are still read, so that it gets to see the reason
/// instead of a reset connection.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: u64 = 4 * 1024 * 1024;

impl Ingest {
    /// Serves one RTMP connection until it ends: by itself, by a fault, or because `stop` is cancelled, in which case
    /// the open segment is finished and listed first.
    pub async fn serve_connection<S>(self: Arc<Self>, socket: S, peer: SocketAddr, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut nonce = [0; 32];
        rand::rng().fill(&mut nonce);
        let publisher = Publisher {
            wire: Wire {
                socket,
                connection: rtmp::Connection::new(self.config.limits, nonce),
                held: Vec::new(),
            },
            ingest: self,
            peer,
            stop,
        };
        publisher.serve().await;
    }
}

struct Publisher<S> {
    ingest: Arc<Ingest>,
    wire: Wire<S>,
    peer: SocketAddr,
    stop: CancellationToken,
}

/// The socket with the protocol on it.
struct Wire<S> {
    socket: S,
    connection: rtmp::Connection,
    /// What came behind a `publish` in the same read, while that is being decided; at most one read.
    held: Vec<u8>,
}

/// Why a connection ended before or between publishes.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("the peer closed the connection")]
    Closed,
    #[error("{0}")]
    Socket(io::Error),
    #[error("{0}")]
    Protocol(#[from] rtmp::Error),
    #[error("no {awaited} within {limit:?}")]
    TimedOut { awaited: &'static str, limit: Duration },
    #[error("the server is stopping")]
    Stopped,
}

/// Why a publish ended.
#[derive(Debug)]
enum End {
    /// The encoder said so; the connection stays.
    Unpublished,
    /// The connection is gone or no longer understood.
    Gone(Gone),
    Silent(Duration),
    NoMedia(Refusal),
    Disabled,
    Deleted,
    Replaced,
    /// The recorder takes no more.
    NotRecorded,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Publisher<S> {
    async fn serve(mut self) {
        let gone = loop {
            let request = match self.until_publish().await {
                Ok(request) => request,
                Err(gone) => break gone,
            };
            match self.ingest.admit(&request, self.peer).await {
                Ok(admitted) => {
                    if let Err(gone) = self.publish(admitted, &request).await {
                        break gone;
                    }
                }
                Err(refusal) => {
                    info!(
                        peer = %self.peer, app = %request.app, encoder = %request.encoder, reason = %refusal.reason,
                        "publish refused"
                    );
                    self.wire.refuse(&refusal);
                    self.wire.send_and_linger().await;
                    return;
                }
            }
        };
        match &gone {
            Gone::Protocol(error) => {
                warn!(peer = %self.peer, %error, at = self.wire.connection.bytes_received(), "the peer does not speak RTMP as it should");
            }
            gone => debug!(peer = %self.peer, %gone, "connection ended"),
        }
        self.wire.send_and_linger().await;
    }

    async fn until_publish(&mut self) -> Result<PublishRequest, Gone> {
        let config = &self.ingest.config;
        let began = Instant::now();
        let mut next = self.wire.take_held(advance)?;
        loop {
            self.wire.send().await?;
            if let Some(request) = next {
                return Ok(request);
            }
            let (awaited, limit) = match self.wire.connection.phase() {
                Phase::Handshaking => ("handshake", config.handshake_timeout),
                _ => ("publish", config.publish_timeout),
            };
            next = tokio::select! {
                read = self.wire.read(advance) => read?,
                () = sleep_until(began + limit) => return Err(Gone::TimedOut { awaited, limit }),
                () = self.stop.cancelled() => return Err(Gone::Stopped),
            };
        }
    }

    /// Records one publish from its acceptance to its end, whatever that is; an `Err` ends the connection too.
    async fn publish(&mut self, admitted: Admitted, request: &PublishRequest) -> Result<(), Gone> {
        let Admitted { lease, running } = admitted;
        let watch = match self.ingest.catalog.watch_channel(&lease.bucket, &lease.channel).await {
            Ok(watch) => watch,
            Err(error) => {
                error!(%error, "a channel cannot be watched");
                self.ingest.close(&lease).await;
                self.wire.refuse(&Refusal::denied(
                    "The server cannot take the stream now; try again soon.",
                ));
                return Err(Gone::Closed);
            }
        };
        info!(
            bucket = %lease.bucket, channel = %lease.channel, peer = %self.peer, encoder = %request.encoder,
            "publish began"
        );
        self.wire.connection.accept();
        let now = self.ingest.clock.now();
        let mut session = Session {
            media: Media {
                stream: Stream::new(&lease, self.ingest.config.audio_only, now),
                running,
            },
            recorder: Recorder::start(Arc::clone(&self.ingest), lease.clone()),
            lease,
            began: now,
        };
        let end = self.record(&mut session, watch).await;
        session.media.running.ending();
        let outcome = session.finish(&self.ingest, &end).await;
        self.answer(end, outcome)
    }

    async fn record(&mut self, session: &mut Session, mut watch: ChannelWatch) -> End {
        let clock = Arc::clone(&self.ingest.clock);
        let replaced = session.media.running.replaced();
        let mut replaced = pin!(replaced.cancelled());
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.cancelled());
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = match self
            .wire
            .take_held(|connection, input| session.media.take(connection, input, clock.now()))
        {
            Ok(read) => read,
            Err(error) => return End::Gone(error.into()),
        };
        loop {
            if let Err(gone) = self.wire.send().await {
                return End::Gone(gone);
            }
            if session.hand_over().await.is_err() {
                return End::NotRecorded;
            }
            match read {
                Taken::More => {}
                Taken::Unpublished => return End::Unpublished,
            }
            tokio::select! {
                taken = self.wire.read(|connection, input| session.media.take(connection, input, clock.now())) => match taken {
                    Ok(taken) => read = taken,
                    Err(gone) => return End::Gone(gone),
                },
                _ = tick.tick() => {
                    if let Some(end) = session.tick(&self.ingest).await {
                        return end;
                    }
                }
                state = watch.changed() => {
                    if let Some(end) = ended_by(&state, session.lease.epoch) {
                        return end;
                    }
                }
                () = &mut replaced => return End::Replaced,
                () = &mut stopped => return End::Gone(Gone::Stopped),
                () = session.recorder.ended() => return End::NotRecorded,
            }
        }
    }

    /// Tells the encoder why its publish ended, where the encoder does not know.
    fn answer(&mut self, end: End, outcome: Outcome) -> Result<(), Gone> {
        let (code, reason) = match end {
            End::Unpublished => return Ok(()),
            End::Gone(Gone::Stopped) => (
                StatusCode::Failed,
                "The server is stopping; what was sent is stored.".to_owned(),
            ),
            End::Gone(gone) => return Err(gone),
            End::Silent(limit) => (StatusCode::Failed, format!("No media came for {} s.", limit.as_secs())),
            End::NoMedia(refusal) => (refusal.code, refusal.reason),
            End::Disabled => (
                StatusCode::PublishDenied,
                "The live channel was disabled by its owner.".to_owned(),
            ),
            End::Deleted => (StatusCode::PublishDenied, "The live channel was deleted.".to_owned()),
            End::Replaced => (
                StatusCode::PublishBadName,
                "Another publisher has taken the channel over.".to_owned(),
            ),
            End::NotRecorded => match outcome {
                Outcome::Failed(_, reason) => (StatusCode::Failed, format!("The stream cannot be stored: {reason}")),
                _ => (
                    StatusCode::PublishBadName,
                    "Another publisher has taken the channel over.".to_owned(),
                ),
            },
        };
        self.wire.connection.end(code, &reason);
        Err(Gone::Closed)
    }
}

/// One publish while it runs.
struct Session {
    lease: Lease,
    media: Media,
    recorder: Recorder,
    began: UnixTime,
}

/// What the bytes of the wire go into.
struct Media {
    running: Running,
    stream: Stream,
}

/// What the media of one read led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    More,
    Unpublished,
}

impl Media {
    fn take(
        &mut self,
        connection: &mut rtmp::Connection,
        mut input: &[u8],
        now: UnixTime,
    ) -> Result<Step<Taken>, rtmp::Error> {
        while let Some(event) = connection.receive(&mut input)? {
            match event {
                Event::Media {
                    kind,
                    timestamp_ms,
                    payload,
                } => {
                    self.running.heard(now);
                    self.stream.receive(kind, timestamp_ms, payload, now);
                }
                Event::Metadata(metadata) => self.stream.announce(&metadata),
                Event::Unpublish => {
                    return Ok(Step {
                        value: Taken::Unpublished,
                        rest: input.len(),
                    });
                }
                event => note(&event),
            }
        }
        Ok(Step {
            value: Taken::More,
            rest: 0,
        })
    }
}

impl Session {
    /// Gives the recorder what the stream has for it; waits while its queue is full.
    async fn hand_over(&mut self) -> Result<(), crate::recorder::Ended> {
        if self.media.stream.has_work() {
            for work in self.media.stream.take_work() {
                self.recorder.send(work).await?;
            }
        }
        Ok(())
    }

    async fn tick(&mut self, ingest: &Ingest) -> Option<End> {
        let config = &ingest.config;
        let now = ingest.clock.now();
        if let Some(refusal) = self.missing_media(now, config.first_media_timeout, config.audio_only) {
            return Some(End::NoMedia(refusal));
        }
        let last_media = self.media.running.last_heard();
        if now.since(last_media) >= config.silence_timeout {
            return Some(End::Silent(config.silence_timeout));
        }
        self.media.stream.flush(now);
        let activity = Activity {
            at: now,
            last_media,
            statistics: self.media.stream.meter().sample(now),
        };
        match ingest.catalog.renew(&self.lease, activity).await {
            Ok(()) => None,
            Err(catalog::Error::Fenced { .. }) => Some(End::Replaced),
            Err(error) => {
                warn!(bucket = %self.lease.bucket, channel = %self.lease.channel, %error, "the lease cannot be renewed");
                None
            }
        }
    }

    /// The publish brings nothing that can be recorded (contract 2.6: video is required, H.264).
    fn missing_media(&self, now: UnixTime, limit: Duration, audio_only: bool) -> Option<Refusal> {
        let received = self.media.stream.received();
        if received.video || (audio_only && received.audio) {
            return None;
        }
        if let Some(codec) = self.media.stream.foreign_video() {
            return Some(Refusal::denied(format!(
                "The video is {codec}; only H.264 can be recorded."
            )));
        }
        let audio_alone = if received.audio {
            "; a stream of audio alone is not recorded"
        } else {
            ""
        };
        (now.since(self.began) >= limit).then(|| {
            Refusal::denied(format!(
                "No H.264 video came within {} s{audio_alone}.",
                limit.as_secs()
            ))
        })
    }

    /// Ends the open segment, waits until all is listed, and closes the session.
    async fn finish(mut self, ingest: &Ingest, end: &End) -> Outcome {
        self.media.stream.finish(ingest.clock.now());
        // A recorder that takes no more says why when it is finished.
        let _ = self.hand_over().await;
        let faults = self.media.stream.faults();
        let outcome = self.recorder.finish().await;
        ingest.close(&self.lease).await;
        let (listed, how) = match &outcome {
            Outcome::Complete(listed) => (listed, "complete"),
            Outcome::Fenced(listed) => (listed, "taken over"),
            Outcome::Failed(listed, _) => (listed, "failed"),
        };
        info!(
            bucket = %self.lease.bucket, channel = %self.lease.channel, reason = %end, recording = how,
            seconds = ingest.clock.now().since(self.began).as_secs(), segments = listed.segments, bytes = listed.bytes,
            faults, "publish ended"
        );
        outcome
    }
}

impl Ingest {
    pub(crate) async fn close(&self, lease: &Lease) {
        match self.catalog.close_session(lease, self.clock.now()).await {
            Ok(()) | Err(catalog::Error::Fenced { .. }) => {}
            Err(error) => {
                error!(bucket = %lease.bucket, channel = %lease.channel, %error, "a session could not be closed in the catalog");
            }
        }
    }
}

/// What came of a part of the input, and how many of its last bytes were not looked at.
struct Step<T> {
    value: T,
    rest: usize,
}

fn advance(connection: &mut rtmp::Connection, mut input: &[u8]) -> Result<Step<Option<PublishRequest>>, rtmp::Error> {
    while let Some(event) = connection.receive(&mut input)? {
        match event {
            Event::Publish(request) => {
                return Ok(Step {
                    value: Some(request),
                    rest: input.len(),
                });
            }
            event => note(&event),
        }
    }
    Ok(Step { value: None, rest: 0 })
}

fn note(event: &Event<'_>) {
    match event {
        Event::Fault(fault) => debug!(%fault, "odd RTMP message skipped"),
        event => debug!(?event, "RTMP event"),
    }
}

fn ended_by(state: &ChannelState, epoch: u64) -> Option<End> {
    match state.status {
        None => Some(End::Deleted),
        Some(ChannelStatus::Disabled) => Some(End::Disabled),
        Some(ChannelStatus::Enabled) if state.epoch > epoch => Some(End::Replaced),
        Some(ChannelStatus::Enabled) => None,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Reads once and gives what came to `take`; what that leaves over is held back.
    async fn read<T>(
        &mut self,
        mut take: impl FnMut(&mut rtmp::Connection, &[u8]) -> Result<Step<T>, rtmp::Error>,
    ) -> Result<T, Gone> {
        let Self {
            socket,
            connection,
            held,
        } = self;
        scratch::read(socket, |input| {
            if input.is_empty() {
                return Err(Gone::Closed);
            }
            let step = take(connection, input)?;
            held.extend_from_slice(&input[input.len() - step.rest..]);
            Ok(step.value)
        })
        .await
        .map_err(Gone::Socket)?
    }

    /// Gives `take` what an earlier read has left over.
    fn take_held<T>(
        &mut self,
        mut take: impl FnMut(&mut rtmp::Connection, &[u8]) -> Result<Step<T>, rtmp::Error>,
    ) -> Result<T, rtmp::Error> {
        let input = std::mem::take(&mut self.held);
        let step = take(&mut self.connection, &input)?;
        self.held.extend_from_slice(&input[input.len() - step.rest..]);
        Ok(step.value)
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.connection.refuse(rtmp::Refusal {
            code: refusal.code,
            description: &refusal.reason,
        });
    }

    async fn send(&mut self) -> Result<(), Gone> {
        while let Some(bytes) = self.connection.take_outgoing() {
            match timeout(SEND_TIMEOUT, self.socket.write_all(&bytes)).await {
                Ok(written) => written.map_err(Gone::Socket)?,
                Err(_) => {
                    return Err(Gone::TimedOut {
                        awaited: "reading by the peer",
                        limit: SEND_TIMEOUT,
                    });
                }
            }
        }
        Ok(())
    }

    /// Sends the last words and gives the peer time to read them.
    async fn send_and_linger(&mut self) {
        if self.send().await.is_err() || self.socket.shutdown().await.is_err() {
            return;
        }
        let drain =
            async { tokio::io::copy(&mut (&mut self.socket).take(LINGER_BYTES_MAX), &mut tokio::io::sink()).await };
        let _ = timeout(LINGER, drain).await;
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpublished => formatter.write_str("the publisher ended it"),
            Self::Gone(gone) => gone.fmt(formatter),
            Self::Silent(limit) => write!(formatter, "no media for {limit:?}"),
            Self::NoMedia(refusal) => formatter.write_str(&refusal.reason),
            Self::Disabled => formatter.write_str("the channel was disabled"),
            Self::Deleted => formatter.write_str("the channel was deleted"),
            Self::Replaced => formatter.write_str("another publisher took the channel over"),
            Self::NotRecorded => formatter.write_str("the recording could not go on"),
        }
    }
}
