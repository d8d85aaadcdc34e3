//! `alluvium sign`: URLs that let somebody without an access key publish or read. Nothing is sent.

use std::time::Duration;

use alluvium_oss::sign::{Request, publish_url, v1, v4};
use alluvium_oss::{ChannelUrls, Clock, PlaylistName, Secret, UnixTime, percent};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::access::Access;
use super::channel::playlist_name;
use super::output::{Finding, fields, print};
use super::place::{ChannelPlace, ObjectPlace};
use super::when::duration;
use crate::client::{Credentials, Endpoint};
use crate::clock::SystemClock;
use crate::encoder;

#[derive(Debug, Args)]
pub(crate) struct SignCommand {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a URL to publish to
    ///
    /// It is not asked whether the channel exists. The URL is for one line of a shell: quote it there, because of its &.
    Publish {
        #[arg(value_name = "BUCKET/CHANNEL")]
        channel: ChannelPlace,
        /// How long publishing may begin: seconds, or such as 90s, 30m, 12h, 7d; a running publish goes on after it
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
        expires: Duration,
        /// Name of the live playlist for this publish, instead of the channel's
        #[arg(long, value_name = "NAME", value_parser = playlist_name)]
        playlist_name: Option<PlaylistName>,
        /// Print server and stream key on lines of their own, as OBS asks for them
        #[arg(long)]
        split: bool,
    },
    /// Make a URL to read an object with, such as a playlist, or to put or delete one
    ///
    /// Without --hls it opens this one object: a player of a private playlist could not read the segments.
    Url {
        #[arg(value_name = "BUCKET/KEY")]
        object: ObjectPlace,
        /// How long it holds: seconds, or such as 90s, 30m, 12h, 7d; at most 7d, but with --v1
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
        expires: Duration,
        /// GET, HEAD, PUT or DELETE
        #[arg(long, value_name = "VERB", default_value = "GET", value_parser = ["GET", "HEAD", "PUT", "DELETE"])]
        method: String,
        /// For a playlist: have the server sign every URI in it too (x-oss-process=hls/sign)
        #[arg(long)]
        hls: bool,
        /// Sign with version 1 instead of 4
        #[arg(long)]
        v1: bool,
    },
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  ffmpeg -re -i FILE -c copy -f flv \"$(alluvium sign publish videos/camera)\"
  alluvium sign publish videos/camera --expires 7d --split
  alluvium sign url videos/camera/playlist.m3u8 --hls --expires 12h";

impl SignCommand {
    pub(crate) fn run(&self) -> Result<()> {
        let settings = self.access.place.settings()?;
        let signer = Signer {
            endpoint: self.access.endpoint(&settings)?,
            credentials: self.access.credentials(&settings)?,
            region: self.access.region(&settings),
            now: SystemClock.now(),
        };
        match &self.action {
            Action::Publish {
                channel,
                expires,
                playlist_name,
                split,
            } => {
                let url = signer.publish(channel, *expires, playlist_name.as_ref())?;
                match split {
                    true => print(&ForEncoder(url), self.access.json),
                    false => print(&url, self.access.json),
                }
            }
            Action::Url {
                object,
                expires,
                method,
                hls,
                v1,
            } => {
                let query = match hls {
                    true => vec![("x-oss-process".to_owned(), "hls/sign".to_owned())],
                    false => Vec::new(),
                };
                print(&signer.url(object, *expires, method, query, *v1)?, self.access.json)
            }
        }
    }
}

/// What URLs are made of, besides what they are for.
struct Signer {
    endpoint: Endpoint,
    credentials: Credentials,
    region: String,
    now: UnixTime,
}

impl Signer {
    fn publish(&self, place: &ChannelPlace, lifetime: Duration, playlist: Option<&PlaylistName>) -> Result<PublishUrl> {
        let ChannelPlace { bucket, channel } = place;
        let urls = ChannelUrls::new(
            &self.endpoint.host(Some(bucket)),
            &self.endpoint.addressing(bucket),
            bucket,
            channel,
            &PlaylistName::default(),
        );
        let expires = self.now.plus(lifetime);
        let Credentials {
            access_key_id,
            secret,
            security_token,
        } = &self.credentials;
        let mut url = publish_url::sign(&urls, playlist, access_key_id, secret, expires);
        if let Some(token) = security_token {
            // The signature holds with the token in the text or outside of it.
            url = format!("{url}&{}", percent::encode_query([("security-token", token.expose())]));
        }
        let (server, stream_key) = encoder::split(&url)?;
        Ok(PublishUrl {
            server: server.to_owned(),
            stream_key: stream_key.to_owned(),
            expires: expires.iso8601(),
            url,
        })
    }

