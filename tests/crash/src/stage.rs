//! A run's surroundings: folder, server, bucket, channels, publishers and readers.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::canary::Canary;
use crate::cli::Options;
use crate::clock::Clock;
use crate::playlist::Listing;
use crate::publisher::{Keyframe, Manner, Order, Publisher};
use crate::reader::{Reader, readers};
use crate::run::{BUCKET, Run};
use crate::schedule::Plan;
use crate::server::{DEADLINE, Server, allow_descriptors};
use crate::status::Status;
use crate::violation::Violation;

pub(crate) struct Stage {
    pub(crate) run: Arc<Run>,
    pub(crate) server: Server,
    pub(crate) random: StdRng,
    pub(crate) seed: u64,
    folder: Folder,
}

/// Channels as the scenario wants them.
pub(crate) struct Channels {
    pub(crate) count: u32,
    /// Seconds, by the channel's number.
    pub(crate) frag_duration: fn(u32) -> u32,
    pub(crate) frag_count: u32,
}

/// Who publishes, and how.
pub(crate) struct Cast {
    /// By the channel's number.
    pub(crate) plan: fn(u32) -> Plan,
    /// In turn.
    pub(crate) manners: &'static [Manner],
    /// From the first arrival to the last.
    pub(crate) arrival: Duration,
    pub(crate) stay: Option<Range<Duration>>,
    pub(crate) retry: Range<Duration>,
    /// One channel in this many has two publishers, who fight for it.
    pub(crate) rival_every: Option<u32>,
    /// Who is told of each keyframe that was sent.
    pub(crate) keyframes: Option<mpsc::Sender<Keyframe>>,
}

enum Folder {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Stage {
    /// Starts the server and makes bucket and channels; `descriptors` are needed beside those of the publishers.
    pub(crate) async fn set(options: &Options, channels: &Channels, descriptors: u64) -> Result<Self> {
        allow_descriptors(u64::from(channels.count) * 2 + DESCRIPTORS + descriptors)?;
        let folder = match &options.data {
            Some(folder) => Folder::Given(folder.clone()),
            None => Folder::Temporary(TempDir::with_prefix("alluvium-crash-")?),
        };
        let seed = options.seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
        let mut random = StdRng::seed_from_u64(seed);
        let clock = Clock::start();
        let status = Arc::new(Status::new(clock));
        let server = Server::new(&options.server, folder.path(), Arc::clone(&status), &mut random)?;
        let canary = Canary::start(folder.path(), clock).context("writing to the folder")?;
        let run = Arc::new(Run::new(clock, status, canary, server.addresses(), channels.count));
        let mut stage = Self {
            run,
            server,
            random,
            seed,
            folder,
        };
        match stage.begin(channels).await {
            Ok(()) => Ok(stage),
            Err(error) => Err(error.context(format!("the log is kept in {}", stage.keep().display()))),
        }
    }

    /// Kills the server, if told so a while after it was asked to stop, and starts it again on the same folder.
    pub(crate) async fn kill(&mut self, kill: u32, stopping: Option<Duration>) -> Result<()> {
        match stopping {
            Some(patience) => self.server.kill_while_stopping(kill, patience).await?,
            None => self.server.kill(kill).await?,
        }
        self.run.server_ended();
        self.server.spawn()
    }

    /// Stops the server in order.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        self.server.stop().await?;
        self.run.server_ended();
        Ok(())
    }

    /// Lets somebody publish to every channel.
    pub(crate) fn publishers(&mut self, orders: &watch::Sender<Order>, cast: &Cast) -> JoinSet<()> {
        let count = self.run.channels.len() as u32;
        let publisher = |index: u32| Publisher {
            run: Arc::clone(&self.run),
            index,
            plan: (cast.plan)(index),
            manner: cast.manners[index as usize % cast.manners.len()],
            patience: self.random.random(),
            source: source(index),
            orders: orders.subscribe(),
            seed: self.random.random(),
            delay: cast.arrival * index / count,
            stay: cast.stay.clone(),
            retry: cast.retry.clone(),
            keyframes: cast.keyframes.clone(),
        };
        let is_fought_for = |index: &u32| cast.rival_every.is_some_and(|every| index.is_multiple_of(every));
        let rivals = (0..count).filter(is_fought_for);
        (0..count)
            .chain(rivals)
            .map(publisher)
            .map(Publisher::publish)
            .collect()
    }

