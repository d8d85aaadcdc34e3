//! `alluvium channel`: live channels, over the API.

mod finding;

use alluvium_oss::document::LiveChannelConfiguration;
use alluvium_oss::xml::Element;
use alluvium_oss::{BucketName, ChannelConfig, ChannelStatus, Clock, PlaylistName, UnixTime};
use anyhow::Result;
use clap::{Args, Subcommand};
use http::Method;

use super::access::Access;
use super::output::print;
use super::page;
use super::place::{ChannelPlace, bucket_name};
use super::when::{When, whole_seconds};
use crate::client::{Client, Request};
use crate::clock::SystemClock;
use finding::{Channels, Configuration, Done, History, ListedChannel, Playlist, Publish, Stat, StoredPlaylist, Urls};

#[derive(Debug, Args)]
pub(crate) struct ChannelCommand {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a channel, or replace the configuration of one that is not live
    Create {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
        #[command(flatten)]
        config: Config,
    },
    /// List a bucket's channels
    List {
        #[arg(value_name = "BUCKET", value_parser = bucket_name)]
        bucket: BucketName,
        /// Only those whose names begin so
        #[arg(long, value_name = "TEXT", default_value = "")]
        prefix: String,
    },
    /// Show how a channel is configured
    Show {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Show whether a channel is live, and what its publisher sends
    Stat {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Show the channel's ten most recent publishes that have ended
    History {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Let publishers in
    Enable {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Let no publisher in, and disconnect the one that is there
    Disable {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Delete a channel that is not live; its recordings and playlists stay
    Delete {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
    },
    /// Make a playlist of what was recorded in a span of time of at most a day
    ///
    /// With PLAYLIST it is stored beside the recordings, and its URL is printed; without, the playlist itself is printed.
    /// A time is given as Unix seconds, as in 2026-11-22T15:00:00Z, as `now`, or as how long ago, as in -2h.
    Vod {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
        /// Name to store it under, ending with .m3u8
        #[arg(value_name = "PLAYLIST", value_parser = playlist_name)]
        playlist: Option<PlaylistName>,
        /// Time at which the first segment begins, at the earliest
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        from: When,
        /// Time at which the last segment begins, at the latest
        #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
        to: When,
    },
}

#[derive(Debug, Args)]
struct Config {
    /// Any text of at most 128 bytes
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Seconds that a segment aims at, 1 to 100; it ends at the next keyframe
    #[arg(long, value_name = "SECONDS", default_value_t = ChannelConfig::default().frag_duration_s,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    frag_duration: u32,
    /// Segments in the live playlist, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = ChannelConfig::default().frag_count,
          value_parser = clap::value_parser!(u32).range(1..=100))]
    frag_count: u32,
    /// Name of the live playlist
    #[arg(long, value_name = "NAME", default_value = "playlist.m3u8", value_parser = playlist_name)]
    playlist_name: PlaylistName,
    /// Make it disabled
    #[arg(long)]
    disabled: bool,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  alluvium channel create videos/camera --frag-duration 2
  alluvium channel stat videos/camera --json
  alluvium channel vod videos/camera morning.m3u8 --from -3h
  alluvium channel vod videos/camera --from 2026-11-22T08:00:00Z --to 2026-11-22T09:00:00Z >morning.m3u8";

impl ChannelCommand {
    pub(crate) async fn run(&self) -> Result<()> {
        let client = self.access.client()?;
        let json = self.access.json;
        match &self.action {
            Action::Create { channel, config } => print(&create(&client, channel, config).await?, json),
            Action::List { bucket, prefix } => print(&list(&client, bucket, prefix).await?, json),
            Action::Show { channel } => print(&show(&client, channel).await?, json),
            Action::Stat { channel } => print(&stat(&client, channel).await?, json),
            Action::History { channel } => print(&history(&client, channel).await?, json),
            Action::Enable { channel } => print(&set_status(&client, channel, ChannelStatus::Enabled).await?, json),
            Action::Disable { channel } => print(&set_status(&client, channel, ChannelStatus::Disabled).await?, json),
            Action::Delete { channel } => print(&delete(&client, channel).await?, json),
            Action::Vod {
                channel,
                playlist,
                from,
                to,
            } => {
                let now = whole_seconds(SystemClock.now());
                let range = (from.at(now), to.at(now));
                match playlist {
                    Some(playlist) => print(&store_vod(&client, channel, playlist, range).await?, json),
                    None => print(&vod(&client, channel, range).await?, json),
                }
            }
        }
    }
}

pub(super) fn playlist_name(text: &str) -> Result<PlaylistName, String> {
    PlaylistName::parse(text).map_err(|error| error.message.into_owned())
}

/// A request about the channel itself.
fn request(method: Method, channel: &ChannelPlace) -> Request<'_> {
    Request::new(method, Some(&channel.bucket), channel.channel.as_str()).with_query("live", "")
}

async fn create(client: &Client, channel: &ChannelPlace, config: &Config) -> Result<Urls> {
    let status = match config.disabled {
        true => ChannelStatus::Disabled,
        false => ChannelStatus::Enabled,
    };
    let config = ChannelConfig {
        description: config.description.clone(),
        status,
        frag_duration_s: config.frag_duration,
        frag_count: config.frag_count,
        playlist_name: config.playlist_name.clone(),
    };
    let request = request(Method::PUT, channel)
        .with_header("content-type", "application/xml")
        .with_body(LiveChannelConfiguration(&config).to_xml());
    let document = client.send(request).await?.document("CreateLiveChannelResult")?;
    Ok(Urls::read(channel, &document))
}

async fn list(client: &Client, bucket: &BucketName, prefix: &str) -> Result<Channels> {
    let first = || {
        Request::new(Method::GET, Some(bucket), "")
            .with_query("live", "")
            .with_query("prefix", prefix)
    };
    let read = |page: &Element| page.children_named("LiveChannel").map(ListedChannel::read).collect();
    Ok(Channels(
        page::every(client, first, "ListLiveChannelResult", read).await?,
    ))
}

async fn show(client: &Client, channel: &ChannelPlace) -> Result<Configuration> {
    let document = client.send(request(Method::GET, channel)).await?;
    Ok(Configuration::read(
        channel,
        &document.document("LiveChannelConfiguration")?,
    ))
}

async fn stat(client: &Client, channel: &ChannelPlace) -> Result<Stat> {
    let request = request(Method::GET, channel).with_query("comp", "stat");
    Ok(Stat::read(
        channel,
        &client.send(request).await?.document("LiveChannelStat")?,
    ))
}

async fn history(client: &Client, channel: &ChannelPlace) -> Result<History> {
    let request = request(Method::GET, channel).with_query("comp", "history");
    let document = client.send(request).await?.document("LiveChannelHistory")?;
    Ok(History(
        document.children_named("LiveRecord").map(Publish::read).collect(),
    ))
}

async fn set_status(client: &Client, channel: &ChannelPlace, status: ChannelStatus) -> Result<Done> {
    let request = request(Method::PUT, channel).with_query("status", status.as_str());
    client.send(request).await?;
    Ok(Done::new(channel, status.as_str()))
}

async fn delete(client: &Client, channel: &ChannelPlace) -> Result<Done> {
    client.send(request(Method::DELETE, channel)).await?;
    Ok(Done::new(channel, "deleted"))
}

/// A request for the recordings of a span of time.
fn vod_request<'a>(method: Method, bucket: &'a BucketName, key: &'a str, range: (UnixTime, UnixTime)) -> Request<'a> {
    Request::new(method, Some(bucket), key)
        .with_query("vod", "")
        .with_query("startTime", &range.0.as_secs().to_string())
        .with_query("endTime", &range.1.as_secs().to_string())
}

async fn vod(client: &Client, channel: &ChannelPlace, range: (UnixTime, UnixTime)) -> Result<Playlist> {
    let request = vod_request(Method::GET, &channel.bucket, channel.channel.as_str(), range);
    let answer = client.send(request).await?;
    let text = std::str::from_utf8(&answer.body).map_err(|_| answer.unexpected("the playlist is no text"))?;
    Ok(Playlist::new(text))
}

async fn store_vod(
    client: &Client,
    channel: &ChannelPlace,
    playlist: &PlaylistName,
    range: (UnixTime, UnixTime),
) -> Result<StoredPlaylist> {
    let key = channel.channel.playlist_key(playlist);
    client
        .send(vod_request(Method::POST, &channel.bucket, key.as_str(), range))
        .await?;
    Ok(StoredPlaylist {
        bucket: channel.bucket.to_string(),
        key: key.to_string(),
        url: client.endpoint.url(Some(&channel.bucket), key.as_str()),
    })
}
