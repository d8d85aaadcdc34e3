use std::time::Duration;

use super::{ALGORITHM, LIFETIME_MAX_S, LIFETIME_MIN_S, Scope, UNSIGNED_PAYLOAD, UrlClaim, canonical_request};
use crate::secret::Secret;
use crate::sign::mac;
use crate::sign::request::Request;
use crate::time::UnixTime;

/// Signs URLs with one key for one span of time. The key of the day is derived once.
pub(in crate::sign) struct UrlSigner {
    scope: Scope,
    key: [u8; 32],
    at: UnixTime,
    /// A whole number of seconds, at most a week.
    lifetime_s: u64,
    security_token: Option<String>,
}

impl UrlSigner {
    pub(super) fn new(
        scope: Scope,
        secret: &Secret,
        at: UnixTime,
        lifetime: Duration,
        security_token: Option<&str>,
    ) -> Self {
        Self {
            key: scope.signing_key(secret),
            scope,
            at,
            lifetime_s: lifetime.as_secs().clamp(LIFETIME_MIN_S, LIFETIME_MAX_S),
            security_token: security_token.map(str::to_owned),
        }
    }

    pub(in crate::sign) fn like(claim: &UrlClaim, secret: &Secret) -> Self {
        let date = claim.signature.date;
        Self::new(
            claim.signature.scope.clone(),
            secret,
            date,
            claim.expires.since(date),
            claim.security_token.as_deref(),
        )
    }

    /// Version, credential, date, lifetime, the token if there is one, and the signature.
    pub(in crate::sign) fn parameters(&self, request: &Request<'_>) -> Vec<(String, String)> {
        let mut claim = vec![
            ("x-oss-signature-version".to_owned(), ALGORITHM.to_owned()),
            ("x-oss-credential".to_owned(), self.scope.credential()),
            ("x-oss-date".to_owned(), self.at.iso8601_basic()),
            ("x-oss-expires".to_owned(), self.lifetime_s.to_string()),
        ];
        let token = self.security_token.iter();
        claim.extend(token.map(|token| ("x-oss-security-token".to_owned(), token.clone())));
        let query: Vec<_> = request.query.iter().chain(&claim).cloned().collect();
        let request = Request {
            query: &query,
            ..*request
        };
        let canonical = canonical_request(&request, &[], UNSIGNED_PAYLOAD).plain();
        let signature = mac::sha256(&self.key, &self.scope.string_to_sign(self.at, &canonical));
        claim.push(("x-oss-signature".to_owned(), mac::hex(&signature)));
        claim
    }
}
