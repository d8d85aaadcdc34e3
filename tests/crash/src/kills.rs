//! Kills: the server dies by SIGKILL at any moment, and nothing that it had accepted may be missed.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cli::Options;
use crate::ledger::{LOSS_MAX, Ledger, Loss};
use crate::outcome::Outcome;
use crate::publisher::{Manner, Order, all_left};
use crate::report::{Distribution, Table};
use crate::schedule::Plan;
use crate::server::DEADLINE;
use crate::stage::{Cast, Channels, Stage};
use crate::violation::Ms;

/// When the server is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Some time after everybody has been accepted.
    MidStream,
    /// Before it is ready.
    StartUp,
    /// Soon after it is ready: segments are still being recovered, publishers come back.
    Recovery,
    /// Some time after everybody has been accepted, and just after it was asked to stop.
    Stop,
}

/// A run, as far as it has come.
struct Kills {
    stage: Stage,
    orders: watch::Sender<Order>,
    publishing: JoinSet<()>,
    /// How often the server was killed at each of the moments.
    done: [u32; 4],
    ready: Vec<Duration>,
    first_accepted: Vec<Duration>,
    all_accepted: Vec<Duration>,
}

pub(crate) async fn run(options: &Options, kills: u32, publishers: u32) -> Result<Outcome> {
    let channels = Channels {
        count: publishers,
        frag_duration: |index| 1 + index % 2,
        frag_count: 10,
    };
    let cast = Cast {
        plan,
        manners: &[Manner::Unpublish, Manner::Close],
        arrival: Duration::from_secs(1),
        stay: Some(Duration::from_secs(2)..Duration::from_secs(20)),
        retry: Duration::from_millis(50)..Duration::from_millis(100),
        rival_every: Some(10),
        keyframes: None,
    };
    let mut stage = Stage::set(options, &channels, 0).await?;
    println!(
        "{kills} kills, {publishers} publishers, seed {}, server on {}",
        stage.seed, stage.run.addresses[0]
    );
    let orders = watch::Sender::new(Order::Publish);
    let mut readers = stage.readers(LOOK_INTERVAL);
    let run = Arc::clone(&stage.run);
    let mut running = Kills {
        publishing: stage.publishers(&orders, &cast),
        stage,
        orders,
        done: [0; 4],
        ready: Vec::new(),
        first_accepted: Vec::new(),
        all_accepted: Vec::new(),
    };
    let carried_out = tokio::select! {
        fault = run.fault() => Err(fault.into()),
        ended = readers.join_next() => Err(anyhow!("a reader has ended: {ended:?}")),
        carried_out = running.carry_out(kills) => carried_out,
    };
    let table = running.table();
    let done = running.done.iter().sum();
    Ok(Outcome::of(running.stage, carried_out, table, done))
}

impl Kills {
    async fn carry_out(&mut self, kills: u32) -> Result<()> {
        let mut moment = Moment::MidStream;
        for kill in 1..=kills {
            self.kill(kill, moment).await?;
            moment = match self.stage.random.random_range(0..10) {
                0 => Moment::StartUp,
                1 => Moment::Recovery,
                2 => Moment::Stop,
                _ => Moment::MidStream,
            };
        }
        self.all_accepted().await?;
        sleep(self.stage.random.random_range(PAUSE)).await;
        match self.stage.seed.is_multiple_of(2) {
            true => self.end_by_leaving().await?,
            false => self.end_by_stopping().await?,
        }
        self.stage.close().await
    }

    async fn kill(&mut self, kill: u32, moment: Moment) -> Result<()> {
        let pause = match moment {
            Moment::MidStream | Moment::Stop => {
                self.all_accepted().await?;
                self.stage.random.random_range(PAUSE)
            }
            Moment::StartUp => {
                let usual = self.ready.last().copied().unwrap_or(START_UP);
                usual.mul_f64(self.stage.random.random_range(0.0..1.1))
            }
            Moment::Recovery => {
                self.is_ready().await?;
                self.stage.random.random_range(RECOVERY)
            }
        };
        sleep(pause).await;
        let stopping = (moment == Moment::Stop).then(|| self.stage.random.random_range(PATIENCE));
        self.stage.kill(kill, stopping).await?;
        self.done[moment as usize] += 1;
        let now = self.stage.run.clock.now();
        println!("kill {kill} at {now}, {} {}", Ms(pause), moment.after());
        Ok(())
    }

