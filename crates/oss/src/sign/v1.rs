//! Signature version 1: HMAC-SHA1 over a few lines of the request (contract, 3.1 and 3.2).

mod url_signer;

pub(super) use url_signer::UrlSigner;

use super::canonical::{header_lines, sorted};
use super::claim::{malformed, token};
use super::mismatch::mismatch;
use super::request::Request;
use super::{mac, skew};
use crate::error::Error;
use crate::secret::Secret;
use crate::time::UnixTime;

/// `Authorization: OSS <id>:<signature>`.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderClaim {
    pub(super) access_key_id: String,
    pub(super) security_token: Option<String>,
    signature: String,
}

impl HeaderClaim {
    pub(super) fn parse(request: &Request<'_>, credentials: &str) -> Result<Self, Error> {
        match credentials.split_once(':') {
            Some((id, signature)) if !id.is_empty() && !signature.is_empty() => Ok(Self {
                access_key_id: id.to_owned(),
                security_token: token(request)?,
                signature: signature.to_owned(),
            }),
            _ => Err(malformed("The Authorization header must be OSS AccessKeyId:Signature.")),
        }
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        let date = date(request).ok_or_else(skew::no_date)?;
        skew::check(UnixTime::parse_http_date(date).ok_or_else(skew::no_date)?, now)?;
        compare(
            &string_to_sign(request, date),
            &self.signature,
            &self.access_key_id,
            secret,
        )
    }
}

/// `OSSAccessKeyId`, `Expires` and `Signature` in the query.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlClaim {
    pub(super) access_key_id: String,
    pub(super) security_token: Option<String>,
    pub(super) expires: UnixTime,
    signature: String,
    /// As it stands in the text that was signed.
    expires_text: String,
}

impl UrlClaim {
    pub(super) fn parse(request: &Request<'_>) -> Result<Self, Error> {
        let given = |name| request.parameter(name).filter(|value| !value.is_empty());
        let (Some(id), Some(expires_text), Some(signature)) =
            (given("OSSAccessKeyId"), given("Expires"), given("Signature"))
        else {
            return Err(Error::access_denied(
                "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters.",
            ));
        };
        Ok(Self {
            access_key_id: id.to_owned(),
            security_token: token(request)?,
            expires: expires(expires_text)?,
            signature: plus_restored(signature),
            expires_text: expires_text.to_owned(),
        })
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        if now > self.expires {
            return Err(Error::access_denied("Request has expired."));
        }
        compare(
            &string_to_sign(request, &self.expires_text),
            &self.signature,
            &self.access_key_id,
            secret,
        )
    }
}

/// The `Authorization` header for a request, whose headers include `date` or `x-oss-date` in HTTP form.
pub fn authorization_header(request: &Request<'_>, access_key_id: &str, secret: &Secret) -> String {
    let text = string_to_sign(request, date(request).unwrap_or_default());
    format!("OSS {access_key_id}:{}", mac::sha1_base64(secret.expose(), &text))
}

/// The parameters that, put after those of the request, let its URL through until `expires`: `Expires`, `OSSAccessKeyId`,
/// `Signature`, and the token if there is one.
pub fn presign(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
    expires: UnixTime,
    security_token: Option<&str>,
) -> Vec<(String, String)> {
    let signer = UrlSigner {
        access_key_id: access_key_id.to_owned(),
        secret: secret.clone(),
        expires: expires.as_secs().to_string(),
        security_token: security_token.map(str::to_owned),
    };
    signer.parameters(request)
}

/// Unix seconds, as they stand in a URL.
pub(super) fn expires(text: &str) -> Result<UnixTime, Error> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        Ok(UnixTime::from_secs(text.parse().unwrap_or(i64::MAX)))
    } else {
        Err(Error::access_denied("Invalid date (should be seconds since epoch)."))
    }
}

/// Base64 has no spaces: one is a plus that was not encoded in the URL and read as a form's.
pub(super) fn plus_restored(signature: &str) -> String {
    signature.replace(' ', "+")
}

/// `x-oss-date` wins, because some platforms do not let a client set `Date`.
pub(super) fn date<'a>(request: &Request<'a>) -> Option<&'a str> {
    request.header("x-oss-date").or_else(|| request.header("date"))
}

fn compare(text: &str, provided: &str, access_key_id: &str, secret: &Secret) -> Result<(), Error> {
    if mac::same(&mac::sha1_base64(secret.expose(), text), provided) {
        Ok(())
    } else {
        Err(mismatch(text, provided, access_key_id))
    }
}

/// The lines that are signed; `date` is `Expires` for a URL.
fn string_to_sign(request: &Request<'_>, date: &str) -> String {
    let mut text = format!(
        "{}\n{}\n{}\n{date}\n{}{}",
        request.method,
        request.header("content-md5").unwrap_or_default(),
        request.header("content-type").unwrap_or_default(),
        header_lines(request.headers, |name| name.starts_with("x-oss-")),
        request.resource(),
    );
    for (at, (name, value)) in sorted(request.query, is_sub_resource).into_iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(name);
        if !value.is_empty() {
            text.push('=');
            text.push_str(value);
        }
    }
    text
}

fn is_sub_resource(name: &str) -> bool {
    SUB_RESOURCES.contains(&name) || SUB_RESOURCE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

const TOKEN: &str = "security-token";

/// The parameters that are signed: what the documentation names, then what the libraries add.
const SUB_RESOURCES: &[&str] = &[
    "acl",
    "uploads",
    "location",
    "cors",
    "logging",
    "website",
    "referer",
    "lifecycle",
    "delete",
    "append",
    "tagging",
    "objectMeta",
    "uploadId",
    "partNumber",
    TOKEN,
    "position",
    "img",
    "style",
    "styleName",
    "replication",
    "replicationProgress",
    "replicationLocation",
    "cname",
    "bucketInfo",
    "comp",
    "qos",
    "live",
    "status",
    "vod",
    "startTime",
    "endTime",
    "symlink",
    "x-oss-process",
    "response-content-type",
    "response-content-language",
    "response-expires",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "stat",
    "restore",
    "versions",
    "versioning",
    "versionId",
    "encryption",
    "policy",
    "requestPayment",
    "callback",
    "callback-var",
    "sequential",
    "continuation-token",
    "inventory",
    "inventoryId",
    "worm",
    "wormId",
    "wormExtend",
    "asyncFetch",
    "qosInfo",
    "x-oss-traffic-limit",
    "x-oss-request-payer",
    "x-oss-async-process",
    "transferAcceleration",
    "regionList",
    "resourceGroup",
    "metaQuery",
    "httpsConfig",
    "publicAccessBlock",
    "accessPoint",
    "accessPointPolicy",
    "x-oss-access-point-name",
    "redundancyTransition",
    "bucketArchiveDirectRead",
    "resourcePool",
    "resourcePoolInfo",
    "resourcePoolBuckets",
    "requesterQosInfo",
    "qosRequester",
    "group",
    "link",
    "objectInfo",
];
const SUB_RESOURCE_PREFIXES: &[&str] = &["x-oss-ac-", "udf"];

#[cfg(test)]
mod tests;
