use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// What one read takes at most; a few frames of a common stream, a part of a large one.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// Reads once from `socket` into the worker thread's scratch and gives what came to `take`, within the same poll.
///
/// So a waiting connection owns no buffer. `take` sees an empty slice at the end of the stream.
/// Cancel safe: nothing is read unless `take` is called, and then the future is ready.
pub(crate) async fn read<S, T>(socket: &mut S, mut take: impl FnMut(&[u8]) -> T) -> io::Result<T>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|context| {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut *socket).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(take(buffer.filled())))
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn gives_what_came_and_an_empty_slice_at_the_end() {
        let (mut near, mut far) = tokio::io::duplex(16);
        far.write_all(b"abc").await.unwrap();
        assert_eq!(read(&mut near, <[u8]>::to_vec).await.unwrap(), b"abc");
        drop(far);
        assert_eq!(read(&mut near, <[u8]>::to_vec).await.unwrap(), b"");
    }
}
