//! What the commands of channels find out.

use alluvium_oss::xml::Element;
use serde::Serialize;

use crate::command::output::{Finding, fields, table};
use crate::command::place::ChannelPlace;

fn text(element: &Element, name: &str) -> String {
    element.child_text(name).unwrap_or_default().to_owned()
}

fn number(element: &Element, name: &str) -> Option<u64> {
    element.child_text(name)?.trim().parse().ok()
}

/// The URL below `PublishUrls` or `PlayUrls`.
fn url(element: &Element, name: &str) -> String {
    element.child(name).map(|urls| text(urls, "Url")).unwrap_or_default()
}

/// Something has been done to a channel.
#[derive(Serialize)]
pub(super) struct Done {
    bucket: String,
    channel: String,
    done: &'static str,
}

impl Done {
    pub(super) fn new(channel: &ChannelPlace, done: &'static str) -> Self {
        Self {
            bucket: channel.bucket.to_string(),
            channel: channel.channel.to_string(),
            done,
        }
    }
}

impl Finding for Done {
    fn text(&self) -> String {
        format!("channel {}/{} is {}", self.bucket, self.channel, self.done)
    }
}

/// Where a channel that was made is published to and played from, unsigned.
#[derive(Serialize)]
pub(super) struct Urls {
    bucket: String,
    channel: String,
    publish_url: String,
    play_url: String,
}

impl Urls {
    pub(super) fn read(channel: &ChannelPlace, document: &Element) -> Self {
        Self {
            bucket: channel.bucket.to_string(),
            channel: channel.channel.to_string(),
            publish_url: url(document, "PublishUrls"),
            play_url: url(document, "PlayUrls"),
        }
    }
}

impl Finding for Urls {
    fn text(&self) -> String {
        fields([("publish", self.publish_url.clone()), ("play", self.play_url.clone())])
    }
}

#[derive(Serialize)]
pub(super) struct Channels(pub(super) Vec<ListedChannel>);

#[derive(Serialize)]
pub(super) struct ListedChannel {
    channel: String,
    status: String,
    description: String,
    modified: String,
    publish_url: String,
    play_url: String,
}

impl ListedChannel {
    pub(super) fn read(element: &Element) -> Self {
        Self {
            channel: text(element, "Name"),
            status: text(element, "Status"),
            description: text(element, "Description"),
            modified: text(element, "LastModified"),
            publish_url: url(element, "PublishUrls"),
            play_url: url(element, "PlayUrls"),
        }
    }
}

impl Finding for Channels {
    fn text(&self) -> String {
        let row = |channel: &ListedChannel| {
            vec![
                channel.channel.clone(),
                channel.status.clone(),
                channel.modified.clone(),
                channel.description.clone(),
            ]
        };
        table(
            &["CHANNEL", "STATUS", "MODIFIED", "DESCRIPTION"],
            self.0.iter().map(row),
        )
    }
}

#[derive(Serialize)]
pub(super) struct Configuration {
    bucket: String,
    channel: String,
    description: String,
    status: String,
    frag_duration_s: Option<u64>,
    frag_count: Option<u64>,
    playlist_name: String,
}

impl Configuration {
    pub(super) fn read(channel: &ChannelPlace, document: &Element) -> Self {
        let empty = Element::default();
        let target = document.child("Target").unwrap_or(&empty);
        Self {
            bucket: channel.bucket.to_string(),
            channel: channel.channel.to_string(),
            description: text(document, "Description"),
            status: text(document, "Status"),
            frag_duration_s: number(target, "FragDuration"),
            frag_count: number(target, "FragCount"),
            playlist_name: text(target, "PlaylistName"),
        }
    }
}

impl Finding for Configuration {
    fn text(&self) -> String {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        fields([
            ("channel", format!("{}/{}", self.bucket, self.channel)),
            ("description", self.description.clone()),
            ("status", self.status.clone()),
            ("fragment duration", format!("{} s", number(self.frag_duration_s))),
            ("fragment count", number(self.frag_count)),
            ("playlist", self.playlist_name.clone()),
        ])
    }
}

#[derive(Serialize)]
pub(super) struct Stat {
    bucket: String,
    channel: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_addr: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<Video>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Audio>,
}

#[derive(Serialize)]
struct Video {
    codec: String,
    width: Option<u64>,
    height: Option<u64>,
    frame_rate: Option<u64>,
    bytes_per_second: Option<u64>,
}

#[derive(Serialize)]
struct Audio {
    codec: String,
    sample_rate: Option<u64>,
    bytes_per_second: Option<u64>,
}

