use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Shows that Alluvium keeps what it accepts, by force.
///
/// Starts a real server on this machine, publishes to it, watches what it lists, and kills it or cuts off its publishers.
/// Every picture and audio frame carries a stamp, so that each can be found again in the stored segments, or missed.
///
/// What must hold: every listed segment is there, whole, and stays; every unit is stored once, in order, undamaged; a kill
/// (SIGKILL) loses at most the last 250 ms of what the system had taken from a publisher, a clean end nothing; no number
/// or date of a playlist ever goes back; there is one discontinuity for each gap, and no other.
#[derive(Debug, Parser)]
#[command(name = "alluvium-crash", version, after_help = STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Kill the server again and again while everybody publishes, and start it on the same folder
    Kills {
        #[command(flatten)]
        options: Options,
        /// How often to kill it
        #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        kills: u32,
        /// How many publish at the same time, each to a channel of its own
        #[arg(long, value_name = "NUMBER", default_value_t = 40, value_parser = clap::value_parser!(u32).range(PUBLISHERS))]
        publishers: u32,
    },
    /// Cut off all publishers within a second, and see everything listed and every channel free
    Disconnect {
        #[command(flatten)]
        options: Options,
        /// How many publish at the same time, each to a channel of its own
        #[arg(long, value_name = "NUMBER", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(PUBLISHERS))]
        publishers: u32,
    },
    /// Let thousands of connections hardly move, and more come and go, beside publishers who must lose nothing
    Hostile {
        #[command(flatten)]
        options: Options,
        /// How many publish at the same time, each to a channel of its own
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(PUBLISHERS))]
        publishers: u32,
        /// How many connections send a byte each ten seconds; 9,800 are what 20,000 open files allow the server
        #[arg(long, value_name = "NUMBER", default_value_t = 9_800, value_parser = clap::value_parser!(u32).range(10..=100_000))]
        connections: u32,
        /// How long each part lasts: before the others are there, while, after, and while they are there again
        #[arg(long, value_name = "NUMBER", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
        seconds: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The server's program: target/release/alluvium or target/debug/alluvium
    #[arg(long, value_name = "FILE")]
    pub(crate) server: PathBuf,
    /// Chooses moments and sizes; the same seed chooses the same ones again [default: by chance, and printed]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Folder for the server's data and logs; kept [default: a temporary one, kept after a failure only]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// With a third of them twice, as in a disconnect, they stay below the 10,000 connections that a server takes by default.
const PUBLISHERS: RangeInclusive<i64> = 1..=7_000;

const STATUS: &str = "\
Exit status:
  0  everything held
  1  something did not: the first violation is printed, with the place of the server's log; or the run could not go on
  2  the command line is not understood

Examples:
  alluvium-crash kills --server target/release/alluvium
  alluvium-crash kills --server target/debug/alluvium --kills 20 --seed 7 --data /tmp/crash
  alluvium-crash disconnect --server target/release/alluvium --publishers 300
  alluvium-crash hostile --server target/release/alluvium --connections 1000 --seconds 10";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_has_no_contradiction() {
        Cli::command().debug_assert();
    }
}
