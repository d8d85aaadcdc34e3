//! The witness: publishes, reads and kills, and proves what of it was kept.
//!
//! ```text
//!     publishers --RTMP--> server --HTTP--> readers
//!          |                 ^                 |
//!          |          kill, restart            |
//!          +------> ledger of a channel <------+----> the first violation, or a table
//! ```
//!
//! It shares no code with the server. Every unit that it sends carries a stamp with its number and a CRC (`unit`), so the
//! units in the stored segments (`segment`) can be compared with those that the system had accepted, one by one
//! (`ledger`).

mod canary;
mod cli;
mod clock;
mod disconnect;
mod hostile;
mod http;
mod kills;
mod ledger;
mod outcome;
mod playlist;
mod publisher;
mod reader;
mod report;
mod rtmp;
mod run;
mod schedule;
mod segment;
mod server;
mod stage;
mod status;
mod unit;
mod violation;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use cli::{Cli, Command};
use hostile::Measure;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Kills {
            options,
            kills,
            publishers,
        } => kills::run(&options, kills, publishers).await,
        Command::Disconnect { options, publishers } => disconnect::run(&options, publishers).await,
        Command::Hostile {
            options,
            publishers,
            connections,
            seconds,
        } => {
            let part = Duration::from_secs(seconds);
            hostile::run(&options, publishers, Measure { connections, part }).await
        }
    };
    match outcome {
        Ok(outcome) if outcome.print() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
