//! One port for both protocols: the first byte of a connection decides.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use alluvium_api::Api;
use alluvium_ingest::{Full, Gate, Ingest, Pass, Seldom};
use anyhow::{Context, Result};
use futures_util::FutureExt;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use crate::http;
use crate::panics;
use crate::paths::Paths;
use crate::workers::Workers;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A dead peer is noticed by the kernel within about two minutes, also where no timer of ours runs.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// After accepting has failed for want of descriptors or memory: long enough for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// RTMP's C0 (RTMP 1.0, 5.2.2).
const RTMP_VERSION: u8 = 3;

/// TLS's handshake record (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// What every accepted connection is served with.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) ingest: Arc<Ingest>,
    pub(crate) http: Paths<Api>,
    pub(crate) http_limits: http::Limits,
    pub(crate) gate: Gate,
    pub(crate) workers: Workers,
    /// Until when the first byte must have come.
    pub(crate) first_byte_timeout: Duration,
    pub(crate) stop: CancellationToken,
    pub(crate) connections: TaskTracker,
}

/// Binds `address`; the error says which, and what a busy port means.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener> {
    let bound = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bound().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => anyhow::anyhow!("cannot listen on {address}: another program has this port"),
        io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!(
                "cannot listen on {address}: ports below 1024 need a privilege that this user does not have"
            )
        }
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    })
}

/// The address that a listener was given, with the real port where 0 was asked for.
pub(crate) fn local_address(listener: &TcpListener) -> Result<SocketAddr> {
    listener.local_addr().context("a listener has no address")
}

/// An address at which this machine reaches its own listener.
pub(crate) fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

/// Accepts until the server stops; each connection is a task of its own.
pub(crate) async fn accept(listener: TcpListener, door: Door) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = door.stop.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => match door.gate.enter(peer.ip()) {
                Ok(pass) => {
                    let door = door.clone();
                    let connections = door.connections.clone();
                    connections.spawn(door.serve(socket, peer, pass));
                }
                Err(full) => turn_away(peer, full),
            },
            Err(error) => {
                tell_not_accepted(&error);
                if !is_the_peers_doing(&error) {
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// The socket is closed by then: a peer that is told why could as well be served.
fn turn_away(peer: SocketAddr, full: Full) {
    static SAID: Seldom = Seldom::new();
    let Some(unsaid) = SAID.may_say() else { return };
    match full {
        Full::Address(limit) => warn!(
            %peer, limit, unsaid,
            "turned away: this address has as many connections as rtmp.connections_per_address_max allows"
        ),
        Full::Total(limit) => warn!(
            %peer, limit, unsaid,
            "turned away: there are as many connections as rtmp.connections_max, or the limit of open files, allows"
        ),
    }
}

fn tell_not_accepted(error: &io::Error) {
    static SAID: Seldom = Seldom::new();
    let Some(unsaid) = SAID.may_say() else { return };
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => error!(
            event = "no_descriptors",
            unsaid,
            "no connection can be accepted: this process has as many files open as it may; raise its limit \
             (ulimit -n, LimitNOFILE= of systemd) or lower rtmp.connections_max; it is tried again"
        ),
        Some(Errno::NFILE) => error!(
            event = "no_descriptors",
            unsaid,
            "no connection can be accepted: the system has as many files open as it may; raise fs.file-max, or look \
             which process holds them; it is tried again"
        ),
        _ => warn!(%error, unsaid, "accepting a connection failed"),
    }
}

/// Errors of a connection that was broken before it was accepted (accept(2)).
fn is_the_peers_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

impl Door {
    async fn serve(self, socket: TcpStream, peer: SocketAddr, pass: Pass) {
        if let Err(error) = prepare(&socket) {
            debug!(%peer, %error, "a socket could not be set up");
            return;
        }
        let first = tokio::select! {
            first = timeout(self.first_byte_timeout, first_byte(&socket)) => first,
            () = self.stop.cancelled() => return,
        };
        match first {
            Ok(Ok(Some(RTMP_VERSION))) => self.serve_publisher(socket, peer, pass),
            Ok(Ok(Some(byte))) if byte.is_ascii_uppercase() => self.serve_http(socket, peer, pass),
            Ok(Ok(Some(byte))) => tell_not_understood(peer, byte),
            Ok(Ok(None)) => debug!(%peer, "connected and closed"),
            Ok(Err(error)) => debug!(%peer, %error, "connection failed"),
            Err(_) => debug!(%peer, "sent nothing in time"),
        }
    }

    /// Moves the connection to a worker, where it stays.
    fn serve_http(self, socket: TcpStream, peer: SocketAddr, pass: Pass) {
        let Self {
            http,
            http_limits,
            workers,
            stop,
            ..
        } = self;
        let serving = async move {
            match moved(socket) {
                Ok(socket) => {
                    let serving = http::serve(socket, peer, http, http_limits, stop);
                    if let Err(panic) = AssertUnwindSafe(serving).catch_unwind().await {
                        panics::report("an HTTP connection", &*panic, &peer);
                    }
                }
                Err(error) => debug!(%peer, %error, "a socket could not be moved"),
            }
            drop(pass);
        };
        self.connections.spawn_on(serving, workers.next_http());
    }

    /// Moves the connection to a worker, where it stays.
    fn serve_publisher(self, socket: TcpStream, peer: SocketAddr, pass: Pass) {
        let Self {
            ingest, workers, stop, ..
        } = self;
        let serving = async move {
            match moved(socket) {
                Ok(socket) => ingest.serve_connection(socket, peer, stop).await,
                Err(error) => debug!(%peer, %error, "a socket could not be moved"),
            }
            drop(pass);
        };
        self.connections.spawn_on(serving, workers.next_publisher());
    }
}

/// The socket, where it is awaited by the runtime of the task that calls this.
fn moved(socket: TcpStream) -> io::Result<TcpStream> {
    socket.into_std().and_then(TcpStream::from_std)
}

fn tell_not_understood(peer: SocketAddr, first_byte: u8) {
    static SAID: Seldom = Seldom::new();
    let Some(unsaid) = SAID.may_say() else { return };
    match first_byte {
        TLS_HANDSHAKE => warn!(
            %peer, unsaid,
            "a TLS connection was refused: this port speaks plain HTTP and RTMP; use http:// and rtmp://, or put a \
             proxy that ends TLS in front"
        ),
        first_byte => warn!(%peer, first_byte, unsaid, "neither RTMP nor HTTP: connection closed"),
    }
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 4))
}

/// Looks at the first byte and leaves it where it is.
async fn first_byte(socket: &TcpStream) -> io::Result<Option<u8>> {
    let mut byte = [0];
    let read = socket.peek(&mut byte).await?;
    Ok((read > 0).then_some(byte[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unspecified_address_is_reached_by_loopback() {
        assert_eq!(
            reachable("0.0.0.0:80".parse().unwrap()),
            "127.0.0.1:80".parse().unwrap()
        );
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
        assert_eq!(
            reachable("10.1.2.3:80".parse().unwrap()),
            "10.1.2.3:80".parse().unwrap()
        );
    }
}
