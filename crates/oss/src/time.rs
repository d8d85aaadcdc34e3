//! Points in time as the API writes them, and the clock that others hand in.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use ::time::OffsetDateTime;
use ::time::format_description::BorrowedFormatItem;
use ::time::macros::format_description;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
///
/// Segment names are such numbers. The text forms hold for the years 1970 to 9999; a time outside of them is written as
/// the nearest one inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The time that many milliseconds after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The time that many seconds after 1970; the last representable one where that is too far away.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Parses `yyyymmddTHHMMSSZ`, the form of `x-oss-date` in V4 signatures.
    pub fn parse_iso8601_basic(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 16
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                8 => *byte == b'T',
                15 => *byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        if !shaped {
            return None;
        }
        let parsed = ::time::PrimitiveDateTime::parse(text, BASIC).ok()?;
        Some(Self::from_secs(parsed.assume_utc().unix_timestamp()))
    }

    /// Parses the date of an HTTP header, in any of its three forms (RFC 9110, 5.6.7).
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = httpdate::parse_http_date(text.trim()).ok()?;
        let since = parsed.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Self::from_secs(i64::try_from(since.as_secs()).ok()?))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This much later, at most the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier, at least the beginning of time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        let millis = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_millis(u64::try_from(millis.max(0)).unwrap_or(u64::MAX))
    }

    /// `2016-08-25T06:25:15.000Z`: the form of every time in a document, whose milliseconds the service always writes as zero.
    pub fn iso8601(self) -> String {
        self.format(ISO8601_WHOLE)
    }

    /// `2016-08-25T06:25:15.123Z`.
    pub fn iso8601_millis(self) -> String {
        self.format(ISO8601_MILLIS)
    }

    /// `20231114T221320Z`, the form of `x-oss-date` in V4 signatures.
    pub fn iso8601_basic(self) -> String {
        self.format(BASIC)
    }

    /// `20231114`, the first part of a V4 credential scope.
    pub fn date(self) -> String {
        self.format(DATE)
    }

    /// `Wed, 24 Aug 2016 11:11:28 GMT`, the form of HTTP headers (RFC 9110, 5.6.7).
    pub fn http_date(self) -> String {
        let secs = u64::try_from(self.writable().as_secs()).unwrap_or_default();
        httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
    }

    fn writable(self) -> Self {
        Self(self.0.clamp(0, WRITABLE_MILLIS_MAX))
    }

    fn format(self, form: &[BorrowedFormatItem<'_>]) -> String {
        let nanos = i128::from(self.writable().0) * 1_000_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .expect("the years 1970 to 9999 are representable")
            .format(form)
            .expect("the form names only parts that a date and time has")
    }
}

/// Where the time comes from. The rooms that need it are handed one; the real one lives at the door.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UnixTime;
}

/// A clock that moves only by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    pub fn new(now: UnixTime) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock to `now`, back or forth.
    pub fn set(&self, now: UnixTime) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves the clock forth.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(millis(duration), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// 9999-12-31T23:59:59.999Z: later years have no four-digit form.
const WRITABLE_MILLIS_MAX: i64 = 253_402_300_799_999;

const ISO8601_WHOLE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000Z");
const ISO8601_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const BASIC: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");
const DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_every_form() {
        let time = UnixTime::from_millis(1_472_106_315_123);
        assert_eq!(time.iso8601(), "2016-08-25T06:25:15.000Z");
        assert_eq!(time.iso8601_millis(), "2016-08-25T06:25:15.123Z");
        assert_eq!(time.iso8601_basic(), "20160825T062515Z");
        assert_eq!(time.date(), "20160825");
        assert_eq!(time.http_date(), "Thu, 25 Aug 2016 06:25:15 GMT");
        assert_eq!(time.as_secs(), 1_472_106_315);
        assert_eq!(UnixTime::from_millis(-1).as_secs(), -1);
    }

    #[test]
    fn reads_what_it_writes() {
        let time = UnixTime::from_secs(1_700_000_000);
        assert_eq!(UnixTime::parse_iso8601_basic("20231114T221320Z"), Some(time));
        assert_eq!(UnixTime::parse_http_date("Tue, 14 Nov 2023 22:13:20 GMT"), Some(time));
        assert_eq!(UnixTime::parse_http_date("Tuesday, 14-Nov-23 22:13:20 GMT"), Some(time));
        assert_eq!(UnixTime::parse_http_date("Tue Nov 14 22:13:20 2023"), Some(time));
    }

    #[test]
    fn refuses_other_dates() {
        for text in [
            "",
            "20231114",
            "20231114T221320",
            "20231314T221320Z",
            "2023+114T221320Z",
            "20231114t221320z",
        ] {
            assert_eq!(UnixTime::parse_iso8601_basic(text), None, "{text}");
        }
        for text in ["", "yesterday", "2023-11-14T22:13:20Z", "Tue, 14 Nov 2023 25:13:20 GMT"] {
            assert_eq!(UnixTime::parse_http_date(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let end = UnixTime::from_millis(i64::MAX);
        let start = UnixTime::from_millis(i64::MIN);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(start.minus(Duration::MAX), start);
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(end.since(start), Duration::from_millis(u64::MAX));
        assert_eq!(UnixTime::from_secs(i64::MAX), end);
    }

    #[test]
    fn manual_clock_moves_by_hand() {
        let clock = ManualClock::new(UnixTime::from_secs(10));
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now(), UnixTime::from_millis(11_500));
        clock.set(UnixTime::default());
        assert_eq!(clock.now(), UnixTime::default());
    }

    proptest! {
        #[test]
        fn any_time_can_be_written(millis: i64) {
            let time = UnixTime::from_millis(millis);
            prop_assert_eq!(time.iso8601().len(), 24);
            prop_assert_eq!(time.iso8601_basic().len(), 16);
            prop_assert_eq!(time.http_date().len(), 29);
        }

        #[test]
        fn basic_form_is_read_back(secs in 0..253_402_300_800_i64) {
            let time = UnixTime::from_secs(secs);
            prop_assert_eq!(UnixTime::parse_iso8601_basic(&time.iso8601_basic()), Some(time));
        }

        #[test]
        fn dates_never_panic(text in ".{0,40}") {
            let _ = UnixTime::parse_iso8601_basic(&text);
            let _ = UnixTime::parse_http_date(&text);
        }
    }
}
