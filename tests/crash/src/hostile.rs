//! Hostile peers: thousands of connections that hardly move and a flood of new ones, while others publish.
//!
//! ```text
//!     publishers alone | with slow connections and a flood of connects | alone | with the others again
//! ```

mod listing;
mod slow;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cli::Options;
use crate::outcome::Outcome;
use crate::publisher::{Manner, Order, all_left};
use crate::report::{Distribution, Table};
use crate::schedule::Plan;
use crate::server::{DEADLINE, Footprint};
use crate::stage::{Cast, Channels, Stage};

use listing::Probes;
use slow::Attack;

/// How many attack, and for how long each part of the run lasts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) connections: u32,
    pub(crate) part: Duration,
}

pub(crate) async fn run(options: &Options, publishers: u32, measure: Measure) -> Result<Outcome> {
    let channels = Channels {
        count: publishers,
        frag_duration: |_| 2,
        frag_count: 10,
    };
    let Measure { connections, part } = measure;
    let mut stage = Stage::set(options, &channels, u64::from(connections) + FLOOD_DESCRIPTORS).await?;
    println!(
        "{publishers} publishers, {connections} slow connections, seed {}, server on {}",
        stage.seed, stage.run.addresses[0]
    );
    let mut readers = stage.readers(LOOK_INTERVAL);
    let run = Arc::clone(&stage.run);
    let mut table = Table::default();
    let mut publishing = JoinSet::new();
    let carried_out = tokio::select! {
        fault = run.fault() => Err(fault.into()),
        ended = readers.join_next() => Err(anyhow!("a reader has ended: {ended:?}")),
        carried_out = carry_out(&mut stage, &mut publishing, &mut table, connections, part) => carried_out,
    };
    table.media(&run);
    Ok(Outcome::of(stage, carried_out, table, publishers))
}

async fn carry_out(
    stage: &mut Stage,
    publishing: &mut JoinSet<()>,
    table: &mut Table,
    connections: u32,
    part: Duration,
) -> Result<()> {
    let probes = Probes::start(&stage.run);
    let cast = Cast {
        plan,
        manners: &[Manner::Unpublish],
        arrival: ARRIVAL,
        stay: None,
        retry: Duration::from_millis(500)..Duration::from_secs(1),
        rival_every: None,
        keyframes: Some(probes.keyframes()),
    };
    let orders = watch::Sender::new(Order::Publish);
    *publishing = stage.publishers(&orders, &cast);
    stage.run.all_accepted(ARRIVAL + DEADLINE).await;
    sleep(SETTLING).await;

    println!("everybody publishes; {} s without an attack", part.as_secs());
    probes.forget();
    sleep(part).await;
    table.row("keyframe to listed, alone", Distribution::from_iter(probes.forget()));
    let before = stage.server.footprint()?;
    table.row("server's memory and descriptors, alone", before);

    let first = attacked(stage, &probes, table, connections, part).await?;
    let grown = first.memory_kib.saturating_sub(before.memory_kib);
    let allowed = u64::from(connections) * MEMORY_KIB_PER_CONNECTION + MEMORY_KIB_BESIDE;
    ensure!(
        grown <= allowed,
        "the server has grown by {grown} KiB under attack; {allowed} are allowed"
    );

    println!("the attack has ended; {} s without one", part.as_secs());
    let back = async {
        while stage.server.footprint()?.descriptors > before.descriptors + DESCRIPTORS_BESIDE {
            sleep(LOOK_INTERVAL).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    timeout(DEADLINE, back)
        .await
        .map_err(|_| anyhow!("the server keeps descriptors of connections that are gone"))??;
    probes.forget();
    sleep(part).await;
    table.row(
        "keyframe to listed, alone again",
        Distribution::from_iter(probes.forget()),
    );
    table.row(
        "server's memory and descriptors, alone again",
        stage.server.footprint()?,
    );

    // The allocator may keep what it was given, for the next; what is lost to a leak has to be asked for again.
    let second = attacked(stage, &probes, table, connections, part).await?;
    let grown = second.memory_kib.saturating_sub(first.memory_kib);
    ensure!(
        grown <= MEMORY_KIB_BESIDE,
        "a second attack makes the server grow by {grown} KiB more; {MEMORY_KIB_BESIDE} are allowed"
    );

    let from = stage.run.clock.now();
    let within = Duration::from_secs(1);
    orders.send_replace(Order::Leave { from, within });
    all_left(publishing).await?;
    stage.close().await
}

/// An attack from its beginning to its end; what the server held meanwhile, at most.
async fn attacked(
    stage: &Stage,
    probes: &Probes,
    table: &mut Table,
    connections: u32,
    part: Duration,
) -> Result<Footprint> {
    println!("an attack begins");
    let attack = Attack::start(&stage.run, connections);
    timeout(DEADLINE, attack.until_held(connections * HELD_PERCENT / 100))
        .await
        .map_err(|_| anyhow!("only {} connections can be held", attack.held()))?;
    probes.forget();
    let (mut least_held, mut footprint) = (attack.held(), stage.server.footprint()?);
    for _ in 0..part.as_secs() {
        sleep(Duration::from_secs(1)).await;
        least_held = least_held.min(attack.held());
        footprint = footprint.max(stage.server.footprint()?);
    }
    table.row("keyframe to listed, attacked", Distribution::from_iter(probes.forget()));
    table.row("server's memory and descriptors, attacked", footprint);
    table.row("slow connections held, at least", least_held);
    table.row("slow connections opened", attack.opened.get());
    table.row("connects of the flood", attack.flooded.get());
    Ok(footprint)
}

/// A keyframe each FragDuration, so that each but the first ends a segment.
fn plan(_: u32) -> Plan {
    Plan {
        pictures_per_s: 12.5,
        picture_bytes: 2_000..=6_000,
        large_every: 100,
        large_bytes: 10_000..=40_000,
        gop: 25..=25,
        audio: true,
        composition_ms: 0..=0,
        chunk_size: 4_096,
    }
}

const ARRIVAL: Duration = Duration::from_secs(2);

/// From the last arrival until every stream is in its rhythm.
const SETTLING: Duration = Duration::from_secs(3);

const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Each connection is cut off by the server after 5 to 30 s, and comes back: a few are always on their way.
const HELD_PERCENT: u32 = 90;

/// What a connection that has been accepted may cost, at most: its task and what the kernel does not count.
const MEMORY_KIB_PER_CONNECTION: u64 = 32;

/// What the server's memory moves by without any attack.
const MEMORY_KIB_BESIDE: u64 = 64 * 1024;

/// Readers and probes come and go, segments are being stored.
const DESCRIPTORS_BESIDE: usize = 100;

const FLOOD_DESCRIPTORS: u64 = 200;
