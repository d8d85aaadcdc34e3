use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to GetLiveChannelHistory: the ten most recent publishes that have ended, ascending (contract, 1.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveChannelHistory(pub Vec<LiveRecord>);

/// One publish, from accepted to ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRecord {
    /// When it was accepted.
    pub start: UnixTime,
    /// When it ended.
    pub end: UnixTime,
    /// Where it came from: `ip:port`.
    pub remote_addr: String,
}

impl LiveChannelHistory {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("LiveChannelHistory");
        for record in &self.0 {
            writer
                .begin("LiveRecord")
                .element("StartTime", &record.start.iso8601())
                .element("EndTime", &record.end.iso8601())
                .element("RemoteAddr", &record.remote_addr)
                .end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;

    #[test]
    fn lists_each_publish() {
        let record = LiveRecord {
            start: UnixTime::from_secs(1_472_106_315),
            end: UnixTime::from_secs(1_472_106_375),
            remote_addr: "[::1]:1935".into(),
        };
        check(
            &LiveChannelHistory::default().to_xml(),
            "<LiveChannelHistory></LiveChannelHistory>",
        );
        check(
            &LiveChannelHistory(vec![record]).to_xml(),
            "<LiveChannelHistory>
               <LiveRecord>
                 <StartTime>2016-08-25T06:25:15.000Z</StartTime>
                 <EndTime>2016-08-25T06:26:15.000Z</EndTime>
                 <RemoteAddr>[::1]:1935</RemoteAddr>
               </LiveRecord>
             </LiveChannelHistory>",
        );
    }
}
