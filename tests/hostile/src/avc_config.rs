//! H.264 configuration records and parameter sets of any content.

use alluvium_media::AvcConfig;
use alluvium_media::avc::Sps;

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    if let Ok(sps) = Sps::parse(input) {
        assert!(sps.width > 0 && sps.height > 0);
    }
    let Ok(config) = AvcConfig::parse(input) else { return };
    assert!((1..=4).contains(&config.nal_length_size));
    for unit in config.sequence_parameter_sets() {
        let _ = Sps::parse(unit);
    }
    assert!(config.picture_parameter_sets().iter().all(|unit| !unit.is_empty()));
}
