//! What the server takes to start with 100,000 channels and 10 million segment records, and to list a day of one of them.
//!
//! ```text
//!   fill ──> a data folder ──> span: catalog.segments_between, in this process
//!                         └──> server: the real one; start to ready, and VOD playlists over HTTP
//! ```

#![allow(missing_docs, reason = "a program has no users but at the command line")]

mod fill;
mod report;
mod server;
mod span;

use std::path::PathBuf;

use alluvium_oss::UnixTime;
use anyhow::{Context, Result};
use clap::Parser;
use rand::RngExt;
use tokio::runtime::Runtime;

use report::{Report, Target};
use server::Server;

#[derive(Parser)]
struct Arguments {
    /// The server's program.
    #[arg(long)]
    server: PathBuf,
    /// Where the data is, or is to be: about 1 GB. It stays, and the next run begins with it.
    #[arg(long)]
    folder: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = Runtime::new()?;
    let data = arguments.folder.join("data");
    fill::fill(&runtime, &data)?;
    let mut report = Report::begin();

    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(&arguments.server, &data)?;
        starts.push(server.ready_after);
        server.stop()?;
    }
    report.row("start to ready, ms", &mut starts, Target::Max(1_000.0));

    let mut queries = span::days(&runtime, &data, QUERIES)?;
    report.row(
        "segments_between, a day of 43,200 segments, ms",
        &mut queries,
        Target::P99(50.0),
    );

    let server = Server::start(&arguments.server, &data)?;
    let idle = server.memory_mib().context("the server's memory")?;
    for (what, post) in [("GetVodPlaylist", false), ("PostVodPlaylist", true)] {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            let from = some_day();
            times.push(server.vod(fill::BUSIEST, from, fill::after_a_day(from), post)?);
        }
        let what = format!("{what} of such a day over HTTP, ms");
        report.row(&what, &mut times, Target::None);
    }
    let after = server.memory_mib().context("the server's memory")?;
    server.stop()?;
    println!("Resident memory of the server: {idle:.1} MiB when ready, {after:.1} MiB after these requests.");
    Ok(())
}

/// A day begins at any segment of the busiest channel that is followed by a whole day.
fn some_day() -> UnixTime {
    let segment = rand::rng().random_range(0..fill::SEGMENTS_OF_BUSIEST - fill::SEGMENTS_OF_A_DAY);
    fill::name(segment)
}

const STARTS: usize = 7;
const QUERIES: usize = 300;
const REQUESTS: usize = 200;
