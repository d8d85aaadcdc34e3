//! Any ranges and conditions on a read: the service answers as HTTP allows, and sends exactly the bytes that it says.
//!
//! The input is text: a line for each header of `HEADERS`, in that order; an empty or missing line is an absent header.

#![no_main]

use std::sync::{Arc, LazyLock};

use alluvium_api::{Api, Config, Limits};
use alluvium_catalog::{Catalog, MemoryCatalog};
use alluvium_oss::{Acl, BucketName, Domains, ManualClock, ObjectKey, OwnerId, UnixTime};
use alluvium_store::{Attributes, MemoryStore, ObjectStore, Put};
use axum::Router;
use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

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

static SERVICE: LazyLock<(Runtime, Router)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime starts");
    let router = runtime.block_on(service());
    (runtime, router)
});

/// A public bucket `shown` with an object `object`, whose ETag is `ETAG`, written on 2023-11-14 at 22:13:20.
async fn service() -> Router {
    let (store, catalog) = (Arc::new(MemoryStore::new()), Arc::new(MemoryCatalog::new()));
    let now = UnixTime::from_secs(1_700_000_000);
    let (bucket, owner) = (BucketName::parse("shown").expect("a name"), OwnerId::new("owner"));
    let key = ObjectKey::parse("object").expect("a key");
    let created = catalog.create_bucket(&bucket, &owner, Some(Acl::PublicRead), now);
    created.await.expect("the catalog is empty");
    let put = Put::bytes(CONTENT, "ETAG".to_owned(), Attributes::default(), now);
    store.put(&bucket, &key, put).await.expect("the store is empty");
    let config = Config {
        domains: Domains::new([], []),
        region: "cn-hangzhou".to_owned(),
        upload_folder: "nothing-is-uploaded".into(),
        limits: Limits::default(),
    };
    Api::new(config, store, catalog, Arc::new(ManualClock::new(now))).router()
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> &'a str {
    answer.headers().get(name).expect(name).to_str().expect(name)
}

fuzz_target!(|text: &[u8]| {
    let (runtime, router) = &*SERVICE;
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
        let answer = runtime
            .block_on(router.clone().oneshot(request))
            .expect("the service answers");
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
        let sent = runtime
            .block_on(answer.into_body().collect())
            .expect("the body ends")
            .to_bytes();
        let expected = if method == "HEAD" { &[][..] } else { expected };
        assert_eq!(sent, expected);
    }
});
