//! A service with a few accounts, and the only lines of the tests that know how to ask it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alluvium_api::{Api, Config, Limits, Publishers};
use alluvium_catalog::{
    AccessKey, Activity, Catalog, Lease, MemoryCatalog, NodeId, OpenSession, SegmentRecord, SqliteCatalog, Statistics,
};
use alluvium_oss::xml::Element;
use alluvium_oss::{
    Acl, BucketName, ChannelConfig, ChannelName, Clock, Domains, ManualClock, ObjectKey, OwnerId, Secret,
    SecurityToken, UnixTime, percent, sign,
};
use alluvium_store::{Attributes, FaultyStore, LocalStore, LocalStoreConfig, MemoryStore, ObjectStore, Put};
use axum::Router;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tower::ServiceExt;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Nobody,
    /// The owner of the buckets.
    Alice,
    /// Her, with a temporary key: the token is `TOKEN`, and the request has it already where it shall.
    Temporary,
    /// Another account.
    Bob,
}

pub(crate) use Who::{Alice, Bob, Nobody, Temporary};

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    V1Header,
    V1Url,
    V2Header,
    V2Url,
    V4Header,
    V4Url,
}

pub(crate) struct World {
    router: Router,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) uploads: TempDir,
}

/// 2023-11-14T22:13:20Z.
pub(crate) const NOW_S: i64 = 1_700_000_000;
pub(crate) const HOST: &str = "oss.test:9000";
pub(crate) const REGION: &str = "cn-hangzhou";
/// The token of the temporary key, which ends ten minutes and a half after the start.
pub(crate) const TOKEN: &str = "tok+en/==";

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::made(limits, None, in_memory()).await
    }

    /// A service over the backends that a server has, in this folder, with the buckets of [`with_buckets`](Self::with_buckets).
    pub(crate) async fn on_disk(folder: &Path) -> Self {
        let store = LocalStore::open(&folder.join("objects"), LocalStoreConfig::default()).unwrap();
        let catalog = SqliteCatalog::open(&folder.join("catalog.sqlite")).unwrap();
        let world = Self::made(Limits::default(), None, (Arc::new(store), Arc::new(catalog))).await;
        world.make_buckets().await;
        world
    }

    /// A service that tells of these publishers.
    pub(crate) async fn with_publishers(publishers: Arc<dyn Publishers>) -> Self {
        let world = Self::made(Limits::default(), Some(publishers), in_memory()).await;
        world.make_buckets().await;
        world
    }

    async fn made(
        limits: Limits,
        publishers: Option<Arc<dyn Publishers>>,
        (store, catalog): (Arc<dyn ObjectStore>, Arc<dyn Catalog>),
    ) -> Self {
        let store = Arc::new(FaultyStore::new(store));
        let clock = Arc::new(ManualClock::new(UnixTime::from_secs(NOW_S)));
        let uploads = TempDir::new().unwrap();
        for (who, enabled) in [("alice", true), ("bob", true), ("gone", false)] {
            let key = AccessKey {
                id: format!("{who}-id"),
                secret: Secret::new(format!("{who}-secret")),
                owner: OwnerId::new(who),
                security_token: None,
                enabled,
                created: clock.now(),
            };
            catalog.put_access_key(key).await.unwrap();
        }
        let temporary = AccessKey {
            id: "temporary-id".to_owned(),
            secret: Secret::new("temporary-secret".to_owned()),
            owner: OwnerId::new("alice"),
            security_token: Some(SecurityToken {
                text: Secret::new(TOKEN.to_owned()),
                expires: clock.now().plus(Duration::from_secs(630)),
            }),
            enabled: true,
            created: clock.now(),
        };
        catalog.put_access_key(temporary).await.unwrap();
        let own = [(
            "video.example.com".to_owned(),
            BucketName::parse("private-bucket").unwrap(),
        )];
        let config = Config {
            domains: Domains::new(["oss.test".to_owned()], own),
            region: REGION.to_owned(),
            upload_folder: uploads.path().join("uploads"),
            limits,
        };
        let api = match publishers {
            None => Api::new(config, store.clone(), catalog.clone(), clock.clone()),
            Some(publishers) => Api::with_publishers(config, store.clone(), catalog.clone(), clock.clone(), publishers),
        };
        let router = api.router();
        World {
            router,
            store,
            catalog,
            clock,
            uploads,
        }
    }

    /// A service in which Alice has one bucket of each ACL: `private-bucket`, `read-bucket`, `write-bucket`.
    pub(crate) async fn with_buckets() -> Self {
        let world = Self::new().await;
        world.make_buckets().await;
        world
    }

    pub(crate) async fn make_buckets(&self) {
        for (name, acl) in [
            ("private-bucket", Acl::Private),
            ("read-bucket", Acl::PublicRead),
            ("write-bucket", Acl::PublicReadWrite),
        ] {
            let (name, owner) = (BucketName::parse(name).unwrap(), OwnerId::new("alice"));
            self.catalog
                .create_bucket(&name, &owner, Some(acl), self.clock.now())
                .await
                .unwrap();
        }
    }

    /// Puts an object behind the service's back.
    pub(crate) async fn put(&self, bucket: &str, key: &str, bytes: &'static [u8], attributes: Attributes) {
        let put = Put::bytes(bytes, "0123456789ABCDEF0123456789ABCDEF", attributes, self.clock.now());
        self.store
            .put(
                &BucketName::parse(bucket).unwrap(),
                &ObjectKey::parse(key).unwrap(),
                put,
            )
            .await
            .unwrap();
    }

    /// The bytes of an object, if it is there.
    pub(crate) async fn bytes(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        let (bucket, key) = (BucketName::parse(bucket).unwrap(), ObjectKey::parse(key).unwrap());
        let object = self.store.get(&bucket, &key, None).await.ok()?;
        Some(object.bytes().await.unwrap().to_vec())
    }

    /// How many files wait in the upload folder.
    pub(crate) fn uploads(&self) -> usize {
        std::fs::read_dir(self.uploads.path().join("uploads")).map_or(0, |entries| entries.count())
    }

    /// Waits until the upload folder is empty; files are removed in the background.
    pub(crate) async fn no_uploads(&self) {
        until("the upload folder is empty", async || self.uploads() == 0).await;
    }

    /// Sends a request and receives the whole answer, which has what every answer has.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let head = ask.method == "HEAD";
        let answer = self.receive(self.send(ask).await).await;
        assert!(!head || answer.body.is_empty());
        answer
    }

    async fn receive(&self, response: Response<Body>) -> Answer {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        headers.sort();
        let answer = Answer {
            status: parts.status.as_u16(),
            headers,
            body: body.to_vec(),
        };
        assert_eq!(answer.header("server"), Some("AliyunOSS"));
        assert_eq!(answer.header("date"), Some(&*self.clock.now().http_date()));
        let id = answer.header("x-oss-request-id").unwrap();
        assert!(
            id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')),
            "{id}"
        );
        answer
    }

    /// Sends an unsigned request whose target is as it stands on the wire, with a Host header for each line of `host`.
    pub(crate) async fn raw(&self, method: &'static str, target: &str, host: &str) -> Answer {
        let request = Request::builder().method(method).uri(target);
        let request = host.lines().fold(request, |request, host| request.header("host", host));
        self.receive(
            self.router
                .clone()
                .oneshot(request.body(Body::empty()).unwrap())
                .await
                .unwrap(),
        )
        .await
    }

    /// Sends a request; the body of the answer is still to be read.
    pub(crate) async fn send(&self, ask: Ask) -> Response<Body> {
        self.router.clone().oneshot(self.sign(ask)).await.unwrap()
    }

    /// The request as it goes out now, to be sent later.
    pub(crate) fn signed(&self, ask: Ask) -> Request<Body> {
        self.sign(ask)
    }

    /// Sends a request that was signed before.
    pub(crate) async fn ask_signed(&self, request: Request<Body>) -> Answer {
        self.receive(self.router.clone().oneshot(request).await.unwrap()).await
    }

    fn sign(&self, mut ask: Ask) -> Request<Body> {
        let now = self.clock.now();
        let name = match ask.who {
            Nobody => None,
            Alice => Some("alice"),
            Temporary => Some("temporary"),
            Bob => Some("bob"),
        };
        if let Some(name) = name {
            let (id, secret) = (format!("{name}-id"), Secret::new(format!("{name}-secret")));
            ask.sign(&id, &secret, now);
        }
        ask.into_request()
    }
}

