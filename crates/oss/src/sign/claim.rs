use std::fmt;

use super::request::Request;
use super::{v1, v2, v4};
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
    /// `Authorization: OSS2 AccessKeyId:<id>,…,Signature:<signature>` (contract, 3.3).
    V2Header(v2::HeaderClaim),
    /// `x-oss-signature-version=OSS2` in the query (contract, 3.3).
    V2Url(v2::UrlClaim),
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
    /// `InvalidArgument` for several claims or tokens at once or a malformed one, `AccessDenied` for an incomplete one.
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
            Some(UrlForm::V2) => v2::UrlClaim::parse(request).map(|claim| Some(Self::V2Url(claim))),
            Some(UrlForm::V4) => v4::UrlClaim::parse(request).map(|claim| Some(Self::V4Url(claim))),
            Some(UrlForm::Several) => Err(Error::invalid_argument(
                "Only one auth mechanism allowed: version 1, 2 or 4.",
            )),
        }
    }

    fn parse_header(request: &Request<'_>, authorization: &str) -> Result<Self, Error> {
        let (scheme, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        match scheme {
            "OSS" => v1::HeaderClaim::parse(request, rest.trim()).map(Self::V1Header),
            v2::ALGORITHM => v2::HeaderClaim::parse(request, rest.trim()).map(Self::V2Header),
            v4::ALGORITHM => v4::HeaderClaim::parse(request, rest.trim()).map(Self::V4Header),
            _ => Err(malformed(
                "The Authorization header must begin with OSS, OSS2 or OSS4-HMAC-SHA256.",
            )),
        }
    }

    /// Whose secret the signature was made with.
    pub fn access_key_id(&self) -> &str {
        match self {
            Self::V1Header(claim) => &claim.access_key_id,
            Self::V1Url(claim) => &claim.access_key_id,
            Self::V2Header(claim) => &claim.signature.access_key_id,
            Self::V2Url(claim) => &claim.signature.access_key_id,
            Self::V4Header(claim) => &claim.signature.scope.access_key_id,
            Self::V4Url(claim) => &claim.signature.scope.access_key_id,
        }
    }

    /// The session token sent along, of temporary credentials.
    pub fn security_token(&self) -> Option<&str> {
        match self {
            Self::V1Header(claim) => claim.security_token.as_deref(),
            Self::V1Url(claim) => claim.security_token.as_deref(),
            Self::V2Header(claim) => claim.security_token.as_deref(),
            Self::V2Url(claim) => claim.security_token.as_deref(),
            Self::V4Header(claim) => claim.security_token.as_deref(),
            Self::V4Url(claim) => claim.security_token.as_deref(),
        }
    }

    /// Whether the claim is in the URL, which can be handed on, rather than in a header.
    pub fn is_url(&self) -> bool {
        matches!(self, Self::V1Url(_) | Self::V2Url(_) | Self::V4Url(_))
    }

    /// Until when a URL holds; `None` for a header.
    pub fn expires(&self) -> Option<UnixTime> {
        match self {
            Self::V1Url(claim) => Some(claim.expires),
            Self::V2Url(claim) => Some(claim.expires),
            Self::V4Url(claim) => Some(claim.expires),
            Self::V1Header(_) | Self::V2Header(_) | Self::V4Header(_) => None,
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
            Self::V2Header(claim) => claim.verify(request, secret, now),
            Self::V2Url(claim) => claim.verify(request, secret, now),
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
        let second =
            has(&["x-oss-access-key-id"]) || request.parameter("x-oss-signature-version") == Some(v2::ALGORITHM);
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

/// The security token of a request, which may stand in one place only: a header, or one of two parameters, because version 1
/// and the Python library's version 2 name it differently from version 4. An empty one is none.
pub(super) fn token(request: &Request<'_>) -> Result<Option<String>, Error> {
    let places = [
        request.header("x-oss-security-token"),
        request.parameter("x-oss-security-token"),
        request.parameter("security-token"),
    ];
    let mut given = places.into_iter().flatten().filter(|token| !token.is_empty());
    match (given.next(), given.next()) {
        (_, Some(_)) => Err(malformed(
            "The security token must stand in one place: the header or the query string.",
        )),
        (token, None) => Ok(token.map(str::to_owned)),
    }
}

pub(super) fn malformed(message: &'static str) -> Error {
    Error::invalid_argument(message)
}
