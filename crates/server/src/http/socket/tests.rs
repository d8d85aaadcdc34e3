//! What is sent from files in memory, to peers that read slowly.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf, duplex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::http::{Answer, Limits, serve};

/// Much more than sockets take at once.
const BYTES: usize = 3_000_000;
const DEADLINE: Duration = Duration::from_secs(60);

/// A socket, and how many bytes it has sent from files.
struct Counted {
    socket: TcpStream,
    of_files: Arc<AtomicUsize>,
}

impl Socket for Counted {
    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &MemoryFile,
        at: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let sent = self.socket.poll_send_file(context, file, at, length);
        if let Poll::Ready(Ok(length)) = sent {
            self.of_files.fetch_add(length, Ordering::Relaxed);
        }
        sent
    }

    fn poll_write_before(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write_before(context, bytes)
    }
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Tells when it is dropped.
#[derive(Debug)]
struct Told(mpsc::UnboundedSender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// Answers with pieces, of which some lie in the file that it tells of.
#[derive(Clone)]
struct Pieces {
    pieces: Vec<Bytes>,
    file: Option<MemoryFile>,
}

impl Answer for Pieces {
    async fn answer(self, _: Request) -> Response {
        let Self { pieces, file } = self;
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, io::Error>)));
        let mut response = Response::new(body);
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        if let Some(file) = file {
            response.extensions_mut().insert(file);
        }
        response
    }
}

fn some(seed: usize) -> Vec<u8> {
    (0..BYTES).map(|at| ((at + seed) % 251) as u8).collect()
}

fn limits() -> Limits {
    Limits {
        header_timeout: DEADLINE,
        idle_timeout: DEADLINE,
    }
}

/// Serves one connection; the client's end, and how many bytes came from files.
async fn connect(answer: impl Answer) -> (TcpStream, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).await.unwrap();
    let (socket, peer) = listener.accept().await.unwrap();
    SockRef::from(&socket).set_send_buffer_size(50_000).unwrap();
    let of_files = Arc::default();
    let counted = Counted {
        socket,
        of_files: Arc::clone(&of_files),
    };
    tokio::spawn(serve(counted, peer, answer, limits(), CancellationToken::new()));
    (client, of_files)
}

/// Reads the answer to a request, in bits.
async fn body(client: &mut (impl AsyncRead + Unpin), length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 200 "));
    let mut body = Vec::new();
    client.take(length as u64).read_to_end(&mut body).await.unwrap();
    body
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn bytes_arrive_as_they_are_and_those_in_the_file_come_from_there() {
    let file = MemoryFile::new(&some(0), ()).unwrap();
    let other = MemoryFile::new(&some(1), ()).unwrap();
    let (all, foreign) = (file.bytes(), Bytes::from(some(0)));
    let part = all.slice(1_000..2_500_001);
    for (name, pieces, is_told, expected) in [
        ("all of it", vec![all.clone()], true, BYTES),
        ("a part", vec![part.clone()], true, part.len()),
        ("its last byte", vec![all.slice(BYTES - 1..)], true, 1),
        ("none of it", vec![], true, 0),
        ("the same bytes elsewhere", vec![foreign.clone()], true, 0),
        ("another file's", vec![other.bytes()], true, 0),
        ("a file of which nobody has told", vec![all.clone()], false, 0),
        (
            "all sorts",
            vec![
                foreign.clone(),
                all.clone(),
                other.bytes(),
                part.clone(),
                part.clone(),
                foreign,
            ],
            true,
            BYTES + 2 * part.len(),
        ),
    ] {
        let wanted = pieces.concat();
        let file = is_told.then(|| file.clone());
        let answer = Pieces { pieces, file };
        let (mut client, of_files) = connect(answer.clone()).await;
        for round in 1..=2 {
            client.write_all(REQUEST).await.unwrap();
            assert!(body(&mut client, wanted.len()).await == wanted, "{name}");
            assert_eq!(of_files.load(Ordering::Relaxed), round * expected, "{name}");
        }
        let (mut client, far) = duplex(4096);
        let peer = "192.0.2.1:5000".parse().unwrap();
        tokio::spawn(serve(far, peer, answer, limits(), CancellationToken::new()));
        client.write_all(REQUEST).await.unwrap();
        assert!(
            body(&mut client, wanted.len()).await == wanted,
            "{name}, where files cannot be sent"
        );
    }
}

#[tokio::test]
async fn answers_from_several_files_to_requests_that_came_at_once_stay_apart() {
    #[derive(Clone)]
    struct ByNumber(Vec<MemoryFile>);
    impl Answer for ByNumber {
        async fn answer(self, request: Request) -> Response {
            let number: usize = request.uri().path()[1..].parse().unwrap();
            let file = self.0[number % self.0.len()].clone();
            let pieces = vec![file.bytes().slice(number * 1000..)];
            Pieces {
                pieces,
                file: Some(file),
            }
            .answer(request)
            .await
        }
    }
    let files: Vec<_> = (0..3).map(|seed| MemoryFile::new(&some(seed), ()).unwrap()).collect();
    let (mut client, _) = connect(ByNumber(files)).await;
    let requests: String = (0..10)
        .map(|number| format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n"))
        .collect();
    client.write_all(requests.as_bytes()).await.unwrap();
    for number in 0..10 {
        let expected = &some(number % 3)[number * 1000..];
        assert!(body(&mut client, expected.len()).await == expected, "{number}");
    }
}

#[tokio::test]
async fn a_connection_that_waits_for_a_request_holds_no_file() {
    let (sender, mut told) = mpsc::unbounded_channel();
    #[derive(Clone)]
    struct Once(Arc<std::sync::Mutex<Option<MemoryFile>>>);
    impl Answer for Once {
        async fn answer(self, request: Request) -> Response {
            let file = self.0.lock().unwrap().take();
            let pieces = file.iter().map(MemoryFile::bytes).collect();
            Pieces { pieces, file }.answer(request).await
        }
    }
    let file = MemoryFile::new(&some(0), Told(sender)).unwrap();
    let (mut client, _) = connect(Once(Arc::new(Some(file).into()))).await;
    client.write_all(REQUEST).await.unwrap();
    assert!(body(&mut client, BYTES).await == some(0));
    timeout(DEADLINE, told.recv()).await.unwrap().unwrap();
    client.write_all(REQUEST).await.unwrap();
    assert!(body(&mut client, 0).await.is_empty());
}
