//! The time range of PostVodPlaylist and GetVodPlaylist (contract, 1.8 and 1.9).

use crate::error::Error;
use crate::percent::first;
use crate::time::UnixTime;

/// A range of at most one day; segments belong to it by their names, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VodRange {
    /// The first name.
    pub start: UnixTime,
    /// The last name, not before the first.
    pub end: UnixTime,
}

impl VodRange {
    /// Reads `startTime` and `endTime`, whole Unix seconds.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, with the EC of the first rule broken: 0044-00000304 and 305 where one is missing or no number,
    /// 306 where the end comes first, 307 where more than a day lies between.
    pub fn parse(query: &[(String, String)]) -> Result<Self, Error> {
        let start = seconds(query, "startTime", "0044-00000304")?;
        let end = seconds(query, "endTime", "0044-00000305")?;
        if start > end {
            return Err(
                Error::invalid_argument("The endTime must not be earlier than the startTime.").with_ec("0044-00000306"),
            );
        }
        if end - start > SPAN_MAX_S {
            return Err(Error::invalid_argument(
                "The time span between startTime and endTime must not exceed one day.",
            )
            .with_ec("0044-00000307"));
        }
        Ok(Self {
            start: UnixTime::from_secs(start),
            end: UnixTime::from_secs(end),
        })
    }

    /// The refusal for a range without segments; clients compare its text.
    pub fn nothing_found() -> Error {
        Error::invalid_argument("No ts file found in specified time span.").with_ec("0044-00000308")
    }
}

fn seconds(query: &[(String, String)], name: &'static str, ec: &'static str) -> Result<i64, Error> {
    let value = first(query, name).unwrap_or_default();
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::invalid_argument(format!("{name} must be given as Unix time in seconds."))
            .with_ec(ec)
            .with_argument(name, value)
    })
}

/// One day. The documentation says both "less than" and "cannot exceed"; the latter refuses less.
const SPAN_MAX_S: i64 = 86_400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorCode;

    fn parse(start: Option<&str>, end: Option<&str>) -> Result<VodRange, Error> {
        let pair = |name: &str, value: Option<&str>| value.map(|value| (name.to_owned(), value.to_owned()));
        let query: Vec<_> = pair("startTime", start)
            .into_iter()
            .chain(pair("endTime", end))
            .collect();
        VodRange::parse(&query)
    }

    #[test]
    fn rules_are_checked_in_the_order_of_their_codes() {
        for (start, end, ec) in [
            (None, None, "0044-00000304"),
            (Some(""), Some("x"), "0044-00000304"),
            (Some("1.5"), Some("2"), "0044-00000304"),
            (Some("-1"), Some("2"), "0044-00000304"),
            (Some("99999999999999999999"), Some("2"), "0044-00000304"),
            (Some("1"), None, "0044-00000305"),
            (Some("1"), Some("+2"), "0044-00000305"),
            (Some("200000"), Some("1"), "0044-00000306"),
            (Some("0"), Some("86401"), "0044-00000307"),
        ] {
            let error = parse(start, end).unwrap_err();
            assert_eq!(
                (error.code, error.ec),
                (ErrorCode::InvalidArgument, Some(ec)),
                "{start:?} {end:?}"
            );
        }
    }

    #[test]
    fn equal_times_and_exactly_a_day_are_ranges() {
        let range = parse(Some("1472020031"), Some("1472020031")).unwrap();
        assert_eq!(range.start, range.end);
        let range = parse(Some("1472020031"), Some("1472106431")).unwrap();
        assert_eq!(range.start, UnixTime::from_millis(1_472_020_031_000));
        assert_eq!(range.end.since(range.start).as_secs(), 86_400);
    }

    #[test]
    fn empty_ranges_have_the_text_that_clients_compare() {
        let error = VodRange::nothing_found();
        assert_eq!(error.message, "No ts file found in specified time span.");
        assert_eq!(
            (error.code, error.ec),
            (ErrorCode::InvalidArgument, Some("0044-00000308"))
        );
    }

    proptest! {
        #[test]
        fn no_range_is_reversed_or_long(start in "[0-9]{1,20}", end in "[0-9]{1,20}") {
            if let Ok(range) = parse(Some(&start), Some(&end)) {
                prop_assert!(range.start <= range.end);
                prop_assert!(range.end.since(range.start).as_secs() <= 86_400);
            }
        }
    }
}
