//! One port for both protocols: the first byte of a connection decides.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use alluvium_ingest::{Gate, Ingest, Pass};
use anyhow::{Context, Result};
use axum::Router;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::http;
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
    pub(crate) http: Router,
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
            Ok((socket, peer)) => {
                let Some(pass) = door.gate.enter(peer.ip()) else {
                    debug!(%peer, "turned away: too many connections");
                    continue;
                };
                let door = door.clone();
                let connections = door.connections.clone();
                connections.spawn(door.serve(socket, peer, pass));
            }
            Err(error) => {
                warn!(%error, "accepting a connection failed");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
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
            Ok(Ok(Some(byte))) if byte.is_ascii_uppercase() => {
                http::serve(socket, peer, self.http, self.http_limits, self.stop).await;
            }
            Ok(Ok(Some(TLS_HANDSHAKE))) => {
                info!(%peer, "a TLS connection was refused: this port speaks plain HTTP and RTMP");
            }
            Ok(Ok(Some(byte))) => warn!(%peer, first_byte = byte, "neither RTMP nor HTTP: connection closed"),
            Ok(Ok(None)) => debug!(%peer, "connected and closed"),
            Ok(Err(error)) => debug!(%peer, %error, "connection failed"),
            Err(_) => debug!(%peer, "sent nothing in time"),
        }
    }

    /// Moves the connection to a worker, where it stays.
    fn serve_publisher(self, socket: TcpStream, peer: SocketAddr, pass: Pass) {
        let Self {
            ingest, workers, stop, ..
        } = self;
        let serving = async move {
            match socket.into_std().and_then(TcpStream::from_std) {
                Ok(socket) => ingest.serve_connection(socket, peer, stop).await,
                Err(error) => debug!(%peer, %error, "a socket could not be moved"),
            }
            drop(pass);
        };
        self.connections.spawn_on(serving, workers.next());
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
