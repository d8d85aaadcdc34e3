//! Kills: the server dies by SIGKILL at any moment, and nothing that it had accepted may be missed.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cli::Options;
use crate::ledger::{LOSS_MAX, Loss};
use crate::outcome::Outcome;
use crate::publisher::{Manner, Order};
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
}

/// What the newest starts of the server took.
#[derive(Default)]
struct Times {
    ready: Vec<Duration>,
    first_accepted: Vec<Duration>,
    all_accepted: Vec<Duration>,
    moments: [u32; 3],
}

pub(crate) async fn run(options: &Options, kills: u32, publishers: u32) -> Result<Outcome> {
    let channels = Channels {
        count: publishers,
        frag_duration: |index| 1 + index % 2,
        frag_count: 10,
    };
    let mut stage = Stage::set(options, &channels).await?;
    println!(
        "{kills} kills, {publishers} publishers, seed {}, server on {}",
        stage.seed, stage.run.addresses[0]
    );
    let orders = watch::Sender::new(Order::Publish);
    let _readers = stage.readers(LOOK_INTERVAL);
    let cast = Cast {
        plan,
        manners: &[Manner::Unpublish, Manner::Close],
        arrival: Duration::from_secs(1),
        stay: Some(Duration::from_secs(2)..Duration::from_secs(20)),
        retry: Duration::from_millis(50)..Duration::from_millis(100),
        rival_every: Some(10),
    };
    let mut publishing = stage.publishers(&orders, &cast);
    let mut times = Times::default();
    let mut done = 0;
    let run = Arc::clone(&stage.run);
    let carried_out = tokio::select! {
        fault = run.fault() => Err(fault.into()),
        carried_out = carry_out(&mut stage, kills, &orders, &mut publishing, &mut times, &mut done) => carried_out,
    };
    let mut table = Table::default();
    let [in_stream, in_start_up, in_recovery] = times.moments;
    table.row(
        "kills",
        format!("{done}: {in_stream} in mid-stream, {in_start_up} in start-up, {in_recovery} in recovery"),
    );
    table.media(&run);
    let losses = || {
        run.channels
            .iter()
            .flat_map(|channel| channel.ledger().losses().to_vec())
    };
    let times_lost = losses().map(|loss: Loss| loss.time).collect::<Distribution>();
    table.row("lost by a kill", format!("{times_lost}; allowed are {}", Ms(LOSS_MAX)));
    table.row("start to ready", times.ready.into_iter().collect::<Distribution>());
    table.row(
        "start to the first publisher accepted",
        times.first_accepted.into_iter().collect::<Distribution>(),
    );
    table.row(
        "start to all publishers accepted",
        times.all_accepted.into_iter().collect::<Distribution>(),
    );
    Ok(Outcome::of(stage, carried_out, table, done))
}

async fn carry_out(
    stage: &mut Stage,
    kills: u32,
    orders: &watch::Sender<Order>,
    publishing: &mut JoinSet<()>,
    times: &mut Times,
    done: &mut u32,
) -> Result<()> {
    let mut moment = Moment::MidStream;
    for kill in 1..=kills {
        let pause = match moment {
            Moment::MidStream => {
                all_accepted(stage, times).await?;
                stage.random.random_range(PAUSE)
            }
            Moment::StartUp => {
                let usual = times.ready.last().copied().unwrap_or(START_UP);
                usual.mul_f64(stage.random.random_range(0.0..1.1))
            }
            Moment::Recovery => {
                stage.server.await_ready().await?;
                times.ready.extend(stage.run.status.phase().start_time());
                stage.random.random_range(RECOVERY)
            }
        };
        sleep(pause).await;
        stage.kill(kill).await?;
        times.moments[moment as usize] += 1;
        *done = kill;
        println!(
            "kill {kill} at {}, {} {}",
            stage.run.clock.now(),
            Ms(pause),
            moment.after()
        );
        moment = match stage.random.random_range(0..10) {
            0 => Moment::StartUp,
            1 => Moment::Recovery,
            _ => Moment::MidStream,
        };
    }
    all_accepted(stage, times).await?;
    sleep(stage.random.random_range(PAUSE)).await;
    if stage.seed.is_multiple_of(2) {
        println!("the publishers leave, then the server is stopped");
        orders.send_replace(Order::Leave {
            from: stage.run.clock.now(),
            within: Duration::from_millis(500),
        });
        while publishing.join_next().await.is_some() {}
    } else {
        println!("the server is stopped while everybody publishes");
        orders.send_replace(Order::Last);
        stage.stop().await?;
        while publishing.join_next().await.is_some() {}
        stage.server.spawn()?;
        stage.server.await_ready().await?;
    }
    stage.close().await
}

/// Waits until the server is ready and everybody publishes.
async fn all_accepted(stage: &mut Stage, times: &mut Times) -> Result<()> {
    stage.server.await_ready().await?;
    let phase = stage.run.status.phase();
    let accepted = stage.run.all_accepted(DEADLINE).await;
    times.ready.extend(phase.start_time());
    times.first_accepted.push(phase.begun.until(accepted.first));
    times.all_accepted.push(phase.begun.until(accepted.last));
    Ok(())
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
        }
    }
}

/// Between looks at a playlist: a viewer's.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// From everybody's acceptance to the kill.
const PAUSE: Range<Duration> = Duration::from_millis(300)..Duration::from_secs(4);

/// From the readiness to the kill.
const RECOVERY: Range<Duration> = Duration::ZERO..Duration::from_millis(600);

/// What a start takes, before one was seen.
const START_UP: Duration = Duration::from_millis(100);
