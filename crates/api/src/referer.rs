//! Whether the page that links to an object may do so (contract, 4.7).

use alluvium_catalog::{BucketDocument, Error as CatalogError};
use alluvium_oss::{Error, RefererConfiguration};
use http::header;

use crate::service::Call;
use crate::{authorise, error};

/// Checks the page of a request that anybody can send who was given its URL: an anonymous one, or one with its signature in
/// the URL.
///
/// # Errors
/// As [`authorise::existing_bucket`]; `AccessDenied`.
pub(crate) async fn check(call: &Call<'_>) -> Result<(), Error> {
    if call.request.headers.value(header::AUTHORIZATION.as_str()).is_some() {
        return Ok(());
    }
    let bucket = authorise::existing_bucket(call).await?;
    if !bucket.documents.contains(&BucketDocument::Referer) {
        return Ok(());
    }
    let document = match call
        .catalog
        .bucket_document(&bucket.name, BucketDocument::Referer)
        .await
    {
        Ok(Some(document)) => document,
        Ok(None) | Err(CatalogError::NotFound { .. }) => return Ok(()),
        Err(other) => return Err(error::from_catalog(other)),
    };
    let policy = RefererConfiguration::from_xml(document.as_bytes()).map_err(|refused| {
        tracing::error!(bucket = %bucket.name, error = %refused, "the bucket's referer policy cannot be read");
        Error::internal()
    })?;
    if policy.admits(call.request.headers.value(header::REFERER.as_str())) {
        Ok(())
    } else {
        Err(Error::access_denied("You are denied by bucket referer policy."))
    }
}
