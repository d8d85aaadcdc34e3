//! The attackers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::run::{BUCKET, Run};

/// Slow connections and a flood, until dropped.
pub(super) struct Attack {
    pub(super) opened: Arc<Count>,
    pub(super) flooded: Arc<Count>,
    held: watch::Sender<u32>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a slow connection has said by the time it becomes slow.
#[derive(Debug, Clone, Copy)]
enum Beginning {
    /// The first byte of RTMP.
    Version,
    /// All of RTMP's handshake.
    Handshake,
    /// A part of a request's header.
    Header,
    /// A request's header, and a part of its body.
    Body,
    Nothing,
}

const BEGINNINGS: [Beginning; 5] = [
    Beginning::Version,
    Beginning::Handshake,
    Beginning::Header,
    Beginning::Body,
    Beginning::Nothing,
];

impl Beginning {
    fn bytes(self, index: u32) -> Vec<u8> {
        match self {
            Self::Version => vec![3],
            Self::Handshake => {
                let mut bytes = vec![0; 1 + 2 * 1536];
                bytes[0] = 3;
                bytes
            }
            Self::Header => b"GET / HTTP/1.1\r\nx: ".to_vec(),
            Self::Body => format!("PUT /{BUCKET}/slow-{index} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nx")
                .into_bytes(),
            Self::Nothing => Vec::new(),
        }
    }
}

impl Attack {
    pub(super) fn start(run: &Run, connections: u32) -> Self {
        let (opened, flooded) = (Arc::<Count>::default(), Arc::<Count>::default());
        let held = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        for index in 0..connections {
            let (address, opened, held) = (run.addresses[index as usize % 2], Arc::clone(&opened), held.clone());
            let delay = ARRIVAL * index;
            tasks.spawn(async move {
                sleep(delay).await;
                loop {
                    let began = Instant::now();
                    if let Ok(socket) = connect(source(index), address).await {
                        opened.add();
                        let _held = Held::new(&held);
                        let beginning = BEGINNINGS[index as usize % BEGINNINGS.len()].bytes(index);
                        // However it ends, it comes back.
                        let _ = hardly_move(socket, &beginning).await;
                    }
                    sleep_until(began + RETURN_MIN).await;
                }
            });
        }
        for flood in 0..FLOODS {
            let (address, flooded) = (run.addresses[flood as usize % 2], Arc::clone(&flooded));
            tasks.spawn(async move {
                loop {
                    sleep(FLOOD_INTERVAL).await;
                    if connect(Ipv4Addr::new(127, 0, 200, 1 + flood), address).await.is_ok() {
                        flooded.add();
                    }
                }
            });
        }
        Self {
            opened,
            flooded,
            held,
            _tasks: tasks,
        }
    }

    /// Connections that are open now.
    pub(super) fn held(&self) -> u32 {
        *self.held.borrow()
    }

    pub(super) async fn until_held(&self, count: u32) {
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| *held >= count).await;
    }
}

struct Held<'a>(&'a watch::Sender<u32>);

impl<'a> Held<'a> {
    fn new(held: &'a watch::Sender<u32>) -> Self {
        held.send_modify(|count| *count += 1);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A byte each ten seconds, until the server has enough of it.
async fn hardly_move(mut socket: TcpStream, beginning: &[u8]) -> std::io::Result<()> {
    socket.write_all(beginning).await?;
    let (mut read, mut write) = socket.split();
    let mut answer = [0; 512];
    let mut next = Instant::now() + BYTE_INTERVAL;
    loop {
        tokio::select! {
            count = read.read(&mut answer) => if count? == 0 { return Ok(()) },
            () = sleep_until(next) => {
                write.write_all(b"x").await?;
                next += BYTE_INTERVAL;
            }
        }
    }
}

async fn connect(source: Ipv4Addr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    // The port is free again at once, however many connections there are.
    let socket = socket.connect(address).await?;
    socket.set_zero_linger()?;
    Ok(socket)
}

/// 127.0.100.1 and on: a server bounds the connections of each address.
fn source(index: u32) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 100, 1 + (index / PER_ADDRESS) as u8)
}

const PER_ADDRESS: u32 = 500;

/// From one slow connection to the next at the beginning.
const ARRIVAL: Duration = Duration::from_millis(1);

const BYTE_INTERVAL: Duration = Duration::from_secs(10);

/// From one connection to the next of the same attacker, at least: those that are turned away do not spin.
const RETURN_MIN: Duration = Duration::from_secs(1);

const FLOODS: u8 = 4;

/// From one connect of a flood to its next.
const FLOOD_INTERVAL: Duration = Duration::from_millis(5);
