//! The ingest service over stores in memory, and encoders that talk to it through pipes.

#![allow(dead_code, reason = "each of its users needs a part")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use alluvium_catalog::{Catalog, MemoryCatalog, NodeId};
use alluvium_ingest::{Config, Ingest};
use alluvium_oss::{
    Acl, BucketName, ChannelConfig, ChannelName, Clock, Domains, ManualClock, ObjectKey, OwnerId, UnixTime,
};
use alluvium_rtmp::publisher::{Event, Publisher, Status};
use alluvium_rtmp::{MediaKind, PublishRequest};
use alluvium_store::{FaultyStore, MemoryStore, ObjectStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const FRAG_DURATION_S: u32 = 2;
pub(crate) const FRAG_COUNT: u32 = 3;

/// Generous: whatever is awaited comes at once, or never.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct House {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) store: FaultyStore,
    pub(crate) catalog: Arc<MemoryCatalog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) stop: CancellationToken,
    pub(crate) bucket: BucketName,
    make: Make,
    objects: Arc<MemoryStore>,
    folder: Arc<tempfile::TempDir>,
}

/// Makes the service of a house, as [`Ingest::new`] does.
pub(crate) type Make =
    fn(Config, Domains, NodeId, Arc<dyn ObjectStore>, Arc<dyn Catalog>, Arc<dyn Clock>) -> std::io::Result<Ingest>;

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A house whose one bucket is public-read-write, so that publish URLs need no signature.
    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::made(Ingest::new, configure).await
    }

    pub(crate) async fn made(make: Make, configure: impl FnOnce(&mut Config)) -> Self {
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_700_000_000)));
        let catalog = Arc::new(MemoryCatalog::new());
        let bucket = BucketName::parse("bucket").unwrap();
        let owner = OwnerId::new("owner");
        catalog
            .create_bucket(&bucket, &owner, Some(Acl::PublicReadWrite), clock.now())
            .await
            .unwrap();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::on(
            make,
            configure,
            Domains::new([], []),
            Arc::default(),
            catalog,
            clock,
            folder,
        )
    }

    /// A house whose bucket has this host name to itself, so that the app of a publish URL is `live`.
    pub(crate) async fn at_own_domain(host: &str, configure: impl FnOnce(&mut Config)) -> Self {
        let house = Self::new().await;
        let domains = Domains::new([], [(host.to_owned(), house.bucket.clone())]);
        let House {
            make,
            objects,
            catalog,
            clock,
            folder,
            ..
        } = house;
        Self::on(make, configure, domains, objects, catalog, clock, folder)
    }

    /// The next process of this node, with what this one has left; this one is given no more time to do anything.
    pub(crate) fn successor(&self, configure: impl FnOnce(&mut Config)) -> Self {
        Self::on(
            self.make,
            configure,
            Domains::new([], []),
            Arc::clone(&self.objects),
            Arc::clone(&self.catalog),
            Arc::clone(&self.clock),
            Arc::clone(&self.folder),
        )
    }

    fn on(
        make: Make,
        configure: impl FnOnce(&mut Config),
        domains: Domains,
        objects: Arc<MemoryStore>,
        catalog: Arc<MemoryCatalog>,
        clock: Arc<ManualClock>,
        folder: Arc<tempfile::TempDir>,
    ) -> Self {
        let store = FaultyStore::new(objects.clone());
        let mut config = Config::new(folder.path().join("spool"));
        config.spool_free_min = 0;
        configure(&mut config);
        let ingest = make(
            config,
            domains,
            NodeId::new("here"),
            Arc::new(store.clone()),
            catalog.clone(),
            clock.clone(),
        )
        .unwrap();
        Self {
            ingest: Arc::new(ingest),
            store,
            catalog,
            clock,
            stop: CancellationToken::new(),
            bucket: BucketName::parse("bucket").unwrap(),
            make,
            objects,
            folder,
        }
    }

    /// What lies in the spool.
    pub(crate) fn spooled(&self) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        for session in std::fs::read_dir(self.folder.path().join("spool")).unwrap() {
            let files = std::fs::read_dir(session.unwrap().path()).unwrap();
            found.extend(files.map(|file| file.unwrap().path()));
        }
        found.sort();
        found
    }

    /// What was kept of connections that went wrong, oldest first.
    pub(crate) fn captures(&self) -> Vec<std::path::PathBuf> {
        let Ok(files) = std::fs::read_dir(self.folder.path().join("captures")) else {
            return Vec::new();
        };
        let mut found: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        found.sort();
        found
    }

    pub(crate) async fn channel(&self, name: &str) -> ChannelName {
        let channel = ChannelName::parse(name).unwrap();
        let config = ChannelConfig {
            frag_duration_s: FRAG_DURATION_S,
            frag_count: FRAG_COUNT,
            ..ChannelConfig::default()
        };
        self.catalog
            .put_channel(&self.bucket, &channel, &config, self.clock.now())
            .await
            .unwrap();
        channel
    }

    /// An encoder that is connected and asks to publish `name`.
    pub(crate) fn encoder(&self, name: &str) -> Encoder {
        self.encoder_of(request(name))
    }

    /// An encoder that is connected and asks for this.
    pub(crate) fn encoder_of(&self, request: PublishRequest) -> Encoder {
        Encoder::connected(&self.ingest, request, &self.stop)
    }

    /// An encoder whose publish is accepted.
    pub(crate) async fn publishing(&self, name: &str) -> Encoder {
        let mut encoder = self.encoder(name);
        assert_eq!(encoder.event().await, Some(Event::Started));
        encoder
    }

    /// Lets time pass, by every clock.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.clock.advance(duration);
        tokio::time::pause();
        tokio::time::advance(duration).await;
        tokio::time::resume();
    }

    /// Sends `seconds` of media at 25 pictures a second with a random access unit each second; the clock goes along.
    pub(crate) async fn push(&self, encoder: &mut Encoder, seconds: u32) {
        for _ in 0..seconds {
            for picture in 0..25 {
                encoder.picture(picture == 0).await;
                self.clock.advance(Duration::from_millis(40));
            }
        }
    }

    pub(crate) async fn playlist(&self, channel: &ChannelName) -> Option<String> {
        let key = ObjectKey::parse(&format!("{channel}/playlist.m3u8")).unwrap();
        let object = self.store.get(&self.bucket, &key, None).await.ok()?;
        Some(String::from_utf8(object.bytes().await.unwrap().to_vec()).unwrap())
    }

    /// Waits until the channel's playlist satisfies `reached`.
    pub(crate) async fn playlist_when(&self, channel: &ChannelName, reached: impl Fn(&str) -> bool) -> String {
        eventually(async || self.playlist(channel).await.filter(|text| reached(text))).await
    }

    /// Waits until the channel is free, that is, until its last session is closed.
    pub(crate) async fn until_idle(&self, channel: &ChannelName) {
        eventually(async || {
            self.catalog
                .live_session(&self.bucket, channel)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        })
        .await;
    }
}