    /// Lets every playlist be read once in an interval, by some readers, until the set is dropped.
    pub(crate) fn readers(&self, interval: Duration) -> JoinSet<()> {
        let readers = readers(&self.run, READERS, interval);
        readers.into_iter().map(Reader::read).collect()
    }

    /// The end, when all publishers have left: everything has to be listed, and all that was ever listed is read once
    /// more, and compared with what the server says it has recorded; then it has to stop, and to find its folder in order.
    pub(crate) async fn close(&mut self) -> Result<()> {
        self.run.all_listed(DEADLINE, |_| true).await;
        self.run.channels.iter().for_each(|channel| self.run.finish(channel));
        let readers = readers(&self.run, READERS, Duration::ZERO);
        let reading: JoinSet<()> = readers.into_iter().map(Reader::read_again).collect();
        reading.join_all().await;
        self.compare_recorded().await?;
        self.stop().await?;
        self.server.run(&["verify"]).await.map(drop)
    }

    async fn compare_recorded(&self) -> Result<()> {
        let apart = self.run.channels.len().div_ceil(RECORDINGS_MAX);
        for channel in self.run.channels.iter().step_by(apart) {
            let place = format!("{BUCKET}/{}", channel.name);
            let words = ["channel", "vod", &place, "--from", "-12h"];
            let listed = channel.ledger().listed().count();
            if listed == 0 {
                continue;
            }
            let playlist = self.server.run(&words).await?;
            let judgement = Listing::read(&playlist)
                .map_err(Violation::NoPlaylist)
                .and_then(|recorded| channel.ledger().compare_recorded(&recorded));
            self.run.check(channel, judgement);
        }
        Ok(())
    }

    /// Keeps what there is to look into; tells where.
    pub(crate) fn keep(self) -> PathBuf {
        match self.folder {
            Folder::Temporary(folder) => folder.keep(),
            Folder::Given(folder) => folder,
        }
    }

    async fn begin(&mut self, channels: &Channels) -> Result<()> {
        self.server.spawn()?;
        self.server.await_ready().await?;
        self.make_channels(channels).await
    }

    async fn make_channels(&self, channels: &Channels) -> Result<()> {
        let acl = ["bucket", "create", BUCKET, "--acl", "public-read-write"];
        self.server.run(&acl).await?;
        // Two at a time: that is what the machine has cores for.
        let (even, odd) = (self.make_every_second(channels, 0), self.make_every_second(channels, 1));
        tokio::try_join!(even, odd).context("making the channels").map(drop)
    }

    async fn make_every_second(&self, channels: &Channels, first: usize) -> Result<()> {
        let frag_count = channels.frag_count.to_string();
        for (index, channel) in self.run.channels.iter().enumerate().skip(first).step_by(2) {
            let place = format!("{BUCKET}/{}", channel.name);
            let frag_duration = (channels.frag_duration)(index as u32).to_string();
            let create = ["channel", "create", &place, "--frag-count", &frag_count];
            self.server
                .run(&[&create[..], &["--frag-duration", &frag_duration]].concat())
                .await?;
        }
        Ok(())
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Given(folder) => folder,
        }
    }
}

/// 127.0.0.2 and on: a server bounds the connections of each address.
fn source(index: u32) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, 2 + (index / PER_ADDRESS) as u8)
}

const PER_ADDRESS: u32 = 500;

/// Enough to look at all channels in time, few enough to cost nothing.
const READERS: usize = 8;

/// Channels whose playlist of all that was recorded is asked for.
const RECORDINGS_MAX: usize = 50;

/// Beside two for each publisher: readers, files, the server's database.
const DESCRIPTORS: u64 = 200;
