use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{self as catalog, ChannelWatch, Lease};
use alluvium_rtmp::{self as rtmp, Event, Phase, PublishRequest};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, OptionFuture};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::Ingest;
use crate::admission::{Admitted, Refusal};
use crate::captures::Captures;
use crate::end::{End, Gone};
use crate::recorder::Recorder;
use crate::rounds::Awake;
use crate::scratch::Turn;
use crate::session::{Session, Taken, note};
use crate::storing::Storing;
use crate::stream::Now;
use crate::turns::Turns;
use crate::wire::{Step, Wire};

/// Between looks at the clock while publishing: silence, renewal of the lease, a batch that waits.
const TICK: Duration = Duration::from_secs(1);

/// The last turns of a publish that does not end with its last byte: half a second of a common stream is one.
const LAST_TURNS_MAX: usize = 8;

impl Ingest {
    /// Serves one RTMP connection until it ends: by itself, by a fault, or because `stop` is cancelled, in which case
    /// the open segment is finished and listed first.
    pub async fn serve_connection<S>(self: Arc<Self>, socket: S, peer: SocketAddr, stop: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let connection = rtmp::Connection::new(self.config.limits, rand::random());
        let kept = self.captures.as_ref().map(Captures::begin);
        let mut publisher = Publisher {
            wire: Wire::new(socket, connection, kept),
            ingest: self,
            peer,
            stop,
            encoder: None,
            wrong: None,
        };
        if AssertUnwindSafe(publisher.serve()).catch_unwind().await.is_err() {
            publisher.tell_of_panic("connection");
        }
    }
}

