//! The `Range` header: one byte range, or none (contract, 4.4).

use alluvium_store::RangeRequest;

/// Reads a `Range` header.
///
/// None for what the service does not cut: several ranges, another unit, anything malformed. Such a read gets the
/// whole object.
pub(crate) fn parse(value: &str) -> Option<RangeRequest> {
    let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    match (position(first), position(last)) {
        (Some(Some(first)), Some(None)) => Some(RangeRequest::From(first)),
        (Some(Some(first)), Some(Some(last))) if first <= last => Some(RangeRequest::Between(first, last)),
        (Some(None), Some(Some(length))) => Some(RangeRequest::Last(length)),
        _ => None,
    }
}

/// A number of at most 19 digits, nothing at all, or a fault.
fn position(text: &str) -> Option<Option<u64>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(None);
    }
    if text.len() > 19 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Some)
}
