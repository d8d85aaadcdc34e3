use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, ReadBuf};

use crate::rounds;

/// What one read takes at most; a few frames of a common stream, a part of a large one.
const SCRATCH_BYTES: usize = 64 * 1024;

/// Reads of one connection before others have their turn.
const READS_MAX: usize = 8;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// What became of a turn of reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Turn<T> {
    /// What `take` broke off with.
    pub(crate) came: Option<T>,
    /// There was no more to be read.
    pub(crate) drained: bool,
    /// How many were read.
    pub(crate) bytes: usize,
}

/// Gives `take` what waits in `socket`, in the worker thread's scratch, until it breaks off, all is read, or there were
/// [`READS_MAX`] reads; waits for the first of them.
///
/// So a waiting connection owns no buffer. `take` sees an empty slice at the end of the stream. Cancel safe: what was
/// read has been taken, and the future is ready then.
pub(crate) async fn read<S, T>(socket: &mut S, mut take: impl FnMut(&[u8]) -> ControlFlow<T>) -> io::Result<Turn<T>>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let (mut drained, mut bytes) = (false, 0);
            let mut came = None;
            for _ in 0..READS_MAX {
                let mut buffer = ReadBuf::new(scratch);
                match Pin::new(&mut *socket).poll_read(context, &mut buffer) {
                    Poll::Ready(read) => read?,
                    Poll::Pending if bytes == 0 => return Poll::Pending,
                    Poll::Pending => {
                        drained = true;
                        break;
                    }
                }
                if buffer.remaining() == 0 {
                    rounds::hurry();
                }
                bytes += buffer.filled().len();
                came = take(buffer.filled()).break_value();
                if came.is_some() {
                    break;
                }
            }
            Poll::Ready(Ok(Turn { came, drained, bytes }))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// Breaks off at once.
    fn first(input: &[u8]) -> ControlFlow<Vec<u8>> {
        ControlFlow::Break(input.to_vec())
    }

    fn never(_: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[tokio::test]
    async fn gives_what_came_and_an_empty_slice_at_the_end() {
        let (mut near, mut far) = tokio::io::duplex(16);
        far.write_all(b"abc").await.unwrap();
        assert_eq!(read(&mut near, first).await.unwrap().came.unwrap(), b"abc");
        drop(far);
        assert_eq!(read(&mut near, first).await.unwrap().came.unwrap(), b"");
    }

    #[tokio::test]
    async fn reads_until_nothing_waits() {
        let (mut near, mut far) = tokio::io::duplex(2 * SCRATCH_BYTES);
        far.write_all(&vec![1; SCRATCH_BYTES + 1]).await.unwrap();
        let mut lengths = Vec::new();
        let turn = read(&mut near, |input| {
            lengths.push(input.len());
            never(input)
        });
        let expected = Turn {
            came: None,
            drained: true,
            bytes: SCRATCH_BYTES + 1,
        };
        assert_eq!(turn.await.unwrap(), expected);
        assert_eq!(lengths, [SCRATCH_BYTES, 1]);
    }

    #[tokio::test]
    async fn breaks_off_before_more_is_read() {
        let sent = vec![1; SCRATCH_BYTES + 1];
        let turn = read(&mut &sent[..], first).await.unwrap();
        assert!(!turn.drained);
        assert_eq!(turn.came.unwrap().len(), SCRATCH_BYTES);
    }

    #[tokio::test]
    async fn others_have_their_turn_after_some_reads() {
        let (mut socket, mut reads) = (tokio::io::repeat(1), 0);
        let turn = read(&mut socket, |input| {
            reads += 1;
            never(input)
        });
        let expected = Turn {
            came: None,
            drained: false,
            bytes: READS_MAX * SCRATCH_BYTES,
        };
        assert_eq!(turn.await.unwrap(), expected);
        assert_eq!(reads, READS_MAX);
    }
}
