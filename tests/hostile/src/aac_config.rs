//! AAC configurations of any content: each that is taken makes headers which agree with it.

use alluvium_media::{AAC_FRAME_BYTES_MAX, AudioSpecificConfig};

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    let Ok(config) = AudioSpecificConfig::parse(input) else {
        return;
    };
    assert!((1..=8).contains(&config.channels()));
    assert!(config.sample_rate() > 0 && config.output_rate() >= config.sample_rate());
    // A frame's duration is the same at either rate.
    let core = u64::from(AudioSpecificConfig::FRAME_SAMPLES) * u64::from(config.output_rate());
    assert_eq!(
        core,
        u64::from(config.output_samples()) * u64::from(config.sample_rate())
    );
    for frame_length in [0, 1, AAC_FRAME_BYTES_MAX] {
        let header = config.adts_header(frame_length);
        let length = usize::from(header[3] & 3) << 11 | usize::from(header[4]) << 3 | usize::from(header[5] >> 5);
        assert_eq!(length, frame_length + header.len());
        assert_eq!(header[2] >> 6, config.object_type() - 1);
    }
}