impl World {
    /// Records segments of a new session with these names, five seconds each, and stores their objects.
    pub(crate) async fn record(&self, bucket: &str, channel: &str, names_ms: &[i64]) {
        let (name, channel) = (BucketName::parse(bucket).unwrap(), ChannelName::parse(channel).unwrap());
        let at = self.clock.now();
        if self.catalog.channel(&name, &channel).await.is_err() {
            self.catalog
                .put_channel(&name, &channel, &ChannelConfig::default(), at)
                .await
                .unwrap();
        }
        let lease = self.open(bucket, channel.as_str()).await;
        for (n, name_ms) in names_ms.iter().enumerate() {
            let key = channel.segment_key(UnixTime::from_millis(*name_ms));
            self.put(bucket, key.as_str(), b"ts", Attributes::default()).await;
            let resumed = n == 0 && lease.next_sequence > 0;
            let segment = SegmentRecord {
                session: lease.session,
                sequence: lease.next_sequence + n as u64,
                discontinuity_sequence: if lease.next_sequence > 0 {
                    lease.next_discontinuity_sequence
                } else {
                    0
                },
                discontinuity: resumed,
                name: UnixTime::from_millis(*name_ms),
                program_date_time: UnixTime::from_millis(*name_ms),
                duration: 450_000,
                length: 2,
                crc64: alluvium_store::crc64(b"ts"),
            };
            self.catalog.append_segment(&lease, segment).await.unwrap();
        }
        self.catalog.close_session(&lease, self.clock.now()).await.unwrap();
    }

