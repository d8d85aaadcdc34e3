//! A publisher: sends its schedule, keeps account of it, and comes back whenever it can.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::clock::Time;
use crate::ledger::End;
use crate::rtmp::{self, Kind, Place, Sender};
use crate::run::{BUCKET, Channel, Run};
use crate::schedule::{Plan, Schedule};
use crate::unit::{self, Track, UnitId};
use crate::violation::Violation;

/// What publishers are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Publish, and come back when the connection is lost.
    Publish,
    /// Publish for as long as this connection lasts, and note what the server says it has received.
    Last,
    /// Leave, each at its own moment within this time.
    Leave { from: Time, within: Duration },
}

/// How a publisher leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As an encoder that is stopped: in words.
    Unpublish,
    /// As one that is gone: the connection is closed ...
    Close,
    /// ... or reset ...
    Reset,
    /// ... or stays, and nothing comes any more.
    Silence,
}

pub(crate) struct Publisher {
    pub(crate) run: Arc<Run>,
    pub(crate) index: u32,
    pub(crate) plan: Plan,
    pub(crate) manner: Manner,
    /// When it leaves, of the time that it is given: 0 to 1.
    pub(crate) patience: f64,
    /// Where its connections come from.
    pub(crate) source: Ipv4Addr,
    pub(crate) orders: watch::Receiver<Order>,
    pub(crate) seed: u64,
    /// Before it connects first.
    pub(crate) delay: Duration,
    /// How long a connection lasts before it leaves by itself, to come back.
    pub(crate) stay: Option<Range<Duration>>,
    /// From one connection, or attempt, to the next.
    pub(crate) retry: Range<Duration>,
    /// Who is told of each keyframe that was sent.
    pub(crate) keyframes: Option<mpsc::Sender<Keyframe>>,
}

/// The kernel has taken a keyframe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyframe {
    /// Index of its channel.
    pub(crate) channel: usize,
    pub(crate) at: Time,
}

/// Why a connection is over.
enum Over {
    Left,
    Broken(String),
}

/// What the server says it has received.
struct Receipts {
    /// Bytes since the connection began.
    received: watch::Receiver<u64>,
    /// Behind each unit that the server has not acknowledged yet: bytes sent, and units of each track. `None` until the
    /// server was asked to acknowledge.
    sent: Option<VecDeque<(u64, [u32; 2])>>,
}

impl Receipts {
    /// So many units have been sent; a receipt for them is waited for.
    async fn expect(&mut self, sender: &mut Sender, units: [u32; 2]) -> std::io::Result<()> {
        let bytes = sender.sent();
        if self.sent.is_none() {
            sender.ask_for_acknowledgements().await?;
        }
        self.sent.get_or_insert_default().push_back((bytes, units));
        Ok(())
    }

    /// How many units of each track have been acknowledged since this was asked last.
    fn take(&mut self) -> Option<[u32; 2]> {
        let received = *self.received.borrow();
        let sent = self.sent.as_mut()?;
        let count = sent.partition_point(|(bytes, _)| *bytes <= received);
        let (_, units) = sent.drain(..count).next_back()?;
        Some(units)
    }
}

impl Publisher {
    /// Publishes until it is told to leave.
    pub(crate) async fn publish(mut self) {
        let mut random = StdRng::seed_from_u64(self.seed);
        sleep(self.delay).await;
        while *self.orders.borrow() == Order::Publish {
            let stay = self.stay.clone().map(|stay| random.random_range(stay));
            if let Err(words) = self.connect(stay, random.random()).await {
                self.channel().note_refusal(words);
            }
            sleep(random.random_range(self.retry.clone())).await;
        }
    }

    /// One connection from its beginning to its end; an error where it was not accepted.
    async fn connect(&mut self, stay: Option<Duration>, seed: u64) -> Result<(), String> {
        let status = Arc::clone(&self.run.status);
        let start = status.phase().start;
        let address = self.run.addresses[self.index as usize % 2];
        let socket = connect(self.source, address).await.map_err(|error| error.to_string())?;
        if status.phase().start != start {
            return Err("the server was started anew meanwhile".to_owned());
        }
        let place = Place {
            app: format!("{BUCKET}/live"),
            tc_url: format!("rtmp://{address}/{BUCKET}/live"),
            name: self.channel().name.clone(),
        };
        let accepted = timeout(ACCEPT_DEADLINE, rtmp::publish(socket, &place, self.plan.chunk_size)).await;
        let (mut sender, words) = match accepted {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err(format!("no answer to the publish within {ACCEPT_DEADLINE:?}")),
        };
        let opened = self.channel().ledger().open(start);
        let connection = match opened {
            Ok(Some(connection)) => connection,
            Ok(None) => return Err("the server is gone".to_owned()),
            Err(violation) => {
                let words = violation.to_string();
                self.run.report(self.channel(), violation);
                return Err(words);
            }
        };
        self.run.note_accepted(self.channel(), start);
        let (sender_of_received, received) = watch::channel(0);
        let mut words = tokio::spawn(words.until_end(sender_of_received));
        let schedule = Schedule::new(self.plan.clone(), seed);
        let mut receipts = Receipts { received, sent: None };
        let over = self
            .send(schedule, stay, connection, &mut sender, &mut words, &mut receipts)
            .await;
        self.acknowledge(connection, &mut receipts);
        let at = self.run.clock.now();
        match (over, status.end(start)) {
            (Over::Left, None) => {
                self.channel().ledger().end(connection, End::Left { at });
                self.leave(sender, words).await;
            }
            (_, Some(end)) => self.channel().ledger().end(connection, end),
            (Over::Broken(words), None) => {
                let violation = Violation::Ended { connection, words };
                self.run.report(self.channel(), violation);
            }
        }
        Ok(())
    }

