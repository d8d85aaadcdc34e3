//! Signature version 2: HMAC-SHA256 over a few lines and every parameter of the request (contract, 3.3).

mod url_signer;

pub(super) use url_signer::UrlSigner;

use super::canonical::{additional_headers, header_lines};
use super::claim::{malformed, token};
use super::mismatch::mismatch;
use super::readings::Readings;
use super::request::Request;
use super::v1::{date, expires, plus_restored};
use super::{mac, skew};
use crate::error::Error;
use crate::percent;
use crate::secret::Secret;
use crate::time::UnixTime;

/// The first word of the `Authorization` header, and the value of `x-oss-signature-version`.
pub const ALGORITHM: &str = "OSS2";

/// `Authorization: OSS2 AccessKeyId:…,AdditionalHeaders:…,Signature:…`.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderClaim {
    pub(super) security_token: Option<String>,
    pub(super) signature: Signature,
}

impl HeaderClaim {
    pub(super) fn parse(request: &Request<'_>, credentials: &str) -> Result<Self, Error> {
        let field = |name| {
            let mut fields = credentials.split(',').filter_map(|field| field.trim().split_once(':'));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        match (field("AccessKeyId"), field("Signature")) {
            (Some(id), Some(provided)) if !id.is_empty() && !provided.is_empty() => Ok(Self {
                security_token: token(request)?,
                signature: Signature {
                    access_key_id: id.to_owned(),
                    additional_headers: additional_headers(field("AdditionalHeaders")),
                    provided: provided.to_owned(),
                },
            }),
            _ => Err(malformed(
                "The Authorization header must be OSS2 AccessKeyId:id,AdditionalHeaders:names,Signature:signature.",
            )),
        }
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        let date = date(request).ok_or_else(skew::no_date)?;
        skew::check(UnixTime::parse_http_date(date).ok_or_else(skew::no_date)?, now)?;
        self.signature.verify(request, date, secret)
    }
}

/// The parameters of a signed URL, whose `x-oss-expires` is a point in time, unlike that of version 4.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlClaim {
    pub(super) security_token: Option<String>,
    pub(super) expires: UnixTime,
    pub(super) signature: Signature,
    /// As it stands in the text that was signed.
    expires_text: String,
}

impl UrlClaim {
    pub(super) fn parse(request: &Request<'_>) -> Result<Self, Error> {
        let given = |name| request.parameter(name).filter(|value| !value.is_empty());
        if given(VERSION) != Some(ALGORITHM) {
            return Err(malformed("The x-oss-signature-version must be OSS2."));
        }
        let (Some(id), Some(expires_text), Some(provided)) = (given(ID), given(EXPIRES), given(SIGNATURE)) else {
            return Err(Error::access_denied(
                "Query-string authentication requires the x-oss-signature, x-oss-expires and x-oss-access-key-id parameters.",
            ));
        };
        Ok(Self {
            security_token: token(request)?,
            expires: expires(expires_text)?,
            signature: Signature {
                access_key_id: id.to_owned(),
                additional_headers: additional_headers(given(ADDITIONAL_HEADERS)),
                provided: plus_restored(provided),
            },
            expires_text: expires_text.to_owned(),
        })
    }

    pub(super) fn verify(&self, request: &Request<'_>, secret: &Secret, now: UnixTime) -> Result<(), Error> {
        if now > self.expires {
            return Err(Error::access_denied("Request has expired."));
        }
        self.signature.verify(request, &self.expires_text, secret)
    }
}

/// What both forms have in common.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) access_key_id: String,
    /// Lower case, ascending.
    additional_headers: Vec<String>,
    provided: String,
}

impl Signature {
    /// A parameter without value may have been signed with its equals sign or without; every such reading is tried.
    fn verify(&self, request: &Request<'_>, date: &str, secret: &Secret) -> Result<(), Error> {
        let texts = texts(request, date, &self.additional_headers);
        let matches = |text: &str| mac::same(&mac::sha256_base64(secret.expose(), text), &self.provided);
        if texts.all().any(|text| matches(&text)) {
            return Ok(());
        }
        Err(mismatch(&texts.plain(), &self.provided, &self.access_key_id))
    }
}

/// The `Authorization` header for a request, whose headers include `date` or `x-oss-date` in HTTP form.
///
/// `additional` headers are signed besides those that always are.
pub fn authorization_header(
    request: &Request<'_>,
    access_key_id: &str,
    secret: &Secret,
    additional: &[&str],
) -> String {
    let names = additional_headers(Some(&additional.join(";")));
    let text = texts(request, date(request).unwrap_or_default(), &names).plain();
    let listed = if names.is_empty() {
        String::new()
    } else {
        format!("AdditionalHeaders:{},", names.join(";"))
    };
    format!(
        "{ALGORITHM} AccessKeyId:{access_key_id},{listed}Signature:{}",
        mac::sha256_base64(secret.expose(), &text)
    )
}

/// The parameters that, put after those of the request, let its URL through until `expires`: the token if there is one, the
/// version, `x-oss-expires`, `x-oss-access-key-id`, `x-oss-signature`.
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

/// The lines that are signed; `date` is `x-oss-expires` for a URL.
fn texts(request: &Request<'_>, date: &str, additional_headers: &[String]) -> Readings {
    let is_signed = |name: &str| name.starts_with("x-oss-") || additional_headers.iter().any(|other| other == name);
    let question_mark = if request.query.iter().any(|(name, _)| name != SIGNATURE) {
        "?"
    } else {
        ""
    };
    let head = format!(
        "{}\n{}\n{}\n{date}\n{}{}\n{}{question_mark}",
        request.method,
        request.header("content-md5").unwrap_or_default(),
        request.header("content-type").unwrap_or_default(),
        header_lines(request.headers, is_signed),
        additional_headers.join(";"),
        percent::encode(&request.resource()),
    );
    Readings::new(head, request, String::new())
}

const VERSION: &str = "x-oss-signature-version";
const ID: &str = "x-oss-access-key-id";
const EXPIRES: &str = "x-oss-expires";
const ADDITIONAL_HEADERS: &str = "x-oss-additional-headers";
const SIGNATURE: &str = "x-oss-signature";
const TOKEN: &str = "security-token";

#[cfg(test)]
mod tests;
