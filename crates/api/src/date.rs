//! The `Date` of answers.

use std::sync::{Mutex, PoisonError};

use alluvium_oss::UnixTime;
use http::HeaderValue;

/// The header's value, written once a second at the most.
#[derive(Debug, Default)]
pub(crate) struct Date {
    /// Of this second; held to look at it and to replace it.
    last: Mutex<Option<(i64, HeaderValue)>>,
}

impl Date {
    /// The value at a time.
    pub(crate) fn at(&self, now: UnixTime) -> HeaderValue {
        // Each change is one assignment, so a poisoned lock is still right.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((second, value)) if *second == now.as_secs() => value.clone(),
            _ => {
                let value = HeaderValue::try_from(now.http_date()).expect("an HTTP date is a header value");
                *last = Some((now.as_secs(), value.clone()));
                value
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_the_second_forwards_and_backwards() {
        let date = Date::default();
        for millis in [
            0,
            999,
            1000,
            1_700_000_000_999,
            1_700_000_001_000,
            1_700_000_000_000,
            -1,
            -1000,
        ] {
            let now = UnixTime::from_millis(millis);
            assert_eq!(date.at(now), now.http_date(), "{millis}");
        }
    }
}