/// What an encoder asks for that wants to publish `name`.
pub(crate) fn request(name: &str) -> PublishRequest {
    PublishRequest {
        app: "bucket/live".to_owned(),
        tc_url: "rtmp://127.0.0.1:1935/bucket/live".to_owned(),
        name: name.to_owned(),
        encoder: "test".to_owned(),
    }
}

/// Asks until there is an answer; each time after everything else that is ready has run.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("what is awaited never came")
}

/// The names of the segments that a playlist lists.
pub(crate) fn segments(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| line.ends_with(".ts")).collect()
}

/// A number that a tag of the playlist carries.
pub(crate) fn tag(playlist: &str, name: &str) -> Option<u64> {
    playlist
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok())
}

/// A publisher on the other end of a pipe.
pub(crate) struct Encoder {
    pipe: DuplexStream,
    pub(crate) publisher: Publisher,
    next_ms: u32,
    served: JoinHandle<()>,
}

/// 640x360, Main profile: an AVCDecoderConfigurationRecord behind its FLV header.
const AVC_SEQUENCE_HEADER: &[u8] = &[
    0x17, 0, 0, 0, 0, 0x01, 0x4d, 0x40, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x4d, 0x40, 0x1e, 0xd9, 0x80, 0xa0, 0x2f,
    0xf9, 0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x32, 0x0f, 0x16, 0x2e, 0x68, 0x01, 0x00,
    0x05, 0x68, 0xe9, 0x73, 0x2c, 0x80,
];

