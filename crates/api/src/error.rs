//! The only place where a refusal becomes a status, headers and XML (contract, 3.6), or JSON.

use alluvium_catalog::Error as CatalogError;
use alluvium_oss::document::ErrorDocument;
use alluvium_oss::{BucketName, Error, ErrorCode, ObjectKey};
use alluvium_store::Error as StoreError;
use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::respond;

/// The answer that refuses a request. One to HEAD carries its document in `x-oss-err`.
pub(crate) fn response(error: &Error, request_id: &str, host: &str, head: bool) -> Response {
    let document = ErrorDocument {
        error,
        request_id,
        host_id: host,
    }
    .to_xml();
    let status = status(error.code);
    let in_header = head.then(|| STANDARD.encode(&document));
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, respond::XML);
    if let Some(ec) = error.ec {
        headers.insert("x-oss-ec", HeaderValue::from_static(ec));
    }
    if let Some(document) = in_header {
        headers.insert(
            "x-oss-err",
            HeaderValue::try_from(document).expect("base64 is a header value"),
        );
    }
    match status {
        StatusCode::NOT_FOUND => {
            headers.insert(header::CACHE_CONTROL, NOT_FOUND_CACHE_CONTROL);
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE"));
        }
        _ => {}
    }
    response
}

/// The answer that refuses a request below `/-/api/`, which is in JSON.
pub(crate) fn json_response(error: &Error, request_id: &str) -> Response {
    let status = status(error.code);
    let mut response = respond::json(&json!({
        "error": {
            "status": status.as_u16(),
            "code": error.code.as_str(),
            "message": error.message,
            "ec": error.ec.unwrap_or_default(),
            "request_id": request_id,
        }
    }));
    *response.status_mut() = status;
    response
}

/// What the failure of a store means for a request about one object. What only the operator can mend is logged here.
pub(crate) fn from_store(error: StoreError, bucket: &BucketName, key: &ObjectKey) -> Error {
    match error {
        StoreError::NotFound { .. } => Error::no_such_key(key),
        StoreError::Exists { .. } => ErrorCode::FileAlreadyExists.into(),
        StoreError::Precondition { .. } => ErrorCode::PreconditionFailed.into(),
        StoreError::Range { .. } => ErrorCode::InvalidRange.into(),
        StoreError::NoUpload(upload) => Error::no_such_upload(upload.id.as_str()),
        StoreError::Part { number } => Error::invalid_part(number),
        StoreError::Unavailable { .. } => {
            tracing::warn!(%bucket, %key, %error, "the store does not answer");
            Error::unavailable()
        }
        error => {
            tracing::error!(%bucket, %key, %error, "the store failed");
            Error::internal()
        }
    }
}

/// What the failure of a store means for a request about a bucket's objects in general.
pub(crate) fn from_listing(error: StoreError, bucket: &BucketName) -> Error {
    match error {
        StoreError::Unavailable { .. } => {
            tracing::warn!(%bucket, %error, "the store does not answer");
            Error::unavailable()
        }
        error => {
            tracing::error!(%bucket, %error, "the store failed");
            Error::internal()
        }
    }
}

/// What the failure of a catalog means where the operation has no better word for it.
pub(crate) fn from_catalog(error: CatalogError) -> Error {
    match error {
        CatalogError::Unavailable { .. } => {
            tracing::warn!(%error, "the catalog does not answer");
            Error::unavailable()
        }
        error => {
            tracing::error!(%error, "the catalog failed");
            Error::internal()
        }
    }
}

fn status(code: ErrorCode) -> StatusCode {
    use ErrorCode::*;
    match code {
        BadRequest | EntityTooLarge | EntityTooSmall | InvalidArgument | InvalidBucketName | InvalidCRC64
        | InvalidChannelName | InvalidDigest | InvalidObjectName | InvalidPart | InvalidPartOrder | InvalidRequest
        | MalformedXML | NotImplemented | RequestTimeout | TooManyBuckets => StatusCode::BAD_REQUEST,
        AccessDenied
        | AccessForbidden
        | AccessKeyIdAndSecurityTokenNotMatch
        | InvalidAccessKeyId
        | InvalidSecurityToken
        | RequestTimeTooSkewed
        | SecondLevelDomainForbidden
        | SecurityTokenExpired
        | SignatureDoesNotMatch => StatusCode::FORBIDDEN,
        LiveChannelNotLive
        | NoSuchBucket
        | NoSuchCORSConfiguration
        | NoSuchKey
        | NoSuchLifecycle
        | NoSuchLiveChannel
        | NoSuchUpload => StatusCode::NOT_FOUND,
        MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        BucketAlreadyExists | BucketNotEmpty | ChannelStillLive | FileAlreadyExists | LiveChannelDisabled => {
            StatusCode::CONFLICT
        }
        MissingContentLength => StatusCode::LENGTH_REQUIRED,
        PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        InvalidRange => StatusCode::RANGE_NOT_SATISFIABLE,
        InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// A segment or playlist that is missing now may be there in a second; caches would otherwise keep a 404 for minutes.
const NOT_FOUND_CACHE_CONTROL: HeaderValue = HeaderValue::from_static("max-age=1");
