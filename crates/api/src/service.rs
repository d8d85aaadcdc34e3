//! From a request to its answer.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use alluvium_catalog::{Bucket, Catalog};
use alluvium_oss::{Clock, Error, ErrorCode, UnixTime};
use alluvium_store::ObjectStore;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, header};

use crate::authenticate::{self, Caller};
use crate::config::Config;
use crate::date::Date;
use crate::operation::Operation;
use crate::own::{self, Nobody, Publishers};
use crate::request::{self, Request, Target};
use crate::{bucket, cors, error, live, object, referer, respond};

/// OSS over HTTP, for any number of connections.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

struct Shared {
    config: Config,
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    publishers: Arc<dyn Publishers>,
    date: Date,
}

/// One authenticated request and what it may use.
pub(crate) struct Call<'a> {
    pub(crate) config: &'a Config,
    pub(crate) store: &'a Arc<dyn ObjectStore>,
    pub(crate) catalog: &'a Arc<dyn Catalog>,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) publishers: &'a dyn Publishers,
    pub(crate) request: &'a Request,
    pub(crate) caller: Caller,
    /// The bucket of the request, once it was looked up.
    pub(crate) bucket: &'a OnceLock<Bucket>,
    /// When the request came.
    pub(crate) now: UnixTime,
}

impl Call<'_> {
    /// The endpoint that the client uses: the host as it wrote it, without the bucket.
    pub(crate) fn endpoint(&self) -> &str {
        self.config.domains.endpoint(&self.request.host)
    }
}

impl Api {
    /// The service over a store and a catalog, where nobody publishes.
    pub fn new(config: Config, store: Arc<dyn ObjectStore>, catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Self::with_publishers(config, store, catalog, clock, Arc::new(Nobody))
    }

    /// The service over a store and a catalog, which tells of these publishers.
    pub fn with_publishers(
        config: Config,
        store: Arc<dyn ObjectStore>,
        catalog: Arc<dyn Catalog>,
        clock: Arc<dyn Clock>,
        publishers: Arc<dyn Publishers>,
    ) -> Self {
        Api(Arc::new(Shared {
            config,
            store,
            catalog,
            clock,
            publishers,
            date: Date::default(),
        }))
    }

    /// A router that answers every path; routes added beside it take precedence.
    pub fn router(self) -> Router {
        Router::new().fallback(move |request: axum::extract::Request| {
            let api = self.clone();
            async move { api.answer(request).await }
        })
    }

    /// The answer to a request, whatever its path.
    pub async fn answer(&self, request: axum::extract::Request) -> Response {
        let started = Instant::now();
        let now = self.0.clock.now();
        let request_id = request_id();
        let (parts, body) = request.into_parts();
        let read = Request::read(&parts, &self.0.config.domains, &self.0.config.limits)
            .map(|read| (Operation::of(&read.method, read.target(), &read.query), read));
        let bucket = OnceLock::new();
        let outcome = match &read {
            Ok((operation, request)) => {
                let performed = Box::pin(self.perform(*operation, request, body, now, &bucket));
                AssertUnwindSafe(performed).catch_unwind().await.unwrap_or_else(|_| {
                    tracing::error!(
                        event = "panic_caught",
                        request_id,
                        ?operation,
                        bucket = request.bucket.as_deref(),
                        key = &*request.key,
                        "a mistake in the program has ended this request; nothing else is affected"
                    );
                    Err(Error::internal())
                })
            }
            Err(error) => Err(error.clone()),
        };
        let refusal = outcome.as_ref().err().map(|error| error.code);
        let is_own = read.as_ref().is_ok_and(|(_, request)| request.target() == Target::Own);
        let mut response = outcome.unwrap_or_else(|error| match is_own {
            true => error::json_response(&error, &request_id),
            false => error::response(
                &error,
                &request_id,
                &request::host(&parts),
                parts.method == Method::HEAD,
            ),
        });
        if let Ok((_, request)) = &read {
            cors::decorate(&mut response, request, bucket.get(), self.0.catalog.as_ref()).await;
        }
        let headers = response.headers_mut();
        headers.insert(header::DATE, self.0.date.at(now));
        headers.insert(header::SERVER, HeaderValue::from_static("AliyunOSS"));
        headers.insert(
            HeaderName::from_static("x-oss-request-id"),
            HeaderValue::try_from(&*request_id).expect("hex is a header value"),
        );
        let read = read.as_ref().ok();
        tracing::debug!(
            request_id,
            method = %parts.method,
            bucket = read.and_then(|(_, request)| request.bucket.as_deref()),
            key = read.map(|(_, request)| &*request.key),
            operation = read.map(|(operation, _)| tracing::field::debug(*operation)),
            status = response.status().as_u16(),
            refusal = refusal.map(ErrorCode::as_str),
            duration_us = started.elapsed().as_micros() as u64,
            "answered"
        );
        response
    }

