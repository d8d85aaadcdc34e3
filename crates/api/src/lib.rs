//! OSS over HTTP.
//!
//! ```text
//!   http::Request -> Request -> Operation -> authenticate -> authorise -> one file per operation -> Response
//!                    address    table        signature       owner, ACL   bucket, object, live
//!                                                                                 |
//!                                                      every refusal becomes XML in `error`
//! ```
//!
//! [`Api::router`] answers every path there is. A request is addressed (host and path to bucket and key), turned into
//! one operation, authenticated, authorised, and only then is its body read. What the API knows and this service does
//! not offer is refused with `NotImplemented`.
//!
//! A viewer's GET is GetObject and nothing else: playlists and segments are objects, and no HLS code runs when they are
//! read, unless it is asked for: `x-oss-process=hls/sign` signs the URIs of a private bucket's playlist. VOD playlists
//! are assembled from the catalog's records when they are asked for. What lifecycle rules let expire is deleted by
//! [`Lifecycle::run`], beside all requests.
//!
//! Below `/-/api/` the owner of a bucket is told of its publishers, in JSON. Who knows them is handed in
//! ([`Publishers`]).
//!
//! The crate never opens a socket, never reads the wall clock (a [`Clock`](alluvium_oss::Clock) is handed in), and never
//! logs a secret or a signature. The only files it makes are those of uploads too large for memory, until the store
//! takes them over.
//!
//! | Specification | Where |
//! |---|---|
//! | OSS, 1: live channels | `live` |
//! | OSS, 3: authentication and refusals | `authenticate`, `error` |
//! | OSS, 4: buckets and objects | `bucket`, `object`, `authorise` |
//! | OSS, 4.8: signed playlists; RFC 3986, 5.2: what their URIs name | `object/get_signed_playlist`, `object/reference` |
//! | OSS, 4.6: pages of other origins | `cors` |
//! | OSS, 4.7: referers, lifecycle | `referer`, [`Lifecycle`] |
//! | OSS, 5: addressing | `request` |
//! | RFC 9110, 13: conditional requests | `conditions` |
//! | RFC 9110, 14: ranges | `range` |
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//!
//! use alluvium_api::{Api, Config, Limits};
//! use alluvium_catalog::MemoryCatalog;
//! use alluvium_oss::{Domains, ManualClock, UnixTime};
//! use alluvium_store::MemoryStore;
//! use axum::body::Body;
//! use http::Request;
//! use tower::ServiceExt;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let config = Config {
//!     domains: Domains::new(["oss.example.com".to_owned()], []),
//!     region: "cn-hangzhou".to_owned(),
//!     upload_folder: "uploads".into(),
//!     limits: Limits::default(),
//! };
//! let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_700_000_000)));
//! let api = Api::new(config, Arc::new(MemoryStore::new()), Arc::new(MemoryCatalog::new()), clock);
//!
//! let request = Request::get("/channel/playlist.m3u8").header("host", "no-such-bucket.oss.example.com").body(Body::empty())?;
//! let response = api.router().oneshot(request).await?;
//! assert_eq!(response.status(), 404);
//! assert_eq!(response.headers()["x-oss-ec"], "0015-00000101");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod authenticate;
mod authorise;
mod bucket;
mod conditions;
mod config;
mod cors;
mod date;
mod error;
mod lifecycle;
mod live;
mod object;
mod operation;
mod own;
mod range;
mod receive;
mod referer;
mod request;
mod respond;
mod service;
mod upload;

pub use config::{Config, Limits};
pub use lifecycle::{Lifecycle, Pass};
pub use own::{Publisher, Publishers};
pub use service::Api;
pub use upload::discard_leftover_uploads;
