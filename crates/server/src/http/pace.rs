use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use alluvium_store::MemoryFile;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::Limits;
use super::socket::Socket;

/// What a connection waits for, and until when: shared by its socket, which sees bytes come and go, and its requests,
/// which know when one begins and ends.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    limits: Limits,
    /// Only the connection's own task locks it.
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the peer takes no more of what is written.
    blocked: Option<Instant>,
    /// What the answer that is being sent has its bytes in.
    memory_file: Option<MemoryFile>,
}

#[derive(Debug)]
enum Phase {
    /// Between two requests.
    Idle(Instant),
    /// A part of a header has come.
    Header(Instant),
    /// The request bounds its own time: a body by its rate, an answer by whether the peer takes it.
    Serving,
}

/// What was waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    Request,
    Header,
    Reading,
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Request => "no request came for too long",
            Self::Header => "the header of a request did not arrive in time",
            Self::Reading => "the peer did not read its answer for too long",
        })
    }
}

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State {
            phase: Phase::Idle(Instant::now()),
            blocked: None,
            memory_file: None,
        };
        Self {
            limits,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// A request's header is complete.
    pub(super) fn serving(&self) {
        self.lock().phase = Phase::Serving;
    }

    /// An answer begins, whose bytes may lie in a file, too.
    pub(super) fn sending(&self, memory_file: Option<MemoryFile>) {
        self.lock().memory_file = memory_file;
    }

    /// The same body; once it is sent, or given up, the next request is waited for.
    pub(super) fn until_sent(self, body: Body) -> Sent {
        Sent { body, pace: self }
    }

    /// What is waited for now, and until when; `None` while nothing is that the peer must do.
    pub(super) fn deadline(&self) -> Option<(Wait, Instant)> {
        let Limits {
            header_timeout,
            idle_timeout,
        } = self.limits;
        let state = self.lock();
        let reading = state.blocked.map(|since| (Wait::Reading, since + idle_timeout));
        let sending = match state.phase {
            Phase::Idle(since) => Some((Wait::Request, since + idle_timeout)),
            Phase::Header(since) => Some((Wait::Header, since + header_timeout)),
            Phase::Serving => None,
        };
        reading.or(sending)
    }

    fn came(&self) {
        let mut state = self.lock();
        if let Phase::Idle(_) = state.phase {
            state.phase = Phase::Header(Instant::now());
        }
    }

    fn wrote(&self, progress: bool) {
        let mut state = self.lock();
        if progress {
            state.blocked = None;
            // The body is given up before it is written, which may take as long as the peer likes.
            if let Phase::Idle(since) = &mut state.phase {
                *since = Instant::now();
            }
        } else {
            state.blocked.get_or_insert_with(Instant::now);
        }
    }

    /// All that was to be sent has been written.
    fn flushed(&self) {
        let mut state = self.lock();
        if let Phase::Idle(_) = state.phase {
            state.memory_file = None;
        }
    }

    fn memory_file(&self) -> Option<MemoryFile> {
        self.lock().memory_file.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment, so a poisoned lock is still right.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is being sent.
pub(super) struct Sent {
    body: Body,
    pace: Pace,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.pace.lock().phase = Phase::Idle(Instant::now());
    }
}

/// A socket that tells when bytes come, and when none can go.
#[derive(Debug)]
pub(super) struct Paced<S> {
    socket: S,
    pace: Pace,
}

impl<S> Paced<S> {
    pub(super) fn new(socket: S, pace: Pace) -> Self {
        Self { socket, pace }
    }

    pub(super) fn into_inner(self) -> S {
        self.socket
    }
}

impl<S: Socket> Paced<S> {
    /// Sends what comes next, where that may be done without a copy; `None` where it is for a write.
    ///
    /// What is sent from the file are the bytes that were to be written, whatever else has happened: they lie in its memory.
    fn poll_send(&mut self, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Option<Poll<io::Result<usize>>> {
        let file = self.pace.memory_file()?;
        let mut slices = slices.iter().filter(|slice| !slice.is_empty());
        let first = slices.next()?;
        let sent = match file.position(first) {
            Some(at) => self.socket.poll_send_file(context, &file, at, first.len()),
            None => {
                slices.next().and_then(|second| file.position(second))?;
                self.socket.poll_write_before(context, first)
            }
        };
        match sent {
            // The system does not want to; a write tells if the connection is broken.
            Poll::Ready(Ok(0) | Err(_)) => None,
            sent => Some(sent),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.pace.came();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.pace.wrote(written.is_ready());
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pace.flushed();
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
        let written = match self.poll_send(context, slices) {
            Some(sent) => sent,
            None => Pin::new(&mut self.socket).poll_write_vectored(context, slices),
        };
        self.pace.wrote(written.is_ready());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
