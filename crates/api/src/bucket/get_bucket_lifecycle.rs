//! GetBucketLifecycle (contract, 4.7).

use alluvium_catalog::BucketDocument;
use alluvium_oss::{Error, ErrorCode};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Sends a bucket's lifecycle rules.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let document = call.catalog.bucket_document(&bucket.name, BucketDocument::Lifecycle);
    match document.await.map_err(error::from_catalog)? {
        Some(document) => Ok(respond::document(document)),
        None => Err(ErrorCode::NoSuchLifecycle.into()),
    }
}
