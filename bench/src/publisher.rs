//! One connection that publishes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use alluvium_encoder::{HANDSHAKE_BYTES, Reader, Reply, VERSION, command, goodbye, hello, opening, publishing, reply};
use anyhow::{Context, Result, bail, ensure};

/// Where publishers go: publisher `i` to the key `s<i>`.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) app: String,
}

#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) socket: TcpStream,
    key: String,
    /// Its message stream.
    pub(crate) stream: u32,
    chunk_bytes: usize,
}

impl Publisher {
    /// Connects and publishes, as far as the server's word that media may come.
    pub(crate) fn connect(target: &Target, number: usize, chunk_bytes: usize) -> Result<Self> {
        let key = format!("s{number}");
        let mut socket = TcpStream::connect(target.address).context("connecting")?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(DEADLINE))?;
        socket.set_write_timeout(Some(DEADLINE))?;
        shake_hands(&mut socket).context("in the handshake")?;

        let mut talk = Talk {
            socket: &mut socket,
            reader: Reader::new(),
        };
        let url = format!("rtmp://{}/{}", target.address, target.app);
        let Reply::Connected = talk.ask(&opening(&target.app, &url))? else {
            bail!("connect was not answered first");
        };
        let Reply::Stream(stream) = talk.ask(&publishing(&key, chunk_bytes))? else {
            bail!("createStream was not answered first");
        };
        match talk.ask(&command(stream, &key, chunk_bytes))? {
            Reply::Started => Ok(Self {
                socket,
                key,
                stream,
                chunk_bytes,
            }),
            other => bail!("publish of {key} was answered {other:?}"),
        }
    }

    /// Many of them, a few at a time.
    pub(crate) fn connect_all(target: &Target, count: usize, chunk_bytes: usize) -> Result<Vec<Self>> {
        let next = AtomicUsize::new(0);
        let connected = Mutex::new(Vec::with_capacity(count));
        thread::scope(|scope| {
            let connect = || -> Result<()> {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok(());
                    }
                    let publisher = Self::connect(target, number, chunk_bytes);
                    let publisher = publisher.with_context(|| format!("publisher {number}"))?;
                    connected
                        .lock()
                        .expect("no thread panics with it")
                        .push((number, publisher));
                }
            };
            let threads: Vec<_> = (0..CONNECTING_AT_ONCE).map(|_| scope.spawn(connect)).collect();
            for thread in threads {
                thread.join().expect("connecting does not panic")?;
            }
            anyhow::Ok(())
        })?;
        let mut connected = connected.into_inner().expect("no thread panicked with it");
        connected.sort_unstable_by_key(|(number, _)| *number);
        Ok(connected.into_iter().map(|(_, publisher)| publisher).collect())
    }

    /// Sends the last bytes of media, ends the publish in words, and says that nothing follows.
    pub(crate) fn end(&mut self, media: &[u8]) -> io::Result<()> {
        self.socket.set_nonblocking(false)?;
        self.socket.write_all(media)?;
        self.socket
            .write_all(&goodbye(self.stream, &self.key, self.chunk_bytes))?;
        self.socket.shutdown(Shutdown::Write)
    }

    /// Waits until the server has closed the connection too, which it does when it has taken everything.
    pub(crate) fn await_close(&mut self) -> io::Result<()> {
        let mut ignored = [0; 4096];
        while self.socket.read(&mut ignored)? > 0 {}
        Ok(())
    }

    /// Throws away what the server has said: acknowledgements, mostly.
    pub(crate) fn hear(&mut self) -> io::Result<()> {
        let mut ignored = [0; 4096];
        loop {
            match self.socket.read(&mut ignored) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

struct Talk<'a> {
    socket: &'a mut TcpStream,
    reader: Reader,
}

impl Talk<'_> {
    fn ask(&mut self, question: &[u8]) -> Result<Reply> {
        self.socket.write_all(question)?;
        let mut bytes = [0; 4096];
        loop {
            while let Some(message) = self.reader.poll()? {
                match reply(&message)? {
                    Some(Reply::Refused(code)) => bail!("refused: {code}"),
                    Some(reply) => return Ok(reply),
                    None => {}
                }
            }
            let length = self.socket.read(&mut bytes)?;
            ensure!(length > 0, "the server hung up");
            self.reader.receive(&bytes[..length]);
        }
    }
}

fn shake_hands(socket: &mut TcpStream) -> io::Result<()> {
    socket.write_all(&[&[VERSION], &hello()[..]].concat())?;
    let mut theirs = [0; 1 + 2 * HANDSHAKE_BYTES];
    socket.read_exact(&mut theirs)?;
    socket.write_all(&theirs[1..=HANDSHAKE_BYTES])
}

const CONNECTING_AT_ONCE: usize = 8;
/// No answer takes this long on a machine that can run the bench.
const DEADLINE: Duration = Duration::from_secs(20);
