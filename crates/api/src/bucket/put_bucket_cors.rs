//! PutBucketCors (contract, 4.6).

use alluvium_catalog::BucketDocument;
use alluvium_oss::{CorsConfiguration, Error};
use axum::body::Body;
use axum::response::Response;

use crate::service::Call;
use crate::{authorise, error, receive, respond};

/// Replaces a bucket's CORS rules.
pub(crate) async fn answer(call: &Call<'_>, body: Body) -> Result<Response, Error> {
    let bucket = authorise::owned_bucket(call).await?;
    let rules = CorsConfiguration::from_xml(&receive::document(call, body).await?)?;
    call.catalog
        .put_bucket_document(&bucket.name, BucketDocument::Cors, &rules.to_xml())
        .await
        .map_err(error::from_catalog)?;
    Ok(respond::empty())
}
