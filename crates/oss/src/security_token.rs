//! What makes an access key a temporary one.

use crate::error::{Error, ErrorCode};
use crate::secret::Secret;
use crate::time::UnixTime;

/// The token that goes with a temporary access key, and the end of both (contract, 3.1 to 3.4 and 3.6).
///
/// Requests signed with such a key carry its token; it proves nothing that the signature does not, and is checked all the
/// same, because a client that sends another one holds credentials which do not belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityToken {
    /// As it stands in requests; prints as `***`.
    pub text: Secret,
    /// The last moment at which the key is good for anything.
    pub expires: UnixTime,
}

impl SecurityToken {
    /// Whether the token sent along is this one, and still good.
    ///
    /// # Errors
    ///
    /// `AccessKeyIdAndSecurityTokenNotMatch`, `SecurityTokenExpired`.
    pub fn check(&self, given: &str, now: UnixTime) -> Result<(), Error> {
        if self.text.is(given) {
            self.check_expiry(now)
        } else {
            Err(ErrorCode::AccessKeyIdAndSecurityTokenNotMatch.into())
        }
    }

    /// Whether the key is still good.
    ///
    /// # Errors
    ///
    /// `SecurityTokenExpired`.
    pub fn check_expiry(&self, now: UnixTime) -> Result<(), Error> {
        if now > self.expires {
            return Err(ErrorCode::SecurityTokenExpired.into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_for_its_own_text_until_it_expires() {
        let end = UnixTime::from_secs(1_700_003_600);
        let token = SecurityToken {
            text: Secret::new("tok+en/==".to_owned()),
            expires: end,
        };
        let past = UnixTime::from_millis(end.as_millis() + 1);
        for (given, now, refusal) in [
            ("tok+en/==", end, None),
            ("tok+en/==", past, Some(ErrorCode::SecurityTokenExpired)),
            ("tok+en/=", end, Some(ErrorCode::AccessKeyIdAndSecurityTokenNotMatch)),
            ("tok+en/=!", end, Some(ErrorCode::AccessKeyIdAndSecurityTokenNotMatch)),
            ("", past, Some(ErrorCode::AccessKeyIdAndSecurityTokenNotMatch)),
        ] {
            let code = token.check(given, now).err().map(|error| error.code);
            assert_eq!(code, refusal, "{given} at {now:?}");
        }
        assert_eq!(token.check_expiry(end), Ok(()));
        assert!(token.check_expiry(past).is_err());
        assert!(!format!("{token:?}").contains("tok"));
    }
}
