//! Any request, signed by its bucket's owner where it makes no claim of its own: every operation answers, and as it should.
//!
//! The input is text: `GET /bucket/key?parameters`, a header on each line after it, an empty line, the body.

use alluvium_api::Limits;
use alluvium_oss::sign::v1;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Method, Request};

use crate::service::Service;
use crate::signed::{Head, ID, NOW, secret};

/// Small, so that inputs get there.
const LIMITS: fn() -> Limits = || Limits {
    object_bytes_max: 2_000,
    document_bytes_max: 1_500,
    long_document_bytes_max: 1_800,
    part_bytes_min: 1,
    user_metadata_bytes_max: 50,
    query_parameters_max: 8,
    ..Limits::default()
};

/// Panics where the promise above is broken.
pub fn check(input: &[u8]) {
    let end = input.windows(2).position(|two| two == b"\n\n");
    let (head, body) = input.split_at(end.map_or(input.len(), |end| end + 1));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let Some(request) = request(head, body) else { return };
    let service = Service::new(LIMITS());
    service.put("object", b"0123456789abcdefghijklmnopqrstuvwxyz", "ETAG");
    let method = request.method().clone();
    let (answer, body) = service.ask(request);
    let status = answer.status();
    assert!(
        !status.is_server_error(),
        "{status}: {}",
        String::from_utf8_lossy(&body)
    );
    assert!(answer.headers().contains_key("x-oss-request-id"));
    if let Some(length) = answer
        .headers()
        .get("content-length")
        .filter(|_| method != Method::HEAD)
    {
        assert_eq!(
            length.to_str().ok().and_then(|length| length.parse().ok()),
            Some(body.len())
        );
    }
    // As the server's own paths answer, whatever the verb; a body after HEAD stays on this side of the wire.
    let is_own = body.starts_with(b"{\"");
    if status.is_client_error() && method != Method::HEAD {
        assert!(
            body.starts_with(b"<?xml") || is_own,
            "{status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    if method == Method::HEAD {
        assert!(body.is_empty() || is_own);
    }
    let tells = |text: &[u8]| {
        let secret = secret();
        text.windows(secret.expose().len())
            .any(|part| part == secret.expose().as_bytes())
    };
    assert!(!tells(&body) || tells(input), "the secret is told");
}

fn request(head: &[u8], body: &[u8]) -> Option<Request<Body>> {
    let text = std::str::from_utf8(head).ok()?;
    let (method, target) = text.lines().next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    let mut signs = !target.contains("ignature");
    let mut has_host = false;
    for (name, value) in text.lines().skip(1).filter_map(|line| line.split_once(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        signs &= name != "authorization" && name != "host";
        has_host |= name == "host";
        request = request.header(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    if !has_host {
        request = request.header("host", "127.0.0.1");
    }
    if signs && let Some(mut head) = Head::read(head) {
        head.headers.retain(|(name, _)| name != "date");
        head.headers.push(("date".to_owned(), NOW.http_date()));
        let claim = v1::authorization_header(&head.request(), ID, &secret());
        request
            .headers_mut()?
            .insert("date", HeaderValue::from_str(&NOW.http_date()).ok()?);
        request = request.header("authorization", HeaderValue::from_str(&claim).ok()?);
    }
    let framed = request.headers_ref()?.contains_key("content-length")
        || request.headers_ref()?.contains_key("transfer-encoding");
    if !framed {
        request = request.header("content-length", body.len());
    }
    request.body(Body::from(body.to_vec())).ok()
}
