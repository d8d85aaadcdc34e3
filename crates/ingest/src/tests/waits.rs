//! Every wait for a peer has an end: just before it nothing has happened, and then it is told in words where it can be.

use std::sync::Arc;
use std::time::Duration;

use alluvium_rtmp::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::house;
use super::support::House;
use crate::rounds;

/// A peer that speaks no RTMP of its own.
struct Peer {
    pipe: DuplexStream,
    served: JoinHandle<()>,
    began: Instant,
}

/// C0, C1 and C2; of the last nothing is looked at.
const HANDSHAKE: [u8; 3073] = {
    let mut bytes = [0; 3073];
    bytes[0] = 3;
    bytes
};

impl Peer {
    fn connect(house: &House, pipe_bytes: usize) -> Self {
        let (pipe, far) = duplex(pipe_bytes);
        let peer = "192.0.2.1:5000".parse().unwrap();
        let served = Arc::clone(&house.ingest).serve_connection(far, peer, house.stop.clone());
        Self {
            pipe,
            served: tokio::spawn(served),
            began: Instant::now(),
        }
    }

    /// Reads to the end; how long that took since the beginning.
    async fn closed(mut self) -> Duration {
        let _ = self.pipe.read_to_end(&mut Vec::new()).await;
        let after = self.began.elapsed();
        self.served.await.unwrap();
        after
    }
}

#[track_caller]
fn assert_at(after: Duration, limit: Duration) {
    assert!(
        (limit..limit + Duration::from_millis(1100)).contains(&after),
        "{after:?}, not {limit:?}"
    );
}

#[tokio::test]
async fn a_thread_stays_awake_for_who_does_not_publish_yet() {
    let house = house(|_| {}).await;
    let mut peer = Peer::connect(&house, 1 << 16);
    peer.pipe.write_all(&HANDSHAKE[..1537]).await.unwrap();
    peer.pipe.read_exact(&mut [0]).await.unwrap();
    assert_eq!(rounds::awake_here(), 1);
    peer.pipe.shutdown().await.unwrap();
    peer.closed().await;
    assert_eq!(rounds::awake_here(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_given_up_after_5_s() {
    let house = house(|_| {}).await;
    let limit = house.ingest.config.handshake_timeout;
    assert_eq!(limit, Duration::from_secs(5));
    let mut peer = Peer::connect(&house, 1 << 16);
    peer.pipe.write_all(&[3]).await.unwrap();
    for _ in 0..4 {
        sleep(Duration::from_secs(1)).await;
        peer.pipe.write_all(&[0]).await.unwrap();
    }
    assert_at(peer.closed().await, limit);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_publishes_is_given_up_after_10_s() {
    let house = house(|_| {}).await;
    let limit = house.ingest.config.publish_timeout;
    assert_eq!(limit, Duration::from_secs(10));
    let mut peer = Peer::connect(&house, 1 << 16);
    peer.pipe.write_all(&HANDSHAKE).await.unwrap();
    // A message that is begun, a byte at a time.
    for byte in [3, 0, 0, 0, 0, 0, 100, 20] {
        sleep(Duration::from_secs(1)).await;
        peer.pipe.write_all(&[byte]).await.unwrap();
    }
    assert_at(peer.closed().await, limit);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut_off_after_10_s() {
    let house = house(|_| {}).await;
    // The answer to the handshake does not fit.
    let mut peer = Peer::connect(&house, 2000);
    peer.pipe.write_all(&HANDSHAKE[..1537]).await.unwrap();
    peer.served.await.unwrap();
    // And two more, in which it could still read the last words.
    assert_at(peer.began.elapsed(), Duration::from_secs(10 + 2));
}

#[tokio::test(start_paused = true)]
async fn a_publish_without_media_ends_after_20_s_and_one_that_falls_silent_after_30_s() {
    let house = house(|_| {}).await;
    house.channel("camera").await;
    let config = &house.ingest.config;
    let (first, silence) = (config.first_media_timeout, config.silence_timeout);
    assert_eq!((first, silence), (Duration::from_secs(20), Duration::from_secs(30)));

    let mut encoder = house.publishing("camera").await;
    let began = Instant::now();
    let status = encoder.refusal().await;
    assert!(
        status.description.contains("No H.264 video came within 20 s"),
        "{status:?}"
    );
    assert_at(began.elapsed(), first);
    encoder.cut_off().await;

    let mut encoder = house.publishing("camera").await;
    sleep(first - Duration::from_secs(2)).await;
    house.push(&mut encoder, 3).await;
    let heard = Instant::now();
    let status = encoder.refusal().await;
    assert_eq!(status.code, StatusCode::Failed.as_str());
    assert!(status.description.contains("No media came for 30 s"), "{status:?}");
    assert_at(heard.elapsed(), silence);
}
