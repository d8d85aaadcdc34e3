use crate::channel::ChannelConfig;
use crate::xml::Writer;

/// The answer to GetLiveChannelInfo (contract, 1.3). Clients compare it as a whole: it has these elements and no others.
#[derive(Clone, Copy, Debug)]
pub struct LiveChannelConfiguration<'a>(pub &'a ChannelConfig);

impl LiveChannelConfiguration<'_> {
    /// The document.
    pub fn to_xml(&self) -> String {
        let config = self.0;
        let mut writer = Writer::new("LiveChannelConfiguration");
        writer
            .element("Description", &config.description)
            .element("Status", config.status.as_str())
            .begin("Target")
            .element("Type", "HLS")
            .number("FragDuration", config.frag_duration_s)
            .number("FragCount", config.frag_count)
            .element("PlaylistName", config.playlist_name.as_str());
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::ChannelStatus;
    use crate::name::PlaylistName;

    #[test]
    fn shows_an_empty_description() {
        crate::document::check(
            &LiveChannelConfiguration(&ChannelConfig::default()).to_xml(),
            "<LiveChannelConfiguration>
               <Description></Description>
               <Status>enabled</Status>
               <Target>
                 <Type>HLS</Type><FragDuration>5</FragDuration><FragCount>3</FragCount><PlaylistName>playlist.m3u8</PlaylistName>
               </Target>
             </LiveChannelConfiguration>",
        );
    }

    proptest! {
        #[test]
        fn is_read_back(
            description in "[ -~\\n测]{0,40}", disabled: bool, frag_duration_s in 1..=100_u32, frag_count in 1..=100_u32,
            playlist in "[a-z &<]{1,20}\\.m3u8",
        ) {
            let config = ChannelConfig {
                description,
                status: if disabled { ChannelStatus::Disabled } else { ChannelStatus::Enabled },
                frag_duration_s,
                frag_count,
                playlist_name: PlaylistName::parse(&playlist).unwrap(),
            };
            let xml = LiveChannelConfiguration(&config).to_xml();
            prop_assert_eq!(ChannelConfig::from_xml(xml.as_bytes()), Ok(config));
        }
    }
}