    async fn perform(
        &self,
        operation: Operation,
        request: &Request,
        body: Body,
        now: UnixTime,
        bucket: &OnceLock<Bucket>,
    ) -> Result<Response, Error> {
        let Shared {
            config,
            store,
            catalog,
            clock,
            publishers,
            date: _,
        } = &*self.0;
        let caller = match operation {
            // A preflight repeats the URL of another request, signature and all.
            Operation::OptionObject => Caller::Anonymous,
            _ => authenticate::caller(request, catalog.as_ref(), now).await?,
        };
        let call = &Call {
            config,
            store,
            catalog,
            clock: clock.as_ref(),
            publishers: publishers.as_ref(),
            request,
            caller,
            bucket,
            now,
        };
        if operation.reads_object() {
            referer::check(call).await?;
        }
        match operation {
            // All that viewers ask, apart from what else there is: its future is small.
            Operation::GetObject => object::get_object::answer(call).await,
            other => Box::pin(other.perform(call, body)).await,
        }
    }
}

impl Operation {
    async fn perform(self, call: &Call<'_>, body: Body) -> Result<Response, Error> {
        let request = call.request;
        match self {
            Operation::ListBuckets if call.caller == Caller::Anonymous && request.is_from_browser() => {
                Ok(respond::console())
            }
            Operation::ListBuckets => bucket::list_buckets::answer(call).await,
            Operation::PutBucket => bucket::put_bucket::answer(call, body).await,
            Operation::DeleteBucket => bucket::delete_bucket::answer(call).await,
            Operation::GetBucketInfo => bucket::get_bucket_info::answer(call).await,
            Operation::GetBucketAcl => bucket::get_bucket_acl::answer(call).await,
            Operation::PutBucketAcl => bucket::put_bucket_acl::answer(call).await,
            Operation::GetBucketLocation => bucket::get_bucket_location::answer(call).await,
            Operation::GetBucketVersioning => bucket::get_bucket_versioning::answer(call).await,
            Operation::GetBucketStat => bucket::get_bucket_stat::answer(call).await,
            Operation::GetBucketCors => bucket::get_bucket_cors::answer(call).await,
            Operation::PutBucketCors => bucket::put_bucket_cors::answer(call, body).await,
            Operation::DeleteBucketCors => bucket::delete_bucket_cors::answer(call).await,
            Operation::GetBucketReferer => bucket::get_bucket_referer::answer(call).await,
            Operation::PutBucketReferer => bucket::put_bucket_referer::answer(call, body).await,
            Operation::GetBucketLifecycle => bucket::get_bucket_lifecycle::answer(call).await,
            Operation::PutBucketLifecycle => bucket::put_bucket_lifecycle::answer(call, body).await,
            Operation::DeleteBucketLifecycle => bucket::delete_bucket_lifecycle::answer(call).await,
            Operation::OptionObject => bucket::option_object::answer(call).await,
            Operation::ListObjects => bucket::list_objects::answer(call).await,
            Operation::ListObjectsV2 => bucket::list_objects_v2::answer(call).await,
            Operation::ListMultipartUploads => bucket::list_multipart_uploads::answer(call).await,
            Operation::DeleteMultipleObjects => bucket::delete_multiple_objects::answer(call, body).await,
            Operation::PutObject if request.names_copy_source() => object::copy_object::answer(call).await,
            Operation::PutObject => object::put_object::answer(call, body).await,
            Operation::GetObjectAcl => object::get_object_acl::answer(call).await,
            Operation::PutObjectAcl => object::put_object_acl::answer(call).await,
            Operation::InitiateMultipartUpload => object::initiate_multipart_upload::answer(call).await,
            Operation::UploadPart if request.names_copy_source() => object::upload_part_copy::answer(call).await,
            Operation::UploadPart => object::upload_part::answer(call, body).await,
            Operation::ListParts => object::list_parts::answer(call).await,
            Operation::CompleteMultipartUpload => object::complete_multipart_upload::answer(call, body).await,
            Operation::AbortMultipartUpload => object::abort_multipart_upload::answer(call).await,
            Operation::GetObject => object::get_object::answer(call).await,
            Operation::HeadObject => object::head_object::answer(call).await,
            Operation::GetObjectMeta => object::get_object_meta::answer(call).await,
            Operation::GetSignedPlaylist => object::get_signed_playlist::answer(call).await,
            Operation::DeleteObject => object::delete_object::answer(call).await,
            Operation::PutLiveChannel => live::put_live_channel::answer(call, body).await,
            Operation::PutLiveChannelStatus => live::put_live_channel_status::answer(call).await,
            Operation::GetLiveChannelInfo => live::get_live_channel_info::answer(call).await,
            Operation::GetLiveChannelStat => live::get_live_channel_stat::answer(call).await,
            Operation::GetLiveChannelHistory => live::get_live_channel_history::answer(call).await,
            Operation::ListLiveChannel => live::list_live_channel::answer(call).await,
            Operation::DeleteLiveChannel => live::delete_live_channel::answer(call).await,
            Operation::PostVodPlaylist => live::post_vod_playlist::answer(call).await,
            Operation::GetVodPlaylist => live::get_vod_playlist::answer(call).await,
            Operation::GetLive => own::get_live::answer(call).await,
            Operation::Unsupported(what) => Err(Error::not_implemented(what)),
            Operation::MethodNotAllowed => Err(ErrorCode::MethodNotAllowed.into()),
        }
    }
}

/// 24 upper-case hexadecimal digits, as clients expect them.
fn request_id() -> String {
    let bytes = rand::random::<[u8; 12]>();
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)]))
        .collect()
}
