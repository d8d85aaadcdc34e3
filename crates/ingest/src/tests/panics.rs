//! A mistake in the program that some peer's bytes bring to light ends that peer's publish, and nothing else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use alluvium_rtmp::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::house;
use super::support::{Encoder, request, segments};

/// A socket whose next read panics once it is told to.
struct Trap {
    socket: DuplexStream,
    is_set: Arc<AtomicBool>,
}

impl AsyncRead for Trap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        if read.is_ready() {
            assert!(!self.is_set.swap(false, Ordering::Relaxed), "the trap is sprung");
        }
        read
    }
}

impl AsyncWrite for Trap {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_mid_publish_lists_what_was_accepted_and_frees_the_channel() {
    let house = house(|_| {}).await;
    let channel = house.channel("camera").await;
    let beside = house.channel("beside").await;
    let mut other = house.publishing("beside").await;
    let is_set = Arc::new(AtomicBool::new(false));
    let trap = |socket| Trap {
        socket,
        is_set: Arc::clone(&is_set),
    };
    let mut encoder = Encoder::connected_through(&house.ingest, request("camera"), &house.stop, trap);
    assert!(encoder.event().await.is_some());
    house.push(&mut encoder, 5).await;
    house
        .playlist_when(&channel, |playlist| segments(playlist).len() == 2)
        .await;
    is_set.store(true, Ordering::Relaxed);
    encoder.picture(true).await;

    let status = encoder.refusal().await;
    assert_eq!(status.code, StatusCode::Failed.as_str());
    assert!(status.description.contains("what was sent is kept"), "{status:?}");
    house.until_idle(&channel).await;
    // Two whole segments, and of the third the second that had come.
    let playlist = house
        .playlist_when(&channel, |playlist| segments(playlist).len() == 3)
        .await;
    assert!(playlist.contains("#EXTINF:1.0"), "{playlist}");

    let mut again = house.publishing("camera").await;
    house.push(&mut again, 3).await;
    again.cut_off().await;
    house.push(&mut other, 3).await;
    other.cut_off().await;
    house
        .playlist_when(&beside, |playlist| segments(playlist).len() == 2)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_before_the_publish_ends_that_connection() {
    let house = house(|_| {}).await;
    house.channel("camera").await;
    let trap = |socket| Trap {
        socket,
        is_set: Arc::new(AtomicBool::new(true)),
    };
    let mut encoder = Encoder::connected_through(&house.ingest, request("camera"), &house.stop, trap);
    assert_eq!(encoder.event().await, None);
    encoder.cut_off().await;
    house.publishing("camera").await;
}
