//! `alluvium status`: who publishes now, and what is wrong with it.

use std::str::FromStr;

use alluvium_oss::BucketName;
use anyhow::{Result, bail};
use clap::Args;
use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::access::Access;
use super::output::{Finding, fields, print, table};
use super::place::{ChannelPlace, bucket_name};
use crate::client::{Client, Request};

#[derive(Debug, Args)]
pub(crate) struct StatusCommand {
    #[command(flatten)]
    pub(crate) access: Access,
    /// Only of this bucket, or all that is known of this channel
    #[arg(value_name = "BUCKET[/CHANNEL]")]
    place: Option<Place>,
}

/// A bucket, or a channel of one.
#[derive(Debug, Clone)]
enum Place {
    Bucket(BucketName),
    Channel(ChannelPlace),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.contains('/') {
            true => text.parse().map(Self::Channel),
            false => bucket_name(text).map(Self::Bucket),
        }
    }
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  alluvium status
  alluvium status videos/camera
  alluvium status videos --json";

impl StatusCommand {
    pub(crate) async fn run(&self) -> Result<()> {
        let client = self.access.client()?;
        let json = self.access.json;
        match &self.place {
            None => print(&all(&client, PATH).await?, json),
            Some(Place::Bucket(bucket)) => print(&all(&client, &format!("{PATH}/{bucket}")).await?, json),
            Some(Place::Channel(place)) => {
                let path = format!("{PATH}/{}/{}", place.bucket, place.channel);
                let answer = client.send(Request::new(Method::GET, None, &path)).await?;
                print(&Publisher(answer.json()?), json)
            }
        }
    }
}

async fn all(client: &Client, path: &str) -> Result<Publishers> {
    let mut found = Vec::new();
    let mut after = String::new();
    for _ in 0..PAGES_MAX {
        let request = Request::new(Method::GET, None, path)
            .with_query("after", &after)
            .with_query("limit", PAGE);
        let answer = client.send(request).await?;
        let mut page = answer.json()?;
        match page.get_mut("publishers").map(Value::take) {
            Some(Value::Array(publishers)) => found.extend(publishers.into_iter().map(Publisher)),
            _ => return Err(answer.unexpected("no publishers in it").into()),
        }
        match page.get("next").and_then(Value::as_str) {
            None => return Ok(Publishers(found)),
            Some(next) if next > after.as_str() => after = next.to_owned(),
            Some(_) => return Err(answer.unexpected("its next page is not further on").into()),
        }
    }
    bail!("the listing does not end within {PAGES_MAX} pages")
}

/// What the server tells of a publisher; printed for scripts as it came.
#[derive(Serialize)]
#[serde(transparent)]
struct Publisher(Value);

#[derive(Serialize)]
#[serde(transparent)]
struct Publishers(Vec<Publisher>);