    /// Opens a session on a channel that exists.
    pub(crate) async fn open(&self, bucket: &str, channel: &str) -> Lease {
        let open = OpenSession {
            bucket: BucketName::parse(bucket).unwrap(),
            channel: ChannelName::parse(channel).unwrap(),
            node: NodeId::new("node"),
            remote_addr: "192.0.2.1:4711".parse().unwrap(),
            playlist_name: None,
            at: self.clock.now(),
            busy_within: Duration::ZERO,
        };
        self.catalog.open_session(open).await.unwrap()
    }

    /// Tells the catalog what a publisher sends.
    pub(crate) async fn renew(&self, lease: &Lease, statistics: Statistics) {
        let now = self.clock.now();
        self.catalog
            .renew(
                lease,
                Activity {
                    at: now,
                    last_media: now,
                    statistics,
                },
            )
            .await
            .unwrap();
    }
}

fn in_memory() -> (Arc<dyn ObjectStore>, Arc<dyn Catalog>) {
    (Arc::new(MemoryStore::new()), Arc::new(MemoryCatalog::new()))
}

/// Waits for what must come soon.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// A request in the making.
pub(crate) struct Ask {
    method: &'static str,
    host: String,
    /// Whether the bucket is in the host name.
    bucket: Option<String>,
    path_style: bool,
    key: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Body,
    who: Who,
    form: Form,
}

impl Ask {
    /// A request of Alice's, signed with V1 in its header. The target is `bucket`, `bucket/key` or nothing, then a query:
    /// all of it as it is meant, not encoded.
    pub(crate) fn new(method: &'static str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        Ask {
            method,
            host: if bucket.is_empty() {
                HOST.to_owned()
            } else {
                format!("{bucket}.{HOST}")
            },
            bucket: (!bucket.is_empty()).then(|| bucket.to_owned()),
            path_style: false,
            key: key.to_owned(),
            query: query.collect(),
            headers: Vec::new(),
            body: Body::empty(),
            who: Alice,
            form: Form::V1Header,
        }
    }

    /// What it asks, for the message of an assertion.
    pub(crate) fn name(&self) -> String {
        let query: String = self
            .query
            .iter()
            .map(|(name, value)| format!("?{name}={value}"))
            .collect();
        format!("{} {:?}/{}{query} at {}", self.method, self.bucket, self.key, self.host)
    }

    /// This key, whatever is in it.
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = key.to_owned();
        self
    }

    /// With the bucket in the path, at this host.
    pub(crate) fn at(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self.path_style = true;
        self
    }

    /// At this host, which stands for the bucket.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    pub(crate) fn by(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    pub(crate) fn form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A body of known length.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.headers.push(("content-length".to_owned(), body.len().to_string()));
        self.body = Body::from(body);
        self
    }

    /// A body of unknown length.
    pub(crate) fn chunked(mut self, body: Body) -> Self {
        self.headers
            .push(("transfer-encoding".to_owned(), "chunked".to_owned()));
        self.body = body;
        self
    }
}

