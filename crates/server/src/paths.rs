//! Which HTTP requests are the server's own, and which the API's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use alluvium_oss::{Addressing, Domains};
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Redirect;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// No bucket is called `-`; but a bucket with a host name of its own may have any key below it.
const OWN_PATHS: &str = "/-/";

/// Of these the API answers those that want a signature.
const API_PATHS: &str = "/-/api/";

/// Serves the server's own paths where the host is no bucket's, and gives everything else to `api`.
pub(crate) fn router(api: Router, domains: Domains, ready: Arc<AtomicBool>, stop: CancellationToken) -> Router {
    let own = own(ready, stop);
    Router::new().fallback(move |request: Request| {
        let router = if is_own(&domains, &request) {
            own.clone()
        } else {
            api.clone()
        };
        router.oneshot(request)
    })
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
    let host = request
        .uri()
        .host()
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let of_a_bucket = host.is_some_and(|host| matches!(domains.resolve(host), Addressing::Bucket(_)));
    let path = request.uri().path();
    path.starts_with(OWN_PATHS) && !path.starts_with(API_PATHS) && !of_a_bucket
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn status(host: &str, path: &str, ready: bool) -> StatusCode {
        let api = Router::new().fallback(|| std::future::ready(StatusCode::IM_A_TEAPOT));
        let domains = Domains::new(["example.com".to_owned()], []);
        let router = router(api, domains, Arc::new(AtomicBool::new(ready)), CancellationToken::new());
        let request = Request::get(path)
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        router.oneshot(request).await.unwrap().status()
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
