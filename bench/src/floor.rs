//! The floor: a server that takes publishers and does with their media the least that a server can.
//!
//! Without a folder it throws the bytes away; with one it keeps about 2 s of each stream in memory and writes them to a file
//! in one call, as every server has to that leaves segments.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use alluvium_encoder::{HANDSHAKE_BYTES, Reader, VERSION, hello};

use crate::welcome;

#[derive(Debug, Clone)]
pub(crate) struct Storing {
    pub(crate) folder: PathBuf,
    /// A segment is written once it is so large, or 2 s old.
    pub(crate) segment_bytes: usize,
}

/// Serves until the process is ended. One thread: the floor is about cost, not about throughput.
pub(crate) fn serve(address: SocketAddr, storing: Option<Storing>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            let storing = storing.clone();
            tokio::spawn(async move {
                if let Err(error) = take(socket, storing).await {
                    eprintln!("floor: {error:#}");
                }
            });
        }
    })
}

async fn take(mut socket: TcpStream, storing: Option<Storing>) -> Result<()> {
    socket.set_nodelay(true)?;
    let Some(key) = accept(&mut socket).await? else {
        return Ok(());
    };
    match storing {
        Some(storing) => store(&mut socket, &storing, &key).await?,
        None => discard(&mut socket).await?,
    }
    Ok(())
}

/// The talk before media: the key of the publish, or `None` when it is none.
async fn accept(socket: &mut TcpStream) -> Result<Option<String>> {
    let mut first = [0; 1 + HANDSHAKE_BYTES];
    match socket.read_exact(&mut first).await {
        // Somebody who only looks whether anybody listens.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let answer = [&[VERSION], &hello()[..], &first[1..]].concat();
    socket.write_all(&answer).await?;
    socket.read_exact(&mut first[1..]).await?;

    let mut reader = Reader::new();
    let mut bytes = [0; 4096];
    loop {
        // The publisher sends no media before it is answered, so nothing of it is read here.
        let length = socket.read(&mut bytes).await?;
        ensure!(length > 0, "the publisher left before its publish");
        reader.receive(&bytes[..length]);
        while let Some(message) = reader.poll()? {
            let (answer, key) = welcome::answer(&message)?;
            socket.write_all(&answer).await?;
            if key.is_some() {
                return Ok(key);
            }
        }
    }
}

async fn discard(socket: &mut TcpStream) -> io::Result<()> {
    let mut bytes = vec![0; READ_BYTES];
    while socket.read(&mut bytes).await? > 0 {}
    Ok(())
}

async fn store(socket: &mut (impl AsyncRead + Unpin), storing: &Storing, key: &str) -> io::Result<()> {
    let mut segment = Vec::new();
    let mut number = 0;
    let mut began = Instant::now();
    loop {
        segment.reserve(READ_BYTES);
        let is_first = segment.is_empty();
        let is_over = socket.read_buf(&mut segment).await? == 0;
        if is_first {
            began = Instant::now();
        }
        if is_over || segment.len() >= storing.segment_bytes || began.elapsed() >= SEGMENT {
            // In the way of the other publishers: what is measured is its cost.
            fs::write(path(&storing.folder, key, number), &segment)?;
            segment.clear();
            number += 1;
        }
        if is_over {
            return Ok(());
        }
    }
}

fn path(folder: &Path, key: &str, number: u32) -> PathBuf {
    let name: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    folder.join(format!("{name}-{number}"))
}

const READ_BYTES: usize = 64 << 10;
const SEGMENT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_segment_begins_with_its_first_byte() {
        let folder = std::env::temp_dir().join(format!("alluvium-bench-floor-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let storing = Storing {
            folder: folder.clone(),
            segment_bytes: 1 << 20,
        };
        let (mut publisher, mut floor) = tokio::io::duplex(64);
        let publish = async move {
            tokio::time::sleep(SEGMENT * 2).await;
            publisher.write_all(b"one ").await.unwrap();
            tokio::time::sleep(SEGMENT / 2).await;
            publisher.write_all(b"segment").await.unwrap();
        };
        let ((), stored) = tokio::join!(publish, store(&mut floor, &storing, "s0"));
        stored.unwrap();
        assert_eq!(fs::read(folder.join("s0-0")).unwrap(), b"one segment");
        fs::remove_dir_all(folder).unwrap();
    }
}
