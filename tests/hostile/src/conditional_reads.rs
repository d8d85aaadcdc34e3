//! Any ranges and conditions on a read: the service answers as HTTP allows, and sends exactly the bytes that it says.
//!
//! The input is text: a line for each header of `HEADERS`, in that order; an empty or missing line is an absent header.

use std::sync::LazyLock;

use alluvium_api::Limits;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode};

use crate::service::Service;

const HEADERS: [&str; 7] = [
    "range",
    "x-oss-range-behavior",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
];

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let service = Service::new(Limits::default());
    service.put("object", CONTENT, "ETAG");
    service
});

fn header<'a>(answer: &'a Response<()>, name: &str) -> &'a str {
    answer.headers().get(name).expect(name).to_str().expect(name)
}

/// Panics where the promise above is broken.
pub fn check(text: &[u8]) {
    for method in ["GET", "HEAD"] {
        let mut request = Request::builder()
            .method(method)
            .uri("/shown/object")
            .header("host", "127.0.0.1");
        for (name, value) in HEADERS.iter().zip(text.split(|byte| *byte == b'\n')) {
            let Ok(value) = HeaderValue::from_bytes(value) else {
                return;
            };
            if !value.is_empty() {
                request = request.header(*name, value);
            }
        }
        let request = request.body(Body::empty()).expect("every part was checked");
        let (answer, sent) = SERVICE.ask(request);
        let status = answer.status();
        let expected: &[u8] = match status {
            StatusCode::OK => CONTENT,
            StatusCode::PARTIAL_CONTENT => {
                let told = header(&answer, "content-range").strip_prefix("bytes ").expect("a unit");
                let (range, length) = told.split_once('/').expect("a length");
                let (first, last) = range.split_once('-').expect("a range");
                assert_eq!(length.parse(), Ok(CONTENT.len()));
                let number = |text: &str| text.parse::<usize>().expect("a number");
                &CONTENT[number(first)..=number(last)]
            }
            StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => continue,
            other => panic!("{other} for {text:?}"),
        };
        assert_eq!(header(&answer, "content-length"), expected.len().to_string());
        let expected = if method == "HEAD" { &[][..] } else { expected };
        assert_eq!(sent, expected);
    }
}
