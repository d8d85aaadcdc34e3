//! One HTTP/1.1 connection, with a bound on every wait for its peer.

mod pace;
mod socket;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use alluvium_store::MemoryFile;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::panics;
use pace::{Pace, Paced, Wait};
use socket::Socket;

/// Bounds on an HTTP connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the first byte of a request's header to its last.
    pub(crate) header_timeout: Duration,
    /// Between two requests, and for a peer that does not take what it asked for.
    pub(crate) idle_timeout: Duration,
}

/// A request's header, all lines together; more is answered 431.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Lines of a request's header; more are answered 431. Browsers behind two proxies send about forty.
const HEADERS_MAX: usize = 100;

/// For the last words to a peer that was too slow; it may be gone.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(2);

/// The bucket API has no code for it: no request has come that could be answered in XML.
const TOO_SLOW: &str = "the header of the request did not arrive in time\n";

/// What answers the requests of all connections.
pub(crate) trait Answer: Clone + Send + 'static {
    /// The answer to one request.
    fn answer(self, request: Request) -> impl Future<Output = Response> + Send;
}

/// Serves one HTTP/1.1 connection; when `stop` is cancelled, the request under way is finished first.
pub(crate) async fn serve<S>(socket: S, peer: SocketAddr, service: impl Answer, limits: Limits, stop: CancellationToken)
where
    S: Socket,
{
    let pace = Pace::new(limits);
    let of_requests = pace.clone();
    let answers = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let pace = of_requests.clone();
        pace.serving();
        let answer = answer(service.clone(), request.map(Body::new), peer);
        async move {
            let mut answer = answer.await;
            pace.sending(answer.extensions_mut().remove::<MemoryFile>());
            Ok::<_, std::convert::Infallible>(answer.map(|body| pace.until_sent(body)))
        }
    });
    let mut connection = http1::Builder::new()
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Paced::new(socket, pace.clone())), answers);
    let mut stopped = pin!(stop.cancelled());
    let mut is_stopping = false;
    let mut due = pin!(sleep_until(Instant::now()));
    let ended = poll_fn(|context| {
        if !is_stopping && stopped.as_mut().poll(context).is_ready() {
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(ended) = Pin::new(&mut connection).poll(context) {
            return Poll::Ready(Ok(ended));
        }
        // What the connection has just done has moved the deadline.
        let Some((wait, until)) = pace.deadline() else {
            return Poll::Pending;
        };
        // Deadlines move with every request, and nearly always away: a timer that runs out too early is set again, which
        // costs less than to set it each time.
        if until < due.deadline() || (due.as_mut().poll(context).is_ready() && until > due.deadline()) {
            due.as_mut().reset(until);
        }
        due.as_mut().poll(context).map(|()| Err(wait))
    })
    .await;
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%peer, %error, "HTTP connection ended"),
        Err(wait) => {
            debug!(%peer, %wait, "HTTP connection closed");
            if wait == Wait::Header {
                let mut socket = connection.into_parts().io.into_inner().into_inner();
                let _ = timeout(LAST_WORDS_TIMEOUT, say_too_slow(&mut socket)).await;
            }
        }
    }
}

async fn say_too_slow(socket: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    let head = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: text/plain\r\n";
    let words = format!("{head}content-length: {}\r\n\r\n{TOO_SLOW}", TOO_SLOW.len());
    socket.write_all(words.as_bytes()).await?;
    socket.shutdown().await
}

/// The service's answer; a mistake of ours is answered too, and ends nothing but this request's connection.
async fn answer(service: impl Answer, request: Request, peer: SocketAddr) -> Response {
    // A length beside this has been taken away by now, so it cannot be known whether a proxy in front has gone by that
    // one, and takes the rest of the body for another's request (RFC 9112, 6.1).
    let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let answered = AssertUnwindSafe(service.answer(request)).catch_unwind().await;
    let (mut response, is_last) = match answered {
        Ok(response) => (response, is_last),
        Err(panic) => {
            panics::report(
                "an HTTP request",
                &panic,
                &format_args!("{peer} asked {method} {:?}", uri.path()),
            );
            (StatusCode::INTERNAL_SERVER_ERROR.into_response(), true)
        }
    };
    if is_last {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

#[cfg(test)]
mod tests;
