//! How far a client's clock may be off (contract, 3.5).

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::time::UnixTime;

/// Either way, for requests signed in a header; presigned URLs of version 4 may begin as much later.
pub(super) const SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// # Errors
///
/// `RequestTimeTooSkewed`, with both times, so that clients can correct theirs.
pub(super) fn check(requested: UnixTime, now: UnixTime) -> Result<(), Error> {
    if requested.since(now).max(now.since(requested)) <= SKEW_MAX {
        return Ok(());
    }
    Err(Error::from(ErrorCode::RequestTimeTooSkewed)
        .with_detail("ServerTime", now.iso8601())
        .with_detail("RequestTime", requested.iso8601())
        .with_detail("MaxAllowedSkewMilliseconds", SKEW_MAX.as_millis().to_string()))
}

/// The refusal for a date that is absent or unreadable.
pub(super) fn no_date() -> Error {
    Error::access_denied("OSS authentication requires a valid Date.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_an_hour_is_allowed_either_way() {
        let now = UnixTime::from_secs(1_700_000_000);
        let past = Duration::from_millis(1);
        assert_eq!(check(now.plus(SKEW_MAX), now), Ok(()));
        assert_eq!(check(now.minus(SKEW_MAX), now), Ok(()));
        for requested in [now.plus(SKEW_MAX + past), now.minus(SKEW_MAX + past)] {
            let error = check(requested, now).unwrap_err();
            assert_eq!(error.code, ErrorCode::RequestTimeTooSkewed);
            assert_eq!(error.details[0], ("ServerTime", "2023-11-14T22:13:20.000Z".to_owned()));
            assert_eq!(error.details[1], ("RequestTime", requested.iso8601()));
            assert_eq!(error.details[2], ("MaxAllowedSkewMilliseconds", "900000".to_owned()));
        }
    }
}
