use std::path::PathBuf;
use std::time::Duration;

use alluvium_rtmp as rtmp;

/// Settings of the ingest service. The defaults are those of the design, section 7.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where open segments are kept; on the same file system as a local store, which then adopts them by renaming.
    pub spool_folder: PathBuf,
    /// Bounds on what a peer may send over RTMP.
    pub limits: rtmp::Limits,
    /// From the accepted connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to `publish`.
    pub publish_timeout: Duration,
    /// From the accepted `publish` to the first video access unit (any unit with `audio_only`).
    pub first_media_timeout: Duration,
    /// Without media while publishing.
    pub silence_timeout: Duration,
    /// A second publisher is refused while the first has sent media within this time.
    pub busy_within: Duration,
    /// How long a publisher that takes over waits for the one before to be stored and listed.
    pub take_over_timeout: Duration,
    /// How long after a publish its playlist stays open for the publisher to come back; `None` is for ever.
    pub reconnect_window: Option<Duration>,
    /// Records streams without video too, cut by time.
    pub audio_only: bool,
}

impl Config {
    /// The defaults, with open segments kept below `spool_folder`.
    pub fn new(spool_folder: PathBuf) -> Self {
        Self {
            spool_folder,
            limits: rtmp::Limits::default(),
            handshake_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(10),
            first_media_timeout: Duration::from_secs(20),
            silence_timeout: Duration::from_secs(30),
            busy_within: Duration::from_secs(3),
            take_over_timeout: Duration::from_secs(10),
            reconnect_window: Some(Duration::from_secs(60)),
            audio_only: false,
        }
    }
}
