use crate::xml::Writer;

/// The answer to PutLiveChannel (contract, 1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateLiveChannelResult {
    /// `rtmp://…/live/<channel>`.
    pub publish_url: String,
    /// `http://…/<channel>/<playlist>`.
    pub play_url: String,
}

impl CreateLiveChannelResult {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("CreateLiveChannelResult");
        write_urls(&mut writer, &self.publish_url, &self.play_url);
        writer.finish()
    }
}

pub(super) fn write_urls(writer: &mut Writer, publish_url: &str, play_url: &str) {
    writer.begin("PublishUrls").element("Url", publish_url).end();
    writer.begin("PlayUrls").element("Url", play_url).end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carries_both_urls() {
        let result = CreateLiveChannelResult {
            publish_url: "rtmp://b.oss.test/live/c".into(),
            play_url: "http://b.oss.test/c/playlist.m3u8".into(),
        };
        crate::document::check(
            &result.to_xml(),
            "<CreateLiveChannelResult>
               <PublishUrls><Url>rtmp://b.oss.test/live/c</Url></PublishUrls>
               <PlayUrls><Url>http://b.oss.test/c/playlist.m3u8</Url></PlayUrls>
             </CreateLiveChannelResult>",
        );
    }
}
