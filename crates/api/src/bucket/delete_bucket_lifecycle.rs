//! DeleteBucketLifecycle (contract, 4.7).

use alluvium_catalog::BucketDocument;
use alluvium_oss::Error;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Removes a bucket's lifecycle rules, if it has any.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    call.catalog
        .delete_bucket_document(&bucket.name, BucketDocument::Lifecycle)
        .await
        .map_err(error::from_catalog)?;
    Ok(respond::no_content())
}
