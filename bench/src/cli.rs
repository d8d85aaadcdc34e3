//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::compare::Part;
use crate::measure::Times;
use crate::media::Media;

/// What Alluvium costs, beside nginx-rtmp and the least that any server would
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure all servers in turn, and print one table
    Compare {
        /// Alluvium's binary
        #[arg(long)]
        server: PathBuf,
        /// nginx's binary
        #[arg(long)]
        nginx: PathBuf,
        /// nginx's RTMP module
        #[arg(long)]
        rtmp_module: PathBuf,
        /// Folder for the media and for everything that servers write, which is removed
        #[arg(long)]
        storage: PathBuf,
        /// One round of short measurements: to see whether all is well, not to quote
        #[arg(long)]
        quick: bool,
        /// Measure nothing else; may be repeated
        #[arg(long, value_enum, default_values_t = Part::value_variants().to_vec(), hide_default_value = true)]
        only: Vec<Part>,
        /// Of these, what does not vary much is measured in the first one or two
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        #[arg(long, default_value_t = CHUNK_BYTES)]
        chunk_bytes: usize,
        /// No round is begun that would not end within so many seconds
        #[arg(long, default_value_t = 580)]
        limit_s: u64,
    },
    /// Publish to a server: to the keys s0, s1, ... of an app
    Load {
        /// The server's RTMP address
        address: SocketAddr,
        /// For Alluvium BUCKET/live
        #[arg(long, default_value = "live")]
        app: String,
        #[arg(long, default_value = "b", value_parser = media)]
        media: Media,
        /// Folder that the media is kept in
        #[arg(long, default_value = "target/bench/media")]
        folder: PathBuf,
        #[arg(long, default_value_t = 1)]
        publishers: usize,
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// One publisher, as fast as the server takes it
        #[arg(long)]
        unpaced: bool,
        #[arg(long, default_value_t = CHUNK_BYTES)]
        chunk_bytes: usize,
    },
    /// Be the floor: take publishers, and throw their media away or write it to files
    Floor {
        #[arg(long)]
        listen: SocketAddr,
        /// Keep 2 s of each stream and write them to a file in this folder
        #[arg(long)]
        store: Option<PathBuf>,
        /// Write a file no later than when it is so large
        #[arg(long, default_value_t = 1 << 20)]
        segment_bytes: usize,
    },
}

/// As OBS sends, and FFmpeg to these servers: it takes over what they announce.
const CHUNK_BYTES: usize = 4096;

fn media(text: &str) -> Result<Media, String> {
    match text {
        "a" | "A" => Ok(Media::A),
        "b" | "B" => Ok(Media::B),
        _ => Err("a (1280x720, 2.5 Mbit/s) or b (640x360, 800 kbit/s)".to_owned()),
    }
}

impl Times {
    /// To be quoted.
    pub(crate) const FULL: Self = Self {
        warm_up: Duration::from_secs(3),
        window: Duration::from_secs(8),
        watch: Duration::from_secs(6),
        unpaced: Duration::from_secs(4),
        playback: Duration::from_secs(3),
        idle: Duration::from_secs(8),
    };

    /// To see whether all is well.
    pub(crate) const QUICK: Self = Self {
        warm_up: Duration::from_secs(3),
        window: Duration::from_secs(4),
        watch: Duration::from_secs(2),
        unpaced: Duration::from_secs(2),
        playback: Duration::from_secs(2),
        idle: Duration::from_secs(2),
    };
}
