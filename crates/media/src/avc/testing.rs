//! Parameter sets of x264, for tests.

/// 1920 x 1080 at 30000/1001, High, level 4.0.
pub(super) const HIGH_1080: &str = "67640028acd940780227e5c04400000fa40003a9803c60c658";
/// 640 x 360 at 25, Baseline, level 3.0.
pub(super) const BASELINE_360: &str = "6742c01ed900a02ff97011000003000100000300320f162e48";
/// A picture parameter set for the first.
pub(super) const PPS: &str = "68ebe3cb22c0";
/// One for the second.
pub(super) const BASELINE_PPS: &str = "68cb83cb20";

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// An AVCDecoderConfigurationRecord with four-byte lengths.
pub(super) fn record(sps: &[u8], pps: &[u8]) -> Vec<u8> {
    let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
    [
        &[1, sps[1], sps[2], sps[3], 0xFF, 0xE1],
        &length(sps)[..],
        sps,
        &[1],
        &length(pps),
        pps,
    ]
    .concat()
}

/// Units behind four-byte lengths.
pub(super) fn coded(units: &[&[u8]]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [&(unit.len() as u32).to_be_bytes(), *unit].concat())
        .collect()
}
