//! How a publisher's bytes arrive.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket on which these pieces arrive one by one, and then the end.
pub(crate) struct Arrival {
    pieces: VecDeque<Vec<u8>>,
    /// The end does not come before the server has closed its side.
    waits: bool,
    /// Whether somebody else has run since the last piece, as on a network.
    waited: bool,
    answers: Answers,
}

/// What the server has sent.
#[derive(Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<Vec<u8>>>);

impl Arrival {
    /// The bytes, cut behind each of these positions.
    pub(crate) fn cut(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Self {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|&cut| cut > 0 && cut < bytes.len()).collect();
        cuts.push(bytes.len());
        cuts.sort_unstable();
        cuts.dedup();
        let mut pieces = VecDeque::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push_back(bytes[from..cut].to_vec());
            from = cut;
        }
        Self {
            pieces,
            waits: false,
            waited: false,
            answers: Answers::default(),
        }
    }

    /// The publisher says no more, and waits for what the server does.
    pub(crate) fn waiting(self) -> Self {
        Self { waits: true, ..self }
    }

    pub(crate) fn answers(&self) -> Answers {
        self.answers.clone()
    }
}

impl Answers {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl AsyncRead for Arrival {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.waited = !self.waited;
        if self.waited {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.pieces.is_empty() && self.waits {
            return Poll::Pending;
        }
        if let Some(piece) = self.pieces.front_mut() {
            let length = piece.len().min(into.remaining());
            into.put_slice(&piece[..length]);
            piece.drain(..length);
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Arrival {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answers.0.lock().unwrap().extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waits = false;
        Poll::Ready(Ok(()))
    }
}
