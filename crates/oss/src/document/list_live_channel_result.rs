use super::create_live_channel_result::write_urls;
use crate::channel::ChannelStatus;
use crate::list::ListParameters;
use crate::name::ChannelName;
use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to ListLiveChannel (contract, 1.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListLiveChannelResult {
    /// What was asked for.
    pub parameters: ListParameters,
    /// The last name listed, when there are more.
    pub next_marker: Option<String>,
    /// The channels, ascending by name.
    pub channels: Vec<LiveChannelEntry>,
}

/// One channel of the listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveChannelEntry {
    /// Its name.
    pub name: ChannelName,
    /// Its description.
    pub description: String,
    /// As configured.
    pub status: ChannelStatus,
    /// When its configuration last changed.
    pub last_modified: UnixTime,
    /// `rtmp://…/live/<channel>`.
    pub publish_url: String,
    /// `http://…/<channel>/<playlist>`.
    pub play_url: String,
}

impl ListLiveChannelResult {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("ListLiveChannelResult");
        writer
            .element("Prefix", &self.parameters.prefix)
            .element("Marker", &self.parameters.marker)
            .number("MaxKeys", self.parameters.max_keys)
            .boolean("IsTruncated", self.next_marker.is_some())
            .element("NextMarker", self.next_marker.as_deref().unwrap_or_default());
        for channel in &self.channels {
            writer
                .begin("LiveChannel")
                .element("Name", channel.name.as_str())
                .element("Description", &channel.description)
                .element("Status", channel.status.as_str())
                .element("LastModified", &channel.last_modified.iso8601());
            write_urls(&mut writer, &channel.publish_url, &channel.play_url);
            writer.end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;

    fn parameters(max_keys: u32) -> ListParameters {
        ListParameters {
            prefix: String::new(),
            marker: String::new(),
            max_keys,
        }
    }

    #[test]
    fn last_page_has_an_empty_next_marker() {
        let result = ListLiveChannelResult {
            parameters: parameters(100),
            next_marker: None,
            channels: Vec::new(),
        };
        check(
            &result.to_xml(),
            "<ListLiveChannelResult>
               <Prefix></Prefix><Marker></Marker><MaxKeys>100</MaxKeys><IsTruncated>false</IsTruncated><NextMarker></NextMarker>
             </ListLiveChannelResult>",
        );
    }

    #[test]
    fn lists_each_channel() {
        let channel = LiveChannelEntry {
            name: ChannelName::parse("channel-0").unwrap(),
            description: String::new(),
            status: ChannelStatus::Disabled,
            last_modified: UnixTime::from_secs(1_469_843_661),
            publish_url: "rtmp://b/live/channel-0".into(),
            play_url: "http://b/channel-0/playlist.m3u8".into(),
        };
        let result = ListLiveChannelResult {
            parameters: parameters(1),
            next_marker: Some("channel-0".into()),
            channels: vec![channel],
        };
        check(
            &result.to_xml(),
            "<ListLiveChannelResult>
               <Prefix></Prefix><Marker></Marker><MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated><NextMarker>channel-0</NextMarker>
               <LiveChannel>
                 <Name>channel-0</Name><Description></Description><Status>disabled</Status>
                 <LastModified>2016-07-30T01:54:21.000Z</LastModified>
                 <PublishUrls><Url>rtmp://b/live/channel-0</Url></PublishUrls><PlayUrls><Url>http://b/channel-0/playlist.m3u8</Url></PlayUrls>
               </LiveChannel>
             </ListLiveChannelResult>",
        );
    }
}
