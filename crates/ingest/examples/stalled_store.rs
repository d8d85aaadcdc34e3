//! What a store that stalls for some channels costs the others: run it with
//! `cargo run --release -p alluvium-ingest --example stalled_store`.
//!
//! Streams publish in real time to one service. The time from the picture that ends a segment to the playlist that lists
//! it is taken for those streams whose store answers, first alone, then while as many others wait for a store that does
//! not answer at all.

#![allow(clippy::unwrap_used, reason = "a measurement may fail as tests do")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, SystemTime};

use alluvium_catalog::Catalog;
use alluvium_oss::UnixTime;
use alluvium_store::faulty::{Fault, Gate, Keys, Operation, Rule};
use support::House;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Streams whose store answers, and as many whose does not.
const STREAMS: usize = 50;

/// Of each run.
const SECONDS: u32 = 20;

/// Pictures between two random access units: FragDuration is two seconds, so each third of them ends a segment.
const PICTURES_PER_SECOND: u32 = 25;

#[tokio::main]
async fn main() {
    let alone = run(false).await;
    let beside = run(true).await;
    println!("{STREAMS} streams, {SECONDS} s each; ending picture to listed, ms:");
    println!("| store | p50 | p99 | max |");
    println!("|---|---|---|---|");
    row("answers everybody", &alone);
    row(&format!("stalls for {STREAMS} others"), &beside);
    println!("added at p99: {:.2} ms", at(&beside, 0.99) - at(&alone, 0.99));
}

async fn run(stalled: bool) -> Vec<f64> {
    let house: &'static House = Box::leak(Box::new(House::new().await));
    let gate = Gate::closed();
    let stall = Rule::on(Operation::Put, Fault::Hold(gate)).keys(Keys::Prefix("stalled".to_owned()));
    house.store.add(stall);
    let mut others = Vec::new();
    if stalled {
        for number in 0..STREAMS {
            others.push(tokio::spawn(publish(house, format!("stalled{number}"), None)));
        }
    }
    let (times, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let measured: Vec<_> = (0..STREAMS)
        .map(|number| tokio::spawn(publish(house, format!("channel{number}"), Some(times.clone()))))
        .collect();
    drop(times);
    for stream in measured.into_iter().chain(others) {
        stream.await.unwrap();
    }
    let mut found = Vec::new();
    while let Some(time) = taken.recv().await {
        found.push(time);
    }
    found.sort_by(f64::total_cmp);
    found
}

async fn publish(house: &'static House, name: String, times: Option<tokio::sync::mpsc::UnboundedSender<f64>>) {
    let channel = house.channel(&name).await;
    let mut encoder = house.publishing(&name).await;
    let mut ticks = interval(Duration::from_secs(1) / PICTURES_PER_SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for picture in 0..SECONDS * PICTURES_PER_SECOND {
        ticks.tick().await;
        house.clock.set(wall());
        encoder.picture(picture % PICTURES_PER_SECOND == 0).await;
        let ends = picture > 0 && picture % (2 * PICTURES_PER_SECOND) == 0;
        if ends && let Some(times) = &times {
            let (times, channel, began) = (times.clone(), channel.clone(), Instant::now());
            let segment = u64::from(picture / (2 * PICTURES_PER_SECOND));
            tokio::spawn(async move {
                let (bucket, mut listed) = (&house.bucket, 0);
                while listed < segment {
                    tokio::time::sleep(Duration::from_micros(500)).await;
                    let latest = house.catalog.latest_segments(bucket, &channel, 1).await.unwrap();
                    let text = house.playlist(&channel).await.unwrap_or_default();
                    let in_playlist = |record: &alluvium_catalog::SegmentRecord| {
                        text.contains(&format!("{}.ts", record.name.as_millis()))
                    };
                    listed = latest
                        .last()
                        .filter(|record| in_playlist(record))
                        .map_or(0, |record| record.sequence + 1);
                }
                let _ = times.send(began.elapsed().as_secs_f64() * 1000.0);
            });
        }
    }
    // The stalled ones never end: the process does.
}

fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    UnixTime::from_millis(since.as_millis() as i64)
}

fn at(sorted: &[f64], quantile: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * quantile) as usize]
}

fn row(store: &str, sorted: &[f64]) {
    println!(
        "| {store} | {:.2} | {:.2} | {:.2} |",
        at(sorted, 0.5),
        at(sorted, 0.99),
        at(sorted, 1.0)
    );
}
