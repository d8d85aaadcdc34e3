//! `alluvium demo`: a test stream, published over real RTMP by the server to itself.

use std::net::SocketAddr;
use std::time::Duration;

use alluvium_catalog as catalog;
use alluvium_oss::sign::publish_url;
use alluvium_oss::{Acl, Addressing, BucketName, ChannelConfig, ChannelName, ChannelUrls, OwnerId};
use alluvium_rtmp::PublishRequest;
use alluvium_rtmp::publisher::{Event, Publisher};
use anyhow::{Context, Result, bail};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::encoder::split;
use crate::listener::reachable;
use crate::serve::{ROOT_OWNER, Server};
use crate::test_stream::{self, Tag};

const BUCKET: &str = "demo";

/// Where the test stream goes.
const CAMERA: &str = "camera";

/// Left free for the person who tries it.
const YOURS: &str = "yours";

/// A week: longer than anyone tries it.
const URL_VALID_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// From connecting to the accepted publish.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the demo's bucket and channels, begins to publish, and tells a person what to do with it.
pub(crate) async fn start(server: &Server) -> Result<()> {
    let bucket = BucketName::parse(BUCKET)?;
    let owner = OwnerId::new(ROOT_OWNER);
    let now = server.clock.now();
    server
        .catalog
        .create_bucket(&bucket, &owner, Some(Acl::PublicRead), now)
        .await
        .with_context(|| format!("making the bucket {bucket}"))?;
    let config = ChannelConfig {
        frag_duration_s: 2,
        frag_count: 5,
        ..ChannelConfig::default()
    };
    for name in [CAMERA, YOURS] {
        let channel = ChannelName::parse(name)?;
        match server.catalog.put_channel(&bucket, &channel, &config, now).await {
            // From an earlier demo in the same folder; it is as it should be.
            Ok(_) | Err(catalog::Error::Live) => {}
            Err(error) => bail!("making the channel {bucket}/{channel}: {error}"),
        }
    }
    let address = reachable(server.addresses[0]);
    let url = |channel| -> Result<String> {
        let channel = ChannelName::parse(channel)?;
        let urls = ChannelUrls::new(
            &address.to_string(),
            &Addressing::PathStyle,
            &bucket,
            &channel,
            &config.playlist_name,
        );
        let key = &server.root_key;
        Ok(publish_url::sign(
            &urls,
            None,
            &key.id,
            &key.secret,
            now.plus(URL_VALID_FOR),
        ))
    };
    let (stop, connections) = server.background();
    let request = request(&url(CAMERA)?)?;
    connections.spawn(async move {
        match publish(address, request, stop).await {
            Ok(()) => info!("the test stream has ended"),
            Err(error) => error!("the test stream has ended: {error:#}"),
        }
    });
    explain(address, &url(YOURS)?)
}

fn request(url: &str) -> Result<PublishRequest> {
    let (server, name) = split(url)?;
    let app = server
        .splitn(4, '/')
        .nth(3)
        .context("a publish URL without an application")?;
    Ok(PublishRequest {
        app: app.to_owned(),
        tc_url: server.to_owned(),
        name: name.to_owned(),
        encoder: concat!("alluvium-demo/", env!("CARGO_PKG_VERSION")).to_owned(),
    })
}

fn explain(address: SocketAddr, url: &str) -> Result<()> {
    let (server, key) = split(url)?;
    println!(
        "\
A test stream is being published to this server. Watch it in VLC, Safari or ffplay; it is there after some seconds:

  http://{address}/{BUCKET}/{CAMERA}/playlist.m3u8

Push your own with FFmpeg:

  ffmpeg -re -i FILE -c:v libx264 -g 50 -c:a aac -f flv '{url}'

or with OBS (Settings, Stream, Custom):

  Server      {server}
  Stream Key  {key}

and watch it:

  http://{address}/{BUCKET}/{YOURS}/playlist.m3u8

Stop with Ctrl-C.
"
    );
    Ok(())
}

/// Publishes the test stream in real time, over and over, until `stop` is cancelled.
async fn publish(address: SocketAddr, request: PublishRequest, stop: CancellationToken) -> Result<()> {
    let mut line = Line {
        socket: TcpStream::connect(address)
            .await
            .with_context(|| format!("connecting to {address}"))?,
        publisher: Publisher::new(request, rand::random()),
    };
    line.socket.set_nodelay(true)?;
    timeout(ACCEPT_TIMEOUT, line.until_accepted())
        .await
        .context("the publish was not answered")??;
    let began = Instant::now();
    for Tag {
        kind,
        timestamp_ms,
        payload,
    } in test_stream::endless()
    {
        let due = began + Duration::from_millis(timestamp_ms.into());
        tokio::select! {
            () = sleep_until(due) => {}
            received = line.receive() => {
                if let Some(event) = received? {
                    bail!("the server ended it: {event:?}");
                }
            }
            () = stop.cancelled() => break,
        }
        line.publisher.send_media(kind, timestamp_ms, payload)?;
        line.send().await?;
    }
    line.publisher.unpublish();
    line.send().await
}

/// The publisher's side of a connection.
struct Line {
    socket: TcpStream,
    publisher: Publisher,
}

impl Line {
    async fn until_accepted(&mut self) -> Result<()> {
        loop {
            self.send().await?;
            match self.receive().await? {
                Some(Event::Started) => return Ok(()),
                Some(Event::Refused(status)) => bail!("refused: {}", status.description),
                Some(event) => bail!("unexpected answer: {event:?}"),
                None => {}
            }
        }
    }

    async fn send(&mut self) -> Result<()> {
        while let Some(bytes) = self.publisher.take_outgoing() {
            self.socket.write_all(&bytes).await?;
        }
        Ok(())
    }

    /// Waits for bytes and gives the first event in them. Cancel safe.
    async fn receive(&mut self) -> Result<Option<Event>> {
        self.socket.readable().await?;
        let mut buffer = [0; 4096];
        let read = match self.socket.try_read(&mut buffer) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut input = &buffer[..read];
        Ok(self.publisher.receive(&mut input)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_url_is_requested_as_an_encoder_does() {
        let url = "rtmp://127.0.0.1:8080/demo/live/yours?Expires=1&Signature=a%2Fb";
        let request = request(url).unwrap();
        assert_eq!(
            (request.app.as_str(), request.name.as_str()),
            ("demo/live", "yours?Expires=1&Signature=a%2Fb")
        );
    }
}
