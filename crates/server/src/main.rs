//! The door of Alluvium: configuration in, rooms connected, signals out.
//!
//! ```text
//!  flags, environment, file -> Settings -> Server: listeners -> first byte -> ingest (RTMP) | api, console (HTTP)
//!                                             |
//!                                             +-> store, catalog, spool in one data folder
//! ```
//!
//! The only binary. It holds no logic of its own beyond this wiring: what a stream or a request means is decided below.

mod access_key;
mod cli;
mod clock;
mod demo;
mod encoder;
mod http;
mod listener;
mod serve;
mod settings;
mod test_stream;
mod verify;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tracing_subscriber::EnvFilter;

use cli::{Cli, Command};
use serve::Server;
use settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("alluvium: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(cli: Cli) -> Result<ExitCode> {
    let command = cli.command.unwrap_or(Command::Serve(cli.options));
    let options = match &command {
        Command::Serve(options) | Command::Demo(options) | Command::Verify { options, .. } => options,
    };
    let settings = Settings::load(options, &|name| std::env::var(name).ok())?;
    log_to_stderr(&settings.log)?;
    match command {
        Command::Serve(_) => {
            let server = Server::start(&settings).await?;
            greet(&server, &settings);
            server.announce();
            server.run().await?;
        }
        Command::Demo(_) => {
            let server = Server::start(&settings).await?;
            demo::start(&server).await?;
            server.announce();
            server.run().await?;
        }
        Command::Verify { scope, .. } => return verify::run(&settings, scope.as_deref()).await,
    }
    Ok(ExitCode::SUCCESS)
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
    Ok(())
}

/// At the first start: the access key that was made, once, with something to paste.
fn greet(server: &Server, settings: &Settings) {
    let key = &server.root_key;
    if !key.is_new {
        return;
    }
    let port = server.addresses[0].port();
    let (id, secret) = (&key.id, key.secret.expose());
    println!(
        "\
This is the first start with {data}: an access key was made. It is shown this once and kept in {data}/access-key.toml.

  access key id      {id}
  access key secret  {secret}

Make a bucket and a live channel with it, and get a publish URL (Python, pip install oss2):

  python3 - <<'END'
  import oss2
  bucket = oss2.Bucket(oss2.Auth('{id}', '{secret}'), 'http://127.0.0.1:{port}', 'videos')
  bucket.create_bucket(oss2.BUCKET_ACL_PUBLIC_READ)
  channel = bucket.create_live_channel('camera', oss2.models.LiveChannelInfo(target=oss2.models.LiveChannelInfoTarget(frag_duration=2, frag_count=3)))
  print('publish to', bucket.sign_rtmp_url('camera', 'playlist.m3u8', 3600))
  print('play      ', channel.play_url)
  END
",
        data = settings.data.display(),
    );
}
