use std::io;
use std::task::{Context, Poll};

use alluvium_store::MemoryFile;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A socket that may send what is in memory and in a file without copying it.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Sends of a file as much as there is room for, at most `length` bytes from `at` on.
    ///
    /// An error says nothing of the socket: whoever gets one writes the bytes as any others.
    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &MemoryFile,
        at: u64,
        length: usize,
    ) -> Poll<io::Result<usize>>;

    /// Writes bytes after which more will come at once, so that they may travel together. Errors are as above.
    fn poll_write_before(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

#[cfg(target_os = "linux")]
impl Socket for TcpStream {
    fn poll_send_file(
        &mut self,
        context: &mut Context<'_>,
        file: &MemoryFile,
        at: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let mut at = at;
        poll_to_write(self, context, |socket| {
            Ok(rustix::fs::sendfile(socket, file.file(), Some(&mut at), length)?)
        })
    }

    fn poll_write_before(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        use rustix::net::SendFlags;
        poll_to_write(self, context, |socket| {
            Ok(rustix::net::send(socket, bytes, SendFlags::MORE | SendFlags::NOSIGNAL)?)
        })
    }
}

/// Calls `write` as soon as there is room for what it writes.
#[cfg(target_os = "linux")]
fn poll_to_write(
    socket: &TcpStream,
    context: &mut Context<'_>,
    mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        std::task::ready!(socket.poll_write_ready(context))?;
        match socket.try_io(tokio::io::Interest::WRITABLE, || write(socket)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            written => return Poll::Ready(written),
        }
    }
}

/// Other systems send files in other ways.
#[cfg(not(target_os = "linux"))]
impl Socket for TcpStream {
    fn poll_send_file(&mut self, _: &mut Context<'_>, _: &MemoryFile, _: u64, _: usize) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_write_before(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
