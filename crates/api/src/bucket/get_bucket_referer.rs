//! GetBucketReferer (contract, 4.7).

use alluvium_catalog::BucketDocument;
use alluvium_oss::{Error, RefererConfiguration};
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, respond};

/// Sends a bucket's referer policy; one that has none restricts nothing.
pub(crate) async fn answer(call: &Call<'_>) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let document = call.catalog.bucket_document(&bucket.name, BucketDocument::Referer);
    let document = document.await.map_err(error::from_catalog)?;
    Ok(respond::document(
        document.unwrap_or_else(|| RefererConfiguration::default().to_xml()),
    ))
}
