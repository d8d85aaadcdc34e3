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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_one_byte_range_and_nothing_else() {
        for (value, expected) in [
            ("bytes=0-0", Some(RangeRequest::Between(0, 0))),
            (" bytes=5-9 ", Some(RangeRequest::Between(5, 9))),
            ("bytes=5-", Some(RangeRequest::From(5))),
            ("bytes=-5", Some(RangeRequest::Last(5))),
            (
                "bytes=9999999999999999999-",
                Some(RangeRequest::From(9_999_999_999_999_999_999)),
            ),
            ("bytes=10000000000000000000-", None),
            ("bytes=5-4", None),
            ("bytes=-", None),
            ("bytes=", None),
            ("bytes=1-2,4-5", None),
            ("bytes=1-2-3", None),
            ("bytes=+1-2", None),
            ("bytes=0x1-2", None),
            ("Bytes=1-2", None),
            ("", None),
        ] {
            assert_eq!(parse(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(first in 0..1_000_000_u64, more in 0..1_000_000_u64) {
            let last = first + more;
            prop_assert_eq!(parse(&format!("bytes={first}-{last}")), Some(RangeRequest::Between(first, last)));
        }

        #[test]
        fn nothing_panics(value in "(bytes=)?[0-9,\\- a-z\u{e9}]{0,40}") {
            let _ = parse(&value);
        }
    }
}