impl Publisher {
    /// The value below these names, as a person reads it; empty where there is none.
    fn text_of(&self, names: &str) -> String {
        match self.0.pointer(names) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    fn list(&self, name: &str) -> impl Iterator<Item = Publisher> {
        let list = self.0.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        list.into_iter().map(Publisher)
    }

    fn place(&self) -> String {
        format!("{}/{}", self.text_of("/bucket"), self.text_of("/channel"))
    }

    /// As 640x360.
    fn size(&self) -> String {
        match &*self.text_of("/video/width") {
            "" => String::new(),
            width => format!("{width}x{}", self.text_of("/video/height")),
        }
    }

    fn kbit(&self, names: &str) -> String {
        let bits = self.0.pointer(names).and_then(Value::as_u64);
        bits.map_or(String::new(), |bits| (bits / 1000).to_string())
    }

    fn video(&self) -> String {
        let codec = self.text_of("/video/codec");
        if codec.is_empty() {
            return "none yet".to_owned();
        }
        let mut parts = vec![
            format!(
                "{codec} {} {}",
                self.text_of("/video/profile"),
                self.text_of("/video/level")
            ),
            self.size(),
            format!("{} kbit/s", self.kbit("/video/bitrate")),
        ];
        let with = |names, unit: &str| {
            Some(self.text_of(names))
                .filter(|text| !text.is_empty())
                .map(|text| format!("{text} {unit}"))
        };
        parts.extend(with("/video/frame_rate", "pictures/s"));
        if let Some(median) = with("/video/keyframe_interval_s/median", "s") {
            let max = self.text_of("/video/keyframe_interval_s/max");
            parts.push(format!("a keyframe every {median} (at most {max} s)"));
        }
        parts.join(", ")
    }

    fn audio(&self) -> String {
        let discarded = match &*self.text_of("/audio_frames_discarded") {
            "" | "0" => String::new(),
            count => format!(" ({count} frames discarded)"),
        };
        let codec = self.text_of("/audio/codec");
        if codec.is_empty() {
            return format!("none{discarded}");
        }
        format!(
            "{codec}, {} Hz, {} channels, {} kbit/s{discarded}",
            self.text_of("/audio/sample_rate"),
            self.text_of("/audio/channels"),
            self.kbit("/audio/bitrate"),
        )
    }

    fn codes(&self) -> String {
        let codes: Vec<_> = self
            .list("conditions")
            .map(|condition| condition.text_of("/code"))
            .collect();
        if codes.is_empty() {
            "ok".to_owned()
        } else {
            codes.join(", ")
        }
    }
}

impl Finding for Publisher {
    fn text(&self) -> String {
        let store = format!(
            "{} segments listed, {} waiting, the last one {} ms after its end",
            self.text_of("/store/segments_listed"),
            self.text_of("/store/segments_waiting"),
            self.text_of("/store/lag_ms"),
        );
        let mut shown = vec![
            ("channel", self.place()),
            ("since", self.text_of("/since")),
            ("publisher", self.text_of("/peer")),
            ("encoder", self.text_of("/encoder")),
            ("video", self.video()),
            ("audio", self.audio()),
        ];
        let ahead = self.text_of("/audio_ahead_ms");
        if !ahead.is_empty() {
            shown.push(("audio ahead", format!("{ahead} ms")));
        }
        shown.push(("store", store));
        shown.extend(self.list("faults").map(|fault| {
            let (count, kind, last) = (fault.text_of("/count"), fault.text_of("/kind"), fault.text_of("/last"));
            ("fault", format!("{kind}, {count} times, last at {last}"))
        }));
        let before = shown.len();
        shown.extend(
            self.list("conditions")
                .map(|condition| ("wrong", condition.text_of("/words"))),
        );
        if shown.len() == before {
            shown.push(("wrong", "nothing".to_owned()));
        }
        fields(shown)
    }
}

impl Finding for Publishers {
    fn text(&self) -> String {
        let row = |publisher: &Publisher| {
            vec![
                publisher.place(),
                publisher.text_of("/since"),
                publisher.size(),
                publisher.text_of("/video/frame_rate"),
                publisher.kbit("/video/bitrate"),
                publisher.text_of("/video/keyframe_interval_s/median"),
                publisher.codes(),
            ]
        };
        let titles = ["CHANNEL", "SINCE", "SIZE", "FPS", "KBIT/S", "KEYFRAMES", "WRONG"];
        table(&titles, self.0.iter().map(row))
    }
}

/// Below the endpoint.
const PATH: &str = "-/api/v1/live";

/// Publishers asked for at once.
const PAGE: &str = "500";

/// More than any server has publishers; a bound to what one can make this process hold.
const PAGES_MAX: usize = 1000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn publisher() -> Publisher {
        Publisher(json!({
            "bucket": "videos", "channel": "camera", "since": "2026-11-22T15:00:00.000Z", "peer": "192.0.2.1:5000",
            "encoder": "Lavf", "video": {
                "codec": "H.264", "profile": "High", "level": "3.1", "width": 1280, "height": 720, "frame_rate": 30.0,
                "bitrate": 2_500_000, "keyframe_interval_s": { "median": 8.33, "max": 8.34 }
            },
            "audio": { "codec": "AAC", "sample_rate": 44100, "channels": 2, "bitrate": 128_000 },
            "audio_frames_discarded": 0, "audio_ahead_ms": -12,
            "faults": [{ "kind": "restamped", "count": 3, "last": "2026-11-22T15:01:00.000Z" }],
            "conditions": [{ "code": "keyframe_interval", "words": "keyframe interval is 8.3 s", "since": "" }],
            "store": { "segments_listed": 7, "segments_waiting": 1, "lag_ms": 9 }
        }))
    }

    #[test]
    fn all_that_is_known_of_one_is_shown() {
        let text = publisher().text();
        for line in [
            "channel      videos/camera",
            "video        H.264 High 3.1, 1280x720, 2500 kbit/s, 30.0 pictures/s, a keyframe every 8.33 s (at most 8.34 s)",
            "audio        AAC, 44100 Hz, 2 channels, 128 kbit/s",
            "audio ahead  -12 ms",
            "store        7 segments listed, 1 waiting, the last one 9 ms after its end",
            "fault        restamped, 3 times, last at 2026-11-22T15:01:00.000Z",
            "wrong        keyframe interval is 8.3 s",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn many_are_a_line_each() {
        let quiet = Publisher(json!({ "bucket": "videos", "channel": "door" }));
        let text = Publishers(vec![publisher(), quiet]).text();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1][..3], ["videos/camera", "2026-11-22T15:00:00.000Z", "1280x720"]);
        assert_eq!(lines[1][3..], ["30.0", "2500", "8.33", "keyframe_interval"]);
        assert_eq!(lines[2], ["videos/door", "ok"]);
        assert_eq!(Publishers(Vec::new()).text(), "");
    }
}