impl Ask {
    fn sign(&mut self, id: &str, secret: &Secret, now: UnixTime) {
        match self.form {
            Form::V1Header => {
                self.headers.push(("date".to_owned(), now.http_date()));
                let authorization = sign::v1::authorization_header(&self.signed(), id, secret);
                self.headers.push(("authorization".to_owned(), authorization));
            }
            Form::V1Url => {
                let expires = now.plus(Duration::from_secs(600));
                let claim = sign::v1::presign(&self.signed(), id, secret, expires, None);
                self.query.extend(claim);
            }
            Form::V2Header => {
                self.headers.push(("date".to_owned(), now.http_date()));
                let authorization = sign::v2::authorization_header(&self.signed(), id, secret, &[]);
                self.headers.push(("authorization".to_owned(), authorization));
            }
            Form::V2Url => {
                let expires = now.plus(Duration::from_secs(600));
                let claim = sign::v2::presign(&self.signed(), id, secret, expires, None);
                self.query.extend(claim);
            }
            Form::V4Url => {
                let lifetime = Duration::from_secs(600);
                let claim = sign::v4::presign(&self.signed(), id, secret, REGION, now, lifetime, None);
                self.query.extend(claim);
            }
            Form::V4Header => {
                self.headers.push(("x-oss-date".to_owned(), now.iso8601_basic()));
                self.headers
                    .push(("x-oss-content-sha256".to_owned(), "UNSIGNED-PAYLOAD".to_owned()));
                let authorization = sign::v4::authorization_header(&self.signed(), id, secret, REGION, &[]).unwrap();
                self.headers.push(("authorization".to_owned(), authorization));
            }
        }
    }

    fn signed(&self) -> sign::Request<'_> {
        sign::Request {
            method: self.method,
            bucket: self.bucket.as_deref(),
            key: &self.key,
            query: &self.query,
            headers: &self.headers,
        }
    }

    fn into_request(self) -> Request<Body> {
        let path = match (self.path_style, &self.bucket) {
            (true, Some(bucket)) => format!("/{bucket}/{}", percent::encode_path(&self.key)),
            _ => format!("/{}", percent::encode_path(&self.key)),
        };
        let query = percent::encode_query(self.query.iter().map(|(name, value)| (&**name, &**value)));
        let target = if query.is_empty() {
            path
        } else {
            format!("{path}?{query}")
        };
        let mut request = Request::builder()
            .method(self.method)
            .uri(target)
            .header("host", self.host);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).unwrap()
    }
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Ascending by name.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The document, without its declaration.
    #[track_caller]
    pub(crate) fn document(&self) -> &str {
        assert_eq!(self.header("content-type"), Some("application/xml"), "{self:?}");
        self.text()
            .strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
            .expect("a declaration")
    }

    /// The headers that not every answer has, as lines.
    pub(crate) fn own_headers(&self) -> Vec<String> {
        let common = ["date", "server", "x-oss-request-id"];
        let own = self.headers.iter().filter(|(name, _)| !common.contains(&name.as_str()));
        own.map(|(name, value)| format!("{name}: {value}")).collect()
    }

    /// Status and code of a refusal, with its EC, after checking that its document is whole: `404 NoSuchKey 0026-00000001`.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let document = match self.header("x-oss-err") {
            Some(encoded) => String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap(),
            None => self.text().to_owned(),
        };
        let error = Element::parse(document.as_bytes(), "Error").unwrap_or_else(|_| panic!("{self:?}"));
        let child = |name| error.child_text(name).unwrap_or_else(|| panic!("{name} in {document}"));
        assert_eq!(child("RequestId"), self.header("x-oss-request-id").unwrap());
        assert!(!child("Message").is_empty());
        assert!(error.child("HostId").is_some());
        assert!(child("RecommendDoc").ends_with(child("EC")));
        assert_eq!(child("EC"), self.header("x-oss-ec").unwrap_or_default());
        assert_eq!(self.header("content-type"), Some("application/xml"));
        format!("{} {} {}", self.status, child("Code"), child("EC"))
            .trim_end()
            .to_owned()
    }

    /// One element of a refusal's document.
    #[track_caller]
    pub(crate) fn detail(&self, name: &str) -> String {
        let error = Element::parse(&self.body, "Error").unwrap();
        error
            .child_text(name)
            .unwrap_or_else(|| panic!("{name} in {}", self.text()))
            .to_owned()
    }

    /// What came of it in a few words: the status, or the refusal.
    #[track_caller]
    pub(crate) fn outcome(&self) -> String {
        if self.status < 400 {
            self.status.to_string()
        } else {
            self.refusal()
        }
    }
}
