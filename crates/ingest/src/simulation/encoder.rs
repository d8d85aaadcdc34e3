use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alluvium_rtmp::amf0::Value;
use alluvium_rtmp::publisher::{Event, Publisher};
use alluvium_rtmp::{MediaKind, PublishRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::media::{AUDIO_HEADER, Kind, Unit, VIDEO_HEADER};
use super::world::World;
use crate::Ingest;

/// What publishers have sent, and how it went.
#[derive(Debug, Clone, Default)]
pub(super) struct Feed(Arc<Mutex<Vec<Publish>>>);

/// One publish as its encoder knows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Publish {
    pub(super) accepted: bool,
    /// When each unit was sent, by kind and number; Unix milliseconds of the world.
    pub(super) sent: [Vec<i64>; 2],
    pub(super) ended: Option<Ended>,
    /// The server's last word.
    pub(super) words: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server refused it.
    Refused,
    /// The server says that all is over.
    Unpublished,
    /// The connection was given up from this side.
    CutOff,
    /// The server ended it.
    ByServer,
}

/// What an encoder is going to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Pictures.
    pub(super) pictures: u32,
    pub(super) picture_ms: u64,
    /// Pictures from one random access unit to the next.
    pub(super) gop: u32,
    pub(super) audio: bool,
    /// It falls silent for so long before this picture.
    pub(super) stall: Option<(u32, Duration)>,
    pub(super) unpublishes: bool,
}

/// An encoder on its way through a plan.
pub(super) struct Encoder {
    world: Arc<World>,
    feed: Feed,
    publish: usize,
    pipe: DuplexStream,
    publisher: Publisher,
}

/// Why an encoder stops.
struct Over(Ended);

