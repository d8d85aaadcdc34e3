//! What is said of an object in the headers of an answer.

use alluvium_oss::document::object_type;
use alluvium_store::ObjectInfo;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::respond;

/// Length, ETag and time: what every read says.
pub(crate) fn identify(response: &mut Response, info: &ObjectInfo) {
    identify_part(response, info, info.length);
}

fn identify_part(response: &mut Response, info: &ObjectInfo, length: u64) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Ok(etag) = HeaderValue::try_from(["\"", &*info.etag, "\""].concat()) {
        headers.insert(header::ETAG, etag);
    }
    let modified = HeaderValue::try_from(info.modified.http_date()).expect("an HTTP date is a header value");
    headers.insert(header::LAST_MODIFIED, modified);
}

/// Everything that is said of an object besides its bytes (contract, 4.4).
pub(crate) fn describe(response: &mut Response, info: &ObjectInfo) {
    describe_part(response, info, info.length);
}

/// The same, where only `length` of its bytes are sent.
pub(crate) fn describe_part(response: &mut Response, info: &ObjectInfo, length: u64) {
    response.headers_mut().reserve(HEADERS_USUAL);
    identify_part(response, info, length);
    let headers = response.headers_mut();
    headers.insert(CRC64, HeaderValue::from(info.crc64));
    headers.insert(OBJECT_TYPE, HeaderValue::from_static(object_type(&info.etag)));
    headers.insert(STORAGE_CLASS, HeaderValue::from_static("Standard"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let attributes = &info.attributes;
    let content_type = attributes.content_type.as_deref().unwrap_or(CONTENT_TYPE_DEFAULT);
    respond::set(response, header::CONTENT_TYPE, content_type);
    for (name, value) in [
        (header::CACHE_CONTROL, &attributes.cache_control),
        (header::CONTENT_DISPOSITION, &attributes.content_disposition),
        (header::CONTENT_ENCODING, &attributes.content_encoding),
        (header::CONTENT_LANGUAGE, &attributes.content_language),
        (header::EXPIRES, &attributes.expires),
        (HeaderName::from_static("content-md5"), &attributes.content_md5),
    ] {
        if let Some(value) = value {
            respond::set(response, name, value);
        }
    }
    for (name, value) in &attributes.user {
        if let Ok(name) = HeaderName::try_from(format!("{USER_PREFIX}{name}")) {
            respond::set(response, name, value);
        }
    }
}

/// ETag and CRC-64 of what was written, with which a client checks what arrived.
pub(crate) fn acknowledge(response: &mut Response, etag: &str, crc64: u64) {
    respond::set(response, header::ETAG, &format!("\"{etag}\""));
    respond::set(response, CRC64, &crc64.to_string());
}

/// The MD5 of what was written in this request.
pub(crate) fn acknowledge_md5(response: &mut Response, md5: &[u8; 16]) {
    respond::set(response, HeaderName::from_static("content-md5"), &STANDARD.encode(md5));
}

/// 304, with what a cache needs to refresh its copy (RFC 9110, 15.4.5).
pub(crate) fn not_modified(info: &ObjectInfo) -> Response {
    let mut response = respond::empty();
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    identify(&mut response, info);
    if let Some(value) = &info.attributes.cache_control {
        respond::set(&mut response, header::CACHE_CONTROL, value);
    }
    response
}

const OBJECT_TYPE: HeaderName = HeaderName::from_static("x-oss-object-type");
const STORAGE_CLASS: HeaderName = HeaderName::from_static("x-oss-storage-class");
const CRC64: HeaderName = HeaderName::from_static("x-oss-hash-crc64ecma");

/// What begins the name of a header that the user made up.
pub(crate) const USER_PREFIX: &str = "x-oss-meta-";

/// As many headers as an answer with an object has, so that the map has room for them from the start.
const HEADERS_USUAL: usize = 16;

/// The type of an object that was put without one.
const CONTENT_TYPE_DEFAULT: &str = "application/octet-stream";
