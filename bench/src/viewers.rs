//! Many connections that ask for the same thing again and again.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::Timespec;
use rustix::event::epoll;

use crate::http::{self, HEAD_BYTES_MAX, Head};

/// What all connections have got so far.
#[derive(Debug, Default)]
struct Tally {
    requests: AtomicU64,
    bytes: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Served {
    pub(crate) requests: u64,
    /// Of bodies.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
}

/// Asks on so many connections, and counts for so long what is answered, after a while of getting under way; `at_edge` is
/// called at both ends of the time that counts. A thread has several connections, a connection one request at a time.
pub(crate) fn watch<T>(
    address: SocketAddr,
    path: &str,
    connections: usize,
    duration: Duration,
    mut at_edge: impl FnMut() -> T,
) -> Result<(Served, [T; 2])> {
    let threads = thread::available_parallelism()
        .map_or(1, |cores| cores.get() / 2)
        .max(1);
    let (tally, stop) = (Tally::default(), AtomicBool::new(false));
    let request = http::get(address, path);
    thread::scope(|scope| {
        let (tally, stop, request) = (&tally, &stop, &request);
        let share = |number: usize| connections / threads + usize::from(number < connections % threads);
        let serving = |number| move || serve(address, request, share(number), tally, stop);
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(serving(number))).collect();
        let now = || {
            (
                tally.requests.load(Ordering::Relaxed),
                tally.bytes.load(Ordering::Relaxed),
                Instant::now(),
            )
        };
        thread::sleep(UNDER_WAY);
        let first = at_edge();
        let (requests, bytes, began) = now();
        thread::sleep(duration);
        let (requests_then, bytes_then, ended) = now();
        let last = at_edge();
        stop.store(true, Ordering::Relaxed);
        for thread in running {
            thread.join().expect("viewers do not panic")?;
        }
        let served = Served {
            requests: requests_then - requests,
            bytes: bytes_then - bytes,
            elapsed: ended - began,
        };
        ensure!(served.requests > 0, "nothing was answered in {duration:?}");
        Ok((served, [first, last]))
    })
}

fn serve(address: SocketAddr, request: &[u8], connections: usize, tally: &Tally, stop: &AtomicBool) -> Result<()> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut viewers = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut socket = TcpStream::connect(address).context("a viewer connects")?;
        socket.set_nodelay(true)?;
        socket.write_all(request)?;
        socket.set_nonblocking(true)?;
        epoll::add(
            &poll,
            &socket,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN,
        )?;
        viewers.push(Viewer {
            socket,
            awaits: Awaits::Head(Vec::new()),
        });
    }
    let mut buffer = vec![0; READ_BYTES];
    let mut events = Vec::with_capacity(connections.max(1));
    let wait = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    while !stop.load(Ordering::Relaxed) {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
        for event in &events {
            let number = event.data.u64() as usize;
            viewers[number].take(request, &mut buffer, tally)?;
        }
    }
    Ok(())
}

struct Viewer {
    socket: TcpStream,
    awaits: Awaits,
}

enum Awaits {
    /// What has come of the header.
    Head(Vec<u8>),
    /// So many bytes more.
    Body(usize),
}

impl Viewer {
    /// Reads once.
    fn take(&mut self, request: &[u8], buffer: &mut [u8], tally: &Tally) -> Result<()> {
        let length = match self.socket.read(buffer) {
            Ok(0) => bail!("the server closed a viewer's connection"),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let came = &buffer[..length];
        let remains = match &mut self.awaits {
            Awaits::Body(remains) => {
                tally.bytes.fetch_add(length as u64, Ordering::Relaxed);
                remains.checked_sub(length).context("more than was announced")?
            }
            Awaits::Head(head) => {
                head.extend_from_slice(came);
                let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
                    ensure!(head.len() <= HEAD_BYTES_MAX, "a header without an end");
                    return Ok(());
                };
                let parsed = Head::parse(&head[..end + 4])?;
                ensure!(parsed.status == 200, "a viewer was answered {}", parsed.status);
                let body = head.len() - (end + 4);
                tally.bytes.fetch_add(body as u64, Ordering::Relaxed);
                head.clear();
                parsed.body_bytes.checked_sub(body).context("more than was announced")?
            }
        };
        if remains > 0 {
            self.awaits = Awaits::Body(remains);
            return Ok(());
        }
        tally.requests.fetch_add(1, Ordering::Relaxed);
        if let Awaits::Body(_) = self.awaits {
            self.awaits = Awaits::Head(Vec::new());
        }
        // It fits any socket that has nothing else to send.
        self.socket.write_all(request)?;
        Ok(())
    }
}

const READ_BYTES: usize = 256 << 10;
/// Until all connections are open and in their round.
const UNDER_WAY: Duration = Duration::from_secs(1);
