use std::path::PathBuf;
use std::time::Duration;

use alluvium_rtmp as rtmp;

/// Settings of the ingest service. The defaults are those of the design, section 7.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where segments are kept until they are stored; on the same file system as a local store, which then takes them
    /// over without copying.
    pub spool_folder: PathBuf,
    /// Bytes of one channel that may be finished and not yet stored, before media is dropped.
    pub spool_quota: u64,
    /// With less free on the spool's disk, nobody new is accepted.
    pub spool_free_min: u64,
    /// Makes the spool durable after each round of batches, so that a crash of the machine loses no more than one of
    /// the process.
    pub spool_sync: bool,
    /// Bounds on what a peer may send over RTMP.
    pub limits: rtmp::Limits,
    /// From the accepted connection to the end of the handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to `publish`.
    pub publish_timeout: Duration,
    /// From the accepted `publish` to the first video access unit (any unit with `audio_only`).
    pub first_media_timeout: Duration,
    /// How long media gathers in a publisher's socket at most before it is read, while no segment is about to end: a part
    /// of the 250 ms that a killed process may lose.
    pub turn_max: Duration,
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
    /// Bytes of each connection that goes wrong which are kept for a look at it; 0 keeps none.
    pub capture_refused: u64,
    /// Where they are kept.
    pub capture_folder: PathBuf,
    /// Tells encoders in words how their stream could be better.
    pub health_notices: bool,
}

impl Config {
    /// The defaults, with open segments kept below `spool_folder`, and captures beside it.
    pub fn new(spool_folder: PathBuf) -> Self {
        Self {
            capture_folder: spool_folder.with_file_name("captures"),
            spool_folder,
            spool_quota: 4 << 30,
            spool_free_min: 512 << 20,
            spool_sync: false,
            limits: rtmp::Limits::default(),
            handshake_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(10),
            first_media_timeout: Duration::from_secs(20),
            turn_max: Duration::from_millis(120),
            silence_timeout: Duration::from_secs(30),
            busy_within: Duration::from_secs(3),
            take_over_timeout: Duration::from_secs(10),
            reconnect_window: Some(Duration::from_secs(60)),
            audio_only: false,
            capture_refused: 0,
            health_notices: true,
        }
    }
}
