//! Any text as a date of HTTP or of a V4 signature: nothing panics, and a date that was read is written and read as the
//! same second.

#![no_main]

use alluvium_oss::UnixTime;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(date) = UnixTime::parse_http_date(text) {
        assert_eq!(UnixTime::parse_http_date(&date.http_date()), Some(date));
    }
    if let Some(date) = UnixTime::parse_iso8601_basic(text) {
        // Earlier dates are read, since a clock may be that wrong, and never written.
        if date >= UnixTime::from_secs(0) {
            assert_eq!(date.iso8601_basic(), text);
        }
    }
});
