//! Any bytes as the body of each operation that reads XML: nothing panics, limits hold, and what is written again is read
//! as the same.

use alluvium_oss::document::{CompleteMultipartUpload, DeleteObjects, LiveChannelConfiguration};
use alluvium_oss::{ChannelConfig, CorsConfiguration, LifecycleConfiguration, RefererConfiguration};

/// Reads `written` back. A character that XML cannot carry was replaced, so such a document says something else.
fn check_written<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    value: &T,
    written: &str,
    read: impl Fn(&[u8]) -> Result<T, E>,
) {
    if !written.contains(char::REPLACEMENT_CHARACTER) {
        assert_eq!(read(written.as_bytes()).expect("what was written can be read"), *value);
    }
}

/// Panics where the promise above is broken.
pub fn check(body: &[u8]) {
    if let Ok(config) = ChannelConfig::from_xml(body) {
        check_written(
            &config,
            &LiveChannelConfiguration(&config).to_xml(),
            ChannelConfig::from_xml,
        );
    }
    if let Ok(rules) = CorsConfiguration::from_xml(body) {
        assert!((1..=10).contains(&rules.rules.len()));
        check_written(&rules, &rules.to_xml(), CorsConfiguration::from_xml);
    }
    if let Ok(policy) = RefererConfiguration::from_xml(body) {
        check_written(&policy, &policy.to_xml(), RefererConfiguration::from_xml);
    }
    if let Ok(rules) = LifecycleConfiguration::from_xml(body) {
        assert!((1..=1000).contains(&rules.rules.len()));
        check_written(&rules, &rules.to_xml(), LifecycleConfiguration::from_xml);
    }
    if let Ok(delete) = DeleteObjects::from_xml(body) {
        assert!((1..=1000).contains(&delete.keys.len()));
    }
    if let Ok(complete) = CompleteMultipartUpload::from_xml(body) {
        assert!((1..=10_000).contains(&complete.parts.len()));
        assert!(complete.parts.is_sorted_by(|(one, _), (next, _)| one < next));
    }
}
