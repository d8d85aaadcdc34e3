//! A connection and what peers do to it, in time that stands still while anything is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use axum::Router;
use axum::routing::{any, get};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tower::ServiceExt;

use super::*;

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(10),
    idle_timeout: Duration::from_secs(60),
};

const LARGE_BYTES: usize = 1 << 20;

impl Answer for Router {
    async fn answer(self, request: Request) -> Response {
        self.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// A pipe sends no files.
impl Socket for DuplexStream {
    fn poll_send_file(
        &mut self,
        _: &mut Context<'_>,
        _: &MemoryFile,
        _: u64,
        _: usize,
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Err(std::io::ErrorKind::Unsupported.into()))
    }

    fn poll_write_before(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Err(std::io::ErrorKind::Unsupported.into()))
    }
}

/// A connection to a small service, and how many requests that has seen.
struct Peer {
    pipe: DuplexStream,
    served: JoinHandle<()>,
    requests: Arc<AtomicUsize>,
    began: Instant,
    stop: CancellationToken,
}

impl Peer {
    fn connect() -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let echo = |body: Body| async { body.collect().await.map(|body| body.to_bytes()).unwrap_or_default() };
        let router = Router::new()
            .route("/", any(|| std::future::ready("hello")))
            .route("/echo", any(echo))
            .route("/large", get(|| std::future::ready(vec![b'x'; LARGE_BYTES])))
            .route(
                "/panic",
                any(|| async {
                    if true {
                        panic!("as told")
                    }
                }),
            )
            .layer(axum::middleware::from_fn(
                move |request: Request, next: axum::middleware::Next| {
                    count.fetch_add(1, Ordering::Relaxed);
                    next.run(request)
                },
            ));
        let (pipe, far) = duplex(4096);
        let stop = CancellationToken::new();
        let address = "192.0.2.1:5000".parse().unwrap();
        Self {
            pipe,
            served: tokio::spawn(serve(far, address, router, LIMITS, stop.clone())),
            requests,
            began: Instant::now(),
            stop,
        }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.pipe.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads until `end` was read.
    async fn until(&mut self, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            text.push(self.pipe.read_u8().await.unwrap());
        }
        String::from_utf8(text).unwrap()
    }

    /// What comes until the server closes, and how many seconds after the beginning that is.
    async fn rest(mut self) -> (String, u64) {
        let mut text = Vec::new();
        self.pipe.read_to_end(&mut text).await.unwrap();
        let seconds = self.began.elapsed().as_secs();
        self.served.await.unwrap();
        (String::from_utf8(text).unwrap(), seconds)
    }
}

/// Sends everything at once and reads to the end; statuses, and requests that the service has seen.
async fn answers(bytes: impl AsRef<[u8]>) -> (Vec<String>, usize) {
    let Peer {
        pipe, served, requests, ..
    } = Peer::connect();
    let (mut read, mut write) = tokio::io::split(pipe);
    let bytes = bytes.as_ref().to_vec();
    // The server may close before it has read all of it.
    let sending = tokio::spawn(async move {
        let _ = write.write_all(&bytes).await;
        write
    });
    let mut text = Vec::new();
    read.read_to_end(&mut text).await.unwrap();
    served.await.unwrap();
    sending.abort();
    let text = String::from_utf8(text).unwrap();
    let status = |line: &str| line.strip_prefix("HTTP/1.1 ").map(|rest| rest[..3].to_owned());
    (
        text.lines().filter_map(status).collect(),
        requests.load(Ordering::Relaxed),
    )
}

