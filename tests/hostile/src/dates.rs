//! Any text as a date of HTTP or of a V4 signature: nothing panics, and a date that was read is written and read as the
//! same second.

use alluvium_oss::UnixTime;

/// Panics where the promise above is broken.
pub fn check(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some(date) = UnixTime::parse_http_date(text) {
        assert_eq!(UnixTime::parse_http_date(&date.http_date()), Some(date));
    }
    if let Some(date) = UnixTime::parse_iso8601_basic(text) {
        // Earlier dates are read, since a clock may be that wrong, and never written.
        if date >= UnixTime::from_secs(0) {
            assert_eq!(date.iso8601_basic(), text);
        }
    }
}
