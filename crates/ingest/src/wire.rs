use std::ops::ControlFlow;
use std::time::Duration;

use alluvium_rtmp as rtmp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::admission::Refusal;
use crate::captures::Kept;
use crate::end::Gone;
use crate::scratch::{self, Turn};

/// A peer that does not take what we send for this long is cut off.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// After the last words: how long, and how much, the peer's bytes are still read, so that it gets to see the reason
/// instead of a reset connection.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The socket with the protocol on it.
pub(crate) struct Wire<S> {
    socket: S,
    pub(crate) connection: rtmp::Connection,
    /// What came behind a `publish` in the same read, while that is being decided; at most one read.
    held: Vec<u8>,
    /// All that came, as far as it is kept.
    pub(crate) kept: Option<Box<Kept>>,
}

/// What came of a part of the input.
pub(crate) enum Step<T> {
    /// All of it was taken, and there is nothing that somebody else must see to.
    More,
    /// Something came of it, and so many of its last bytes were not looked at.
    Came(T, usize),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(socket: S, connection: rtmp::Connection, kept: Option<Kept>) -> Self {
        Self {
            socket,
            connection,
            held: Vec::new(),
            kept: kept.map(Box::new),
        }
    }

    /// Waits for bytes and gives `take` all that wait, until something comes of them or there is something to send; what
    /// `take` leaves over is held back. Cancel safe.
    pub(crate) async fn read<T>(
        &mut self,
        mut take: impl FnMut(&mut rtmp::Connection, &[u8]) -> Result<Step<T>, rtmp::Error>,
    ) -> Result<Turn<T>, Gone> {
        let Self {
            socket,
            connection,
            held,
            kept,
        } = self;
        let read = scratch::read(socket, |input| {
            if input.is_empty() {
                return ControlFlow::Break(Err(Gone::Closed));
            }
            if let Some(kept) = kept {
                kept.take(input);
            }
            match take(connection, input) {
                Ok(Step::Came(value, rest)) => {
                    held.extend_from_slice(&input[input.len() - rest..]);
                    ControlFlow::Break(Ok(Some(value)))
                }
                Ok(Step::More) if connection.has_outgoing() => ControlFlow::Break(Ok(None)),
                Ok(Step::More) => ControlFlow::Continue(()),
                Err(error) => ControlFlow::Break(Err(error.into())),
            }
        });
        let turn = read.await.map_err(Gone::Socket)?;
        Ok(Turn {
            came: turn.came.transpose()?.flatten(),
            drained: turn.drained,
            bytes: turn.bytes,
        })
    }

    /// Gives `take` what an earlier read has left over.
    pub(crate) fn take_held<T>(
        &mut self,
        mut take: impl FnMut(&mut rtmp::Connection, &[u8]) -> Result<Step<T>, rtmp::Error>,
    ) -> Result<Option<T>, rtmp::Error> {
        let input = std::mem::take(&mut self.held);
        Ok(match take(&mut self.connection, &input)? {
            Step::More => None,
            Step::Came(value, rest) => {
                self.held.extend_from_slice(&input[input.len() - rest..]);
                Some(value)
            }
        })
    }

    pub(crate) fn refuse(&mut self, refusal: &Refusal) {
        self.connection.refuse(rtmp::Refusal {
            code: refusal.code,
            description: &refusal.reason,
        });
    }

    /// Sends what the protocol has to say.
    pub(crate) async fn send(&mut self) -> Result<(), Gone> {
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
    pub(crate) async fn send_and_linger(&mut self) {
        if self.send().await.is_err() || self.socket.shutdown().await.is_err() {
            return;
        }
        let drain = async {
            let mut rest = (&mut self.socket).take(LINGER_BYTES_MAX);
            tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
        };
        let _ = timeout(LINGER, drain).await;
    }
}
