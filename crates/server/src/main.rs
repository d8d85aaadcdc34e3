//! The door of Alluvium: configuration in, rooms connected, signals out.
//!
//! ```text
//!  flags, environment, file -> Settings -> Server: listeners -> first byte -> ingest (RTMP) | api, console (HTTP)
//!                                             |
//!                                             +-> store, catalog, spool in one data folder
//! ```
//!
//! The only binary. It holds no logic of its own beyond this wiring: what a stream or a request means is decided below.
//! Besides serving, it is a client of what it serves (`command`, `client`).

mod access_key;
mod cli;
mod client;
mod clock;
mod command;
mod demo;
mod descriptors;
mod encoder;
mod http;
mod listener;
mod panics;
mod paths;
mod publishers;
mod replay;
mod serve;
mod settings;
mod test_stream;
mod verify;
mod workers;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command, Options};
use serve::Server;
use settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command = cli.command.unwrap_or(Command::Serve(cli.options));
    let is_for_scripts = command.is_for_scripts();
    match run(command) {
        Ok(code) => code,
        Err(error) => command::report(&error, is_for_scripts),
    }
}

#[tokio::main]
async fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Serve(options) => {
            let settings = settings(&options)?;
            let server = Server::start(&settings).await?;
            greet(&server, &settings);
            server.run().await?;
        }
        Command::Demo(options) => {
            let server = Server::start(&settings(&options)?).await?;
            demo::start(&server).await?;
            server.run().await?;
        }
        Command::Verify { scope, options } => return verify::run(&settings(&options)?, scope.as_deref()).await,
        Command::Replay { file } => replay::run(&file)?,
        Command::Key(command) => command.run().await?,
        Command::Bucket(command) => command.run().await?,
        Command::Channel(command) => command.run().await?,
        Command::Status(command) => command.run().await?,
        Command::Sign(command) => command.run()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of a command that works on the data folder itself; from here on there is a log.
fn settings(options: &Options) -> Result<Settings> {
    let settings = Settings::load(options, &|name| std::env::var(name).ok())?;
    log_to_stderr(&settings.log)?;
    Ok(settings)
}

/// Standard output is for what scripts read; the log is on standard error.
fn log_to_stderr(filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| anyhow::anyhow!("log filter {filter:?}: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    panics::log();
    Ok(())
}

/// At the first start: the access key that was made, once, with something to paste.
fn greet(server: &Server, settings: &Settings) {
    let key = &server.root_key;
    if !key.is_new {
        return;
    }
    let alluvium = std::env::args().next().unwrap_or_else(|| "alluvium".to_owned());
    println!(
        "\
This is the first start with {data}: an access key was made. It is shown this once and kept in {data}/access-key.toml.

  access key id      {id}
  access key secret  {secret}

Make a bucket and a live channel with it, and get a publish URL:

  export ALLUVIUM_DATA='{data}' ALLUVIUM_ENDPOINT=http://{address}
  {alluvium} bucket create videos --acl public-read
  {alluvium} channel create videos/camera --frag-duration 2
  {alluvium} sign publish videos/camera
",
        data = settings.data.display(),
        id = key.id,
        secret = key.secret.expose(),
        address = listener::reachable(server.addresses[0]),
    );
}