impl Feed {
    pub(super) fn publishes(&self) -> Vec<Publish> {
        self.lock().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Publish>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Encoder {
    /// Connects to a server; whatever becomes of it, it goes on serving the connection in a task of its own.
    pub(super) fn connect(world: &Arc<World>, ingest: &Arc<Ingest>, stop: &CancellationToken, feed: &Feed) -> Self {
        let (near, far) = tokio::io::duplex(64 << 10);
        let peer: SocketAddr = ([192, 0, 2, 1], 5000).into();
        tokio::spawn(Arc::clone(ingest).serve_connection(far, peer, stop.clone()));
        let request = PublishRequest {
            app: format!("{}/live", world.bucket),
            tc_url: format!("rtmp://127.0.0.1:1935/{}/live", world.bucket),
            name: world.channel.to_string(),
            encoder: "simulation".to_owned(),
        };
        let publish = {
            let mut feed = feed.lock();
            feed.push(Publish::default());
            feed.len() - 1
        };
        Self {
            world: Arc::clone(world),
            feed: feed.clone(),
            publish,
            pipe: near,
            publisher: Publisher::new(request, [7; 32]),
        }
    }

    /// Goes through the plan, as far as the server lets it.
    pub(super) async fn run(mut self, plan: Plan) -> Ended {
        let Over(ended) = match self.go(plan).await {
            Ok(over) | Err(over) => over,
        };
        self.note(|publish| publish.ended = Some(ended));
        ended
    }

    async fn go(&mut self, plan: Plan) -> Result<Over, Over> {
        self.hear(PATIENCE).await?;
        self.note(|publish| publish.accepted = true);
        let audio = ("hasAudio", Value::Boolean(plan.audio));
        self.publisher
            .send_metadata(&[audio, ("hasVideo", Value::Boolean(true))])
            .map_err(|_| Over(Ended::ByServer))?;
        self.send(MediaKind::Video, 0, VIDEO_HEADER).await?;
        if plan.audio {
            self.send(MediaKind::Audio, 0, AUDIO_HEADER).await?;
        }
        let began = Instant::now();
        let mut stalled = Duration::ZERO;
        let mut frames = 0;
        for number in 0..plan.pictures {
            if let Some((at, time)) = plan.stall
                && at == number
            {
                stalled = time;
            }
            let at_ms = u64::from(number) * plan.picture_ms;
            while plan.audio && u64::from(frames) * FRAME_MS < at_ms {
                let frame_ms = u64::from(frames) * FRAME_MS;
                self.wait_until(began + stalled + Duration::from_millis(frame_ms))
                    .await?;
                self.unit(Kind::Audio, frames, frame_ms, false).await?;
                frames += 1;
            }
            self.wait_until(began + stalled + Duration::from_millis(at_ms)).await?;
            self.unit(Kind::Video, number, at_ms, number.is_multiple_of(plan.gop))
                .await?;
        }
        if plan.unpublishes {
            self.publisher.unpublish();
            self.flush().await?;
            self.hear(PATIENCE).await?;
            return Ok(Over(Ended::Unpublished));
        }
        Ok(Over(Ended::CutOff))
    }

    async fn unit(&mut self, kind: Kind, number: u32, at_ms: u64, random_access: bool) -> Result<(), Over> {
        let unit = Unit {
            publish: self.publish as u16,
            kind,
            number,
        };
        let media_kind = match kind {
            Kind::Video => MediaKind::Video,
            Kind::Audio => MediaKind::Audio,
        };
        self.send(media_kind, at_ms as u32, &unit.payload(random_access))
            .await?;
        let now_ms = self.world.now_ms();
        self.note(|publish| publish.sent[kind as usize].push(now_ms));
        Ok(())
    }

    async fn send(&mut self, kind: MediaKind, at_ms: u32, payload: &[u8]) -> Result<(), Over> {
        self.publisher
            .send_media(kind, at_ms, payload)
            .map_err(|_| Over(Ended::ByServer))?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Over> {
        while let Some(bytes) = self.publisher.take_outgoing() {
            // Who does not read for so long will never do it again.
            match timeout(PATIENCE, self.pipe.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Over(Ended::ByServer)),
                Err(_) => return Err(Over(Ended::CutOff)),
            }
        }
        Ok(())
    }

    async fn wait_until(&mut self, due: Instant) -> Result<(), Over> {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        tokio::select! {
            biased;
            heard = self.hear(PATIENCE) => heard.and(Err(Over(Ended::ByServer))),
            () = sleep_until(due) => Ok(()),
        }
    }

    /// Waits for the next word of the server, which is a good one.
    async fn hear(&mut self, patience: Duration) -> Result<(), Over> {
        let mut buffer = [0; 4096];
        loop {
            self.flush().await?;
            let read = timeout(patience, self.pipe.read(&mut buffer)).await;
            let mut input = match read {
                Ok(Ok(length)) if length > 0 => &buffer[..length],
                Ok(_) => return Err(Over(Ended::ByServer)),
                Err(_) => return Err(Over(Ended::CutOff)),
            };
            match self.publisher.receive(&mut input) {
                Ok(None | Some(Event::Advised(_))) => {}
                Ok(Some(Event::Started | Event::Unpublished)) => return Ok(()),
                Ok(Some(Event::Refused(status))) => {
                    self.note(|publish| publish.words = Some(status.description.clone()));
                    return Err(Over(Ended::Refused));
                }
                Ok(Some(Event::Ended(status))) => {
                    self.note(|publish| publish.words = Some(status.description.clone()));
                    return Err(Over(Ended::ByServer));
                }
                Err(error) => {
                    self.world.wrong(format!("the server does not speak RTMP: {error}"));
                    return Err(Over(Ended::ByServer));
                }
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut Publish)) {
        change(&mut self.feed.lock()[self.publish]);
    }
}

/// Longer than any wait in a world where nothing is ever silent for good.
const PATIENCE: Duration = Duration::from_secs(3_600);

/// 1024 samples at 8 kHz.
const FRAME_MS: u64 = 128;
