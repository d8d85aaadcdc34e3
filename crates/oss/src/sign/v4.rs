//! Signature version 4: HMAC-SHA256 over the whole request, with a key for one day and region (contract, 3.4).

mod canonical_request;
mod scope;
mod url_signer;

pub(super) use url_signer::UrlSigner;

use std::time::Duration;

use canonical_request::{UNSIGNED_PAYLOAD, canonical_request};
use scope::Scope;

use super::canonical::additional_headers;
use super::claim::{malformed, token};
use super::mismatch::mismatch;
use super::request::Request;
use super::{mac, skew};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The first word of the `Authorization` header, and the value of `x-oss-signature-version`.
pub const ALGORITHM: &str = "OSS4-HMAC-SHA256";

/// `Authorization: OSS4-HMAC-SHA256 Credential=…,AdditionalHeaders=…,Signature=…`.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderClaim {
    pub(super) security_token: Option<String>,
    pub(super) signature: Signature,
}

impl HeaderClaim {
    pub(super) fn parse(request: &Request<'_>, credentials: &str) -> Result<Self, Error> {
        let field = |name| {
            let mut fields = credentials.split(',').filter_map(|field| field.trim().split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let (Some(credential), Some(provided)) = (field("Credential"), field("Signature")) else {
            return Err(malformed(
                "The Authorization header must have a Credential and a Signature.",
            ));
        };
        let date = request.header("x-oss-date").map_or_else(
            || request.header("date").and_then(UnixTime::parse_http_date),
            UnixTime::parse_iso8601_basic,
        );
        Ok(Self {
            security_token: token(request)?,
            signature: Signature {
                scope: Scope::parse(credential)?,
                date: date.ok_or_else(skew::no_date)?,
                additional_headers: additional_headers(field("AdditionalHeaders")),
                provided: provided.to_owned(),
            },
        })
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        skew::check(self.signature.date, now)?;
        self.signature.verify(request, secret)
    }
}

/// The parameters of a presigned URL.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlClaim {
    pub(super) security_token: Option<String>,
    pub(super) expires: UnixTime,
    pub(super) signature: Signature,
}

impl UrlClaim {
    pub(super) fn parse(request: &Request<'_>) -> Result<Self, Error> {
        let given = |name| request.parameter(name).filter(|value| !value.is_empty());
        if given("x-oss-signature-version") != Some(ALGORITHM) {
            return Err(malformed("The x-oss-signature-version must be OSS4-HMAC-SHA256."));
        }
        let Some(lifetime) = given("x-oss-expires") else {
            return Err(malformed("The x-oss-expires parameter is required.").with_ec("0002-00000215"));
        };
        let (Some(credential), Some(date), Some(provided)) =
            (given("x-oss-credential"), given("x-oss-date"), given("x-oss-signature"))
        else {
            return Err(Error::access_denied(
                "Query-string authentication requires the x-oss-credential, x-oss-date, x-oss-expires and x-oss-signature parameters.",
            ));
        };
        let date = UnixTime::parse_iso8601_basic(date).ok_or_else(skew::no_date)?;
        Ok(Self {
            security_token: token(request)?,
            expires: date.plus(parse_lifetime(lifetime)?),
            signature: Signature {
                scope: Scope::parse(credential)?,
                date,
                additional_headers: additional_headers(given("x-oss-additional-headers")),
                provided: provided.to_owned(),
            },
        })
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        if now > self.expires {
            return Err(Error::access_denied("Request has expired."));
        }
        if now < self.signature.date.minus(skew::SKEW_MAX) {
            return Err(Error::access_denied("Request is not valid yet."));
        }
        self.signature.verify(request, secret)
    }
}

/// What both forms have in common.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) scope: Scope,
    date: UnixTime,
    /// Lower case, ascending.
    additional_headers: Vec<String>,
    provided: String,
}

impl Signature {
    /// A parameter without value may have been signed with its equals sign or without; every such reading is tried.
    fn verify(&self, request: &Request<'_>, secret: &Secret) -> Result<(), Error> {
        if self.scope.date != self.date.date() {
            return Err(malformed("The date of the credential must be that of x-oss-date."));
        }
        let payload = request.header("x-oss-content-sha256").unwrap_or(UNSIGNED_PAYLOAD);
        let canonical = canonical_request(request, &self.additional_headers, payload);
        let key = self.scope.signing_key(secret);
        let matches = |text: &str| mac::same(&self.sign(&key, text), &self.provided);
        if canonical.all().any(|text| matches(&text)) {
            return Ok(());
        }
        let plain = canonical.plain();
        Err(mismatch(
            &self.scope.string_to_sign(self.date, &plain),
            &self.provided,
            &self.scope.access_key_id,
        )
        .with_detail("CanonicalRequest", plain))
    }

    fn sign(&self, key: &[u8; 32], canonical: &str) -> String {
        mac::hex(&mac::sha256(key, &self.scope.string_to_sign(self.date, canonical)))
    }
}

/// The `Authorization` header for a request, whose headers include `x-oss-date` and, as the libraries send it,
/// `x-oss-content-sha256: UNSIGNED-PAYLOAD`.
///
/// `additional_headers` are signed besides those that always are.
///
/// # Errors
///
/// `AccessDenied` when `x-oss-date` is absent or unreadable.
pub fn authorization_header(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
    region: &str,
    additional: &[&str],
) -> Result<String, Error> {
    let date = request
        .header("x-oss-date")
        .and_then(UnixTime::parse_iso8601_basic)
        .ok_or_else(skew::no_date)?;
    let scope = Scope::new(access_key_id, date, region);
    let names = additional_headers(Some(&additional.join(";")));
    let payload = request.header("x-oss-content-sha256").unwrap_or(UNSIGNED_PAYLOAD);
    let canonical = canonical_request(request, &names, payload).plain();
    let signature = mac::hex(&mac::sha256(
        &scope.signing_key(secret),
        &scope.string_to_sign(date, &canonical),
    ));
    let listed = if names.is_empty() {
        String::new()
    } else {
        format!(",AdditionalHeaders={}", names.join(";"))
    };
    Ok(format!(
        "{ALGORITHM} Credential={}{listed},Signature={signature}",
        scope.credential()
    ))
}

/// The parameters that, put after those of the request, let its URL through from `at` for `lifetime`, which is cut to whole
/// seconds and at most a week.
pub fn presign(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
    region: &str,
    at: UnixTime,
    lifetime: Duration,
    security_token: Option<&str>,
) -> Vec<(String, String)> {
    let scope = Scope::new(access_key_id, at, region);
    UrlSigner::new(scope, secret, at, lifetime, security_token).parameters(request)
}

fn parse_lifetime(text: &str) -> Result<Duration, Error> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| digits && (LIFETIME_MIN_S..=LIFETIME_MAX_S).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        malformed("The x-oss-expires must be an integer between 1 and 604800.").with_argument("x-oss-expires", text)
    })
}

const LIFETIME_MIN_S: u64 = 1;

/// One week.
const LIFETIME_MAX_S: u64 = 604_800;

#[cfg(test)]
mod tests;
