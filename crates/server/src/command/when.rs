//! Times and durations as people write them.

use std::str::FromStr;
use std::time::Duration;

use alluvium_oss::UnixTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time, or how long before now it was. Whole seconds, as the API counts recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(UnixTime),
    Before(Duration),
}

impl When {
    pub(crate) fn at(self, now: UnixTime) -> UnixTime {
        match self {
            Self::At(time) => time,
            Self::Before(duration) => now.minus(duration),
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Before(Duration::ZERO));
        }
        if let Some(before) = text.strip_prefix('-') {
            return duration(before).map(Self::Before);
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let secs = text.parse().map_err(|_| "this is beyond all time")?;
            return Ok(Self::At(UnixTime::from_secs(secs)));
        }
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(
            |_| "Unix seconds, a time such as 2026-11-22T15:00:00Z, now, or how long ago, such as -2h, is wanted",
        )?;
        Ok(Self::At(UnixTime::from_secs(time.unix_timestamp())))
    }
}

/// Reads whole seconds, or a number with one of `s`, `m`, `h`, `d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: seconds, or such as 90s, 30m, 12h, 7d, is wanted");
    let (digits, unit_s) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'd')) => (&text[..at], 86_400),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let seconds: u64 = digits.parse().map_err(|_| wrong())?;
    seconds.checked_mul(unit_s).map(Duration::from_secs).ok_or_else(wrong)
}

/// Now, in whole seconds, rounded up: a range that ends now takes in what has just begun.
pub(crate) fn whole_seconds(now: UnixTime) -> UnixTime {
    UnixTime::from_secs(now.plus(Duration::from_millis(999)).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let now = UnixTime::from_secs(1_700_000_000);
        for (text, secs) in [
            ("1699990000", 1_699_990_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
            ("2023-11-14T23:13:20+01:00", 1_700_000_000),
            ("now", 1_700_000_000),
            ("-90", 1_699_999_910),
            ("-2h", 1_699_992_800),
            ("-1d", 1_699_913_600),
        ] {
            assert_eq!(
                text.parse::<When>().unwrap().at(now),
                UnixTime::from_secs(secs),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "-", "yesterday", "2023-11-14", "1.5", "99999999999999999999"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
        for text in [
            "",
            "h",
            "-1h",
            "1.5h",
            "1w",
            "5测",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
    }

    #[test]
    fn now_takes_in_the_second_that_has_begun() {
        assert_eq!(whole_seconds(UnixTime::from_millis(1001)), UnixTime::from_secs(2));
        assert_eq!(whole_seconds(UnixTime::from_millis(1000)), UnixTime::from_secs(1));
    }
}
