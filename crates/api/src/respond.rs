//! Answers that are not refusals.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

/// The type of every document of the API.
pub(crate) const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// 200 with a document.
pub(crate) fn document(xml: String) -> Response {
    let mut response = Response::new(Body::from(xml));
    response.headers_mut().insert(header::CONTENT_TYPE, XML);
    response
}

/// 200 with a value, of this moment.
pub(crate) fn json(value: &Value) -> Response {
    let mut response = Response::new(Body::from(format!("{value}\n")));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 200 with nothing in it.
pub(crate) fn empty() -> Response {
    Response::new(Body::empty())
}

/// 204.
pub(crate) fn no_content() -> Response {
    let mut response = empty();
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Where a browser finds something to look at.
pub(crate) fn console() -> Response {
    let mut response = empty();
    *response.status_mut() = StatusCode::FOUND;
    response
        .headers_mut()
        .insert(header::LOCATION, HeaderValue::from_static("/-/console/"));
    response
}

/// Sets a header to a text that came from a client or a record; one that no header can carry is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        response.headers_mut().insert(name, value);
    }
}
