//! What Alluvium costs, beside nginx-rtmp and the least that any server would.
//!
//! ```text
//!     FLV --> timeline --> publishers, on one thread --RTMP--> Alluvium | nginx-rtmp | floor
//!                               |                                  |             |
//!                       closing keyframes                  playlists, objects   /proc: CPU, memory
//!                               |                                  |             |
//!                               +----------> listed after <--------+             +--> one table
//! ```
//!
//! It shares no code with the server, so that a fault of one is no fault of both. All servers get the same bytes at the same
//! times, one after the other in the same run: believe the ratios, not the figures.

mod cli;
mod compare;
mod floor;
mod flv;
mod ground;
mod http;
mod listing;
mod load;
mod machine;
mod measure;
mod media;
mod playlist;
mod processes;
mod publisher;
mod servers;
mod statistics;
mod table;
mod timeline;
mod viewers;
mod welcome;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Parser;

use cli::{Cli, Command};
use compare::MANY;
use floor::Storing;
use ground::Ground;
use load::Plan;
use measure::{Bench, Times};
use media::{GOP, Media};
use publisher::{Publisher, Target};
use servers::{Lab, OPEN_FILES_MIN, Programs};

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Compare {
            server,
            nginx,
            rtmp_module,
            storage,
            quick,
            only,
            rounds,
            chunk_bytes,
            limit_s,
        } => {
            let began = Instant::now();
            fs::create_dir_all(&storage)?;
            let storage = absolute(&storage)?;
            let programs = Programs {
                alluvium: absolute(&server)?,
                nginx: absolute(&nginx)?,
                rtmp_module: absolute(&rtmp_module)?,
            };
            let (times, rounds) = if quick {
                (Times::QUICK, 1)
            } else {
                (Times::FULL, rounds)
            };
            let bench = prepare(programs, &storage, times, chunk_bytes)?;
            let limit = Duration::from_secs(limit_s).saturating_sub(began.elapsed());
            let results = compare::run(&bench, &only, rounds, limit);
            let versions = bench.lab.versions()?;
            bench.lab.ground.remove()?;
            let (date, rounds) = (httpdate::fmt_http_date(SystemTime::now()), results.rounds);
            println!(
                "{date}, {rounds} rounds, {} min",
                began.elapsed().as_secs().div_ceil(60)
            );
            println!("{versions}");
            println!("{}\n", machine::describe(&storage)?);
            println!("{}", table::render(&results));
            Ok(())
        }
        Command::Load {
            address,
            app,
            media,
            folder,
            publishers,
            seconds,
            unpaced,
            chunk_bytes,
        } => {
            machine::allow_open_files()?;
            let timeline = media.timeline(&folder, chunk_bytes)?;
            let target = Target { address, app };
            let duration = Duration::from_secs(seconds);
            if unpaced {
                let sent = load::unpaced(Publisher::connect(&target, 0, chunk_bytes)?, &timeline, duration)?;
                println!("{:.1} MB/s", sent.bytes as f64 / 1e6 / sent.elapsed.as_secs_f64());
                return Ok(());
            }
            let publishers = Publisher::connect_all(&target, publishers, chunk_bytes)?;
            let plan = Plan {
                timeline: &timeline,
                start: Instant::now(),
                spread: GOP,
                duration,
                stop: &AtomicBool::new(false),
                closed: mpsc::channel().0,
                watched: &AtomicBool::new(false),
                watch_every: 1,
            };
            let report = load::pace(publishers, &plan)?;
            println!(
                "{:.1} MB sent, {} segments; late by {:.1} ms (p99)",
                report.bytes as f64 / 1e6,
                report.segments.iter().sum::<u64>(),
                report.late_p99.as_secs_f64() * 1000.0
            );
            ensure!(
                report.disconnected.is_empty(),
                "disconnected: {}",
                report.disconnected.join("; ")
            );
            Ok(())
        }
        Command::Floor {
            listen,
            store,
            segment_bytes,
        } => {
            machine::allow_open_files()?;
            floor::serve(listen, store.map(|folder| Storing { folder, segment_bytes }))
        }
    }
}

fn prepare(programs: Programs, storage: &Path, times: Times, chunk_bytes: usize) -> Result<Bench> {
    let allowed = machine::allow_open_files()?;
    ensure!(
        allowed >= OPEN_FILES_MIN,
        "{OPEN_FILES_MIN} open files are needed for {MANY}, the system allows {allowed} (ulimit -Hn)"
    );
    let mut lab = Lab::new(programs, Ground::new(storage)?);
    let folder = storage.join("media");
    let mut timelines = HashMap::new();
    for media in [Media::A, Media::B] {
        timelines.insert(media, media.timeline(&folder, chunk_bytes)?);
    }
    let object: Vec<u8> = timelines[&Media::A]
        .wire()
        .iter()
        .copied()
        .cycle()
        .take(OBJECT_BYTES)
        .collect();
    lab.prepare(MANY.count, &object)?;
    Ok(Bench {
        lab,
        timelines,
        object,
        times,
    })
}

fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    path.canonicalize().with_context(|| path.display().to_string())
}

const OBJECT_BYTES: usize = 500_000;
