//! PutBucketLifecycle (contract, 4.7).

use alluvium_catalog::BucketDocument;
use alluvium_oss::{Error, LifecycleConfiguration};
use axum::body::Body;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, receive, respond};

/// Replaces a bucket's lifecycle rules.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let body = receive::long_document(call, body).await?;
    let document = LifecycleConfiguration::from_xml(&body)?.to_xml();
    call.catalog
        .put_bucket_document(&bucket.name, BucketDocument::Lifecycle, &document)
        .await
        .map_err(error::from_catalog)?;
    Ok(respond::empty())
}
