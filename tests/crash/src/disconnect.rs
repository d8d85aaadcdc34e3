//! The mass disconnect: a network is gone, and with it all publishers at once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cli::Options;
use crate::clock::Time;
use crate::outcome::Outcome;
use crate::publisher::{Manner, Order, all_left};
use crate::report::Table;
use crate::schedule::Plan;
use crate::server::DEADLINE;
use crate::stage::{Cast, Channels, Stage};
use crate::violation::Ms;

pub(crate) async fn run(options: &Options, publishers: u32) -> Result<Outcome> {
    let channels = Channels {
        count: publishers,
        frag_duration: |_| 5,
        frag_count: 10,
    };
    println!("{publishers} publishers; making their channels");
    let mut stage = Stage::set(options, &channels, 0).await?;
    println!("seed {}, server on {}", stage.seed, stage.run.addresses[0]);
    let mut readers = stage.readers(LOOK_INTERVAL.max(LOOK * publishers));
    let run = Arc::clone(&stage.run);
    let mut table = Table::default();
    let mut publishing = JoinSet::new();
    let carried_out = tokio::select! {
        fault = run.fault() => Err(fault.into()),
        ended = readers.join_next() => Err(anyhow!("a reader has ended: {ended:?}")),
        carried_out = carry_out(&mut stage, &mut publishing, &mut table) => carried_out,
    };
    table.media(&run);
    Ok(Outcome::of(stage, carried_out, table, publishers))
}

async fn carry_out(stage: &mut Stage, publishing: &mut JoinSet<()>, table: &mut Table) -> Result<()> {
    let clock = stage.run.clock;
    let arrival = ARRIVAL * stage.run.channels.len() as u32;
    let cast = |manners| Cast {
        plan,
        manners,
        arrival,
        stay: None,
        retry: Duration::from_millis(500)..Duration::from_secs(1),
        rival_every: None,
        keyframes: None,
    };
    let orders = watch::Sender::new(Order::Publish);
    *publishing = stage.publishers(&orders, &cast(&LOST));
    let began = clock.now();
    let accepted = stage.run.all_accepted(arrival + DEADLINE).await;
    table.row("everybody accepted after", Ms(began.until(accepted.last)));
    sleep(PUBLISHING).await;

    println!("everybody has been publishing for {PUBLISHING:?}; all are cut off");
    let from = clock.now();
    cut(&orders, from, publishing).await?;
    // The server cannot know yet of those that are only silent.
    let is_noticed = |index: usize| LOST[index % LOST.len()] != Manner::Silence;
    stage.run.all_listed(DEADLINE, is_noticed).await;
    table.row("cut off to everything listed and read", Ms(from.until(clock.now())));

    println!("what the closed and reset connections brought is listed; everybody comes back");
    stage.run.forget_accepted();
    let orders = watch::Sender::new(Order::Publish);
    *publishing = stage.publishers(&orders, &cast(&[Manner::Unpublish]));
    let began = clock.now();
    let accepted = stage.run.all_accepted(arrival + DEADLINE).await;
    table.row("everybody accepted again after", Ms(began.until(accepted.last)));
    sleep(COMING_BACK).await;
    cut(&orders, clock.now(), publishing).await?;
    stage.close().await
}

/// Lets everybody leave within a second, and waits until they have.
async fn cut(orders: &watch::Sender<Order>, from: Time, publishing: &mut JoinSet<()>) -> Result<()> {
    orders.send_replace(Order::Leave {
        from,
        within: Duration::from_secs(1),
    });
    all_left(publishing).await
}

/// Three tiny pictures a second and nothing else.
fn plan(_: u32) -> Plan {
    Plan {
        pictures_per_s: 3.0,
        picture_bytes: 100..=400,
        large_every: 100,
        large_bytes: 1_000..=4_000,
        gop: 2..=4,
        audio: false,
        composition_ms: 0..=0,
        chunk_size: 4_096,
    }
}

/// How a network goes, seen from the server.
const LOST: [Manner; 3] = [Manner::Close, Manner::Reset, Manner::Silence];

/// From one publisher's arrival to the next one's.
const ARRIVAL: Duration = Duration::from_millis(5);

/// Longer than FragDuration, so that everybody has something listed and something open when it happens.
const PUBLISHING: Duration = Duration::from_secs(8);

/// Enough for a segment of each that comes back.
const COMING_BACK: Duration = Duration::from_secs(2);

/// Between looks at a playlist, at least and for each channel.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(2);