    /// Sends the schedule in real time, until something ends that.
    async fn send(
        &mut self,
        schedule: Schedule,
        stay: Option<Duration>,
        connection: u32,
        sender: &mut Sender,
        words: &mut JoinHandle<String>,
        receipts: &mut Receipts,
    ) -> Over {
        if let Err(error) = self.send_headers(sender).await {
            return broken(words, &error.to_string()).await;
        }
        let began = Instant::now();
        let mut numbers = [0; 2];
        for due in schedule {
            let leaving = loop {
                let leaves_at = match *self.orders.borrow_and_update() {
                    Order::Publish | Order::Last => stay.map(|stay| began + stay),
                    Order::Leave { from, within } => {
                        let at = Time(from.0 + within.mul_f64(self.patience));
                        Some(Instant::now() + self.run.clock.now().until(at))
                    }
                };
                let next = began + due.at;
                let until = leaves_at.map_or(next, |leaves_at| leaves_at.min(next));
                tokio::select! {
                    biased;
                    words = &mut *words => return Over::Broken(words.unwrap_or_default()),
                    Ok(()) = self.orders.changed() => {}
                    () = sleep_until(until) => break leaves_at.is_some_and(|leaves_at| leaves_at <= next),
                }
            };
            if leaving {
                return Over::Left;
            }
            let number = &mut numbers[due.track as usize];
            let unit = UnitId {
                publisher: self.index,
                connection,
                track: due.track,
                number: *number,
            };
            *number += 1;
            let (kind, payload) = match due.track {
                Track::Video => (
                    Kind::Video,
                    unit::picture(unit, due.length, due.random_access, due.composition_ms),
                ),
                Track::Audio => (Kind::Audio, unit::frame(unit, due.length)),
            };
            if let Err(error) = sender.send(kind, due.at.as_millis() as u32, &payload).await {
                return broken(words, &error.to_string()).await;
            }
            let at = self.run.clock.now();
            self.channel().ledger().accept(connection, due.track, at);
            if due.track == Track::Video
                && due.random_access
                && let Some(keyframes) = &self.keyframes
            {
                let channel = self.index as usize;
                // Nobody waits for those that are not looked for.
                let _ = keyframes.try_send(Keyframe { channel, at });
            }
            if *self.orders.borrow() == Order::Last {
                if let Err(error) = receipts.expect(sender, numbers).await {
                    return broken(words, &error.to_string()).await;
                }
                self.acknowledge(connection, receipts);
            }
        }
        Over::Left
    }

    async fn send_headers(&self, sender: &mut Sender) -> std::io::Result<()> {
        sender.send_metadata(self.plan.audio).await?;
        sender.send(Kind::Video, 0, &unit::video_header()).await?;
        if self.plan.audio {
            sender.send(Kind::Audio, 0, &unit::AUDIO_HEADER).await?;
        }
        Ok(())
    }

    fn acknowledge(&self, connection: u32, receipts: &mut Receipts) {
        if let Some(units) = receipts.take() {
            self.channel().ledger().acknowledge(connection, units);
        }
    }

    /// Errors are of no interest: all that had to be said is said.
    async fn leave(&self, mut sender: Sender, words: JoinHandle<String>) {
        match self.manner {
            Manner::Reset => {
                let _ = sender.reset_on_close();
                words.abort();
                let _ = words.await;
            }
            Manner::Silence => {
                // Until the server has enough of it.
                tokio::spawn(async move {
                    let _ = words.await;
                    drop(sender);
                });
            }
            Manner::Unpublish | Manner::Close => {
                if self.manner == Manner::Unpublish {
                    let _ = sender.unpublish(&self.channel().name).await;
                }
                let _ = sender.shutdown().await;
                let _ = timeout(ACCEPT_DEADLINE, words).await;
            }
        }
    }

    fn channel(&self) -> &Channel {
        &self.run.channels[self.index as usize]
    }
}

/// Waits until all publishers have left, as they were ordered to.
pub(crate) async fn all_left(publishing: &mut JoinSet<()>) -> Result<()> {
    while let Some(left) = publishing.join_next().await {
        left?;
    }
    Ok(())
}

async fn connect(source: Ipv4Addr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    socket.connect(address).await
}

/// A connection is broken; the server's last words tell more than the error.
async fn broken(words: &mut JoinHandle<String>, error: &str) -> Over {
    let words = match timeout(LAST_WORDS, words).await {
        Ok(Ok(words)) => words,
        _ => String::new(),
    };
    Over::Broken(format!("{error}; {words}"))
}

/// From connecting to the accepted publish; longer than the server makes a publisher wait.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(30);

const LAST_WORDS: Duration = Duration::from_millis(100);
