//! What a session consists of.

use crate::aac::AudioSpecificConfig;

/// The tracks that exist now. The bitstream is right, not what was announced.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tracks {
    /// H.264, once its parameter sets have arrived.
    pub video: Option<VideoTrack>,
    /// AAC, once its configuration has arrived.
    pub audio: Option<AudioTrack>,
}

/// The facts of an H.264 track, from its sequence parameter set.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoTrack {
    /// Displayed width in pixels, after cropping.
    pub width: u32,
    /// Displayed height in pixels, after cropping.
    pub height: u32,
    /// Pictures per second as the encoder declares them (VUI timing); many declare nothing.
    pub frame_rate: Option<f64>,
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile_idc: u8,
    /// `level_idc`: ten times the level.
    pub level_idc: u8,
    /// How many times a sequence header has changed the parameter sets. It makes two configurations differ which have
    /// all other facts in common.
    pub generation: u32,
}

/// The facts of an AAC track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioTrack {
    /// The decoder's configuration; makes ADTS headers.
    pub config: AudioSpecificConfig,
    /// Samples per second which a decoder puts out: twice the core's with SBR.
    pub sample_rate: u32,
    /// Channels which a decoder puts out, 1 to 8.
    pub channels: u8,
}

impl From<AudioSpecificConfig> for AudioTrack {
    fn from(config: AudioSpecificConfig) -> Self {
        Self {
            sample_rate: config.output_rate(),
            channels: config.channels(),
            config,
        }
    }
}
