//! What a person sees in a browser: one page that says what this server is and how to use it.
//!
//! ```text
//!  browser --GET /-/console/--> page (embedded in the binary)
//! ```
//!
//! The page is the same for everybody and shows nothing of buckets, keys or streams. It never asks the store or the
//! catalog for anything.
//!
//! ```
//! let router: axum::Router = alluvium_console::router();
//! ```

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;

/// The page, with its style inside: it loads nothing from elsewhere.
const PAGE: &str = include_str!("../assets/index.html");

/// A page changes only with the binary.
const CACHE_CONTROL: &str = "max-age=300";

/// The console's paths, to be nested below `/-/console`.
pub fn router() -> Router {
    Router::new().route("/", get(page))
}

async fn page() -> impl IntoResponse {
    let security = "default-src 'none'; style-src 'unsafe-inline'";
    (
        [
            (header::CACHE_CONTROL, CACHE_CONTROL),
            (header::CONTENT_SECURITY_POLICY, security),
        ],
        Html(PAGE),
    )
}