/// AVCC: one slice, of an IDR picture or not.
const IDR: &[u8] = &[0x17, 1, 0, 0, 0, 0, 0, 0, 4, 0x65, 0x88, 0x84, 0x00];
const NON_IDR: &[u8] = &[0x27, 1, 0, 0, 0, 0, 0, 0, 4, 0x41, 0x9a, 0x24, 0x6c];

impl Encoder {
    /// An encoder that is connected to the service and asks for this.
    pub(crate) fn connected(ingest: &Arc<Ingest>, request: PublishRequest, stop: &CancellationToken) -> Self {
        Self::connected_through(ingest, request, stop, |socket| socket)
    }

    /// The same, with the server's end of the pipe in something else.
    pub(crate) fn connected_through<S>(
        ingest: &Arc<Ingest>,
        request: PublishRequest,
        stop: &CancellationToken,
        wrap: impl FnOnce(DuplexStream) -> S,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + Sync + 'static,
    {
        let (near, far) = tokio::io::duplex(1 << 20);
        let peer: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let served = tokio::spawn(Arc::clone(ingest).serve_connection(wrap(far), peer, stop.clone()));
        Self {
            pipe: near,
            publisher: Publisher::new(request, [7; 32]),
            next_ms: 0,
            served,
        }
    }

    /// Sends what is due and waits for the server's next word; `None` when it has closed the connection.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        let mut buffer = [0; 4096];
        loop {
            self.send().await;
            let read = tokio::time::timeout(PATIENCE, self.pipe.read(&mut buffer))
                .await
                .expect("the server is silent");
            let mut input = &buffer[..read.unwrap_or(0)];
            if input.is_empty() {
                return None;
            }
            if let Some(event) = self.publisher.receive(&mut input).unwrap() {
                return Some(event);
            }
        }
    }

    /// Says nothing; gives how many bytes came until the server closed the connection.
    pub(crate) async fn listen(&mut self) -> usize {
        let mut heard = Vec::new();
        tokio::time::timeout(PATIENCE, self.pipe.read_to_end(&mut heard))
            .await
            .expect("never closed")
            .unwrap()
    }

    /// The server's words when it refuses or ends the publish.
    pub(crate) async fn refusal(&mut self) -> Status {
        loop {
            match self.event().await {
                Some(Event::Refused(status) | Event::Ended(status)) => return status,
                // What it is told on the way is no refusal.
                Some(Event::Advised(_)) => {}
                other => panic!("not refused: {other:?}"),
            }
        }
    }

    pub(crate) async fn picture(&mut self, random_access: bool) {
        if self.next_ms == 0 {
            self.video(AVC_SEQUENCE_HEADER).await;
        }
        self.video(if random_access { IDR } else { NON_IDR }).await;
        self.next_ms += 40;
    }

    pub(crate) async fn video(&mut self, payload: &[u8]) {
        self.publisher
            .send_media(MediaKind::Video, self.next_ms, payload)
            .unwrap();
        self.send().await;
    }

    pub(crate) async fn audio(&mut self, payload: &[u8]) {
        self.publisher
            .send_media(MediaKind::Audio, self.next_ms, payload)
            .unwrap();
        self.send().await;
    }

    /// Bytes that are no RTMP.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.send().await;
        self.pipe.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn unpublish(&mut self) {
        self.publisher.unpublish();
        self.send().await;
    }

    /// Sends these bytes as they are.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        let _ = self.pipe.write_all(bytes).await;
    }

    /// Is refused, and goes.
    pub(crate) async fn refused(mut self) {
        self.refusal().await;
        self.cut_off().await;
    }

    /// The network goes away without a word.
    pub(crate) async fn cut_off(self) {
        drop(self.pipe);
        self.served.await.unwrap();
    }

    /// Sends what is due.
    pub(crate) async fn send(&mut self) {
        while let Some(bytes) = self.publisher.take_outgoing() {
            // A server that has closed the connection is met at the next read.
            let _ = self.pipe.write_all(&bytes).await;
        }
    }
}
