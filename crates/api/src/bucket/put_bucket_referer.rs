//! PutBucketReferer (contract, 4.7).

use alluvium_catalog::BucketDocument;
use alluvium_oss::{Error, RefererConfiguration};
use axum::body::Body;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, receive, respond};

/// Replaces a bucket's referer policy.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let body = receive::document(call, body).await?;
    let document = RefererConfiguration::from_xml(&body)?.to_xml();
    call.catalog
        .put_bucket_document(&bucket.name, BucketDocument::Referer, &document)
        .await
        .map_err(error::from_catalog)?;
    Ok(respond::empty())
}
