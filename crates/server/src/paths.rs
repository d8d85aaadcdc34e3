//! Which HTTP requests are the server's own, and which the API's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alluvium_api::Api;
use alluvium_oss::{Addressing, Domains};
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{Redirect, Response};
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::http::Answer;

/// No bucket is called `-`; but a bucket with a host name of its own may have any key below it.
const OWN_PATHS: &str = "/-/";

/// Of these the API answers those that want a signature.
const API_PATHS: &str = "/-/api/";

/// Serves the server's own paths where the host is no bucket's, and gives everything else to the API.
pub(crate) struct Paths<A>(Arc<Shared<A>>);

struct Shared<A> {
    own: Router,
    api: A,
    domains: Domains,
}

impl<A> Paths<A> {
    pub(crate) fn new(api: A, domains: Domains, ready: Arc<AtomicBool>, stop: CancellationToken) -> Self {
        let own = own(ready, stop);
        Self(Arc::new(Shared { own, api, domains }))
    }
}

impl<A> Clone for Paths<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Answer + Sync> Answer for Paths<A> {
    async fn answer(self, request: Request) -> Response {
        let Shared { own, api, domains } = &*self.0;
        if is_own(domains, &request) {
            own.clone()
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {})
        } else {
            api.clone().answer(request).await
        }
    }
}

impl Answer for Api {
    async fn answer(self, request: Request) -> Response {
        Api::answer(&self, request).await
    }
}

fn own(ready: Arc<AtomicBool>, stop: CancellationToken) -> Router {
    let readyz = move || {
        let is_ready = ready.load(Ordering::Acquire) && !stop.is_cancelled();
        std::future::ready(match is_ready {
            true => (StatusCode::OK, "ready\n"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
        })
    };
    Router::new()
        .route("/-/healthz", get(|| std::future::ready("ok\n")))
        .route("/-/readyz", get(readyz))
        .route(
            "/-/console",
            get(|| std::future::ready(Redirect::permanent("/-/console/"))),
        )
        .nest("/-/console/", alluvium_console::router())
}

fn is_own(domains: &Domains, request: &Request) -> bool {
    let path = request.uri().path();
    if !path.starts_with(OWN_PATHS) || path.starts_with(API_PATHS) {
        return false;
    }
    let host = request
        .uri()
        .host()
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    !host.is_some_and(|host| matches!(domains.resolve(host), Addressing::Bucket(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn status(host: &str, path: &str, ready: bool) -> StatusCode {
        let api = Router::new().fallback(|| std::future::ready(StatusCode::IM_A_TEAPOT));
        let domains = Domains::new(["example.com".to_owned()], []);
        let paths = Paths::new(api, domains, Arc::new(AtomicBool::new(ready)), CancellationToken::new());
        let request = Request::get(path)
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        paths.answer(request).await.status()
    }

    #[tokio::test]
    async fn own_paths_belong_to_the_server_unless_the_host_is_a_buckets() {
        let cases = [
            ("example.com", "/-/healthz", StatusCode::OK),
            ("127.0.0.1:8080", "/-/readyz", StatusCode::OK),
            ("127.0.0.1:8080", "/-/console/", StatusCode::OK),
            ("127.0.0.1:8080", "/-/console", StatusCode::PERMANENT_REDIRECT),
            ("127.0.0.1:8080", "/-/else", StatusCode::NOT_FOUND),
            ("127.0.0.1:8080", "/-/api/v1/live", StatusCode::IM_A_TEAPOT),
            ("127.0.0.1:8080", "/bucket/-/healthz", StatusCode::IM_A_TEAPOT),
            ("bucket.example.com", "/-/healthz", StatusCode::IM_A_TEAPOT),
        ];
        for (host, path, expected) in cases {
            assert_eq!(status(host, path, true).await, expected, "{host}{path}");
        }
    }

    #[tokio::test]
    async fn is_not_ready_before_it_is() {
        assert_eq!(
            status("localhost", "/-/readyz", false).await,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(status("localhost", "/-/healthz", false).await, StatusCode::OK);
    }
}