#[tokio::test(start_paused = true)]
async fn a_header_that_takes_longer_than_10_s_is_answered_408() {
    let mut peer = Peer::connect();
    sleep(Duration::from_secs(30)).await;
    for byte in b"GET / HTT" {
        peer.send([*byte]).await;
        sleep(Duration::from_secs(1)).await;
    }
    let (text, seconds) = peer.rest().await;
    assert!(text.starts_with("HTTP/1.1 408 ") && text.ends_with(TOO_SLOW), "{text}");
    assert_eq!(seconds, 30 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_header_within_10_s_is_served() {
    let mut peer = Peer::connect();
    for piece in ["GET / HTTP/1.1\r\n", "host: a\r\n", "connection: close\r\n"] {
        peer.send(piece).await;
        sleep(Duration::from_secs(3)).await;
    }
    peer.send("\r\n").await;
    assert!(peer.rest().await.0.ends_with("\r\n\r\nhello"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_60_s_and_not_before() {
    let mut peer = Peer::connect();
    for _ in 0..2 {
        sleep(Duration::from_secs(59)).await;
        peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert!(peer.until("\r\n\r\nhello").await.starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(peer.rest().await, (String::new(), 2 * 59 + 60));
}

#[tokio::test(start_paused = true)]
async fn what_has_come_of_the_next_header_is_idle_too_and_the_rest_of_it_has_10_s() {
    let mut peer = Peer::connect();
    peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HT").await;
    peer.until("\r\n\r\nhello").await;
    sleep(Duration::from_secs(50)).await;
    peer.send("T").await;
    let (text, seconds) = peer.rest().await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(seconds, 50 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_its_answer_is_cut_off_after_60_s() {
    let mut peer = Peer::connect();
    peer.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    // As long as something is taken in time the answer goes on.
    for _ in 0..4 {
        sleep(Duration::from_secs(59)).await;
        peer.pipe.read_exact(&mut [0; 4096]).await.unwrap();
    }
    peer.served.await.unwrap();
    assert_eq!(peer.began.elapsed().as_secs(), 4 * 59 + 60);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_idle_from_when_its_answer_was_taken() {
    let mut peer = Peer::connect();
    peer.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await;
    peer.until("\r\n\r\n").await;
    for _ in 0..LARGE_BYTES / 4096 {
        sleep(Duration::from_secs(1)).await;
        peer.pipe.read_exact(&mut [0; 4096]).await.unwrap();
    }
    sleep(Duration::from_secs(58)).await;
    peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(peer.until("\r\n\r\nhello").await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_the_services_to_bound() {
    let mut peer = Peer::connect();
    peer.send("PUT /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\n")
        .await;
    for _ in 0..3 {
        sleep(Duration::from_secs(200)).await;
        peer.send("x").await;
    }
    assert!(peer.rest().await.0.ends_with("\r\n\r\nxxx"));
}

#[tokio::test(start_paused = true)]
async fn a_header_has_at_most_100_lines_and_64_kib() {
    for (count, expected) in [(HEADERS_MAX - 2, "200"), (HEADERS_MAX - 1, "431"), (5_000, "431")] {
        let lines = "x: y\r\n".repeat(count);
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{lines}\r\n");
        assert_eq!(answers(request).await.0, [expected], "{count}");
    }
    for (length, expected) in [
        (HEADER_BYTES_MAX - 100, "200"),
        (2 * HEADER_BYTES_MAX, "431"),
        (1 << 24, "431"),
    ] {
        let line = "y".repeat(length);
        let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {line}\r\n\r\n");
        assert_eq!(answers(request).await.0, [expected], "{length}");
    }
    let target = "y".repeat(1 << 16);
    let (statuses, seen) = answers(format!("GET /{target} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    assert!(
        matches!(&*statuses[0], "414" | "431") && statuses.len() == 1,
        "{statuses:?}"
    );
    assert_eq!(seen, 0);
}

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_their_order() {
    let one = |n: usize| format!("PUT /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n{n:04}");
    let last = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let requests: String = (0..200).map(one).chain([last.to_owned()]).collect();
    let Peer { pipe, served, .. } = Peer::connect();
    let (mut read, mut write) = tokio::io::split(pipe);
    let sending = tokio::spawn(async move { write.write_all(requests.as_bytes()).await.map(|()| write) });
    let mut text = String::new();
    read.read_to_string(&mut text).await.unwrap();
    served.await.unwrap();
    drop(sending.await.unwrap());
    let bodies = text
        .split("\r\n\r\n")
        .skip(1)
        .map(|answer| answer.split("HTTP/").next().unwrap());
    let expected = (0..200).map(|n| format!("{n:04}")).chain(["hello".to_owned()]);
    assert!(bodies.eq(expected), "{text}");
}

/// Two requests, the second of which is a body to whoever reads the first differently: it never gets to the service.
#[tokio::test(start_paused = true)]
async fn a_request_that_can_be_read_in_two_ways_hides_no_other() {
    let hidden = "GET /?hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let length = hidden.len();
    for (name, head, expected, seen) in [
        (
            "a length and chunks",
            format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            "200",
            1,
        ),
        (
            "chunks and a length",
            format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n"),
            "200",
            1,
        ),
        (
            "two lengths",
            format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n"),
            "400",
            0,
        ),
        (
            "a list of lengths",
            format!("content-length: 0, {length}\r\n\r\n"),
            "400",
            0,
        ),
        ("a signed length", "content-length: +0\r\n\r\n".to_owned(), "400", 0),
        ("a negative length", "content-length: -1\r\n\r\n".to_owned(), "400", 0),
        (
            "a length past 64 bits",
            "content-length: 18446744073709551617\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        (
            "chunks not last",
            "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        (
            "an unknown coding",
            "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        (
            "a space before the colon",
            "transfer-encoding : chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        (
            "a folded line",
            "x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        (
            "a bare CR",
            "x: y\rtransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400",
            0,
        ),
        ("a NUL", "x: y\0z\r\n\r\n".to_owned(), "400", 0),
    ] {
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{head}{hidden}");
        assert_eq!(answers(request).await, (vec![expected.to_owned()], seen), "{name}");
    }
    for (name, request) in [
        (
            "chunks in HTTP/1.0",
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("an unknown version", "GET / HTTP/3.0\r\nhost: a\r\n\r\n"),
        ("no version", "GET /\r\n\r\n"),
        ("a second word in the target", "GET / / HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ] {
        let (statuses, seen) = answers(format!("{request}{hidden}")).await;
        assert!(
            statuses.iter().all(|status| status == "400") && seen == 0,
            "{name}: {statuses:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_of_no_length_or_too_great_a_length_end_the_connection() {
    for chunks in [
        "FFFFFFFFFFFFFFFFF\r\n".to_owned(),
        "-1\r\n".to_owned(),
        "0x1\r\n".to_owned(),
        "\r\n".to_owned(),
        "1\r\nxx\r\n0\r\n\r\n".to_owned(),
        format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(1 << 20)),
        format!("0\r\n{}\r\n", "trailer: x\r\n".repeat(1 << 16)),
    ] {
        let head = "PUT /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let (statuses, _) = answers(format!("{head}{chunks}GET / HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert!(
            statuses.len() <= 1,
            "{:?}: {statuses:?}",
            &chunks[..chunks.len().min(20)]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_body_that_is_read_is_asked_for() {
    for (path, begins) in [("/echo", "HTTP/1.1 100 Continue\r\n\r\n"), ("/", "HTTP/1.1 200 ")] {
        let mut peer = Peer::connect();
        let head = "host: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
        peer.send(format!("PUT {path} HTTP/1.1\r\n{head}")).await;
        assert_eq!(peer.until(begins).await, begins);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_answered_500_and_ends_that_connection() {
    let mut peer = Peer::connect();
    peer.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    let requests = Arc::clone(&peer.requests);
    let (text, seconds) = peer.rest().await;
    assert!(
        text.starts_with("HTTP/1.1 500 ") && text.contains("connection: close"),
        "{text}"
    );
    assert_eq!(
        (
            text.matches("HTTP/1.1").count(),
            requests.load(Ordering::Relaxed),
            seconds
        ),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn the_request_under_way_is_finished_when_the_server_stops() {
    let mut peer = Peer::connect();
    peer.send("PUT /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nx")
        .await;
    tokio::task::yield_now().await;
    peer.stop.cancel();
    tokio::task::yield_now().await;
    peer.send("y").await;
    let (text, _) = peer.rest().await;
    assert!(
        text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\nxy"),
        "{text}"
    );
    let idle = Peer::connect();
    idle.stop.cancel();
    assert_eq!(idle.rest().await, (String::new(), 0));
}
