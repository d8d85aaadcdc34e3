use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::command::bucket::{self, BucketCommand};
use crate::command::channel::{self, ChannelCommand};
use crate::command::key::{self, KeyCommand};
use crate::command::publishers::{self, StatusCommand};
use crate::command::sign::{self, SignCommand};

/// Live video over RTMP into object storage, as HLS.
#[derive(Debug, Parser)]
#[command(
    name = "alluvium", bin_name = "alluvium", version, after_help = format!("{ENVIRONMENT}\n\n{STATUS}"),
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take streams and serve the bucket API (what is done without a command)
    #[command(after_help = ENVIRONMENT)]
    Serve(Options),
    /// Serve, with a test stream being published to it: shows a play URL and how to push your own
    #[command(after_help = ENVIRONMENT)]
    Demo(Options),
    /// Check that every playlist and segment record names objects that are there, whole
    ///
    /// Reads the data folder of a server that is not running. Prints a line for each fault; the exit status is 1 if
    /// there is any.
    Verify {
        /// Only this bucket, or this channel of it
        #[arg(value_name = "BUCKET[/CHANNEL]")]
        scope: Option<String>,
        #[command(flatten)]
        options: Options,
    },
    /// Tell what is in a capture: what a publisher sent, and what the server makes of it
    ///
    /// Captures are what the setting `[rtmp] capture_refused_mib` keeps of connections that went wrong. Each line begins
    /// with the byte that it is about, handshake included, from 0.
    Replay {
        /// The capture
        file: PathBuf,
    },
    /// Make and manage the access keys of a data folder, also while a server runs on it
    #[command(after_help = format!("{}\n\n{STATUS}", key::EXAMPLES))]
    Key(KeyCommand),
    /// Make and manage buckets, on any server of the API
    #[command(after_help = format!("{}\n\n{STATUS}", bucket::EXAMPLES))]
    Bucket(BucketCommand),
    /// Make and manage live channels, and playlists of what they recorded, on any server of the API
    #[command(after_help = format!("{}\n\n{STATUS}", channel::EXAMPLES))]
    Channel(ChannelCommand),
    /// Show who publishes now, what they send, and what is wrong with it
    #[command(after_help = format!("{}\n\n{STATUS}", publishers::EXAMPLES))]
    Status(StatusCommand),
    /// Make URLs that let others publish or read
    #[command(after_help = format!("{}\n\n{STATUS}", sign::EXAMPLES))]
    Sign(SignCommand),
}

impl Command {
    /// Whether a script reads what it prints.
    pub(crate) fn is_for_scripts(&self) -> bool {
        match self {
            Self::Serve(_) | Self::Demo(_) | Self::Verify { .. } | Self::Replay { .. } => false,
            Self::Key(command) => command.json,
            Self::Bucket(command) => command.access.json,
            Self::Channel(command) => command.access.json,
            Self::Status(command) => command.access.json,
            Self::Sign(command) => command.access.json,
        }
    }
}

/// Where the settings come from. Flags win over the environment, that over the file, that over the defaults.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE", env = "ALLUVIUM_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for objects, records and the access key [default: alluvium-data]
    #[arg(long, value_name = "DIR", env = "ALLUVIUM_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Address to listen on, for RTMP and HTTP alike; may be repeated [default: 0.0.0.0:8080 and 0.0.0.0:1935]
    #[arg(long, value_name = "ADDR:PORT", env = "ALLUVIUM_LISTEN", value_delimiter = ',')]
    pub(crate) listen: Vec<String>,
}

const ENVIRONMENT: &str = "\
Environment:
  ALLUVIUM_CONFIG                  as --config
  ALLUVIUM_DATA                    as --data
  ALLUVIUM_LISTEN                  as --listen, comma separated
  ALLUVIUM_DOMAINS                 names under which buckets are host names (BUCKET.DOMAIN), comma separated
  ALLUVIUM_ROOT_ACCESS_KEY_ID      the access key that owns what it creates; both or neither of the two:
  ALLUVIUM_ROOT_ACCESS_KEY_SECRET  without them one is made at the first start and shown once
  ALLUVIUM_LOG                     error, warn, info (default), debug, trace, or module=level pairs";

const STATUS: &str = "\
Exit status:
  0  done
  1  failed; of verify: there are faults
  2  the command line is not understood
  3  the server refused: its code and message are shown
  4  what the command is about does not exist
  5  the server was not reached, or did not answer as one";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_has_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_after_the_action() {
        for words in [
            ["alluvium", "channel", "--json", "list", "videos"],
            ["alluvium", "channel", "list", "videos", "--json"],
        ] {
            assert!(Cli::parse_from(words).command.unwrap().is_for_scripts());
        }
    }

    #[test]
    fn how_long_ago_is_no_option() {
        let words = [
            "alluvium",
            "channel",
            "vod",
            "videos/camera",
            "--from",
            "-2h",
            "--to",
            "-1h",
        ];
        assert!(Cli::try_parse_from(words).is_ok());
    }
}