struct Publisher<S> {
    ingest: Arc<Ingest>,
    wire: Wire<S>,
    peer: SocketAddr,
    stop: CancellationToken,
    /// How it names itself, once it has.
    encoder: Option<String>,
    /// What was wrong with what it has published.
    wrong: Option<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Publisher<S> {
    async fn serve(&mut self) {
        let gone = loop {
            let request = match self.until_publish().await {
                Ok(request) => request,
                Err(gone) => break gone,
            };
            self.encoder = Some(request.encoder.clone());
            match self.ingest.admit(&request, self.peer, &self.stop).await {
                Ok(admitted) => {
                    if let Err(gone) = self.publish(admitted, &request).await {
                        break gone;
                    }
                }
                Err(refusal) => {
                    let capture = self.keep(&refusal.reason);
                    info!(
                        peer = %self.peer, app = ?without_query(&request.app), encoder = ?request.encoder,
                        reason = ?refusal.reason, capture = shown(capture.as_deref()), "publish refused"
                    );
                    self.wire.refuse(&refusal);
                    break Gone::Closed;
                }
            }
        };
        match &gone {
            Gone::Protocol(error) => {
                let at = self.wire.connection.bytes_received();
                let capture = self.keep(&error.to_string());
                if let Some(unsaid) = self.ingest.complaints.may_say() {
                    warn!(
                        peer = %self.peer, %error, at, capture = shown(capture.as_deref()), unsaid,
                        "the peer does not speak RTMP as it should"
                    );
                }
            }
            Gone::Refused(reason) => {
                let capture = self.keep(reason);
                info!(peer = %self.peer, reason, capture = shown(capture.as_deref()), "connection refused");
            }
            gone => debug!(peer = %self.peer, %gone, "connection ended"),
        }
        if let Some(wrong) = self.wrong.take()
            && let Some(capture) = self.keep(&wrong)
        {
            info!(peer = %self.peer, reason = ?wrong, capture = %capture.display(), "what the publisher sent is kept");
        }
        self.wire.send_and_linger().await;
    }

    async fn until_publish(&mut self) -> Result<PublishRequest, Gone> {
        let config = &self.ingest.config;
        let began = Instant::now();
        let _awake = Awake::here();
        let mut next = self.wire.take_held(advance)?;
        loop {
            self.wire.send().await?;
            match next {
                Some(Asked::Publish(request)) => return Ok(request),
                Some(Asked::Refused(words)) => return Err(Gone::Refused(words)),
                None => {}
            }
            let (awaited, limit) = match self.wire.connection.phase() {
                Phase::Handshaking => ("handshake", config.handshake_timeout),
                _ => ("publish", config.publish_timeout),
            };
            next = tokio::select! {
                biased;
                read = self.wire.read(advance) => read?.came,
                () = sleep_until(began + limit) => return Err(Gone::TimedOut { awaited, limit }),
                () = self.stop.cancelled() => return Err(Gone::Stopped),
            };
        }
    }

    /// Records one publish from its acceptance to its end, whatever that is; an `Err` ends the connection too.
    async fn publish(&mut self, admitted: Admitted, request: &PublishRequest) -> Result<(), Gone> {
        let Admitted { lease, running } = admitted;
        let Ok(watch) = self.watch(&lease).await else {
            let reason = "The server cannot take the stream now; try again soon.";
            self.wire.refuse(&Refusal::denied(reason));
            return Err(Gone::Closed);
        };
        info!(
            bucket = %lease.bucket, channel = %lease.channel, peer = %self.peer, encoder = ?request.encoder,
            "publish began"
        );
        self.wire.connection.accept();
        let recorder = Recorder::start(Arc::clone(&self.ingest), lease.clone(), self.stop.clone());
        let now = Now::by(&*self.ingest.clock);
        let publisher = (self.peer, &*request.encoder);
        let mut session = Session::new(lease, running, recorder, &self.ingest.config, publisher, now);
        // A mistake in the program ends this publish: what was accepted is listed, and the channel is free.
        let recorded = AssertUnwindSafe(self.record(&mut session, watch)).catch_unwind().await;
        let end = recorded.unwrap_or_else(|_| {
            self.tell_of_panic("publish");
            End::Mistake
        });
        self.wrong = match (&end, session.media.stream.faults()) {
            (End::NoMedia(refusal), _) => Some(refusal.reason.clone()),
            (_, faults @ 1..) => Some(format!("{faults} odd things were skipped")),
            _ => self.wrong.take(),
        };
        let outcome = session.finish(&self.ingest, &end).await;
        if let Some(Refusal { code, reason }) = end.words(&outcome) {
            self.wire.connection.end(code, &reason);
        }
        match end {
            End::Unpublished => Ok(()),
            End::Gone(gone) => Err(gone),
            _ => Err(Gone::Closed),
        }
    }

    /// Takes what has come and was not yet read when a publish ends for another reason than that, up to
    /// [`LAST_TURNS_MAX`] turns of it.
    async fn take_what_waits(&mut self, session: &mut Session) {
        let clock = Arc::clone(&self.ingest.clock);
        for _ in 0..LAST_TURNS_MAX {
            session.hand_over().await;
            let media = &mut session.media;
            let turn = self
                .wire
                .read(|connection, input| media.take(connection, input, Now::by(&*clock)));
            let Some(Ok(Turn {
                came: None | Some(Taken::Work),
                ..
            })) = turn.now_or_never()
            else {
                return;
            };
        }
    }

    /// Keeps what has come, where that is set, and tells where.
    fn keep(&mut self, why: &str) -> Option<PathBuf> {
        let kept = self.wire.kept.take()?;
        let now = self.ingest.clock.now();
        let captures = self.ingest.captures.as_ref()?;
        captures.write(*kept, self.encoder.take(), why, self.peer, now)
    }

    /// What had led to a panic that was caught.
    fn tell_of_panic(&mut self, ended: &'static str) {
        let capture = self.keep("a mistake in the program");
        let connection = &self.wire.connection;
        error!(
            event = "panic_caught", peer = %self.peer, ended, phase = ?connection.phase(),
            at = connection.bytes_received(), last = %connection.last_messages(), capture = shown(capture.as_deref()),
            "a mistake in the program has ended this; nothing else is affected"
        );
    }

    async fn watch(&self, lease: &Lease) -> Result<ChannelWatch, ()> {
        match self.ingest.catalog.watch_channel(&lease.bucket, &lease.channel).await {
            Ok(watch) => Ok(watch),
            Err(error) => {
                error!(bucket = %lease.bucket, channel = %lease.channel, %error, "a channel cannot be watched");
                let storing = Storing::of(lease, Arc::clone(&self.ingest), self.stop.clone());
                let (lease, now) = (lease.clone(), self.ingest.clock.now());
                tokio::spawn(async move { storing.close(&lease, now).await });
                Err(())
            }
        }
    }

    async fn record(&mut self, session: &mut Session, watch: ChannelWatch) -> End {
        let clock = Arc::clone(&self.ingest.clock);
        if let Some(end) = End::by_state(&watch.current(), session.lease.epoch) {
            return end;
        }
        let mut ended = pin!(ended_from_outside(session, watch, self.stop.clone()));
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let held = self
            .wire
            .take_held(|connection, input| session.media.take(connection, input, Now::by(&*clock)));
        let mut taken = match held {
            Ok(taken) => taken,
            Err(error) => return End::Gone(error.into()),
        };
        let mut flush = pin!(sleep_until(Instant::now()));
        let mut next_turn = pin!(sleep_until(Instant::now()));
        let mut turns = Turns::new(self.ingest.config.turn_max);
        // Beside everything else: a catalog that is slow must not keep media from the spool.
        let (ingest, lease) = (Arc::clone(&self.ingest), session.lease.clone());
        let mut renewal: Option<BoxFuture<'_, _>> = None;
        loop {
            if let Err(gone) = self.wire.send().await {
                self.take_what_waits(session).await;
                return End::Gone(gone);
            }
            // Also of a publish that is over sooner than a tick: its encoder is told.
            if let Some(refusal) = session.foreign_video()
                && !ingest.config.audio_only
            {
                return End::NoMedia(refusal);
            }
            if taken == Some(Taken::Unpublished) {
                return End::Unpublished;
            }
            let can_wait = session.hand_over_what_has_room();
            let media = &mut session.media;
            // Media that came since may have been flushed, and other media wait: the due time is looked at when this one
            // is reached, so that the timer need not be set for each batch.
            let flush_due = media.stream.flush_due();
            if let Some(due) = flush_due
                && (flush.is_elapsed() || due < flush.deadline())
            {
                flush.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                // What comes seldom comes first, so that no publisher can keep it waiting.
                end = &mut ended => {
                    if !matches!(end, End::Replaced | End::NotRecorded) {
                        self.take_what_waits(session).await;
                    }
                    return end;
                }
                _ = tick.tick() => match session.tick(&ingest) {
                    Ok(activity) => {
                        while let Some(words) = session.media.stream.health().take_notice() {
                            if ingest.config.health_notices {
                                self.wire.connection.advise(&words);
                            }
                        }
                        renewal.get_or_insert_with(|| ingest.catalog.renew(&lease, activity));
                    }
                    Err(end) => return end,
                },
                renewed = OptionFuture::from(renewal.as_mut()), if renewal.is_some() => {
                    renewal = None;
                    match renewed {
                        Some(Err(catalog::Error::Fenced { .. })) => return End::Replaced,
                        Some(Err(error)) => {
                            warn!(bucket = %lease.bucket, channel = %lease.channel, %error, "the lease cannot be renewed");
                        }
                        _ => {}
                    }
                }
                () = &mut flush, if flush_due.is_some() => media.stream.flush_if_due(Instant::now()),
                // While work waits for the disk, the socket is not read.
                room = session.recorder.room(can_wait), if media.stream.has_work() => {
                    if let Some(work) = media.stream.take_work() {
                        session.recorder.take(work, room);
                    }
                }
                () = &mut next_turn, if turns.is_gathering() => turns.begin(),
                read = self.wire.read(|connection, input| media.take(connection, input, Now::by(&*clock))),
                    if !media.stream.has_work() && !turns.is_gathering() => match read
                {
                    Ok(turn) => {
                        taken = turn.came;
                        if turn.drained {
                            let now = Instant::now();
                            let next = turns.end(turn.bytes, now, media.stream.cut_due(now));
                            if next.flush {
                                media.stream.flush();
                            }
                            if let Some(at) = next.turn {
                                self.wire.connection.rest();
                                next_turn.as_mut().reset(at);
                            }
                        }
                    }
                    Err(gone) => return End::Gone(gone),
                },
            }
        }
    }
}

/// Completes when the publish is to end for a reason that is not its own.
fn ended_from_outside(
    session: &Session,
    mut watch: ChannelWatch,
    stop: CancellationToken,
) -> impl Future<Output = End> + use<> {
    let replaced = session.media.running.replaced();
    let recorded = session.recorder.ended();
    let epoch = session.lease.epoch;
    async move {
        let changed = async {
            loop {
                if let Some(end) = End::by_state(&watch.changed().await, epoch) {
                    return end;
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => End::Gone(Gone::Stopped),
            () = replaced.cancelled() => End::Replaced,
            () = recorded => End::NotRecorded,
            end = changed => end,
        }
    }
}

/// For the log, which leaves out what is `None`.
fn shown(path: Option<&Path>) -> Option<impl tracing::Value> {
    path.map(|path| tracing::field::display(path.display()))
}

/// What a connection wants that does not publish yet.
enum Asked {
    Publish(PublishRequest),
    /// Something that was refused, in these words: there is nothing more to wait for.
    Refused(String),
}

fn advance(connection: &mut rtmp::Connection, mut input: &[u8]) -> Result<Step<Asked>, rtmp::Error> {
    while let Some(event) = connection.receive(&mut input)? {
        let asked = match event {
            Event::Publish(request) => Asked::Publish(request),
            Event::Refused(refused) => Asked::Refused(refused.description),
            event => {
                note(&event);
                continue;
            }
        };
        return Ok(Step::Came(asked, input.len()));
    }
    Ok(Step::More)
}

/// An app may carry the query, and with it the signature, which belongs in no log.
fn without_query(app: &str) -> &str {
    app.split(['?', '&']).next().unwrap_or_default()
}