impl Stat {
    pub(super) fn read(channel: &ChannelPlace, document: &Element) -> Self {
        let optional = |name| document.child_text(name).map(str::to_owned);
        Self {
            bucket: channel.bucket.to_string(),
            channel: channel.channel.to_string(),
            status: text(document, "Status"),
            connected: optional("ConnectedTime"),
            remote_addr: optional("RemoteAddr"),
            video: document.child("Video").map(|video| Video {
                codec: text(video, "Codec"),
                width: number(video, "Width"),
                height: number(video, "Height"),
                frame_rate: number(video, "FrameRate"),
                bytes_per_second: number(video, "Bandwidth"),
            }),
            audio: document.child("Audio").map(|audio| Audio {
                codec: text(audio, "Codec"),
                sample_rate: number(audio, "SampleRate"),
                bytes_per_second: number(audio, "Bandwidth"),
            }),
        }
    }
}

impl Finding for Stat {
    fn text(&self) -> String {
        let mut found = vec![("status", self.status.clone())];
        found.extend(self.connected.clone().map(|time| ("connected", time)));
        found.extend(self.remote_addr.clone().map(|address| ("publisher", address)));
        if let Some(video) = &self.video {
            let size = format!(
                "{}x{}",
                video.width.unwrap_or_default(),
                video.height.unwrap_or_default()
            );
            let rate = video.frame_rate.unwrap_or_default();
            let bits = kilobits(video.bytes_per_second);
            found.push(("video", format!("{} {size}, {rate} fps, {bits}", video.codec)));
        }
        if let Some(audio) = &self.audio {
            let rate = audio.sample_rate.unwrap_or_default();
            let bits = kilobits(audio.bytes_per_second);
            found.push(("audio", format!("{} {rate} Hz, {bits}", audio.codec)));
        }
        fields(found)
    }
}

fn kilobits(bytes_per_second: Option<u64>) -> String {
    format!(
        "{} kbit/s",
        bytes_per_second.unwrap_or_default().saturating_mul(8) / 1000
    )
}

#[derive(Serialize)]
pub(super) struct History(pub(super) Vec<Publish>);

/// One publish that has ended.
#[derive(Serialize)]
pub(super) struct Publish {
    start: String,
    end: String,
    remote_addr: String,
}

impl Publish {
    pub(super) fn read(element: &Element) -> Self {
        Self {
            start: text(element, "StartTime"),
            end: text(element, "EndTime"),
            remote_addr: text(element, "RemoteAddr"),
        }
    }
}

impl Finding for History {
    fn text(&self) -> String {
        let row = |publish: &Publish| vec![publish.start.clone(), publish.end.clone(), publish.remote_addr.clone()];
        table(&["START", "END", "PUBLISHER"], self.0.iter().map(row))
    }
}

/// A playlist that was not stored.
#[derive(Serialize)]
pub(super) struct Playlist {
    playlist: String,
}

impl Playlist {
    pub(super) fn new(text: &str) -> Self {
        Self {
            playlist: text.to_owned(),
        }
    }
}

impl Finding for Playlist {
    fn text(&self) -> String {
        self.playlist.trim_end_matches('\n').to_owned()
    }
}

/// Where a playlist was stored.
#[derive(Serialize)]
pub(super) struct StoredPlaylist {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) url: String,
}

impl Finding for StoredPlaylist {
    fn text(&self) -> String {
        self.url.clone()
    }
}

#[cfg(test)]
mod tests {
    use alluvium_oss::UnixTime;
    use alluvium_oss::document::{AudioStat, LiveChannelStat, VideoStat};

    use super::*;

    fn stat(document: &LiveChannelStat) -> Stat {
        let document = Element::parse(document.to_xml().as_bytes(), "LiveChannelStat").unwrap();
        Stat::read(&"videos/camera".parse().unwrap(), &document)
    }

    #[test]
    fn a_live_channel_shows_what_its_publisher_sends() {
        let stat = stat(&LiveChannelStat::Live {
            connected: UnixTime::from_secs(1_472_106_315),
            remote_addr: "10.1.2.3:47745".to_owned(),
            video: Some(VideoStat {
                width: 672,
                height: 378,
                frame_rate: 29,
                bandwidth: 72_513,
            }),
            audio: Some(AudioStat {
                bandwidth: 6_519,
                sample_rate: 22_050,
            }),
        });
        assert_eq!(
            stat.text(),
            "status     Live\nconnected  2016-08-25T06:25:15.000Z\npublisher  10.1.2.3:47745\n\
             video      H264 672x378, 29 fps, 580 kbit/s\naudio      AAC 22050 Hz, 52 kbit/s"
        );
        let json = serde_json::to_value(&stat).unwrap();
        assert_eq!(json["video"]["bytes_per_second"], 72_513);
    }

    #[test]
    fn an_idle_channel_has_only_a_status() {
        let stat = stat(&LiveChannelStat::Idle);
        assert_eq!(stat.text(), "status  Idle");
        let json = serde_json::to_value(&stat).unwrap();
        assert_eq!(
            json,
            serde_json::json!({ "bucket": "videos", "channel": "camera", "status": "Idle" })
        );
    }
}
