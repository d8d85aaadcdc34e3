use std::fmt;

use super::request::Request;
use super::{v1, v4};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// What a request says about who sent it; not believed before it is verified. `Debug` shows no signature and no token.
#[derive(Clone, PartialEq, Eq)]
pub enum Claim {
    /// `Authorization: OSS <id>:<signature>` (contract, 3.1).
    V1Header(v1::HeaderClaim),
    /// `OSSAccessKeyId`, `Expires` and `Signature` in the query (contract, 3.2).
    V1Url(v1::UrlClaim),
    /// `Authorization: OSS4-HMAC-SHA256 …` (contract, 3.4).
    V4Header(v4::HeaderClaim),
    /// `x-oss-signature-version=OSS4-HMAC-SHA256` in the query (contract, 3.4).
    V4Url(v4::UrlClaim),
}

impl Claim {
    /// Reads the claim of a request; `None` for an anonymous one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for several claims at once or a malformed one, `AccessDenied` for an incomplete one,
    /// `NotImplemented` for version 2.
    pub fn parse(request: &Request<'_>) -> Result<Option<Self>, Error> {
        let in_url = UrlForm::of(request);
        if let Some(authorization) = request.header("authorization") {
            if in_url.is_some() {
                return Err(Error::invalid_argument(
                    "Only one auth mechanism allowed: header or query string.",
                ));
            }
            return Self::parse_header(request, authorization).map(Some);
        }
        match in_url {
            None => Ok(None),
            Some(UrlForm::V1) => v1::UrlClaim::parse(request).map(|claim| Some(Self::V1Url(claim))),
            Some(UrlForm::V2) => Err(Error::not_implemented("Signature version 2")),
            Some(UrlForm::V4) => v4::UrlClaim::parse(request).map(|claim| Some(Self::V4Url(claim))),
            Some(UrlForm::Several) => Err(Error::invalid_argument(
                "Only one auth mechanism allowed: version 1 or 4.",
            )),
        }
    }

    fn parse_header(request: &Request<'_>, authorization: &str) -> Result<Self, Error> {
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        match scheme {
            "OSS" => v1::HeaderClaim::parse(request, rest.trim()).map(Self::V1Header),
            "OSS2" => Err(Error::not_implemented("Signature version 2")),
            v4::ALGORITHM => v4::HeaderClaim::parse(request, rest.trim()).map(Self::V4Header),
            _ => Err(malformed(
                "The Authorization header must begin with OSS or OSS4-HMAC-SHA256.",
            )),
        }
    }

    /// Whose secret the signature was made with.
    pub fn access_key_id(&self) -> &str {
        match self {
            Self::V1Header(claim) => &claim.access_key_id,
            Self::V1Url(claim) => &claim.access_key_id,
            Self::V4Header(claim) => &claim.signature.scope.access_key_id,
            Self::V4Url(claim) => &claim.signature.scope.access_key_id,
        }
    }

    /// The session token sent along, of temporary credentials.
    pub fn security_token(&self) -> Option<&str> {
        match self {
            Self::V1Header(claim) => claim.security_token.as_deref(),
            Self::V1Url(claim) => claim.security_token.as_deref(),
            Self::V4Header(claim) => claim.security_token.as_deref(),
            Self::V4Url(claim) => claim.security_token.as_deref(),
        }
    }

    /// Whether the claim is in the URL, which can be handed on, rather than in a header.
    pub fn is_url(&self) -> bool {
        matches!(self, Self::V1Url(_) | Self::V4Url(_))
    }

    /// Until when a URL holds; `None` for a header.
    pub fn expires(&self) -> Option<UnixTime> {
        match self {
            Self::V1Url(claim) => Some(claim.expires),
            Self::V4Url(claim) => Some(claim.expires),
            Self::V1Header(_) | Self::V4Header(_) => None,
        }
    }

    /// Checks the claim against the request it came with: first the clock, then the signature.
    ///
    /// # Errors
    ///
    /// `RequestTimeTooSkewed` for a header whose date is more than 15 minutes off, `AccessDenied` for a URL that has expired
    /// or is not valid yet, `SignatureDoesNotMatch`.
    pub fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        match self {
            Self::V1Header(claim) => claim.verify(request, secret, now),
            Self::V1Url(claim) => claim.verify(request, secret, now),
            Self::V4Header(claim) => claim.verify(request, secret, now),
            Self::V4Url(claim) => claim.verify(request, secret, now),
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("access_key_id", &self.access_key_id())
            .field("is_url", &self.is_url())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

/// Which parameters of a query make a claim. `Expires` or a token alone make none.
enum UrlForm {
    V1,
    V2,
    V4,
    Several,
}

impl UrlForm {
    fn of(request: &Request<'_>) -> Option<Self> {
        let has = |names: &[&str]| names.iter().any(|name| request.parameter(name).is_some());
        let first = has(&["OSSAccessKeyId", "Signature"]);
        let second = has(&["x-oss-access-key-id"]) || request.parameter("x-oss-signature-version") == Some("OSS2");
        let fourth = has(&["x-oss-signature-version", "x-oss-credential", "x-oss-signature"]);
        match (first, second, fourth) {
            (false, false, false) => None,
            (true, false, false) => Some(Self::V1),
            (false, true, _) => Some(Self::V2),
            (false, false, true) => Some(Self::V4),
            (true, _, _) => Some(Self::Several),
        }
    }
}

/// The token of a request, which may be given in one place only.
pub(super) fn one_token(in_header: Option<&str>, in_query: Option<&str>) -> Result<Option<String>, Error> {
    match (in_header, in_query) {
        (Some(_), Some(_)) => Err(Error::invalid_argument("The security token must not be given twice.")),
        (token, None) | (None, token) => Ok(token.map(str::to_owned)),
    }
}

pub(super) fn malformed(message: &'static str) -> Error {
    Error::invalid_argument(message)
}