    async fn end_by_leaving(&mut self) -> Result<()> {
        println!("the publishers leave, then the server is stopped");
        self.orders.send_replace(Order::Leave {
            from: self.stage.run.clock.now(),
            within: Duration::from_millis(500),
        });
        all_left(&mut self.publishing).await
    }

    async fn end_by_stopping(&mut self) -> Result<()> {
        println!("the server is stopped while everybody publishes");
        self.orders.send_replace(Order::Last);
        sleep(self.stage.random.random_range(PAUSE)).await;
        self.stage.stop().await?;
        all_left(&mut self.publishing).await?;
        let acknowledged = self.stage.run.sum(Ledger::units_acknowledged);
        ensure!(
            acknowledged > 0,
            "the server has acknowledged nothing: nothing would be judged"
        );
        println!("it had acknowledged {acknowledged} units of the connections that it ended");
        self.stage.server.spawn()?;
        self.stage.server.await_ready().await
    }

    async fn is_ready(&mut self) -> Result<()> {
        self.stage.server.await_ready().await?;
        self.ready.extend(self.stage.run.status.phase().start_time());
        Ok(())
    }

    /// Waits until the server is ready and everybody publishes.
    async fn all_accepted(&mut self) -> Result<()> {
        self.is_ready().await?;
        let begun = self.stage.run.status.phase().begun;
        let accepted = self.stage.run.all_accepted(DEADLINE).await;
        self.first_accepted.push(begun.until(accepted.first));
        self.all_accepted.push(begun.until(accepted.last));
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::default();
        let [mid_stream, start_up, recovery, stop] = self.done;
        table.row(
            "kills",
            format!("{mid_stream} in mid-stream, {start_up} in start-up, {recovery} in recovery, {stop} in a stop"),
        );
        table.media(&self.stage.run);
        let accounts = self.stage.run.channels.iter().map(|channel| channel.ledger());
        let losses: Vec<Loss> = accounts.flat_map(|ledger| ledger.losses().to_vec()).collect();
        let lost: Distribution = losses.iter().map(|loss| loss.time).collect();
        let stalled: Distribution = losses.iter().map(|loss| loss.stalled).collect();
        table.row("lost by a kill", format!("{lost}; allowed are {}", Ms(LOSS_MAX)));
        table.row("the machine stalled before", stalled);
        for (name, durations) in [
            ("start to ready", &self.ready),
            ("start to the first publisher accepted", &self.first_accepted),
            ("start to all publishers accepted", &self.all_accepted),
        ] {
            table.row(name, durations.iter().copied().collect::<Distribution>());
        }
        table
    }
}

/// Of every eighth publisher, pictures only; of every other of these, two pictures a second. Of every fourth, pictures
/// that are presented in another order than they are sent.
fn plan(index: u32) -> Plan {
    Plan {
        pictures_per_s: if index % 16 == 15 { 2.0 } else { 30.0 },
        picture_bytes: 200..=4_000,
        large_every: 150,
        large_bytes: 40_000..=120_000,
        gop: 24..=36,
        audio: index % 8 != 7,
        composition_ms: 0..=if index % 4 == 1 { 80 } else { 0 },
        chunk_size: [128, 4_096, 65_536][index as usize % 3],
    }
}

impl Moment {
    fn after(self) -> &'static str {
        match self {
            Self::MidStream => "after everybody was accepted",
            Self::StartUp => "after its start",
            Self::Recovery => "after it was ready",
            Self::Stop => "after everybody was accepted, in a stop",
        }
    }
}

/// Between looks at a playlist: a viewer's.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// From everybody's acceptance to the kill.
const PAUSE: Range<Duration> = Duration::from_millis(300)..Duration::from_secs(4);

/// From the readiness to the kill.
const RECOVERY: Range<Duration> = Duration::ZERO..Duration::from_millis(600);

/// From asking it to stop to the kill; it needs about as long.
const PATIENCE: Range<Duration> = Duration::ZERO..Duration::from_millis(100);

/// What a start takes, before one was seen.
const START_UP: Duration = Duration::from_millis(100);