    fn url(
        &self,
        place: &ObjectPlace,
        lifetime: Duration,
        method: &str,
        mut query: Vec<(String, String)>,
        version_1: bool,
    ) -> Result<SignedUrl> {
        let Credentials {
            access_key_id,
            secret,
            security_token,
        } = &self.credentials;
        let token = security_token.as_ref().map(Secret::expose);
        let request = Request {
            method,
            bucket: Some(place.bucket.as_str()),
            key: place.key.as_str(),
            query: &query,
            headers: &[],
        };
        let expires = self.now.plus(lifetime);
        let claim = if version_1 {
            v1::presign(&request, access_key_id, secret, expires, token)
        } else if lifetime.is_zero() || lifetime > V4_LIFETIME_MAX {
            bail!("a URL signed with version 4 holds for 1 s to 7d; --v1 has no such limit");
        } else {
            let (region, now) = (&self.region, self.now);
            v4::presign(&request, access_key_id, secret, region, now, lifetime, token)
        };
        query.extend(claim);
        let query = percent::encode_query(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        Ok(SignedUrl {
            url: format!("{}?{query}", self.endpoint.url(Some(&place.bucket), place.key.as_str())),
            expires: expires.iso8601(),
        })
    }
}

#[derive(Serialize)]
struct PublishUrl {
    url: String,
    /// What goes into an encoder's fields that ask for the URL in two pieces.
    server: String,
    stream_key: String,
    expires: String,
}

impl Finding for PublishUrl {
    fn text(&self) -> String {
        self.url.clone()
    }
}

#[derive(Serialize)]
struct ForEncoder(PublishUrl);

impl Finding for ForEncoder {
    fn text(&self) -> String {
        fields([
            ("server", self.0.server.clone()),
            ("stream key", self.0.stream_key.clone()),
        ])
    }
}

#[derive(Serialize)]
struct SignedUrl {
    url: String,
    expires: String,
}

impl Finding for SignedUrl {
    fn text(&self) -> String {
        self.url.clone()
    }
}

/// One week (contract, 3.4).
const V4_LIFETIME_MAX: Duration = Duration::from_secs(604_800);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Buckets;

    fn signer(security_token: Option<&str>) -> Signer {
        Signer {
            endpoint: Endpoint::parse("oss-cn-hangzhou.aliyuncs.com", Buckets::InHost).unwrap(),
            credentials: Credentials {
                access_key_id: "LTAIexampleAK".to_owned(),
                secret: Secret::new("exampleSecretKey0123456789".to_owned()),
                security_token: security_token.map(|token| Secret::new(token.to_owned())),
            },
            region: "cn-hangzhou".to_owned(),
            now: UnixTime::from_secs(1_700_000_000),
        }
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn publish_urls_are_those_of_the_python_library() {
        let channel = "test-bucket/test-channel".parse().unwrap();
        let playlist = PlaylistName::default();
        let plain = "rtmp://test-bucket.oss-cn-hangzhou.aliyuncs.com/live/test-channel?playlistName=playlist.m3u8&\
                     OSSAccessKeyId=LTAIexampleAK&Expires=1700003600&Signature=6Ip7pHtKAe270CFBjrqk8Rw1t9g%3D";
        let url = signer(None).publish(&channel, HOUR, Some(&playlist)).unwrap();
        assert_eq!(url.url, plain);
        assert_eq!(format!("{}/{}", url.server, url.stream_key), plain);
        assert_eq!(url.server, "rtmp://test-bucket.oss-cn-hangzhou.aliyuncs.com/live");
        let url = signer(Some("tok+en/=="))
            .publish(&channel, HOUR, Some(&playlist))
            .unwrap();
        assert_eq!(url.url, format!("{plain}&security-token=tok%2Ben%2F%3D%3D"));
    }

    #[test]
    fn object_urls_carry_the_signatures_of_the_contract() {
        let object = "test-bucket/test-channel/playlist.m3u8".parse().unwrap();
        let process = vec![("x-oss-process".to_owned(), "hls/sign".to_owned())];
        for (query, version_1, signature) in [
            (vec![], true, "&Signature=0YdvSsvnTFE0%2BDaCijHEcYH6qWI%3D"),
            (process, true, "&Signature=BITjcJonM%2FNbZsrAgQfMyTiWw7c%3D"),
            (
                vec![],
                false,
                "&x-oss-signature=674fcf8912509d3839a666ab7b00975cbfa681d1178afbaad13d33001b52aa07",
            ),
        ] {
            let url = signer(None).url(&object, HOUR, "GET", query, version_1).unwrap().url;
            assert!(url.starts_with("http://test-bucket.oss-cn-hangzhou.aliyuncs.com/test-channel/playlist.m3u8?"));
            assert!(url.contains(signature), "{url}");
        }
    }

    #[test]
    fn version_4_holds_for_a_week_at_most() {
        let object = "test-bucket/key".parse().unwrap();
        let url = |seconds, version_1| {
            signer(None)
                .url(&object, Duration::from_secs(seconds), "GET", Vec::new(), version_1)
                .is_ok()
        };
        assert!(url(1, false) && url(604_800, false));
        assert!(!url(0, false) && !url(604_801, false));
        assert!(url(604_801, true));
    }
}
