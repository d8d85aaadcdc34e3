use crate::time::UnixTime;
use crate::xml::Writer;

/// The answer to GetLiveChannelStat (contract, 1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveChannelStat {
    /// The channel is disabled.
    Disabled,
    /// The channel is enabled, and nobody publishes.
    Idle,
    /// A publisher is connected.
    Live {
        /// Since when.
        connected: UnixTime,
        /// From where: `ip:port`.
        remote_addr: String,
        /// What its video is like, once some has arrived.
        video: Option<VideoStat>,
        /// What its audio is like, once some has arrived.
        audio: Option<AudioStat>,
    },
}

/// H.264 video being published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoStat {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whole frames per second.
    pub frame_rate: u32,
    /// Bytes per second.
    pub bandwidth: u64,
}

/// AAC audio being published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioStat {
    /// Bytes per second.
    pub bandwidth: u64,
    /// Samples per second.
    pub sample_rate: u32,
}

impl LiveChannelStat {
    /// The document.
    pub fn to_xml(&self) -> String {
        let mut writer = Writer::new("LiveChannelStat");
        match self {
            Self::Disabled => writer.element("Status", "Disabled"),
            Self::Idle => writer.element("Status", "Idle"),
            Self::Live {
                connected,
                remote_addr,
                video,
                audio,
            } => {
                writer
                    .element("Status", "Live")
                    .element("ConnectedTime", &connected.iso8601());
                writer.element("RemoteAddr", remote_addr);
                if let Some(video) = video {
                    video.write(&mut writer);
                }
                if let Some(audio) = audio {
                    audio.write(&mut writer);
                }
                &mut writer
            }
        };
        writer.finish()
    }
}

impl VideoStat {
    fn write(self, writer: &mut Writer) {
        writer
            .begin("Video")
            .number("Width", self.width.min(NUMBER_MAX))
            .number("Height", self.height.min(NUMBER_MAX))
            .number("FrameRate", self.frame_rate.min(NUMBER_MAX))
            .number("Bandwidth", self.bandwidth.min(NUMBER_MAX.into()))
            .element("Codec", "H264")
            .end();
    }
}

impl AudioStat {
    fn write(self, writer: &mut Writer) {
        writer
            .begin("Audio")
            .number("Bandwidth", self.bandwidth.min(NUMBER_MAX.into()))
            .number("SampleRate", self.sample_rate.min(NUMBER_MAX))
            .element("Codec", "AAC")
            .end();
    }
}

/// Clients read every number of this document into 32 bits with sign, and fail on a larger one.
const NUMBER_MAX: u32 = i32::MAX.unsigned_abs();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::check;

    fn live(video: Option<VideoStat>, audio: Option<AudioStat>) -> LiveChannelStat {
        let connected = UnixTime::from_millis(1_472_106_315_987);
        LiveChannelStat::Live {
            connected,
            remote_addr: "10.1.2.3:47745".into(),
            video,
            audio,
        }
    }

    #[test]
    fn has_only_a_status_without_publisher() {
        check(
            &LiveChannelStat::Idle.to_xml(),
            "<LiveChannelStat><Status>Idle</Status></LiveChannelStat>",
        );
        check(
            &LiveChannelStat::Disabled.to_xml(),
            "<LiveChannelStat><Status>Disabled</Status></LiveChannelStat>",
        );
    }

    #[test]
    fn tells_what_has_arrived() {
        let video = VideoStat {
            width: 672,
            height: 378,
            frame_rate: 29,
            bandwidth: 72_513,
        };
        let audio = AudioStat {
            bandwidth: 6_519,
            sample_rate: 22_050,
        };
        check(
            &live(Some(video), Some(audio)).to_xml(),
            "<LiveChannelStat>
               <Status>Live</Status>
               <ConnectedTime>2016-08-25T06:25:15.000Z</ConnectedTime>
               <RemoteAddr>10.1.2.3:47745</RemoteAddr>
               <Video><Width>672</Width><Height>378</Height><FrameRate>29</FrameRate><Bandwidth>72513</Bandwidth><Codec>H264</Codec></Video>
               <Audio><Bandwidth>6519</Bandwidth><SampleRate>22050</SampleRate><Codec>AAC</Codec></Audio>
             </LiveChannelStat>",
        );
        check(
            &live(None, None).to_xml(),
            "<LiveChannelStat>
               <Status>Live</Status>
               <ConnectedTime>2016-08-25T06:25:15.000Z</ConnectedTime>
               <RemoteAddr>10.1.2.3:47745</RemoteAddr>
             </LiveChannelStat>",
        );
    }

    #[test]
    fn numbers_fit_into_clients_integers() {
        let xml = live(
            None,
            Some(AudioStat {
                bandwidth: u64::MAX,
                sample_rate: u32::MAX,
            }),
        )
        .to_xml();
        assert!(
            xml.contains("<Bandwidth>2147483647</Bandwidth><SampleRate>2147483647</SampleRate>"),
            "{xml}"
        );
    }
}
